"""The second question of lab 07: what powers of two cost an activation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from fcnlab.findings import expressiveness as found
from fcnlab.findings.changes import usual_activation, usual_bits
from fcnlab.findings.networks import load_networks
from fcnlab.page import Table
from fcnlab.plots.findings import expressiveness_figure, update_expressiveness
from fcnlab.ui.findings.question import Question, tabled
from fcnlab.ui.kit.controls import Choice, Whole
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page, Tiles


@dataclass(frozen=True)
class ExpressivenessSettings:
    """What the controls set.

    Attributes:
        target: Name of a function.
        degree: Degree of its polynomials.
    """

    target: str = "swish"
    degree: int = 2


class ExpressivenessQuestion(Question):
    """What powers of two cost an activation; any setting of `ExpressivenessSettings` may be given."""

    def __init__(self, **chosen: Any) -> None:
        networks, usual = load_networks(), ExpressivenessSettings()
        beside = f", beside {usual_activation(networks)} with {usual_bits(networks)} bits"
        self.trained = tabled(found.trained_columns(networks), "In trained networks", beside)
        names, (low, *_, high) = {name: name for name in found.TARGET_NAMES}, found.DEGREES
        target = "The activation that a polynomial stands for."
        degree = "Highest power of x: more is closer, and costs more HOPs for each value."
        hardest = max(found.all_fits(usual.degree), key=lambda each: each.penalty).target
        controls = (
            Choice(name="target", label="function", options=names, help=target),
            Whole(name="degree", label="degree", low=low, high=high, help=degree),
        )
        others = {"ReLU": ExpressivenessSettings("relu"), "the hardest": ExpressivenessSettings(hardest)}
        model = LabModel("expressiveness", usual, controls=controls, presets={"Swish-AQ": usual, **others})
        super().__init__(model, expressiveness_figure(), chosen)

    @override
    def draw(self, settings: ExpressivenessSettings) -> Page:
        fits = found.find_fits(settings.target, settings.degree)
        line = [found.find_fits(settings.target, degree) for degree in found.DEGREES]
        update_expressiveness(self.figure, line=line, overview=found.all_fits(settings.degree), chosen=fits)
        figures = {
            "error, real coefficients": f"{fits.real.error:.4f}",
            "error, ±2ᵏ": f"{fits.power.error:.4f}",
            "of the real optimum": f"{fits.penalty:.2f} ×",
            "error, two ±2ᵏ": f"{fits.powers.error:.4f}",
            "HOPs a value, real": f"{fits.real.cost.total}",
            "HOPs a value, ±2ᵏ": f"{fits.power.cost.total}",
        }
        return Page(Tiles(figures))

    @override
    def tabulate(self, settings: ExpressivenessSettings) -> Sequence[Table]:
        target, degree = settings.target, settings.degree
        return (
            tabled(found.degree_columns(target), target, ", largest error by degree"),
            tabled(found.function_columns(degree), "All functions", f", largest error at degree {degree}"),
            self.trained,
        )


expressiveness = ExpressivenessQuestion  # as notebooks and settings lines call it
