"""Second question: what powers of two as coefficients cost an activation in closeness, and a network in accuracy."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from fcnlab.approximation import TARGETS, Approximation, approximate
from fcnlab.findings.changes import Change, find_change, signed, usual_activation, usual_bits, values_of
from fcnlab.findings.networks import Columns, TrainedNetwork

SETS: Final = {"real": "real", "power": "power-of-two", "powers": "two-powers"}
"""What a coefficient may be: any number, 0 or ±2ᵏ, a sum of two of those; by the names of `approximation`."""
TARGET_NAMES: Final = tuple(name for name in TARGETS if name != "silu")  # which is swish
DEGREES: Final = (1, 2, 3, 4)  # beyond it the proof for sums of two powers takes seconds
INTERVAL: Final = (-4.0, 4.0)
USUAL_DEGREE: Final = 2


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

    @property
    def penalty_of_sums(self) -> float:
        """The same with sums of two powers."""
        return self.powers.error / self.real.error


@cache
def find_fits(target: str, degree: int) -> Fits:
    """The three optima; up to a tenth of a second the first time, for leaky ReLU of degree 3 a second."""
    real, power, powers = (
        approximate(target, degree=degree, interval=INTERVAL, coefficients=kind) for kind in SETS.values()
    )
    return Fits(target, degree, real, power, powers)


def all_fits(degree: int) -> tuple[Fits, ...]:
    """The optima of every function."""
    return tuple(find_fits(target, degree) for target in TARGET_NAMES)


def compare_activations(networks: Sequence[TrainedNetwork]) -> dict[str, Change]:
    """The change of accuracy from the usual activation to every other one of the sweep that has pairs with it."""
    usual, bits = usual_activation(networks), usual_bits(networks)
    changes = {
        name: find_change(networks, "activation", before=usual, after=name, weight_bits=bits)
        for name in values_of(networks, "activation")
        if name != usual
    }
    return {name: change for name, change in changes.items() if change is not None}


def error_of(activation: str) -> float | None:
    """Largest error of ``<function>-aq-<degree>`` or ``<function>-<degree>`` on the interval."""
    function, _, degree = activation.rpartition("-")
    target = function.removesuffix("-aq")
    if target not in TARGETS or not degree.isdecimal() or int(degree) not in DEGREES:
        return None
    fits = find_fits(target, int(degree))
    return (fits.power if function.endswith("-aq") else fits.real).error


# --- words ------------------------------------------------------------------------------------------------------------


def target_sentence(fits: Fits) -> str:
    """One function at one degree."""
    return (
        f"{fits.target}, degree {fits.degree} on [{INTERVAL[0]:g}, {INTERVAL[1]:g}]: the largest error is "
        f"{fits.real.error:.4f} with real coefficients, {fits.power.error:.4f} with powers of two "
        f"({fits.penalty:.2f} times), {fits.powers.error:.4f} with sums of two ({fits.penalty_of_sums:.2f} times)."
    )


def overview_sentence(degree: int = USUAL_DEGREE) -> str:
    """All functions."""
    fits = all_fits(degree)
    best, worst = min(fits, key=lambda each: each.penalty), max(fits, key=lambda each: each.penalty)
    middle = statistics.median(each.penalty for each in fits)
    sums = statistics.median(each.penalty_of_sums for each in fits)
    return (
        f"Over {len(fits)} functions at degree {degree}, the largest error with powers of two is {best.penalty:.2f} "
        f"({best.target}) to {worst.penalty:.2f} ({worst.target}) times that with real coefficients, {middle:.2f} in "
        f"the median; with sums of two powers {sums:.2f} in the median."
    )


def network_sentence(networks: Sequence[TrainedNetwork]) -> str:
    """What the error of an activation means for the accuracy of networks with it."""
    uses, usual = compare_activations(networks), usual_activation(networks)
    if not uses:
        return "The table holds no two activations at the same products, bits and seed, so none are compared there."
    changes = ", ".join(f"{name}{spell_error(error_of(name))} {change}" for name, change in uses.items())
    return (
        f"In trained networks, beside {usual}{spell_error(error_of(usual))} at the same products and seed, "
        f"{usual_bits(networks)} bits: {changes}."
    )


def spell_error(error: float | None) -> str:
    """An error in brackets, if there is one."""
    return "" if error is None else f" (error {error:.3f})"


def answer(networks: Sequence[TrainedNetwork]) -> str:
    """The second question in two sentences."""
    return f"{overview_sentence()} {network_sentence(networks)}"


def sentences(target: str, degree: int, networks: Sequence[TrainedNetwork]) -> list[str]:
    """Everything that is said of one choice."""
    fits = find_fits(target, degree)
    return [target_sentence(fits), overview_sentence(degree), network_sentence(networks)]


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
    fits, sums = all_fits(degree), "two / real"
    return {"function": TARGET_NAMES, **error_columns(fits), sums: [f"{each.penalty_of_sums:.2f}" for each in fits]}


def trained_columns(networks: Sequence[TrainedNetwork]) -> Columns:
    """Activations in trained networks, beside the usual one."""
    changes = compare_activations(networks)
    errors = [error_of(name) for name in changes]
    return {
        "activation": list(changes),
        "largest error": [None if error is None else f"{error:.4f}" for error in errors],
        "pairs": [change.pairs for change in changes.values()],
        "accuracy, points": [signed(change.points) for change in changes.values()],
        "± pairs": [change.spelled_spread for change in changes.values()],
    }
