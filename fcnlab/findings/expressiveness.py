"""Second question: what powers of two as coefficients cost an activation in closeness, and a network in accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from fcnlab.approximation import TARGETS, Approximation, approximate
from fcnlab.approximation.names import NAME
from fcnlab.findings.ablation import change_columns, costs_over_all
from fcnlab.findings.networks import Columns, TrainedNetwork

SETS: Final = ("real", "power-of-two", "two-powers")
"""What a coefficient may be: any number, 0 or ±2ᵏ, a sum of two of those; by the names of `approximation`."""
TARGET_NAMES: Final = tuple(name for name in TARGETS if name != "silu")  # which is swish
DEGREES: Final = (1, 2, 3, 4)  # beyond it the proof for sums of two powers takes seconds
INTERVAL: Final = (-4.0, 4.0)


@dataclass(frozen=True, eq=False)
class Fits:
    """The best polynomials of one degree for one function, proven optimal in the largest error.

    Attributes:
        target: The function.
        degree: Highest power of x.
        real: With any coefficients.
        power: With 0 or ±2ᵏ.
        powers: With sums of two of those.
    """

    target: str
    degree: int
    real: Approximation
    power: Approximation
    powers: Approximation

    @property
    def penalty(self) -> float:
        """Error with powers of two over that of the real optimum."""
        return self.power.error / self.real.error


@cache
def find_fits(target: str, degree: int) -> Fits:
    """The three optima; up to a tenth of a second the first time, for leaky ReLU of degree 3 a second."""
    sets = [approximate(target, degree=degree, interval=INTERVAL, coefficients=allowed) for allowed in SETS]
    return Fits(target, degree, *sets)


def all_fits(degree: int) -> tuple[Fits, ...]:
    """The optima of every function."""
    return tuple(find_fits(target, degree) for target in TARGET_NAMES)


def error_of(activation: str) -> float | None:
    """Largest error of ``<function>-aq-<degree>`` or ``<function>-<degree>`` on the interval."""
    match = NAME.fullmatch(activation)
    if match is None or match["target"] not in TARGETS:
        return None
    fits = find_fits(match["target"], int(match["degree"]))
    return (fits.power if match["powers"] else fits.real).error


# --- tables -----------------------------------------------------------------------------------------------------------


def error_columns(fits: Sequence[Fits]) -> Columns:
    """The largest errors by the coefficients that are allowed."""
    return {
        "real": [f"{each.real.error:.4f}" for each in fits],
        "±2ᵏ": [f"{each.power.error:.4f}" for each in fits],
        "two ±2ᵏ": [f"{each.powers.error:.4f}" for each in fits],
        "±2ᵏ / real": [f"{each.penalty:.2f}" for each in fits],
    }


def degree_columns(target: str) -> Columns:
    """One function by degree."""
    fits = [find_fits(target, degree) for degree in DEGREES]
    real, power = [each.real.cost.total for each in fits], [each.power.cost.total for each in fits]
    return {"degree": [str(each) for each in DEGREES], **error_columns(fits), "HOPs, real": real, "HOPs, ±2ᵏ": power}


def function_columns(degree: int) -> Columns:
    """All functions at one degree."""
    fits = all_fits(degree)
    sums = [f"{each.powers.error / each.real.error:.2f}" for each in fits]
    return {"function": TARGET_NAMES, **error_columns(fits), "two / real": sums}


def trained_columns(networks: Sequence[TrainedNetwork]) -> Columns:
    """Activations in trained networks, beside the usual one."""
    costs = [cost for cost in costs_over_all(networks) if cost.stage == "approximation"]
    errors = [error_of(cost.after) for cost in costs]
    return {
        "activation": [cost.after for cost in costs],
        "largest error": [None if error is None else f"{error:.4f}" for error in errors],
        **{head: cells for head, cells in change_columns(costs).items() if head not in ("choice", "from", "to")},
    }
