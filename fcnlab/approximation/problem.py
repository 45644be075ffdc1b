"""What is asked: a target, a degree, an interval, a norm and a set of coefficients, checked once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from fcnlab.approximation.coefficients import COEFFICIENTS, CoefficientSet
from fcnlab.approximation.norms import NORMS, Norm
from fcnlab.approximation.targets import TARGETS, Target
from fcnlab.errors import ApproximationError

DEGREES = (1, 8)
REACH_LIMIT = 1e12  # of |x|: its 16th power must be a float64
NARROWEST_INTERVAL = 1e-9  # of the largest |x|

T = TypeVar("T")


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
    if not isinstance(function, Target):
        function = (
            Target(getattr(function, "__name__", type(function).__name__), function)
            if callable(function)
            else named("target function", str(function), TARGETS, otherwise="a callable")
        )
    return Problem(
        function,
        degree,
        (float(interval[0]), float(interval[1])),
        named("norm", norm, NORMS, otherwise="a GaussianNorm or HistogramNorm"),
        named("coefficients", coefficients, COEFFICIENTS, otherwise="PowersOfTwo"),
    )


def named(what: str, name: str | T, known: Mapping[str, T], *, otherwise: str) -> T:
    """What is known by that name; anything but a name is returned.

    Raises:
        ApproximationError: If nothing has that name.
    """
    if not isinstance(name, str):
        return name
    key = name.lower().replace("_", "-")
    if key not in known:
        raise ApproximationError(f"There is no {what} {name!r}; choose one of {', '.join(known)}, or pass {otherwise}.")
    return known[key]
