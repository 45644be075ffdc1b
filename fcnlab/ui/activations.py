"""Lab 01: activations as polynomials, with coefficients that encryption likes."""

import re
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from fcnlab.approximation import TARGETS, Approximation, HistogramNorm, PowersOfTwo, approximate
from fcnlab.errors import SettingsError
from fcnlab.page import Sentence, Table
from fcnlab.plots.activations import (
    activation_figure,
    update_activation_curves,
    update_activation_sweep,
    update_activation_weight,
)
from fcnlab.ui.choices import network_names
from fcnlab.ui.kit.background import Newest, Superseded
from fcnlab.ui.kit.controls import Choice, Span, Whole, setting
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Markup, Page

HIGHEST_DEGREE: Final = 6
HIGHEST_DEGREE_OF_SUMS: Final = 4  # beyond it the proof takes seconds, too long for a hand that moves
REACH: Final = 8.0


TARGET_NAMES: Final = {name: name for name in TARGETS if name != "silu"}
NORMS: Final = {
    "linf": "the largest error",
    "l2": "the mean square",
    "gaussian": "the mean square, normal x",
    "histogram": "the mean square over a layer",
}
COEFFICIENTS: Final = {"power-of-two": "0 or ±2ᵏ", "two-powers": "sums of two ±2ᵏ", "real": "any real number"}
USUAL_LAYER, ONE_ACTIVATION = "fcn-20k act1", "cryptodl-1"
HELP: Final = {
    "target": "The function to replace by a polynomial.",
    "interval": "Where the polynomial has to be close. Outside of it anything may happen.",
    "degree": "Highest power of x. More is closer, and costs more products of ciphertexts.",
    "layer": "The trained activation whose inputs weigh the mean square; only the last choice above uses it.",
    "exponents": "Smallest and largest exponent of two. Few exponents mean small integers and small ciphertexts.",
}
INTERVAL: Final = Span(label="interval of x", low=-REACH, high=REACH, step=0.25, narrowest=0.5, help=HELP["interval"])
EXPONENTS: Final = Span(label="exponents k", low=-12, high=4, step=1, help=HELP["exponents"])


def layer_names() -> dict[str, str]:
    """The activations of the shipped networks, and the one that a lab starts with."""
    networks = [USUAL_LAYER.split()[0], *network_names()]
    names = [f"{network} {layer}" for network in networks for layer in ("act1", "act2")]
    return {name: name for name in names if name != f"{ONE_ACTIVATION} act2"}


@dataclass(frozen=True)
class ActivationSettings:
    """What the controls set."""

    target: str = setting("swish", Choice(label="activation", options=TARGET_NAMES, help=HELP["target"]))
    interval: tuple[float, float] = setting((-4.0, 4.0), INTERVAL)
    degree: int = setting(2, Whole(label="degree", low=1, high=HIGHEST_DEGREE, help=HELP["degree"]))
    norm: str = setting("linf", Choice(label="make small", options=NORMS, help="What is meant by close."))
    layer: str = setting(USUAL_LAYER, Choice(label="over layer", options=layer_names, help=HELP["layer"]))
    coefficients: str = setting(
        "power-of-two", Choice(label="coefficients", options=COEFFICIENTS, help="What a coefficient may be.")
    )
    exponents: tuple[int, int] = setting((-8, 2), EXPONENTS)


PRESETS: Final = {
    "Swish-AQ": ActivationSettings(),
    "Few exponents": ActivationSettings(exponents=(-3, 0)),
    "ReLU": ActivationSettings(target="relu"),
    "Degree 4": ActivationSettings(degree=4),
}


def fit_of(settings: ActivationSettings, *, degree: int, real: bool = False) -> Approximation:
    """The fit that the settings ask for, at another degree, or with real coefficients; remembered by `approximate`."""
    terms = {"power-of-two": 1, "two-powers": 2}.get(settings.coefficients)
    allowed = "real" if real or terms is None else PowersOfTwo(*settings.exponents, terms=terms)
    return approximate(
        settings.target, degree=degree, interval=settings.interval, norm=norm_of(settings), coefficients=allowed
    )


def norm_of(settings: ActivationSettings) -> str | HistogramNorm:
    """What is made small; the values of a layer are found on first use, which takes a second or two."""
    if settings.norm != "histogram":
        return settings.norm
    from fcnlab.networks.preactivations import preactivation_norm  # torch, which nothing else here needs

    network, layer = settings.layer.split()
    return preactivation_norm(network, layer, reach=REACH)


def highest_degree(settings: ActivationSettings) -> int:
    """Up to which degree fits are found while the hand moves."""
    return HIGHEST_DEGREE_OF_SUMS if settings.coefficients == "two-powers" else HIGHEST_DEGREE


