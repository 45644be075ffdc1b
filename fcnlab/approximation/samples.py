"""A target resolved on an interval: panels on which it is smooth to rounding, and the certified maximum of an error.

Panels are halved until the target equals its Legendre series of degree 15 on each of them; a kink or a narrow feature
is thereby found wherever it is. The nodes serve as quadrature, and the series bounds the second derivative, which is
what certifies a maximum: on a cell of width h, |e| <= max of its ends + h^2 / 8 max |e''|.

Nothing is known of a callable where it was not called: a feature narrower than the distance of the probes, an even grid
over the whole interval, can hide between them and all nodes, even a value that is not finite.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre, polynomial

from fcnlab.approximation.norms import Norm
from fcnlab.approximation.targets import Floats, Target
from fcnlab.errors import ApproximationError

ORDER = 16  # Gauss-Legendre nodes in a panel
NODES, WEIGHTS = legendre.leggauss(ORDER)
# Values at the nodes to Legendre coefficients: a_k = (2k + 1) / 2 sum_i w_i f(x_i) P_k(x_i).
TO_LEGENDRE = (np.arange(ORDER) + 0.5)[:, None] * legendre.legvander(NODES, ORDER - 1).T * WEIGHTS
_K = np.arange(ORDER)
ALTERNATING = (-1.0) ** _K  # P_k(-1)
BEND = (_K - 1) * _K * (_K + 1) * (_K + 2) / 8  # max |P_k''| on [-1, 1], taken at its ends
RESOLUTION = 1e-13  # of the target's largest value: what the last Legendre coefficients may amount to
JUMP = 1e-9  # of the target's largest value: by which a series may miss the value at the end of its panel
PROBES = 20_001  # even points at which the series must be the target
START_PANELS = 4
PANEL_LIMIT = 1024
NARROWEST = 2.0**-46  # of the interval: panels are not halved below this
PARTS = 8  # a cell that may hold the maximum is cut into so many
PEAK_TOLERANCE = 1e-11  # relative
PEAK_ROUNDS = 14
CLIMB_ROUNDS = 12


@dataclass(frozen=True, eq=False)
class Samples:
    """A target on an interval.

    Attributes:
        target: The function.
        interval: Its ends.
        edges: Ends of the panels, ascending, shape (panels + 1,).
        nodes: Quadrature nodes, ascending, shape (panels * 16,).
        values: The target at the nodes.
        mass: Quadrature weight of each node under the norm, summing to 1: sum(mass * g(nodes)) is the mean of g.
    """

    target: Target
    interval: tuple[float, float]
    edges: Floats
    nodes: Floats
    values: Floats
    mass: Floats

    @cached_property
    def grid(self) -> Floats:
        """Nodes and edges together, ascending: the ends of the cells."""
        return np.sort(np.concatenate([self.nodes, self.edges]))

    @cached_property
    def grid_values(self) -> Floats:
        """The target on the grid."""
        return self.target(self.grid)

    @cached_property
    def scale(self) -> float:
        """Largest absolute value on the grid, or 1 if the target is zero."""
        return float(np.abs(self.grid_values).max()) or 1.0

    def errors(self, coefficients: Floats, x: Floats) -> Floats:
        """Target minus polynomial at `x`."""
        return self.target(x) - polynomial.polyval(x, coefficients)

    def rounding(self, coefficients: Floats) -> float:
        """What float64 leaves uncertain of an error of the polynomial."""
        reach = max(abs(end) for end in self.interval)
        return 2.0**-51 * (self.scale + float(polynomial.polyval(reach, np.abs(coefficients))))

    def peak(self, coefficients: Floats) -> tuple[float, float]:
        """The largest absolute error of a polynomial on the whole interval, and an x where it occurs.

        Every cell is either cut further or proven to stay below the result, to 1e-11 of it or to rounding.
        """
        rounding = self.rounding(coefficients)
        series = (self.values - polynomial.polyval(self.nodes, coefficients)).reshape(-1, ORDER) @ TO_LEGENDRE.T
        bend = np.repeat(np.abs(series) @ BEND * np.square(2 / np.diff(self.edges)), ORDER + 1)
        left, right = self.grid[:-1], self.grid[1:]
        error = np.abs(self.grid_values - polynomial.polyval(self.grid, coefficients))
        best = int(error.argmax())
        largest, where = float(error[best]), float(self.grid[best])
        ends = np.maximum(error[:-1], error[1:])
        for _ in range(PEAK_ROUNDS):
            bound = ends + np.square(right - left) / 8 * bend
            open_cells = bound > largest * (1 + PEAK_TOLERANCE) + rounding
            if not open_cells.any():
                break
            left, right, bend = left[open_cells], right[open_cells], bend[open_cells]
            points = left[:, None] + (right - left)[:, None] * np.linspace(0, 1, PARTS + 1)
            error = np.abs(self.errors(coefficients, points))
            best = int(error.argmax())
            if error.flat[best] > largest:
                largest, where = float(error.flat[best]), float(points.flat[best])
            ends = np.maximum(error[:, :-1], error[:, 1:]).ravel()
            left, right, bend = points[:, :-1].ravel(), points[:, 1:].ravel(), np.repeat(bend, PARTS)
        return largest, where

    def climb(self, coefficients: Floats, x: Floats, points: npt.NDArray[np.intp]) -> Floats:
        """Local maxima of the absolute error next to some points of an ascending grid `x`."""
        low, high = x[np.maximum(points - 1, 0)], x[np.minimum(points + 1, len(x) - 1)]
        best, reach = x[points], np.maximum(high - x[points], x[points] - low)
        for _ in range(CLIMB_ROUNDS):
            near = np.clip(best[:, None] + reach[:, None] * np.linspace(-1, 1, PARTS + 1), low[:, None], high[:, None])
            best = near[np.arange(len(best)), np.abs(self.errors(coefficients, near)).argmax(axis=1)]
            reach = reach / 3
        return best

    def summits(self, coefficients: Floats, largest: float) -> tuple[float, ...]:
        """Every x where the absolute error comes within 1e-6 of its maximum `largest`, ascending."""
        size = np.abs(self.grid_values - polynomial.polyval(self.grid, coefficients))
        padded = np.concatenate([[-1.0], size, [-1.0]])
        local = np.flatnonzero((size >= padded[:-2]) & (size >= padded[2:]) & (size >= largest / 2))
        climbed = self.climb(coefficients, self.grid, local)
        higher = np.abs(self.errors(coefficients, climbed)) > size[local] + self.rounding(coefficients)
        x = np.where(higher, climbed, self.grid[local])
        high = x[np.abs(self.errors(coefficients, x)) >= largest * (1 - 1e-6)]
        apart = np.diff(high, prepend=-np.inf) > 1e-4 * (self.interval[1] - self.interval[0])
        return tuple(float(value) for value in high[apart])

    def root_mean_square(self, coefficients: Floats) -> float:
        """Root of the mean square error under the norm's weight."""
        error = self.values - polynomial.polyval(self.nodes, coefficients)
        return float(np.sqrt(self.mass @ np.square(error)))


