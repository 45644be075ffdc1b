"""Second question: what powers of two as coefficients cost an activation in closeness, and a network in accuracy."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from fcnlab.approximation import TARGETS, Approximation, approximate
from fcnlab.findings.changes import Change, find_change, signed, usual_activation, usual_bits, values_of
from fcnlab.findings.networks import TrainedNetwork

SETS: Final = {"real": "real", "power": "power-of-two", "powers": "two-powers"}
"""What a coefficient may be: any number, 0 or ±2ᵏ, a sum of two of those; by the names of `approximation`."""
TARGET_NAMES: Final = tuple(name for name in TARGETS if name != "silu")  # which is swish
DEGREES: Final = (1, 2, 3, 4)  # beyond it the proof for sums of two powers takes seconds
INTERVAL: Final = (-4.0, 4.0)
USUAL_DEGREE: Final = 2
FIT_HEADS: Final = ("degree", "real", "±2ᵏ", "two ±2ᵏ", "±2ᵏ / real", "HOPs, real", "HOPs, ±2ᵏ")
TARGET_HEADS: Final = ("function", "real", "±2ᵏ", "two ±2ᵏ", "±2ᵏ / real", "two / real")
TRAINED_HEADS: Final = ("activation", "largest error", "pairs", "accuracy, points", "± pairs")


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
    """For every function."""
    return tuple(find_fits(target, degree) for target in TARGET_NAMES)


@dataclass(frozen=True)
class ActivationUse:
    """An activation in trained networks, beside the usual one.

    Attributes:
        activation: As cards name it.
        error: Largest error of the polynomial on the interval; None where it stands for no function, as the square.
        change: Of the accuracy, from the usual activation to this one with all else the same.
    """

    activation: str
    error: float | None
    change: Change


def compare_activations(networks: Sequence[TrainedNetwork]) -> tuple[ActivationUse, ...]:
    """Every activation of the sweep that has pairs with the usual one."""
    usual, bits = usual_activation(networks), usual_bits(networks)
    found = []
    for name in values_of(networks, "activation"):
        change = find_change(networks, "activation", before=usual, after=name, weight_bits=bits)
        if name != usual and change is not None:
            found.append(ActivationUse(name, error_of(name), change))
    return tuple(found)


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


def degree_sentence(target: str) -> str:
    """Whether a higher degree makes up for coarse coefficients."""
    usual, higher = find_fits(target, USUAL_DEGREE), find_fits(target, DEGREES[-1])
    if higher.power.error < usual.real.error:
        verdict = f"is below that of the real optimum of degree {USUAL_DEGREE}"
    else:
        verdict = f"is not below that of the real optimum of degree {USUAL_DEGREE}"
    return (
        f"With powers of two at degree {higher.degree} the error of {target}, {higher.power.error:.4f}, {verdict}, "
        f"{usual.real.error:.4f}; it takes {higher.power.cost.total} HOPs a value instead of "
        f"{usual.power.cost.total}."
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
    changes = ", ".join(f"{use.activation}{spell_error(use.error)} {use.change}" for use in uses)
    return (
        f"In trained networks, beside {usual}{spell_error(error_of(usual))} at the same products and seed, "
        f"{usual_bits(networks)} bits: {changes}."
    )


def spell_error(error: float | None) -> str:
    """In brackets, if there is one."""
    return "" if error is None else f" (error {error:.3f})"


def answer(networks: Sequence[TrainedNetwork]) -> str:
    """The second question in two sentences."""
    return f"{overview_sentence()} {network_sentence(networks)}"


def sentences(target: str, degree: int, networks: Sequence[TrainedNetwork]) -> list[str]:
    """Everything of one choice."""
    return [
        target_sentence(find_fits(target, degree)), degree_sentence(target), overview_sentence(degree),
        network_sentence(networks),
    ]  # fmt: skip


def fit_rows(target: str) -> list[list[object]]:
    """One function by degree, as FIT_HEADS."""
    return [
        [
            str(fits.degree), f"{fits.real.error:.4f}", f"{fits.power.error:.4f}", f"{fits.powers.error:.4f}",
            f"{fits.penalty:.2f}", fits.real.cost.total, fits.power.cost.total,
        ]
        for fits in (find_fits(target, degree) for degree in DEGREES)
    ]  # fmt: skip


def target_rows(degree: int) -> list[list[object]]:
    """All functions at one degree, as TARGET_HEADS."""
    return [
        [
            fits.target, f"{fits.real.error:.4f}", f"{fits.power.error:.4f}", f"{fits.powers.error:.4f}",
            f"{fits.penalty:.2f}", f"{fits.penalty_of_sums:.2f}",
        ]
        for fits in all_fits(degree)
    ]  # fmt: skip


def trained_rows(networks: Sequence[TrainedNetwork]) -> list[list[object]]:
    """Activations in trained networks, as TRAINED_HEADS."""
    return [
        [
            use.activation, None if use.error is None else f"{use.error:.4f}", use.change.pairs,
            signed(use.change.points), f"{use.change.spread:.2f}" if use.change.pairs > 1 else None,
        ]
        for use in compare_activations(networks)
    ]  # fmt: skip
