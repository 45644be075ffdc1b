"""The proven best coefficients from a finite set: branch and bound over a relaxation.

Depth first, in batches, the most promising nodes first. A branch is left only if its lower bound reaches the error of
the best fit known, so what remains at the end is the optimum, and the bound that proves it is that error itself, less
the tolerance. The first passes run under a guessed limit: a pass that finds nothing has proven the limit to be a bound.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fcnlab.approximation.relaxation import Relaxation
from fcnlab.approximation.targets import Floats
from fcnlab.errors import Cancelled

BATCH = 2048
GROWTH = 1.5  # of the limit, from pass to pass
TOLERANCE = 1e-9  # relative: improvements smaller than this are not looked for


@dataclass(frozen=True)
class SearchState:
    """How far a search has come.

    Attributes:
        share: Part of the tree of the present pass that is done, 0 to 1.
        best_error: Error of the best fit so far; infinite if there is none yet.
        lower_bound: Proven lower bound so far.
        nodes: Nodes looked at.
    """

    share: float
    best_error: float
    lower_bound: float
    nodes: int


@dataclass(frozen=True)
class Watch:
    """Who follows a search and may stop it.

    All watches are equal, since they do not change a result: a cache may take one for another.
    """

    progress: Callable[[SearchState], None] | None = field(default=None, compare=False)
    cancelled: Callable[[], bool] | None = field(default=None, compare=False)

    def report(self, state: SearchState) -> None:
        """Tell the state; raise `Cancelled` if asked to."""
        if self.cancelled is not None and self.cancelled():
            raise Cancelled("The search for the best coefficients was cancelled; nothing of it was kept.")
        if self.progress is not None:
            self.progress(state)


def search(
    relaxation: Relaxation,
    allowed: Floats,
    *,
    error_of: Callable[[Floats], float],
    floor: float,
    scale: float,
    watch: Watch,
) -> tuple[Floats, float]:
    """The best coefficients, proven.

    Args:
        relaxation: Lower bounds.
        allowed: The values a coefficient may have, ascending.
        error_of: The true error of a complete row of coefficients in ascending powers.
        floor: A proven lower bound to begin with.
        scale: Size of the target's values: errors below 1e-14 of it are rounding.
        watch: Progress and cancellation.

    Returns:
        Coefficients in ascending powers, and the proven lower bound of the error of any.
    """
    return Search(relaxation, allowed, error_of=error_of, floor=floor, watch=watch).run(scale=scale)


class Search:
    """The state of one search."""

    def __init__(
        self,
        relaxation: Relaxation,
        allowed: Floats,
        *,
        error_of: Callable[[Floats], float],
        floor: float,
        watch: Watch,
    ) -> None:
        self.relaxation, self.allowed, self.error_of, self.watch = relaxation, allowed, error_of, watch
        self.best_error, self.best = np.inf, np.zeros(0)
        self.lower_bound = floor
        self.nodes = 0

    def run(self, *, scale: float) -> tuple[Floats, float]:
        """Raise the limit until the best fit found is proven."""
        limit = max(self.lower_bound, 1e-9 * scale)
        rounding = 1e-14 * scale
        while self.best_error > self.lower_bound / (1 - TOLERANCE) + 2 * rounding:
            limit = min(limit * GROWTH, self.best_error)
            self.sweep(limit + rounding)
            self.lower_bound = max(self.lower_bound, min(limit, self.best_error * (1 - TOLERANCE)))
        return self.best, min(self.lower_bound, self.best_error)

    def sweep(self, limit: float) -> None:
        """Visit everything whose bound is below `limit` and below the best error found on the way."""
        stack = [(np.zeros((1, 0)), np.array([self.lower_bound]), 1.0)]
        done = 0.0
        while stack:
            self.watch.report(SearchState(done, self.best_error, self.lower_bound, self.nodes))
            nodes, bounds, share = stack.pop()
            limit = min(limit, self.best_error * (1 - TOLERANCE))
            nodes, bounds = nodes[bounds < limit], bounds[bounds < limit]
            if len(nodes):
                bounds = self.relaxation.tighten(nodes, bounds, limit=limit)
                nodes, bounds = nodes[bounds < limit], bounds[bounds < limit]
            self.nodes += len(nodes)
            if not len(nodes):
                done += share
            elif nodes.shape[1] == self.relaxation.depth:
                self.finish(nodes, bounds, limit)
                done += share
            else:
                batches = self.expand(nodes, bounds, limit)
                stack += [(*batch, share / len(batches)) for batch in reversed(batches)]
                done += 0 if batches else share

    def expand(self, nodes: Floats, bounds: Floats, limit: float) -> list[tuple[Floats, Floats]]:
        """Children that may stay below the limit, sorted by bound, in batches."""
        low, high = self.relaxation.intervals(nodes, limit=limit)
        first = np.searchsorted(self.allowed, low, side="left")
        counts = np.maximum(np.searchsorted(self.allowed, high, side="right") - first, 0)
        total = int(counts.sum())
        parents = np.repeat(np.arange(len(nodes)), counts)
        ranks = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        children = np.column_stack([nodes[parents], self.allowed[first[parents] + ranks]])
        bounds = np.maximum(bounds[parents], self.relaxation.bounds(children))
        order = np.flatnonzero(bounds < limit)
        order = order[np.argsort(bounds[order], kind="stable")]
        return [(children[part], bounds[part]) for part in (order[i : i + BATCH] for i in range(0, len(order), BATCH))]

    def finish(self, nodes: Floats, bounds: Floats, limit: float) -> None:
        """Take the true error of complete fits, in the order of their bounds."""
        for node, bound in zip(nodes, bounds, strict=True):
            if bound >= min(limit, self.best_error * (1 - TOLERANCE)):
                break
            error = self.error_of(node)
            if error < self.best_error:
                self.best_error, self.best = error, node
