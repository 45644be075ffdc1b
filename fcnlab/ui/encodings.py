"""Lab 05: plaintexts as dense vectors, constants and monomials, and what operations do to noise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import ipywidgets as widgets

from fcnlab.data.encodings import EncodingStudy, reference_study
from fcnlab.plots.encoding import CURVES, RING_TICKS, encoding_figure, update_encodings
from fcnlab.ui.kit.background import Task, TaskPanel
from fcnlab.ui.kit.controls import Choice, Whole
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.views import Display, View, block, escape, table, text_table, tiles

PUBLISHED: Final = (
    "Published, n = 8192, on the authors' laptop: 3,306 µs in general, 755 µs by a monomial, 4.4 times less."
)
COST_HEADS: Final = ("plaintext", "µs", "growth", "against dense")
SWITCH_HEADS: Final = ("primes left", "bytes", "µs of a square", "decrypts")


@dataclass(frozen=True)
class EncodingSettings:
    """What the controls set.

    Attributes:
        scheme: bfv, bgv or ckks.
        ring_degree: As text, where numbers are read off.
        weight: An integer weight.
    """

    scheme: str = "bfv"
    ring_degree: str = "8192"
    weight: int = 4


CONTROLS: Final = (
    Choice(
        name="scheme", label="scheme", help="How a product by a plaintext is carried out depends on the scheme.",
        options={"bfv": "bfv, coefficients", "bgv": "bgv, transformed", "ckks": "ckks, transformed"},
    ),
    Choice(
        name="ring_degree", label="ring degree", help="Where the numbers of the table are read off.",
        options={str(ring): f"{ring:,}" for ring in RING_TICKS},
    ),
    Whole(name="weight", label="weight", low=-128, high=128, help="A weight of a layer, as the encodings see it."),
)  # fmt: skip

PRESETS: Final = {
    "published": EncodingSettings(),
    "a zero weight": EncodingSettings(weight=0),
    "no power of two": EncodingSettings(weight=87),
    "transformed": EncodingSettings(scheme="bgv"),
}


def study_in_worker(*, progress: Callable[[tuple[str, int, int]], None]) -> EncodingStudy:
    """The worker's function: only it knows Pyfhel."""
    from fcnlab.measuring.encodings import study_encodings

    return study_encodings(progress=progress)


class EncodingLab(Display):
    """The laboratory; its settings are those of `EncodingSettings`."""

    def __init__(self, **settings: Any) -> None:
        self.model = LabModel("encodings", EncodingSettings(), controls=CONTROLS, presets=PRESETS)
        self.model.change(**settings)
        self.figure = LiveFigure(encoding_figure())
        self.numbers = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self.task = Task()
        panel = TaskPanel(
            self.task, label="Measure on this machine", start=lambda: self.task.start(study_in_worker, {}),
            cost="One core, a few seconds, in a process of its own. Until then the stored measurements are shown.",
        )  # fmt: skip
        self.panel = panel
        self.frame = Frame(self.model, [panel.widget, self.figure, self.numbers])
        self.model.observe(self._update, names="settings")
        self.task.observe(self._update, names="result")
        self._update()
        self._view = View(self.frame.widget, text=self._text, markup=self._markup)

    @property
    def study(self) -> EncodingStudy:
        """Measured here, or the stored one."""
        return self.task.result if self.task.result is not None else reference_study()

    def _update(self, _: object = None) -> None:
        settings = self.model.settings
        with self.model.guard():
            update_encodings(
                self.figure, study=self.study, scheme=settings.scheme, ring_degree=int(settings.ring_degree)
            )
            self.numbers.value = block(describe(settings, self.study, source=self._source()))

    def _source(self) -> str:
        if self.task.result is not None:
            return "Measured just now on this machine, processor time of one core."
        return f"Stored measurements, made on an {reference_study().processor}; measure to see this machine."

    def _text(self) -> str:
        settings, study = self.model.settings, reference_study()
        return "\n".join(
            [
                self.model.line,
                weight_sentence(settings),
                f"Stored measurements, {settings.scheme}, n = {settings.ring_degree}",
                text_table(COST_HEADS, cost_rows(settings, study)),
                text_table(("operation", "bits left"), [[row.operation, row.budget_bits] for row in study.noise]),
                text_table(SWITCH_HEADS, switch_rows(study)),
            ]
        )

    def _markup(self) -> str:
        return describe(
            self.model.settings,
            reference_study(),
            source=f"Stored measurements, made on an {reference_study().processor}.",
        )


