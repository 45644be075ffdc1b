"""What is asked: a target, a degree, an interval, a norm and a set of coefficients, checked once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fcnlab.approximation.coefficients import CoefficientSet, find_coefficients
from fcnlab.approximation.norms import Norm, find_norm
from fcnlab.approximation.targets import Target, find_target
from fcnlab.errors import ApproximationError

DEGREES = (1, 8)
REACH_LIMIT = 1e12  # of |x|: its 16th power must be a float64
NARROWEST_INTERVAL = 1e-9  # of the largest |x|


@dataclass(frozen=True)
class Problem:
    """One fit to be made.

    Attributes:
        target: The function.
        degree: Highest power of x, 1 to 8.
        interval: Ends, finite, ascending.
        norm: What is to be small.
        coefficients: What a coefficient may be.
    """

    target: Target
    degree: int
    interval: tuple[float, float]
    norm: Norm
    coefficients: CoefficientSet

    def __post_init__(self) -> None:
        least, most = DEGREES
        if isinstance(self.degree, bool) or self.degree != int(self.degree) or not least <= self.degree <= most:
            raise ApproximationError(f"The degree is an integer from {least} to {most}; got {self.degree}.")
        low, high = self.interval
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ApproximationError(f"The interval needs two finite ends; got {low} to {high}.")
        if low == high:
            raise ApproximationError(f"The interval {low:g} to {high:g} is empty; its ends must differ.")
        if low > high:
            raise ApproximationError(f"The interval {low:g} to {high:g} is reversed; swap its ends.")
        reach = max(abs(low), abs(high))
        if reach > REACH_LIMIT or high - low < NARROWEST_INTERVAL * reach:
            raise ApproximationError(
                f"The interval {low:g} to {high:g} is beyond float64: keep |x| <= {REACH_LIMIT:g} "
                f"and the width at least {NARROWEST_INTERVAL:g} of the largest |x|."
            )


def make_problem(
    function: str | Callable[[Any], Any] | Target,
    *,
    degree: int,
    interval: Sequence[float],
    norm: str | Norm,
    coefficients: str | CoefficientSet,
) -> Problem:
    """A problem from names or objects.

    Raises:
        ApproximationError: If something is unknown or out of its range.
    """
    if len(interval) != 2:
        raise ApproximationError(f"The interval needs two ends; got {len(interval)} numbers.")
    return Problem(
        find_target(function),
        degree,
        (float(interval[0]), float(interval[1])),
        find_norm(norm),
        find_coefficients(coefficients),
    )
