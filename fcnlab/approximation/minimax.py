"""Best uniform approximation on finitely many points, by exchange of references.

A reference is n + 1 points for n free coefficients. The measure on them that annihilates every free monomial gives a
lower bound of the largest error of any choice of those coefficients (de la Vallee Poussin); the exchange raises it
until some polynomial attains it. The monomials are x^p, x^(p+s), x^(p+2s), ... with s = 1, or s = 2 and x > 0: that
is a weight x^p times polynomials in x^s, a Haar space wherever the weight is not zero.

Source: Remez 1934; Powell, Approximation Theory and Methods (1981), chapters 8 and 9.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.polynomial import chebyshev

from fcnlab.approximation.samples import shift
from fcnlab.approximation.targets import Floats

EXCHANGES = 60
LEVEL_TOLERANCE = 1e-12  # relative: the exchange ends when the largest error is that close to the bound


@dataclass(frozen=True, eq=False)
class Basis:
    """Free monomials on a grid, as Chebyshev polynomials in x^step times the weight (x / reach)^lowest.

    Attributes:
        columns: Shape (points, n): any leading columns span the monomials of the lowest degrees.
        signs: Sign of the weight at each point, shape (points,).
        lowest: Lowest power of x.
        step: Distance of the powers.
        reach: Largest |x|.
        domain: Ends of x^step.
    """

    columns: Floats
    signs: Floats
    lowest: int
    step: int
    reach: float
    domain: tuple[float, float]

    def monomials(self, coordinates: Floats) -> Floats:
        """Coefficients of x^lowest, x^(lowest + step), ... of the polynomial with the given coordinates."""
        low, high = self.domain
        inner = np.zeros_like(coordinates)
        trimmed = chebyshev.cheb2poly(coordinates)
        inner[: len(trimmed)] = trimmed
        inner *= (2 / (high - low)) ** np.arange(len(inner))
        return shift(inner, -0.5 * (low + high)) / self.reach**self.lowest


@dataclass(frozen=True, eq=False)
class Level:
    """What an exchange found.

    Attributes:
        points: Indices of the reference, ascending, shape (n + 1,).
        measure: Weights there: they annihilate the free monomials, their absolute values sum to 1.
        bound: Largest absolute error on the grid of any polynomial is at least this.
        fit: Values of the polynomial found on the grid, shape (points,).
        coordinates: Its coefficients in the columns of the basis, shape (n,).
    """

    points: npt.NDArray[np.intp]
    measure: Floats
    bound: float
    fit: Floats
    coordinates: Floats


def make_basis(x: Floats, *, lowest: int, step: int, count: int) -> Basis:
    """Basis of x^lowest, x^(lowest + step), ... on the points `x`, none of them zero if `lowest` is positive."""
    powers = x**step
    low, high = float(powers.min()), float(powers.max())
    mapped = (2 * powers - (low + high)) / (high - low)
    reach = float(np.abs(x).max())
    weight = (x / reach) ** lowest
    columns = chebyshev.chebvander(mapped, count - 1) * weight[:, None]
    return Basis(columns, np.sign(weight), lowest, step, reach, (low, high))


def equioscillate(
    basis: Basis, values: Floats, *, count: int, start: npt.NDArray[np.intp] | None = None, exchanges: int = EXCHANGES
) -> Level:
    """Best uniform approximation of `values` by the first `count` monomials of a basis.

    Args:
        basis: The monomials on the grid.
        values: What to approximate on the grid, shape (points,).
        count: How many of the monomials are free, from 1 to points - 1.
        start: A reference of count + 1 ascending indices to begin with.
        exchanges: Most steps; the bound is valid after any number of them.
    """
    columns, signs = basis.columns[:, :count], basis.signs
    points = start if start is not None else spread(len(values), count + 1)
    alternating = (-1.0) ** np.arange(count + 1)
    best: Level | None = None
    for _ in range(exchanges):
        inverse = np.linalg.inv(np.column_stack([columns[points], signs[points] * alternating]))
        solution = inverse @ values[points]
        level = abs(float(solution[-1]))
        fit = columns @ solution[:-1]
        error = (values - fit) * signs
        stalled = best is not None and level <= best.bound
        if best is None or not stalled:
            best = Level(points, inverse[-1], level, fit, solution[:-1])
        worst = int(np.abs(error).argmax())
        # On the reference itself the error is the level, up to rounding.
        if abs(error[worst]) <= level * (1 + LEVEL_TOLERANCE) or worst in points:
            break
        # The sign the error has, or would have if the level were not zero, at the first point of the reference.
        lead = 1.0 if solution[-1] >= 0 else -1.0
        chosen = None if stalled else alternate(error, count + 1)
        points = exchange_one(error, worst, points, lead) if chosen is None else chosen
    assert best is not None
    return best


def spread(size: int, count: int) -> npt.NDArray[np.intp]:
    """`count` distinct ascending indices below `size`, denser at the ends, as extrema of Chebyshev polynomials are."""
    places = 0.5 * (1 - np.cos(np.pi * np.arange(count) / max(count - 1, 1)))
    return np.maximum.accumulate(
        np.minimum(np.round(places * (size - count)).astype(np.intp) + np.arange(count), size - 1)
    )


def alternate(error: Floats, count: int) -> npt.NDArray[np.intp] | None:
    """`count` extrema of alternating sign, the largest among them; None if the error has too few."""
    positive = error > 0
    starts = np.flatnonzero(positive[1:] != positive[:-1]) + 1
    if len(starts) + 1 < count:
        return None
    size = np.abs(error)
    ends = [0, *starts.tolist(), len(error)]
    peaks = [a + int(size[a:b].argmax()) for a, b in pairwise(ends)]
    while len(peaks) > count:
        heights = size[peaks]
        smallest = int(heights.argmin())
        if smallest in (0, len(peaks) - 1):
            del peaks[smallest]
        elif len(peaks) == count + 1:
            del peaks[0 if heights[0] < heights[-1] else -1]
        else:  # drop it with its smaller neighbour: what is left still alternates
            first = smallest - 1 if heights[smallest - 1] < heights[smallest + 1] else smallest
            del peaks[first : first + 2]
    return np.array(peaks, dtype=np.intp)


def exchange_one(error: Floats, new: int, points: npt.NDArray[np.intp], lead: float) -> npt.NDArray[np.intp]:
    """Bring a point into the reference so that the signs of the error still alternate."""
    sign = 1.0 if error[new] > 0 else -1.0
    place = int(np.searchsorted(points, new))
    expected = lead * (-1.0) ** np.arange(len(points))
    if place == 0:
        return np.append(new, points[1:] if expected[0] == sign else points[:-1])
    if place == len(points):
        return np.append(points[:-1] if expected[-1] == sign else points[1:], new)
    changed = points.copy()
    changed[place if expected[place] == sign else place - 1] = new
    return changed
