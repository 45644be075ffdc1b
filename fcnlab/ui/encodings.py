"""Lab 05: plaintexts as dense vectors, constants and monomials, and what operations do to noise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from fcnlab.data.encodings import EncodingStudy, reference_study
from fcnlab.page import Sentence, Table
from fcnlab.plots.encoding import CURVES, RING_TICKS, encoding_figure, update_encodings
from fcnlab.ui.kit.controls import Choice, Whole, setting
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page, Tiles
from fcnlab.ui.kit.task import Step, Task, TaskPanel

PUBLISHED: Final = (
    "Published, n = 8192, on the authors' laptop: 3,306 µs in general, 755 µs by a monomial, 4.4 times less."
)
STORED: Final = "Stored measurements, made on an {}."
HERE: Final = "Measured just now on this machine, processor time of one core."
COST_HEADS: Final = ("plaintext", "µs", "growth", "against dense")
NOISE_HEADS: Final = ("operation", "bits left", "bits spent")
NOISE_SETTING: Final = ", bfv, n = 8,192, four primes of 45 bits, plain modulus of 20 bits"
SWITCH_HEADS: Final = ("primes left", "bytes", "µs of a square", "decrypts")


SCHEMES: Final = {"bfv": "bfv, coefficients", "bgv": "bgv, transformed", "ckks": "ckks, transformed"}
RINGS: Final = {str(ring): f"{ring:,}" for ring in RING_TICKS}
SCHEME_HELP: Final = "How a product by a plaintext is carried out depends on the scheme."
RING_HELP: Final = "Where the numbers of the table are read off."
WEIGHT_HELP: Final = "A weight of a layer, as the encodings see it."


@dataclass(frozen=True)
class EncodingSettings:
    """What the controls set."""

    scheme: str = setting("bfv", Choice(label="scheme", options=SCHEMES, help=SCHEME_HELP))
    ring_degree: str = setting("8192", Choice(label="ring degree", options=RINGS, help=RING_HELP))
    weight: int = setting(4, Whole(label="weight", low=-128, high=128, help=WEIGHT_HELP))


PRESETS: Final = {
    "published": EncodingSettings(),
    "a zero weight": EncodingSettings(weight=0),
    "no power of two": EncodingSettings(weight=87),
    "transformed": EncodingSettings(scheme="bgv"),
}


def study_in_worker(*, progress: Callable[[Step], None]) -> EncodingStudy:
    """The worker's function: only it knows Pyfhel."""
    from fcnlab.measuring.encodings import study_encodings

    return study_encodings(progress=lambda step: progress(Step(*step)))


class EncodingLab(Lab):
    """The lab of encodings; any setting of `EncodingSettings` may be given."""

    def __init__(self, **settings: Any) -> None:
        model = LabModel("encodings", EncodingSettings(), presets=PRESETS)
        super().__init__(model, encoding_figure(), settings)
        self.numbers = area()
        self.task = Task(study_in_worker)
        cost = "One core, a few seconds, in a process of its own. Until then the stored measurements are shown."
        self.panel = TaskPanel(self.task, label="Measure on this machine", start=self.task.start, cost=cost)
        self.task.observe(self.update, names="result")
        self.open([self.panel.widget, self.figure, self.numbers])

    @property
    def study(self) -> EncodingStudy:
        """Measured here, or the stored one."""
        return self.task.result if self.task.result is not None else reference_study()

    @override
    def show(self, settings: EncodingSettings) -> None:
        update_encodings(self.figure, study=self.study, scheme=settings.scheme, ring_degree=int(settings.ring_degree))
        source = STORED.format(f"{reference_study().processor}; measure to see this machine")
        self.numbers.value = describe(settings, self.study, source=HERE if self.task.result else source).live

    @override
    def facts(self) -> Page:
        study = reference_study()
        return describe(self.model.settings, study, source=STORED.format(study.processor))


encodings = EncodingLab  # as notebooks and settings lines call it


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


def describe(settings: EncodingSettings, study: EncodingStudy, *, source: str) -> Page:
    """All words and tables."""
    rows, ring, fresh = cost_rows(settings, study), int(settings.ring_degree), study.noise[0].budget_bits
    noise = [[row.operation, row.budget_bits, fresh - row.budget_bits] for row in study.noise]
    missing = "ckks stores its plaintexts transformed: a monomial is there as dense as any other."
    return Page(
        Sentence(source, kind="source"),
        Tiles({f"by a {row[0]} plaintext": f"{row[1]} µs" for row in rows}),
        Sentence(weight_sentence(settings), kind="plain"),
        Table(COST_HEADS, rows, title="One product", about=f", {settings.scheme}, n = {ring:,}, one prime of 36 bits"),
        missing if settings.scheme == "ckks" else None,
        PUBLISHED,
        Table(NOISE_HEADS, noise, title="Noise budget", about=NOISE_SETTING),
        Sentence(f": SEAL says “{study.zero}”.", kind="plain", title="A zero plaintext"),
        Table(SWITCH_HEADS, switch_rows(study), title="Modulus switches", about=", bgv, n = 8,192"),
    )
