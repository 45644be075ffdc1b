"""The second question of lab 07: what powers of two cost an activation."""

from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from fcnlab.findings import expressiveness as found
from fcnlab.findings.networks import load_networks
from fcnlab.plots.findings import expressiveness_figure, update_expressiveness
from fcnlab.ui.findings.question import Question, answered, tabled
from fcnlab.ui.kit.controls import Choice, Whole
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
    """What powers of two cost an activation."""

    def __init__(self, **chosen: Any) -> None:
        self.networks = load_networks()
        names, (low, *_, high) = {name: name for name in found.TARGET_NAMES}, found.DEGREES
        target = "The activation that a polynomial stands for."
        degree = "Highest power of x: more is closer, and costs more HOPs for each value."
        hardest = max(found.all_fits(2), key=lambda each: each.penalty).target
        super().__init__(
            "expressiveness",
            ExpressivenessSettings(),
            controls=(
                Choice(name="target", label="function", options=names, help=target),
                Whole(name="degree", label="degree", low=low, high=high, help=degree),
            ),
            presets={
                "Swish-AQ": ExpressivenessSettings(),
                "ReLU": ExpressivenessSettings("relu"),
                "the hardest": ExpressivenessSettings(hardest),
            },
            figure=expressiveness_figure(),
            chosen=chosen,
        )

    @override
    def show(self, settings: ExpressivenessSettings) -> None:
        fits = found.find_fits(settings.target, settings.degree)
        figures = {
            "error, real coefficients": f"{fits.real.error:.4f}",
            "error, ±2ᵏ": f"{fits.power.error:.4f}",
            "of the real optimum": f"{fits.penalty:.2f} ×",
            "error, two ±2ᵏ": f"{fits.powers.error:.4f}",
            "HOPs a value, real": f"{fits.real.cost.total}",
            "HOPs a value, ±2ᵏ": f"{fits.power.cost.total}",
        }
        self.numbers.value = Page(Tiles(figures)).live
        line = [found.find_fits(settings.target, degree) for degree in found.DEGREES]
        update_expressiveness(self.figure, line=line, overview=found.all_fits(settings.degree), chosen=fits)
        self.tables.value = self.facts().live

    @override
    def facts(self) -> Page:
        target, degree = self.model.settings.target, self.model.settings.degree
        return answered(
            found.sentences(target, degree, self.networks),
            tabled(found.degree_columns(target), target, ", largest error by degree"),
            tabled(found.function_columns(degree), "All functions", f", degree {degree}"),
            tabled(found.trained_columns(self.networks), "In trained networks", ", beside the usual activation"),
        )


def expressiveness(**settings: Any) -> ExpressivenessQuestion:
    """Open the second question; any setting of `ExpressivenessSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ExpressivenessQuestion(**settings)
