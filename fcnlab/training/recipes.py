"""The recipes of the shipped networks: every choice that a training run depends on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from fcnlab.compression.quantization import INQ_SHARES
from fcnlab.data.trained import SEED_MARK
from fcnlab.errors import DataError
from fcnlab.networks.architectures import CONV1_POSITIONS, Architecture
from fcnlab.networks.augmentation import Warp

PHASES: Final = ("dense", "part", "prune", "quantise", "calibrate")
TAPS: Final = 25  # of a convolution's kernel
STRONG_WARP: Final = Warp(rotation_degrees=12, scale=0.12, shear=0.15, shift_pixels=2, elastic_pixels=1.2)
GENTLE_WARP: Final = Warp(rotation_degrees=6, scale=0.08, shear=0.08, shift_pixels=1, elastic_pixels=0.6)
MIDDLE_WARP: Final = Warp(rotation_degrees=8, scale=0.1, shear=0.1, shift_pixels=1.4, elastic_pixels=0.8)
WEIGHT_LAYERS: Final = {
    "faster-cryptonets": ("conv1", "fc1", "fc2"),
    "cryptonets": ("conv1", "conv2", "fc1", "fc2"),
    "cryptodl-1": ("conv1", "conv2", "fc1", "fc2"),
    "cryptodl-2": ("conv1", "conv2", "conv3", "fc1", "fc2"),
    "untied": ("conv1", "fc1", "fc2"),
}


@dataclass(frozen=True)
class TeacherRecipe:
    """How the teacher is trained, and how many augmented passes it marks for its students.

    Attributes:
        epochs: Passes over the training images, each warped anew.
        lessons: Augmented passes with the teacher's logits, cached and reused by the students.
        warp: Distortion of the images that the teacher learns from.
        lesson_warp: Distortion of the images in the lessons: gentler, since a student is small.
        seed: The seed of the split, the initial weights, the order and the distortions; each further member takes the
            next one.
        images: Training images to use, 0 for all; fewer make a quick trial.
        members: Networks that teach together, by the mean of their logits.
    """

    epochs: int = 14
    lessons: int = 20
    warp: Warp = STRONG_WARP
    lesson_warp: Warp = GENTLE_WARP
    seed: int = 0
    images: int = 0
    members: int = 1


ENSEMBLE: Final = TeacherRecipe(epochs=20, lessons=30, warp=MIDDLE_WARP, lesson_warp=MIDDLE_WARP, members=4)
"""Four networks, each better than the one of the default, and livelier lessons: for students that learn long."""


@dataclass(frozen=True)
class Recipe:
    """One network to train.

    Attributes:
        name: The checkpoint's name.
        architecture: What is trained.
        dense_epochs: Epochs of training with batch norm, all weights kept; 0 with a start.
        convolution: For an untied network, what learns in the dense phase, with two squares and as many values between
            its layers. Then its positions part.
        noise: Standard deviation of what is added to each input in the dense phase; inputs are 0 to 1. Filters become
            smooth by it, and bear pruning and rounding better.
        part_epochs: For an untied network, epochs after its positions have parted, in which windows learn what pixels
            knew.
        start: Shipped network that takes the place of the dense phase; it may differ in activation and pooling.
        prune_epochs: Epochs after folding while each layer shrinks to its budget; 0 keeps all weights.
        quantise_epochs: Epochs while growing shares of the weights are rounded and frozen; 0 keeps real weights.
        calibrate_epochs: Epochs with all weights final, in which only the biases learn.
        budgets: For each weight layer, the products per image that are left after pruning.
        hops: HOPs of one pass that are left after pruning, in place of budgets (``untied`` only).
        exponents: For each weight layer, how many neighbouring exponents its powers of two may use.
        shares: How much of a layer's weights is rounded after each step of quantization (but ``untied``).
        dense_rate: Learning rate at the start of the dense phase; it falls along a cosine, as do the next ones.
        part_rate: Once positions have parted.
        prune_rate: For pruning.
        quantise_rate: For quantization: weights that are still free must move to make up for those that are rounded.
        calibrate_rate: For the biases at the end.
        temperature: What the logits of teacher and student are divided by where they are compared.
        soft_share: Share of the loss that asks for the teacher's answer, 0 to 1; the rest asks for the label.
        seed: The seed of the initial weights and of the order of the images.
        teacher: What the student learns from.
    """

    name: str
    architecture: Architecture
    dense_epochs: int = 0
    convolution: Architecture | None = None
    noise: float = 0.0
    part_epochs: int = 0
    start: str = ""
    prune_epochs: int = 0
    quantise_epochs: int = 0
    calibrate_epochs: int = 0
    budgets: dict[str, int] = field(default_factory=dict)
    hops: int = 0
    exponents: dict[str, int] = field(default_factory=dict)
    shares: tuple[float, ...] = INQ_SHARES
    dense_rate: float = 3e-3
    part_rate: float = 2e-3
    prune_rate: float = 1.5e-3
    quantise_rate: float = 1.5e-3
    calibrate_rate: float = 5e-4
    temperature: float = 3.0
    soft_share: float = 0.9
    seed: int = 0
    teacher: TeacherRecipe = field(default_factory=TeacherRecipe)

    def __post_init__(self) -> None:
        layers = WEIGHT_LAYERS[self.architecture.kind]
        untied = self.architecture.kind == "untied"
        if bool(self.dense_epochs) == bool(self.start):
            raise DataError(f"Recipe {self.name!r} needs dense epochs, or a shipped network to start from, not both.")
        if untied != bool(self.hops) or untied != (self.convolution is not None):
            raise DataError(
                f"Recipe {self.name!r}: HOPs and a convolution are for networks of kind 'untied', and these need both."
            )
        if self.prune_epochs and not self.hops and set(self.budgets) != set(layers):
            raise DataError(f"Recipe {self.name!r} prunes: give a product budget for {', '.join(layers)}.")
        if self.quantise_epochs and set(self.exponents) != set(layers):
            raise DataError(f"Recipe {self.name!r} quantises: give exponents for {', '.join(layers)}.")

    def epochs(self, phase: str) -> int:
        """Epochs of a phase, a name of PHASES."""
        return int(getattr(self, f"{phase}_epochs"))

    def rate(self, phase: str) -> float:
        """Learning rate at the start of a phase."""
        return float(getattr(self, f"{phase}_rate"))

    @property
    def dense_hops(self) -> int:
        """HOPs of an untied network's connections as they come from its convolution: where pruning begins."""
        assert self.convolution is not None
        hidden, units = self.architecture.hidden, self.convolution.units
        return 2 * (hidden * TAPS + hidden * units + units * 10)

    @property
    def command(self) -> str:
        """What trains it again."""
        name, _, seed = self.name.partition(SEED_MARK)
        return f"fcnlab train {name} --seed {seed}" if seed else f"fcnlab train {name}"

    @property
    def weight_bits(self) -> int:
        """Bits that name zero, the signs and the exponents of a weight; 0 for real weights."""
        return (2 * max(self.exponents.values())).bit_length() if self.quantise_epochs else 0


