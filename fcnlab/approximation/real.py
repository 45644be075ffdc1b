"""Best fits with real coefficients: the largest error by exchange, mean squares by QR, symmetry by halving.

Knows the samples of a target; knows nothing of powers of two but what it may assume a coefficient to be.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial import polynomial
from scipy import linalg

from fcnlab.approximation.coefficients import CoefficientSet
from fcnlab.approximation.minimax import equioscillate, make_basis
from fcnlab.approximation.norms import MaximumNorm, Norm
from fcnlab.approximation.samples import Samples, shift
from fcnlab.approximation.targets import Floats

SYMMETRY_TOLERANCE = 1e-14  # of the target's scale
FIT_TOLERANCE = 1e-10  # relative distance of the largest error from its lower bound
REFINEMENTS = 12
MISSED, MISSED_SCALE = 1e-6, 1e-13  # of the bound, of the target: a fit this much worse has lost its digits


@dataclass(frozen=True, eq=False)
class FreePart:
    """Which coefficients are still open.

    Attributes:
        powers: Their powers of x, ascending, `step` apart.
        step: 1, or 2 if symmetry decided every other coefficient.
        fixed: All coefficients, constant term first, shape (degree + 1,); zero where open.
        x: Grid points that suffice: those of the right half if `step` is 2.
        values: The target less the fixed part on them.
    """

    powers: tuple[int, ...]
    step: int
    fixed: Floats
    x: Floats
    values: Floats

    def complete(self, free: Floats) -> Floats:
        """All coefficients, given the open ones in ascending powers."""
        coefficients = self.fixed.copy()
        coefficients[list(self.powers)] = free
        return coefficients


def split_by_symmetry(samples: Samples, *, degree: int, norm: Norm, allowed: CoefficientSet) -> FreePart:
    """Fix the coefficients that symmetry decides.

    Let f(x) - a x be even, and the interval and the norm symmetric about 0. Averaging the error of a polynomial with
    its mirror image leaves the even coefficients as they are, makes the odd part a x, and does not raise the norm. So
    an optimum has c1 = a and no other odd coefficient, provided that a is allowed. Likewise for f(x) - c0 odd.
    """
    grid, values = samples.grid, samples.grid_values
    fixed = np.zeros(degree + 1)
    everything = FreePart(tuple(range(degree + 1)), 1, fixed, grid, values)
    low, high = samples.interval
    if low != -high or not np.allclose(norm.weight(samples.nodes), norm.weight(-samples.nodes), rtol=1e-12, atol=0):
        return everything
    right = grid > 0
    x, here, mirrored = grid[right], values[right], samples.target(-grid[right])
    even, odd = (here + mirrored) / 2, (here - mirrored) / 2
    tolerance = SYMMETRY_TOLERANCE * samples.scale
    slope, constant = allowed.nearest(float(odd[-1] / x[-1])), allowed.nearest(float(even[0]))
    if np.abs(odd - slope * x).max() <= tolerance:
        fixed[1] = slope
        x, rest = np.append(0.0, x), np.append(samples.target(np.zeros(1)), even)
        return FreePart(tuple(range(0, degree + 1, 2)), 2, fixed, x, rest)
    if np.abs(even - constant).max() <= tolerance:
        fixed[0] = constant
        return FreePart(tuple(range(1, degree + 1, 2)), 2, fixed, x, odd)
    return everything


def fit_real(samples: Samples, free: FreePart, *, norm: Norm) -> tuple[Floats, float]:
    """The best real coefficients, and a proven lower bound of the error of any.

    On an interval narrow or far from zero, the float64 coefficients of a high degree may not hold the optimum: where
    they miss the bound, lower degrees are tried, and the fit of least error is returned with the full degree's bound.

    Returns:
        Coefficients, constant term first, shape (degree + 1,), and the bound.
    """
    fit, error_of = fit_mean_square, samples.root_mean_square
    if isinstance(norm, MaximumNorm):
        fit, error_of = fit_maximum, lambda coefficients: samples.peak(coefficients)[0]
    best, bound = fit(samples, free)
    least = error_of(best)
    for count in range(len(free.powers) - 1, 0, -1):
        if least <= bound * (1 + MISSED) + MISSED_SCALE * samples.scale:
            break
        fewer, _ = fit(samples, replace(free, powers=free.powers[:count]))
        error = error_of(fewer)
        if error < least:
            best, least = fewer, error
    return best, bound


def fit_maximum(samples: Samples, free: FreePart) -> tuple[Floats, float]:
    """Minimax fit: exchange on the grid, then again with the extrema between grid points added."""
    x, values, count = free.x, free.values, len(free.powers)
    reference = None
    best, bound = (np.inf, free.fixed), 0.0
    for _ in range(REFINEMENTS):
        basis = make_basis(x, lowest=free.powers[0], step=free.step, count=count)
        level = equioscillate(basis, values, count=count, start=reference)
        coefficients = free.complete(basis.monomials(level.coordinates))
        # Far from zero monomials are ill-conditioned: fit once more what their rounded coefficients leave.
        again = equioscillate(basis, samples.errors(coefficients, x), count=count, start=level.points)
        coefficients = coefficients + free.complete(basis.monomials(again.coordinates)) - free.fixed
        largest, where = samples.peak(coefficients)
        stalled, bound = level.bound <= bound * (1 + FIT_TOLERANCE), max(bound, level.bound)
        if largest < best[0]:
            best = (largest, coefficients)
        if stalled or largest <= bound * (1 + FIT_TOLERANCE) + samples.rounding(coefficients):
            break
        added = np.append(samples.climb(coefficients, x, level.points), where)
        new_x = np.union1d(x, np.abs(added[added != 0]) if free.step == 2 else added)
        reference = np.searchsorted(new_x, x[level.points])
        x, values = new_x, samples.errors(free.fixed, new_x)
    return best[1], bound


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """The mean square error of every choice c of the free coefficients: |triangle c - image|^2 + rest^2.

    Attributes:
        triangle: Upper triangular, shape (n, n), columns in ascending powers.
        image: Shape (n,).
        rest: Error that no choice avoids.
    """

    triangle: Floats
    image: Floats
    rest: float


def triangularise(samples: Samples, free: FreePart) -> LeastSquares:
    """QR of the monomials under the norm's weight, by way of powers of the standardised variable."""
    root = np.sqrt(samples.mass)
    centre = float(samples.mass @ samples.nodes) if free.step == 1 and free.powers[0] == 0 else 0.0
    spread = float(np.sqrt(samples.mass @ np.square(samples.nodes - centre)))
    y = (samples.nodes - centre) / spread
    powers = list(free.powers)
    q, r = np.linalg.qr(root[:, None] * y[:, None] ** powers)
    wanted = root * (samples.values - polynomial.polyval(samples.nodes, free.fixed))
    image = q.T @ wanted
    # x^i = (centre + spread y)^i in powers of y, one column for each i.
    change = np.column_stack(
        [shift(np.eye(powers[-1] + 1)[i], centre)[powers] * spread ** np.array(powers) for i in powers]
    )
    return LeastSquares(r @ change, image, float(np.linalg.norm(wanted - q @ image)))


def fit_mean_square(samples: Samples, free: FreePart) -> tuple[Floats, float]:
    """Weighted least squares: the lower bound is the error itself."""
    squares = triangularise(samples, free)
    return free.complete(linalg.solve_triangular(squares.triangle, squares.image)), squares.rest
