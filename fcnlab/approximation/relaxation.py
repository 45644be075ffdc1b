"""Lower bounds for fits of which some coefficients are chosen and the others are still free real numbers.

A node is a row of chosen coefficients, lowest power first: near zero they decide, so that a constant term or slope far
from any power of two shows its cost at once. (Highest power first, degree 8 takes some hundred times the nodes.) For
the mean square QR gives the exact bound. For the maximum the bounds are cuts: measures on few points that annihilate
the free monomials, collected from exchanges at earlier nodes. A cut is a valid bound at every node of its depth.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.approximation.minimax import Basis, equioscillate, make_basis
from fcnlab.approximation.real import FreePart, LeastSquares
from fcnlab.approximation.targets import Floats

CUT_STEPS = 8  # exchanges per cut: a cut need not be the best one
CUT_LIMIT = 96  # cuts kept for each depth
ANNIHILATED = 1e-12  # what a cut may leave of a free monomial
CUTS_PER_BATCH = 8  # at most


class Relaxation(Protocol):
    """What the search asks for. Rows are nodes: `values` chosen so far, each give or take its `reach`.

    Attributes:
        depth: Coefficients of a complete fit.
    """

    depth: int

    @property
    def scales(self) -> Floats:
        """What a unit of each coefficient adds to the error at most, shape (depth,)."""
        ...

    def bounds(self, values: Floats, reach: Floats) -> Floats:
        """A lower bound of the error for each row of `values`, shape (N, columns)."""
        ...

    def tighten(self, values: Floats, reach: Floats, bounds: Floats, *, limit: float) -> Floats:
        """Better bounds, of which those under `limit` matter."""
        ...

    def intervals(self, values: Floats, reach: Floats, *, limit: float) -> tuple[Floats, Floats]:
        """For each row, an interval that holds every next coefficient of a fit with error <= limit."""
        ...


class MeanSquareRelaxation(Relaxation):
    """Bounds of the root mean square error: exact, without memory, and so never to be tightened.

    They are the minimum over the free coefficients, less what the reach may give; of an interval the next row of the
    triangle alone decides.
    """

    def __init__(self, squares: LeastSquares) -> None:
        """Turn the triangle so that its first row holds the first coefficient alone."""
        q, r = np.linalg.qr(squares.triangle[:, ::-1])
        self.triangle = r[::-1, ::-1]
        self.image = (q.T @ squares.image)[::-1]
        self.rest, self.depth = squares.rest, len(self.image)

    @property
    @override
    def scales(self) -> Floats:
        return np.asarray(np.linalg.norm(self.triangle, axis=0))

    @override
    def bounds(self, values: Floats, reach: Floats) -> Floats:
        count = values.shape[1]
        left = values @ self.triangle[:count, :count].T - self.image[:count]
        exact = np.sqrt(self.rest**2 + np.square(left).sum(axis=1))
        return np.asarray(exact - reach @ self.scales[:count])

    @override
    def tighten(self, values: Floats, reach: Floats, bounds: Floats, *, limit: float) -> Floats:
        return bounds

    @override
    def intervals(self, values: Floats, reach: Floats, *, limit: float) -> tuple[Floats, Floats]:
        count = values.shape[1]
        spared = limit + reach @ self.scales[:count]
        exact = self.bounds(values, np.zeros_like(reach))
        radius = np.sqrt(np.maximum(np.square(spared) - np.square(exact), 0)) / abs(self.triangle[count, count])
        centre = (self.image[count] - values @ self.triangle[count, :count]) / self.triangle[count, count]
        return centre - radius, centre + radius


class Cuts:
    """Rows (t, g): the error of coefficients c, all in the order of branching, is at least |t - g c|.

    Rows of one depth have g = 0 at the coefficients still free there. The first `kept` stay for good; of the others,
    those beyond `CUT_LIMIT` give way, the oldest first.
    """

    def __init__(self, targets: Floats, slopes: Floats) -> None:
        self.targets, self.slopes, self.kept = targets, slopes, len(targets)

    def add(self, target: float, slope: Floats) -> None:
        """Keep one more."""
        if len(self.targets) >= self.kept + CUT_LIMIT:
            self.targets, self.slopes = np.delete(self.targets, self.kept), np.delete(self.slopes, self.kept, axis=0)
        self.targets, self.slopes = np.append(self.targets, target), np.vstack([self.slopes, slope])


class MaximumRelaxation(Relaxation):
    """Bounds of the maximum error by cuts, the best of which counts; the points of the grid bound complete fits.

    Each cut of the next depth is a strip, an interval their intersection. Cuts are added at the most promising node
    until one no longer helps.
    """

    def __init__(self, free: FreePart, *, start: Floats) -> None:
        """Begin with the cuts of the real optimum `start`, shape (depth,)."""
        self.depth, self.powers = len(free.powers), free.powers
        self.monomials = free.x[:, None] ** np.array(free.powers)
        self.values = free.values
        self.cuts = [Cuts(np.zeros(0), np.zeros((0, self.depth)))]
        self.bases: list[tuple[npt.NDArray[np.intp], Basis]] = []
        # At x = 0 the constant term alone decides: a cut of one point, where no exchange can take it.
        zero = free.x == 0
        points = np.flatnonzero(~zero)
        for depth in range(1, self.depth):
            basis = make_basis(free.x[points], lowest=free.powers[depth], step=free.step, count=self.depth - depth)
            self.bases.append((points, basis))
            self.cuts.append(Cuts(self.values[zero], self.monomials[zero]))
            self.cut(depth, self.monomials[:, depth - 1])
            self.cut(depth, self.values - self.monomials[:, :depth] @ start[:depth])
            self.cuts[depth].kept = len(self.cuts[depth].targets)
        self.cuts.append(Cuts(self.values, self.monomials))

    def cut(self, depth: int, residual: Floats) -> None:
        """Add the cut of an exchange on a residual."""
        usable, basis = self.bases[depth - 1]
        level = equioscillate(basis, residual[usable], count=self.depth - depth, exchanges=CUT_STEPS)
        if np.abs(level.measure @ basis.columns[level.points]).max() > ANNIHILATED:
            return  # points too close together for float64: no cut
        points = usable[level.points]
        slope = level.measure @ self.monomials[points]
        slope[depth:] = 0
        self.cuts[depth].add(float(level.measure @ self.values[points]), slope)

    def observe(self, x: float, value: float) -> None:
        """Bound complete fits at one more point, where one had its largest error."""
        self.cuts[self.depth].add(value, x ** np.array(self.powers))

    @property
    @override
    def scales(self) -> Floats:
        return np.asarray(np.abs(self.monomials).max(axis=0))

    @override
    def bounds(self, values: Floats, reach: Floats) -> Floats:
        cuts, count = self.cuts[values.shape[1]], values.shape[1]
        errors = np.abs(cuts.targets - values @ cuts.slopes[:, :count].T)
        if reach.any():
            errors -= reach @ np.abs(cuts.slopes[:, :count]).T
        return np.asarray(errors.max(axis=1, initial=0))

    @override
    def tighten(self, values: Floats, reach: Floats, bounds: Floats, *, limit: float) -> Floats:
        count = values.shape[1]
        if count in (0, self.depth):
            return bounds
        bounds = np.maximum(bounds, self.bounds(values, reach))
        for _ in range(CUTS_PER_BATCH):
            best = int(bounds.argmin())
            before = bounds[best]
            if before >= limit:
                break
            self.cut(count, self.values - self.monomials[:, :count] @ values[best])
            target, slope = self.cuts[count].targets[-1], self.cuts[count].slopes[-1, :count]
            bounds = np.maximum(bounds, np.abs(target - values @ slope) - reach @ np.abs(slope))
            if bounds[best] <= before * 1.01:
                break
        return bounds

    @override
    def intervals(self, values: Floats, reach: Floats, *, limit: float) -> tuple[Floats, Floats]:
        count = values.shape[1]
        cuts = self.cuts[count + 1]
        slope = cuts.slopes[:, count]
        steep = np.abs(slope) > 1e-9 * np.abs(slope).max()
        slope, others = slope[steep], cuts.slopes[steep, :count]
        centre = (cuts.targets[steep] - values @ others.T) / slope
        radius = (limit + reach @ np.abs(others).T) / np.abs(slope)
        return (centre - radius).max(axis=1), (centre + radius).min(axis=1)