def fingerprint(recipe: Recipe | TeacherRecipe) -> str:
    """Eight hex digits that change with any choice of the recipe: runs of different recipes never share a state."""
    text = json.dumps(asdict(recipe), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def untied(name: str, *, maps: int, units: int, window: int = 1, pixel_bits: int = 4, **others: Any) -> Recipe:
    """A network whose connections part from a convolution that learnt from noisy images: all begin and learn alike."""
    tied, hidden = Architecture(kind="cryptonets", activation="square", maps=maps, units=units), maps * CONV1_POSITIONS
    return Recipe(
        name=name,
        architecture=replace(tied, kind="untied", hidden=hidden, window=window, pixel_bits=pixel_bits),
        convolution=replace(tied, maps2=64),
        dense_epochs=45,
        noise=0.25,
        calibrate_epochs=4,
        teacher=ENSEMBLE,
        soft_share=0.8,
        **others,
    )


def shrunk(name: str, **others: Any) -> Recipe:
    """A small network that reads shrunk images.

    It learns long: an epoch takes two seconds, and what it knows of one place it does not of the next.
    """
    return untied(
        name,
        maps=5,
        units=100,
        window=2,
        part_epochs=30,
        prune_epochs=150,
        quantise_epochs=90,
        prune_rate=2e-3,
        quantise_rate=2.5e-3,
        temperature=1.5,
        **others,
    )


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            Recipe(
                name="fcn-20k",
                architecture=Architecture(kind="faster-cryptonets", activation="swish-aq-2"),
                dense_epochs=36,
                prune_epochs=36,
                quantise_epochs=28,
                calibrate_epochs=5,
                budgets={"conv1": 8_300, "fc1": 10_900, "fc2": 800},
                exponents={"conv1": 3, "fc1": 4, "fc2": 4},
            ),
            Recipe(
                name="faster-cryptonets",
                architecture=Architecture(kind="cryptonets", activation="swish-aq-2", pooling="average"),
                start="cryptonets",
                prune_epochs=90,
                quantise_epochs=49,
                calibrate_epochs=4,
                budgets={"conv1": 10_000, "conv2": 6_500, "fc1": 5_800, "fc2": 707},
                exponents={"conv1": 7, "conv2": 7, "fc1": 7, "fc2": 7},
                shares=(0.4, 0.6, 0.75, 0.85, 0.92, 0.97, 1.0),
                prune_rate=2e-3,
                quantise_rate=2e-3,
                temperature=2.0,
                soft_share=0.85,
                seed=4,
                teacher=ENSEMBLE,
            ),
            untied(
                "fcn-99.4",
                maps=12,
                units=128,
                pixel_bits=3,
                prune_epochs=80,
                quantise_epochs=60,
                hops=68_500,
                exponents={"conv1": 4, "fc1": 4, "fc2": 4},
                prune_rate=1e-3,
                temperature=1.5,
            ),
            shrunk("fcn-25k", hops=25_400, pixel_bits=5, exponents={"conv1": 4, "fc1": 4, "fc2": 4}),
            shrunk("fcn-12k", hops=12_100, exponents={"conv1": 4, "fc1": 5, "fc2": 5}, seed=4),
            Recipe(
                name="cryptonets", architecture=Architecture(kind="cryptonets", activation="square"), dense_epochs=40
            ),
            Recipe(
                name="cryptodl-1",
                architecture=Architecture(kind="cryptodl-1", activation="relu-3", maps=20, maps2=50, units=500),
                dense_epochs=10,
            ),
            Recipe(
                name="cryptodl-2",
                architecture=Architecture(kind="cryptodl-2", activation="relu-3", maps=20, maps2=144, units=256),
                dense_epochs=2,
                teacher=ENSEMBLE,
            ),
        )
    }
)
"""The shipped networks by name."""


def find_recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        DataError: If there is none; the message lists the known ones.
    """
    if name not in RECIPES:
        raise DataError(f"Unknown recipe {name!r}: choose one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def reseeded(recipe: Recipe, *, seed: int) -> Recipe:
    """The same recipe with another seed, under a name that tells it; teacher and lessons stay.

    Raises:
        DataError: If the seed is negative.
    """
    if seed < 0:
        raise DataError(f"A seed is 0 or more; got {seed}.")
    return replace(recipe, name=f"{recipe.name}{SEED_MARK}{seed}", seed=seed)
