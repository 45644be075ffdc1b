"""What lab 04 can be asked for: which digits, which network, how encrypted; and the test digits that this picks."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.mnist import Images, load_mnist
from fcnlab.planning.parameters import RINGS
from fcnlab.ui.choices import ENGINE, beside_choice, network_choice, scheme_choice, shipped_only
from fcnlab.ui.kit.controls import Choice, Control, Whole

ANY: Final = "any"
CHEAPEST: Final = "cheapest"
MOST: Final = 100
PICKING: Final = ("first", "count", "label", "order")
"""The settings that choose test digits: moving one of them leaves a drawing for the test digits."""


@dataclass(frozen=True)
class DigitSettings:
    """What the controls set.

    Attributes:
        source: ``test`` or ``drawn``.
        first: Place of the first test digit, in the order given by `order`.
        count: How many test digits.
        label: Only digits of this label, or ``any``.
        order: 0 for the order of the data set; another number shuffles it.
        shown: Which of the digits the picture of the logits shows, from 1.
        start: ``rest`` starts a run when the pen rests, ``button`` only when asked.
        network: A shipped network.
        scheme: bgv, bfv or ckks.
        engine: fused or stepwise.
        layout: packed, batch, or auto for what is cheaper.
        ring_degree: The plan's ring degree as text, or ``cheapest``.
        beside: The published system to compare with.
    """

    source: str = "test"
    first: int = 0
    count: int = 1
    label: str = ANY
    order: int = 0
    shown: int = 1
    start: str = "rest"
    network: str = DEFAULT_NETWORK
    scheme: str = "ckks"
    engine: str = "fused"
    layout: str = "auto"
    ring_degree: str = CHEAPEST
    beside: str = "Faster CryptoNets"


SOURCES: Final = {"test": "test digits", "drawn": "what I draw"}
LABELS: Final = {ANY: ANY, **{str(digit): str(digit) for digit in range(10)}}
STARTS: Final = {"rest": "when the pen rests", "button": "with the button"}
LAYOUTS: Final = {"auto": "the cheaper one", "packed": "packed, for one image", "batch": "batch, for thousands"}
DEGREES: Final = {CHEAPEST: "the cheapest", **{str(degree): f"{degree:,}" for degree in RINGS}}
HELP: Final = {
    "source": "Drawing on the sheet chooses it; moving one of the next four controls chooses test digits.",
    "scheme": "bgv and bfv are exact; ckks is approximate, in the smallest rings.",
    "layout": "One image in a few ciphertexts, or an image in each slot.",
    "ring_degree": "A larger ring bears more, and costs more.",
}


def make_controls() -> tuple[Control, ...]:
    """The controls; which networks there are is found out when a lab opens."""
    return (
        Choice(name="source", label="image", options=SOURCES, help=HELP["source"]),
        Whole(name="first", label="from", low=0, high=9999, help="Which of the 10,000 test digits comes first."),
        Whole(name="count", label="how many", low=1, high=MOST, help="In a batch one costs as much as a hundred."),
        Choice(name="label", label="only digits", options=LABELS, help="Test digits of one label."),
        Whole(name="order", label="shuffle", low=0, high=9999, help="0 is the order of MNIST; others mix it."),
        Whole(name="shown", label="show no.", low=1, high=MOST, help="Whose logits the picture shows."),
        Choice(name="start", label="start", options=STARTS, help="Of a drawn digit's run."),
        network_choice("A trained network."),
        scheme_choice(HELP["scheme"]),
        ENGINE,
        Choice(name="layout", label="layout", options=LAYOUTS, help=HELP["layout"]),
        Choice(name="ring_degree", label="ring degree", options=DEGREES, help=HELP["ring_degree"]),
        beside_choice(),
    )


def make_presets() -> dict[str, DigitSettings]:
    """The cheapest for one digit, an exact one, a batch, and the published way."""
    presets = {
        "one digit": DigitSettings(),
        "exact": DigitSettings(scheme="bgv"),
        "a hundred": DigitSettings(count=MOST),
        "as published": DigitSettings(network="faster-cryptonets", scheme="bfv", engine="stepwise", layout="batch"),
    }
    return shipped_only(presets)


@dataclass(frozen=True, eq=False)
class Picture:
    """What is to be classified.

    Attributes:
        pixels: uint8, shape (N, 28, 28).
        labels: Their digits, shape (N,); None for a drawing.
        numbers: The test images' numbers, shape (N,); None for a drawing.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None = None
    numbers: npt.NDArray[np.int64] | None = None

    def same_as(self, other: "Picture | None") -> bool:
        """Whether both hold the same pixels."""
        return other is not None and np.array_equal(self.pixels, other.pixels)

    def name(self, index: int) -> str:
        """What to call one of the images."""
        return "the drawing" if self.numbers is None else f"test image {self.numbers[index]:,}"


@cache
def test_digits() -> Images:
    """The 10,000 test images, read once."""
    return load_mnist("test")


@lru_cache(maxsize=8)
def shuffled(order: int) -> npt.NDArray[np.int64]:
    """Numbers of the test images in the order of MNIST, or mixed by a seed."""
    count = len(test_digits())
    return np.arange(count) if order == 0 else np.random.default_rng(order).permutation(count)


def pick_digits(settings: DigitSettings) -> Picture:
    """The chosen test digits: from `first` on in their order, and around its end, those of the label."""
    numbers = np.roll(shuffled(settings.order), -settings.first)
    labels = test_digits().labels[numbers]
    if settings.label != ANY:
        numbers = numbers[labels == int(settings.label)]
    numbers = numbers[: settings.count]
    chosen: Any = test_digits()[numbers]
    return Picture(chosen.pixels, chosen.labels, numbers)
