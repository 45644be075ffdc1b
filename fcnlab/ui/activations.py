"""Lab 01: activations as polynomials, with coefficients that encryption likes."""

import threading
from dataclasses import dataclass
from typing import Any, Final

import ipywidgets as widgets

from fcnlab.approximation import TARGETS, Approximation, HistogramNorm, PowersOfTwo, approximate
from fcnlab.data.frontier import shipped_points
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import SettingsError
from fcnlab.plots.activations import (
    activation_figure,
    update_activation_curves,
    update_activation_sweep,
    update_activation_weight,
)
from fcnlab.ui.kit.background import Newest, Superseded
from fcnlab.ui.kit.controls import Choice, Control, Span, Whole
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.views import Display, View, block, escape, table, text_table

HIGHEST_DEGREE: Final = 6
HIGHEST_DEGREE_OF_SUMS: Final = 4  # beyond it the proof takes seconds, too long for a hand that moves
REACH: Final = 8.0


@dataclass(frozen=True)
class ActivationSettings:
    """What the controls set.

    Attributes:
        target: Name of a function.
        interval: Where it is approximated.
        degree: Of the polynomial.
        norm: What is made small: linf, l2, gaussian, or histogram, the mean square over a layer's values.
        layer: A network and its activation whose values weigh the mean square, if the norm is histogram.
        coefficients: power-of-two, two-powers or real.
        exponents: Smallest and largest exponent of two.
    """

    target: str = "swish"
    interval: tuple[float, float] = (-4.0, 4.0)
    degree: int = 2
    norm: str = "linf"
    coefficients: str = "power-of-two"
    exponents: tuple[int, int] = (-8, 2)
    layer: str = "fcn-20k act1"


CONTROLS: Final[tuple[Control, ...]] = (
    Choice(
        name="target", label="activation", help="The function to replace by a polynomial.",
        options={name: name for name in TARGETS if name != "silu"},
    ),
    Span(
        name="interval", label="interval of x", low=-REACH, high=REACH, step=0.25, narrowest=0.5,
        help="Where the polynomial has to be close. Outside of it anything may happen.",
    ),
    Whole(
        name="degree", label="degree", low=1, high=HIGHEST_DEGREE,
        help="Highest power of x. More is closer, and costs more products of ciphertexts.",
    ),
    Choice(
        name="norm", label="make small", help="What is meant by close.",
        options={
            "linf": "the largest error", "l2": "the mean square", "gaussian": "the mean square, normal x",
            "histogram": "the mean square over a layer",
        },
    ),
    Choice(
        name="coefficients", label="coefficients", help="What a coefficient may be.",
        options={"power-of-two": "0 or ±2ᵏ", "two-powers": "sums of two ±2ᵏ", "real": "any real number"},
    ),
    Span(
        name="exponents", label="exponents k", low=-12, high=4, step=1,
        help="Smallest and largest exponent of two. Few exponents mean small integers and small ciphertexts.",
    ),
)  # fmt: skip

ONE_ACTIVATION: Final = "cryptodl-1"


def make_controls() -> tuple[Control, ...]:
    """The controls; which networks there are is found out when a lab opens."""
    names = [ActivationSettings().layer.split()[0], *(point.name for point in shipped_points(DATA_ROOT / "models"))]
    layers = [
        f"{name} {layer}" for name in names for layer in ("act1", "act2") if (name, layer) != (ONE_ACTIVATION, "act2")
    ]
    weight = Choice(
        name="layer", label="over layer", options={name: name for name in layers},
        help="The trained activation whose inputs weigh the mean square; only the last choice above uses it.",
    )  # fmt: skip
    return (*CONTROLS[:4], weight, *CONTROLS[4:])


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