def encodings(**settings: Any) -> EncodingLab:
    """Open the lab of encodings; any setting of `EncodingSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return EncodingLab(**settings)


# --- words and numbers ------------------------------------------------------------------------------------------------


def binary_terms(weight: int) -> list[str]:
    """The terms of the polynomial of a weight's binary digits, highest first."""
    sign = "−" if weight < 0 else ""
    powers = [place for place in range(abs(weight).bit_length() - 1, -1, -1) if abs(weight) >> place & 1]
    return [f"{sign}{'1' if power == 0 else 'x' if power == 1 else f'x^{power}'}" for power in powers]


def weight_sentence(settings: EncodingSettings) -> str:
    """What becomes of a weight."""
    weight = settings.weight
    if not weight:
        return (
            "Weight 0: nothing is computed. SEAL refuses the product, since its result would hold no secret any more: "
            "a transparent ciphertext, readable by everybody. A sparse layer skips it, and that is the whole gain."
        )
    terms = binary_terms(weight)
    polynomial = " + ".join(terms).replace("+ −", "− ")
    kind = (
        "a monomial: the coefficients of the ciphertext are shifted around, and nothing is multiplied"
        if len(terms) == 1
        else f"{len(terms)} coefficients, so that a general product with transforms is needed"
    )
    return (
        f"Weight {weight}: as a constant in every slot it is the plaintext {weight}, one coefficient. By its binary "
        f"digits it is {polynomial}, {kind}."
    )


def cost_rows(settings: EncodingSettings, study: EncodingStudy) -> list[list[object]]:
    """Product costs in the chosen scheme and ring."""
    rows: list[list[object]] = []
    dense = dict(zip(*study.curve(settings.scheme, "dense"), strict=True))
    ring = int(settings.ring_degree)
    for encoding in CURVES:
        costs = dict(zip(*study.curve(settings.scheme, encoding), strict=True))
        if ring in costs:
            growth = f"n^{study.growth(settings.scheme, encoding):.2f}"
            rows.append([encoding, f"{costs[ring]:,.1f}", growth, f"{dense[ring] / costs[ring]:.1f} × faster"])
    return rows


def switch_rows(study: EncodingStudy) -> list[list[object]]:
    """A ciphertext from all primes down to one."""
    return [
        [str(row.primes), row.ciphertext_bytes, f"{row.square_microseconds:,.0f}", "yes" if row.right else "no"]
        for row in study.switches
    ]


def describe(settings: EncodingSettings, study: EncodingStudy, *, source: str) -> str:
    """All words and tables."""
    rows = cost_rows(settings, study)
    figures = {f"by a {row[0]} plaintext": f"{row[1]} µs" for row in rows}
    noise = [[row.operation, row.budget_bits, study.noise[0].budget_bits - row.budget_bits] for row in study.noise]
    missing = (
        '<p class="note">ckks stores its plaintexts transformed: a monomial is there as dense as any other.</p>'
        if settings.scheme == "ckks"
        else ""
    )
    return (
        f'<p class="note"><b>{escape(source)}</b></p>{tiles(figures)}'
        f"<p>{escape(weight_sentence(settings))}</p>"
        f"<p><b>One product</b>, {settings.scheme}, n = {int(settings.ring_degree):,}, one prime of 36 bits</p>"
        f'{table(COST_HEADS, rows)}{missing}<p class="note">{escape(PUBLISHED)}</p>'
        f"<p><b>Noise budget</b>, bfv, n = 8,192, four primes of 45 bits, plain modulus of 20 bits</p>"
        f"{table(('operation', 'bits left', 'bits spent'), noise)}"
        f"<p><b>A zero plaintext</b>: SEAL says “{escape(study.zero)}”.</p>"
        f"<p><b>Modulus switches</b>, bgv, n = 8,192</p>{table(SWITCH_HEADS, switch_rows(study))}"
    )