class ActivationLab(Lab):
    """The lab of activations; any setting of `ActivationSettings` may be given."""

    def __init__(self, **settings: Any) -> None:
        model = LabModel("activations", ActivationSettings(), presets=PRESETS)
        super().__init__(model, activation_figure(degrees=HIGHEST_DEGREE, reach=REACH), settings)
        self.numbers = area()
        self._weighed: set[str] = set()
        self.worker = Newest(self._weigh, rest_s=0.0)
        self.open([self.numbers, self.figure])

    def fits(self) -> tuple[Approximation, Approximation]:
        """The fits with the allowed coefficients, and with real ones.

        Raises:
            SettingsError: If the settings ask for what cannot be found at once.
        """
        settings = self.model.settings
        if settings.degree > highest_degree(settings):
            raise SettingsError(
                f"Sums of two powers are found while you wait up to degree {HIGHEST_DEGREE_OF_SUMS}; the degree is "
                f"{settings.degree}. Lower it, or choose single powers."
            )
        return (fit_of(settings, degree=settings.degree), fit_of(settings, degree=settings.degree, real=True))

    @override
    def show(self, settings: ActivationSettings) -> None:
        if settings.norm == "histogram" and settings.layer not in self._weighed:
            note = f"Evaluating the network up to {settings.layer} on training images; shown is the setting before …"
            self.numbers.value = Page(Sentence(note, kind="waiting")).live
            self.worker.ask(settings.layer)
            return
        fit, optimum = self.fits()
        self.numbers.value = describe(settings, fit, optimum).live
        update_activation_curves(self.figure, fit=fit, optimum=optimum)
        fits, optima = (
            [fit_of(settings, degree=degree, real=real) for degree in range(1, highest_degree(settings) + 1)]
            for real in (False, True)
        )
        update_activation_sweep(self.figure, fits=fits, optima=optima, degree=settings.degree)
        update_activation_weight(self.figure, norm=fit.problem.norm)

    def _weigh(self, layer: str, superseded: Superseded) -> None:
        with self.model.guard():
            norm_of(ActivationSettings(norm="histogram", layer=layer))
            self._weighed.add(layer)
            self.update()

    @override
    def facts(self) -> Page:
        if self.model.problem:
            return Page(Sentence(self.model.problem, kind="plain"))
        return describe(self.model.settings, *self.fits())


activations = ActivationLab  # as notebooks and settings lines call it


# --- words and numbers ------------------------------------------------------------------------------------------------


def weight_sentence(settings: ActivationSettings) -> str:
    """How much of a layer the interval covers; empty where no layer weighs."""
    if settings.norm != "histogram":
        return ""
    from fcnlab.networks.preactivations import share_inside

    network, layer = settings.layer.split()
    share = share_inside(network, layer, interval=settings.interval)
    low, high = (f"{end:g}".replace("-", "−") for end in settings.interval)
    return (
        f"{100 * share:.1f} % of what {layer} of {network} sees on training images lies between {low} and {high}; "
        "beyond it the polynomial is not held to anything."
    )


HEADS: Final = ("coefficients", "largest error", "rms error", "CT-CT mults", "other HOPs", "depth")


def rows(fit: Approximation, optimum: Approximation) -> list[list[object]]:
    """The fit and the real optimum, a row each."""
    found: list[list[object]] = []
    for name, each in (("allowed", fit), ("real", optimum)):
        errors, cost = (f"{each.max_error:.4f}", f"{each.rms_error:.4f}"), each.cost
        found.append([name, *errors, cost.ct_ct_mults, cost.total - cost.ct_ct_mults, cost.depth])
    return found


def formula(fit: Approximation) -> str:
    """The polynomial in characters, constant term first: ``2^-3 + 2^-1 x + 2^-3 x^2``."""
    joined = ""
    for degree, value in enumerate(fit.coefficients):
        if not value:
            continue
        powers = fit.powers[degree] if fit.powers is not None else None
        x = "" if degree == 0 else "x" if degree == 1 else f"x^{degree}"
        magnitude = f"{abs(value):.6g}"
        if powers is not None:
            # The sign of the whole coefficient stands before it: inside, signs are relative to that.
            signs = ["", *(" + " if sign == powers[0][0] else " - " for sign, _ in powers[1:])]
            magnitude = "".join(f"{sign}2^{exponent}" for sign, (_, exponent) in zip(signs, powers, strict=True))
            magnitude = f"({magnitude})" if len(powers) > 1 and x else magnitude
        lead = f" {'-' if value < 0 else '+'} " if joined else "-" * (value < 0)
        joined += lead + f"{magnitude} {x}".strip()
    return joined or "0"


def formula_markup(text: str) -> str:
    """The same in HTML."""
    return re.sub(r"\^(−?\d+)", r"<sup>\1</sup>", text.replace("-", "−"))


def describe(settings: ActivationSettings, fit: Approximation, optimum: Approximation) -> Page:
    """Formula, table and what is proven."""
    ratio = fit.error / optimum.error if optimum.error else float("inf")
    words = f"p(x) = {formula(fit)}"
    degree, what = fit.problem.degree, "largest error" if fit.problem.norm.label == "linf" else "weighted rms error"
    comparison = (
        f"The {what} is {ratio:.3g} times that of the real optimum, and no polynomial of degree {degree} with such "
        f"coefficients has one below {fit.lower_bound:.4f}."
        if fit.powers is not None
        else f"No polynomial of degree {degree} has a {what} below {fit.lower_bound:.4f}."
    )
    return Page(
        Markup(f'<p class="verdict"><b>{formula_markup(words)}</b></p>', words=words),
        Table(HEADS, rows(fit, optimum)),
        comparison,
        weight_sentence(settings),
    )
