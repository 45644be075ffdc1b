"""The proven best coefficients from a finite set: branch and bound over a relaxation.

Depth first, in batches, the most promising nodes first; numbers near zero that hardly differ are told apart last. A
branch is left only if its lower bound reaches the error of the best fit known, so what remains at the end is the
optimum, and the bound that proves it is that error itself, less the tolerance. The first passes run under a guessed
limit: a pass that finds nothing has proven the limit to be a bound.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fcnlab.approximation.relaxation import Relaxation
from fcnlab.approximation.targets import Floats

BATCH = 2048
GROWTH = 1.5  # of the limit, from pass to pass
TOGETHER = 0.02  # numbers are kept together whose effect is below this part of the limit
PERIOD_S = 0.05  # between two reports
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
    """Who follows a search; to stop it, `progress` raises, for instance `fcnlab.errors.Cancelled`.

    All watches are equal, since they do not change a result: a cache may take one for another.
    """

    progress: Callable[[SearchState], None] | None = field(default=None, compare=False)


class Nodes(NamedTuple):
    """Partial choices: row i has chosen every number within `reach[i]` of `values[i]`, column by column.

    A reach is zero for one number, or stands, around the value zero, for all allowed numbers up to that size.
    """

    values: Floats
    reach: Floats
    bounds: Floats

    def take(self, rows: npt.NDArray[Any]) -> "Nodes":
        """Some of them."""
        return Nodes(self.values[rows], self.reach[rows], self.bounds[rows])


class Search:
    """One search for the best coefficients; `run` returns them, in ascending powers, with the proven lower bound.

    Args:
        relaxation: Lower bounds.
        allowed: The values a coefficient may have, ascending.
        error_of: The true error of a complete row of coefficients in ascending powers.
        floor: A proven lower bound to begin with.
        watch: Told the state every now and then.
    """

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
        self.told_s = -np.inf

    def run(self, *, scale: float) -> tuple[Floats, float]:
        """Raise the limit until the best fit is proven; errors below 1e-14 of the target's `scale` are rounding."""
        limit = max(self.lower_bound, 1e-9 * scale)
        rounding = 1e-14 * scale
        while self.best_error > self.lower_bound / (1 - TOLERANCE) + 2 * rounding:
            limit = min(limit * GROWTH, self.best_error)
            self.sweep(limit + rounding)
            self.lower_bound = max(self.lower_bound, min(limit, self.best_error * (1 - TOLERANCE)))
        return self.best, min(self.lower_bound, self.best_error)

    def sweep(self, limit: float) -> None:
        """Visit everything whose bound is below `limit` and below the best error found on the way."""
        stack = [(Nodes(np.zeros((1, 0)), np.zeros((1, 0)), np.array([self.lower_bound])), 1.0)]
        done = 0.0
        while stack:
            self.report(done)
            nodes, share = stack.pop()
            limit = min(limit, self.best_error * (1 - TOLERANCE))
            nodes = nodes.take(nodes.bounds < limit)
            if len(nodes.values):
                nodes = nodes._replace(bounds=self.relaxation.tighten(*nodes, limit=limit))
                nodes = nodes.take(nodes.bounds < limit)
            self.nodes += len(nodes.values)
            batches = self.branch(nodes, limit) if len(nodes.values) else []
            stack += [(batch, share / len(batches)) for batch in reversed(batches)]
            done += 0 if batches else share

    def branch(self, nodes: Nodes, limit: float) -> list[Nodes]:
        """Children that may stay below the limit, sorted by bound, in batches; complete fits are settled at once."""
        if nodes.values.shape[1] < self.relaxation.depth:
            children = self.expand(nodes, limit)
        else:
            single = np.flatnonzero(nodes.reach.max(axis=1) == 0)
            several = np.flatnonzero(nodes.reach.max(axis=1))
            self.finish(nodes.take(single), limit)
            self.finish(nodes.take(several[:1]), limit)  # its zeros are numbers too: a better fit comes early
            children = self.split(nodes.take(several))
        order = np.flatnonzero(children.bounds < limit)
        order = order[np.argsort(children.bounds[order], kind="stable")]
        return [children.take(order[i : i + BATCH]) for i in range(0, len(order), BATCH)]

    def expand(self, nodes: Nodes, limit: float) -> Nodes:
        """One more column; numbers too small to matter much are kept together for now."""
        depth = nodes.values.shape[1]
        sizes = np.abs(self.allowed)
        small = sizes <= TOGETHER * limit / self.relaxation.scales[depth]
        reach = float(sizes[small].max(initial=0))
        choices = self.allowed[~small | (self.allowed == 0)]
        low, high = self.relaxation.intervals(nodes.values, nodes.reach, limit=limit)
        first = np.searchsorted(choices, np.where(np.abs(low) <= reach, np.minimum(low, 0), low), side="left")
        last = np.searchsorted(choices, np.where(np.abs(high) <= reach, np.maximum(high, 0), high), side="right")
        counts = np.maximum(last - first, 0)
        parents = np.repeat(np.arange(len(counts)), counts)
        chosen = choices[first[parents] + np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)]
        values = np.column_stack([nodes.values[parents], chosen])
        reaches = np.column_stack([nodes.reach[parents], np.where(chosen == 0, reach, 0.0)])
        return self.bounded(values, reaches, nodes.bounds[parents])

    def split(self, nodes: Nodes) -> Nodes:
        """In each row, of the numbers kept together that matter most, part the larger half from the rest."""
        rows = np.arange(len(nodes.values))
        column = (nodes.reach * self.relaxation.scales).argmax(axis=1)
        size = nodes.reach[rows, column]
        parts = []
        for reach in np.unique(size):
            members = rows[size == reach]
            inner = float(np.abs(self.allowed[np.abs(self.allowed) <= reach / 2]).max(initial=0))
            shell = self.allowed[(np.abs(self.allowed) <= reach) & (np.abs(self.allowed) > inner)]
            for value, left in [(0.0, inner), *((float(number), 0.0) for number in shell)]:
                part = nodes.take(members)  # a copy
                part.values[np.arange(len(members)), column[members]] = value
                part.reach[np.arange(len(members)), column[members]] = left
                parts.append(part)
        if not parts:
            return nodes
        return self.bounded(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def bounded(self, values: Floats, reach: Floats, inherited: Floats) -> Nodes:
        """Nodes with the better of two bounds."""
        return Nodes(values, reach, np.maximum(inherited, self.relaxation.bounds(values, reach)))

    def finish(self, nodes: Nodes, limit: float) -> None:
        """Take the true error of complete fits, in the order of their bounds."""
        for row in np.argsort(nodes.bounds, kind="stable"):
            if nodes.bounds[row] >= min(limit, self.best_error * (1 - TOLERANCE)):
                break
            error = self.error_of(nodes.values[row])
            if error < self.best_error:
                self.best_error, self.best = error, nodes.values[row]

    def report(self, share: float) -> None:
        """Tell the state, unless that was just done."""
        if self.watch.progress is not None and time.monotonic() - self.told_s >= PERIOD_S:
            self.told_s = time.monotonic()
            self.watch.progress(SearchState(share, self.best_error, self.lower_bound, self.nodes))
