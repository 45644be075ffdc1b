"""What lab 04 can be asked for: which digits, which network, how encrypted; and the test digits that this picks."""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.mnist import Images, load_mnist
from fcnlab.planning.parameters import RINGS
from fcnlab.ui.choices import BESIDE, ENGINE, network_choice, scheme_choice, shipped_only
from fcnlab.ui.kit.controls import Choice, Whole, setting

ANY: Final = "any"
CHEAPEST: Final = "cheapest"
MOST: Final = 100
PICKING: Final = ("first", "count", "label", "order")
"""The settings that choose test digits: moving one of them leaves a drawing for the test digits."""


SOURCES: Final = {"test": "test digits", "drawn": "what I draw"}
LABELS: Final = {ANY: ANY, **{str(digit): str(digit) for digit in range(10)}}
STARTS: Final = {"rest": "when the pen rests", "button": "with the button"}
LAYOUTS: Final = {"auto": "the cheaper one", "packed": "packed, for one image", "batch": "batch, for thousands"}
DEGREES: Final = {CHEAPEST: "the cheapest", **{str(degree): f"{degree:,}" for degree in RINGS}}
HELP: Final = {
    "source": "Drawing on the sheet chooses it; moving one of the next four controls chooses test digits.",
    "first": "Which of the 10,000 test digits comes first.",
    "count": "In a batch one costs as much as a hundred.",
    "scheme": "bgv and bfv are exact; ckks is approximate, in the smallest rings.",
    "layout": "One image in a few ciphertexts, or an image in each slot.",
    "ring_degree": "A larger ring bears more, and costs more.",
}


@dataclass(frozen=True)
class DigitSettings:
    """What the controls set."""

    source: str = setting("test", Choice(label="image", options=SOURCES, help=HELP["source"]))
    first: int = setting(0, Whole(label="from", low=0, high=9999, help=HELP["first"]))
    count: int = setting(1, Whole(label="how many", low=1, high=MOST, help=HELP["count"]))
    label: str = setting(ANY, Choice(label="only digits", options=LABELS, help="Test digits of one label."))
    order: int = setting(0, Whole(label="shuffle", low=0, high=9999, help="0 is the order of MNIST; others mix it."))
    shown: int = setting(1, Whole(label="show no.", low=1, high=MOST, help="Whose logits the picture shows."))
    start: str = setting("rest", Choice(label="start", options=STARTS, help="Of a drawn digit's run."))
    network: str = setting(DEFAULT_NETWORK, network_choice("A trained network."))
    scheme: str = setting("ckks", scheme_choice(HELP["scheme"]))
    engine: str = setting("fused", ENGINE)
    layout: str = setting("auto", Choice(label="layout", options=LAYOUTS, help=HELP["layout"]))
    ring_degree: str = setting(CHEAPEST, Choice(label="ring degree", options=DEGREES, help=HELP["ring_degree"]))
    beside: str = setting("Faster CryptoNets", BESIDE)


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