class ActivationLab(Display):
    """The laboratory; its settings are those of `ActivationSettings`."""

    def __init__(self, **settings: Any) -> None:
        self.model = LabModel("activations", ActivationSettings(), controls=make_controls(), presets=PRESETS)
        self.model.change(**settings)
        self.figure = LiveFigure(activation_figure(degrees=HIGHEST_DEGREE, reach=REACH))
        self.numbers = widgets.HTML(layout={"width": "100%"})
        self._drawing = threading.RLock()  # plotly mixes up two batches of changes that overlap
        self._weighed: set[str] = set()
        self.worker = Newest(self._weigh, rest_s=0.0)
        self.frame = Frame(self.model, [self.numbers, self.figure])
        self.model.observe(self._update, names="settings")
        self._update()
        self._view = View(self.frame.widget, text=self._text, markup=self._markup)

    def fits(self) -> tuple[Approximation, Approximation]:
        """With the allowed coefficients, and with real ones.

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

    def _update(self, _: object = None) -> None:
        settings = self.model.settings
        if settings.norm == "histogram" and settings.layer not in self._weighed:
            note = f"Evaluating the network up to {settings.layer} on training images; shown is the setting before …"
            self.numbers.value = block(f'<p class="note"><i>{escape(note)}</i></p>')
            self.worker.ask(settings.layer)
            return
        with self.model.guard(), self._drawing:
            fit, optimum = self.fits()
            self.numbers.value = block(describe(fit, optimum) + weight_note(settings))
            update_activation_curves(self.figure, fit=fit, optimum=optimum)
            degrees = range(1, highest_degree(settings) + 1)
            update_activation_sweep(
                self.figure,
                fits=[fit_of(settings, degree=degree) for degree in degrees],
                optima=[fit_of(settings, degree=degree, real=True) for degree in degrees],
                degree=settings.degree,
            )
            norm = fit.problem.norm
            weight = (norm.counts, norm.edges) if isinstance(norm, HistogramNorm) else ((), ())
            update_activation_weight(self.figure, counts=weight[0], edges=weight[1])

    def _weigh(self, layer: str, superseded: Superseded) -> None:
        with self.model.guard():
            norm_of(ActivationSettings(norm="histogram", layer=layer))
            self._weighed.add(layer)
            self._update()

    def _text(self) -> str:
        if self.model.problem:
            return f"{self.model.line}\n{self.model.problem}"
        fit, optimum = self.fits()
        lines = [self.model.line, f"p(x) = {formula(fit)}", text_table(HEADS, rows(fit, optimum))]
        return "\n".join([*lines, weight_sentence(self.model.settings)]).rstrip()

    def _markup(self) -> str:
        if self.model.problem:
            return f"<p>{escape(self.model.problem)}</p>"
        return describe(*self.fits()) + weight_note(self.model.settings)


def activations(**settings: Any) -> ActivationLab:
    """Open the lab of activations; any setting of `ActivationSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ActivationLab(**settings)


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


def weight_note(settings: ActivationSettings) -> str:
    """The same as HTML."""
    sentence = weight_sentence(settings)
    return f'<p class="note">{escape(sentence)}</p>' if sentence else ""


HEADS: Final = ("coefficients", "largest error", "rms error", "CT-CT mults", "other HOPs", "depth")


def rows(fit: Approximation, optimum: Approximation) -> list[list[object]]:
    """The fit and the real optimum, a row each."""
    names = ("allowed", "real")
    return [
        [
            name, f"{each.max_error:.4f}", f"{each.rms_error:.4f}", each.cost.ct_ct_mults,
            each.cost.total - each.cost.ct_ct_mults, each.cost.depth,
        ]
        for name, each in zip(names, (fit, optimum), strict=True)
    ]  # fmt: skip


def formula(fit: Approximation) -> str:
    """The polynomial in characters, constant term first: ``2^-3 + 2^-1 x + 2^-3 x^2``."""
    return join_terms(fit, power=lambda base, exponent: f"{base}^{exponent}", minus="-")


def formula_markup(fit: Approximation) -> str:
    """The polynomial in HTML."""
    return join_terms(fit, power=lambda base, exponent: f"{base}<sup>{exponent}</sup>", minus="−")


def join_terms(fit: Approximation, *, power: Any, minus: str) -> str:
    """Terms that are not zero, joined by their signs."""
    parts = []
    for degree, value in enumerate(fit.coefficients):
        if not value:
            continue
        powers = fit.powers[degree] if fit.powers is not None else None
        x = "" if degree == 0 else "x" if degree == 1 else power("x", degree)
        if powers is None:
            magnitude = f"{abs(value):.6g}"
        else:
            # The sign of the whole coefficient stands before it: inside, signs are relative to that.
            lead = powers[0][0]
            magnitude = (
                "".join(
                    ("" if index == 0 else " + " if sign == lead else f" {minus} ") + power(2, exponent)
                    for index, (sign, exponent) in enumerate(powers)
                )
                .replace("^-", f"^{minus}")
                .replace("<sup>-", f"<sup>{minus}")
            )
            magnitude = f"({magnitude})" if len(powers) > 1 and x else magnitude
        sign = minus if value < 0 else "+"
        parts.append((sign, f"{magnitude} {x}".strip()))
    if not parts:
        return "0"
    first_sign, first = parts[0]
    start = f"{minus}{first}" if first_sign == minus else first
    return start + "".join(f" {sign} {term}" for sign, term in parts[1:])


def describe(fit: Approximation, optimum: Approximation) -> str:
    """Formula, table and what is proven, as HTML."""
    ratio = fit.error / optimum.error if optimum.error else float("inf")
    what = "largest error" if fit.problem.norm.label == "linf" else "weighted rms error"
    comparison = (
        f"The {what} is {ratio:.3g} times that of the real optimum, and no polynomial of degree {fit.problem.degree} "
        f"with such coefficients has one below {fit.lower_bound:.4f}."
        if fit.powers is not None
        else f"No polynomial of degree {fit.problem.degree} has a {what} below {fit.lower_bound:.4f}."
    )
    return (
        f'<p class="verdict"><b>p(x) = {formula_markup(fit)}</b></p>'
        + table(HEADS, rows(fit, optimum))
        + f'<p class="note">{escape(comparison)}</p>'
    )