def shift(coefficients: Floats, centre: float) -> Floats:
    """Coefficients of p(centre + y) in powers of y."""
    result = np.array(coefficients, dtype=np.float64)
    if centre:
        for k in range(len(result) - 1):
            for i in range(len(result) - 2, k - 1, -1):
                result[i] += centre * result[i + 1]
    return result


@lru_cache(maxsize=64)
def sample(target: Target, interval: tuple[float, float], norm: Norm) -> Samples:
    """Resolve a target on an interval, for a norm.

    Raises:
        ApproximationError: If the target is not finite there, or the norm has no mass there.
    """
    low, high = interval
    inside = [x for x in (0.0, *target.breakpoints, *norm.breakpoints) if low < x < high]
    edges = np.unique(np.concatenate([np.linspace(low, high, START_PANELS + 1), inside]))
    target(edges)
    first = np.abs(target(nodes_of(edges))).max()
    while True:
        ends = target(edges)
        values = target(nodes_of(edges)).reshape(-1, ORDER)
        scale = np.abs(values).max()
        series = values @ TO_LEGENDRE.T
        jump = np.maximum(np.abs(series @ ALTERNATING - ends[:-1]), np.abs(series.sum(axis=1) - ends[1:]))
        rough = (np.abs(series[:, -3:]).max(axis=1) > RESOLUTION * scale) | (jump > JUMP * scale)
        narrow = np.diff(edges) <= NARROWEST * max(high - low, abs(low), abs(high))
        if (rough & narrow).any() and scale > 1e6 * max(first, 1.0):
            pole = float(edges[:-1][rough & narrow][0])
            raise ApproximationError(
                f"The function {target.name!r} grows without bound near x = {pole:.6g}; "
                "choose an interval on which it is finite."
            )
        halve = rough & ~narrow
        if not halve.any():
            halve = misses(target, edges, series, tolerance=JUMP * scale) & ~narrow
        if not halve.any() or len(edges) > PANEL_LIMIT:
            break
        edges = np.sort(np.concatenate([edges, 0.5 * (edges[:-1] + edges[1:])[halve]]))
    nodes = nodes_of(edges)
    mass = (np.diff(edges)[:, None] / 2 * WEIGHTS).ravel() * norm.weight(nodes)
    if not mass.sum() > 0:
        raise ApproximationError(
            f"The norm {norm.label} has no mass on the interval {low:g} to {high:g}; move the interval or the weight."
        )
    return Samples(target, interval, edges, nodes, values.ravel(), mass / mass.sum())


def misses(target: Target, edges: Floats, series: Floats, *, tolerance: float) -> npt.NDArray[np.bool_]:
    """The panels whose Legendre series misses the target at one of `PROBES` even points; shape (panels,)."""
    x = np.linspace(edges[0], edges[-1], PROBES)
    panel = np.clip(np.searchsorted(edges, x) - 1, 0, len(series) - 1)
    local = 2 * (x - edges[panel]) / np.diff(edges)[panel] - 1
    off = np.abs(np.sum(legendre.legvander(local, ORDER - 1) * series[panel], axis=1) - target(x)) > tolerance
    return np.bincount(panel[off], minlength=len(series)) > 0


def nodes_of(edges: Floats) -> Floats:
    """Gauss-Legendre nodes of every panel, ascending."""
    centres, halves = 0.5 * (edges[:-1] + edges[1:]), 0.5 * np.diff(edges)
    return (centres[:, None] + halves[:, None] * NODES).ravel()
