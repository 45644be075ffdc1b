"""Lower bounds for fits of which some coefficients are chosen and the others are still free real numbers.

A node is a row of chosen coefficients, lowest power first: near zero they decide, so that a constant term or slope far
from any power of two shows its cost at once. (Highest power first, degree 8 takes some hundred times the nodes.) For
the mean square QR gives the exact bound. For the maximum the bounds are cuts: measures on few points that annihilate
the free monomials, collected from exchanges at earlier nodes. A cut is a valid bound at every node of its depth.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from fcnlab.approximation.minimax import Basis, equioscillate, make_basis
from fcnlab.approximation.real import FreePart, LeastSquares
from fcnlab.approximation.targets import Floats

CUT_STEPS = 8  # exchanges per cut: a cut need not be the best one
CUT_LIMIT = 96  # cuts kept for each depth
ANNIHILATED = 1e-12  # what a cut may leave of a free monomial
CUTS_KEPT = 3  # of them for good: that of x = 0, and those of the real optimum
CUTS_PER_BATCH = 8  # at most


class Relaxation(Protocol):
    """What the search asks for."""

    @property
    def depth(self) -> int:
        """Coefficients of a complete fit."""
        ...

    def bounds(self, nodes: Floats) -> Floats:
        """A lower bound of the error for each row of `nodes`, shape (N, depth)."""
        ...

    def tighten(self, nodes: Floats, bounds: Floats, *, limit: float) -> Floats:
        """Better bounds for nodes sorted by bound, of which those under `limit` matter."""
        ...

    def intervals(self, nodes: Floats, *, limit: float) -> tuple[Floats, Floats]:
        """For each node, an interval that holds every next coefficient of a fit with error <= limit."""
        ...


class MeanSquareRelaxation:
    """Bounds of the root mean square error: exact, and without memory."""

    def __init__(self, squares: LeastSquares) -> None:
        """Turn the triangle so that its first row holds the first coefficient alone."""
        q, r = np.linalg.qr(squares.triangle[:, ::-1])
        self.triangle = r[::-1, ::-1]
        self.image = (q.T @ squares.image)[::-1]
        self.rest = squares.rest

    @property
    def depth(self) -> int:
        """Coefficients of a complete fit."""
        return len(self.image)

    def bounds(self, nodes: Floats) -> Floats:
        """Exact minimum over the free coefficients."""
        depth = nodes.shape[1]
        left = nodes @ self.triangle[:depth, :depth].T - self.image[:depth]
        return np.asarray(np.sqrt(self.rest**2 + np.square(left).sum(axis=1)))

    def tighten(self, nodes: Floats, bounds: Floats, *, limit: float) -> Floats:
        """Nothing to gain: the bounds are exact."""
        return bounds

    def intervals(self, nodes: Floats, *, limit: float) -> tuple[Floats, Floats]:
        """The next row of the triangle alone decides."""
        depth = nodes.shape[1]
        radius = np.sqrt(np.maximum(limit**2 - np.square(self.bounds(nodes)), 0)) / abs(self.triangle[depth, depth])
        centre = (self.image[depth] - nodes @ self.triangle[depth, :depth]) / self.triangle[depth, depth]
        return centre - radius, centre + radius


class Cuts:
    """Rows (t, g): the error of coefficients c, all in the order of branching, is at least |t - g c|.

    Rows of one depth have g = 0 at the coefficients still free there. Beyond `CUT_LIMIT` the oldest give way, but for
    the first few.
    """

    def __init__(self, targets: Floats, slopes: Floats) -> None:
        self.targets, self.slopes = targets, slopes

    def add(self, target: float, slope: Floats) -> None:
        """Keep one more."""
        if len(self.targets) >= CUT_LIMIT:
            self.targets, self.slopes = np.delete(self.targets, CUTS_KEPT), np.delete(self.slopes, CUTS_KEPT, axis=0)
        self.targets, self.slopes = np.append(self.targets, target), np.vstack([self.slopes, slope])


class MaximumRelaxation:
    """Bounds of the maximum error by cuts; the points of the grid bound complete fits."""

    def __init__(self, free: FreePart, *, start: Floats) -> None:
        """Begin with the cuts of the real optimum `start`, shape (depth,)."""
        self.depth = len(free.powers)
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
        self.cuts.append(Cuts(self.values, self.monomials))

    def cut(self, depth: int, residual: Floats) -> float:
        """Add the cut of an exchange on a residual; return the bound it gives there."""
        usable, basis = self.bases[depth - 1]
        level = equioscillate(basis, residual[usable], count=self.depth - depth, exchanges=CUT_STEPS)
        if np.abs(level.measure @ basis.columns[level.points]).max() > ANNIHILATED:
            return level.bound  # points too close together for float64: no cut
        points = usable[level.points]
        slope = level.measure @ self.monomials[points]
        slope[depth:] = 0
        self.cuts[depth].add(float(level.measure @ self.values[points]), slope)
        return level.bound

    def bounds(self, nodes: Floats) -> Floats:
        """The best of the cuts."""
        depth = nodes.shape[1]
        cuts = self.cuts[depth]
        return np.asarray(np.abs(cuts.targets - nodes @ cuts.slopes[:, :depth].T).max(axis=1, initial=0))

    def tighten(self, nodes: Floats, bounds: Floats, *, limit: float) -> Floats:
        """Add cuts at the most promising node until one no longer helps."""
        depth = nodes.shape[1]
        if depth in (0, self.depth):
            return bounds
        bounds = np.maximum(bounds, self.bounds(nodes))
        for _ in range(CUTS_PER_BATCH):
            best = int(bounds.argmin())
            if bounds[best] >= limit:
                break
            found = self.cut(depth, self.values - self.monomials[:, :depth] @ nodes[best])
            cuts = self.cuts[depth]
            gained = found > bounds[best] * 1.01
            bounds = np.maximum(bounds, np.abs(cuts.targets[-1] - nodes @ cuts.slopes[-1, :depth]))
            if not gained:
                break
        return bounds

    def intervals(self, nodes: Floats, *, limit: float) -> tuple[Floats, Floats]:
        """Each cut of the next depth is a strip; their intersection."""
        depth = nodes.shape[1]
        cuts = self.cuts[depth + 1]
        slope = cuts.slopes[:, depth]
        steep = np.abs(slope) > 1e-9 * np.abs(slope).max()
        slope = slope[steep]
        centre = (cuts.targets[steep] - nodes @ cuts.slopes[steep, :depth].T) / slope
        radius = limit / np.abs(slope)
        return (centre - radius).max(axis=1), (centre + radius).min(axis=1)
