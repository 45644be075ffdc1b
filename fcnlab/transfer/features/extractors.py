"""The public extractor for digits: a small convolutional network, trained on MNIST alone (`pretext`) and then frozen.

Its last layer is no classifier but a public whitening: the 64 main directions of its maps over public images, each with
mean 0 and variance 1. On disk it is a safetensors file with a JSON card beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import DataError
from fcnlab.networks.architectures import sequential
from fcnlab.networks.fitting import single_thread
from fcnlab.networks.storage import load_network

EXTRACTORS_FOLDER: Final = DATA_ROOT / "extractors"
FEATURES: Final = 64
MAPS_OUT: Final = 32 * 4 * 4
BATCH: Final = 1000


@dataclass(frozen=True)
class ExtractorRecipe:
    """Everything that an extractor's training depends on.

    Attributes:
        name: The files' name.
        digits: The digits of MNIST that it may see.
        coarse: Whether half of the images are coarsened, so that it can read 8x8 digits.
        epochs: Passes over these images, each warped anew.
        seed: The seed of weights, order, warps and turns.
    """

    name: str
    digits: tuple[int, ...]
    coarse: bool
    epochs: int = 4
    seed: int = 0


RECIPES: Final[Mapping[str, ExtractorRecipe]] = MappingProxyType(
    {
        recipe.name: recipe
        for recipe in (
            ExtractorRecipe("mnist-features", digits=tuple(range(10)), coarse=True),
            ExtractorRecipe("mnist-0-4-features", digits=tuple(range(5)), coarse=False),
        )
    }
)
"""The shipped extractors by name."""


@dataclass(frozen=True, eq=False)
class Extractor:
    """A frozen network from images to standardised features, and what is known of it.

    Attributes:
        network: Float images (N, 1, 28, 28) from 0 to 1 to features (N, 64).
        card: Recipe, accuracy, command, minutes, version.
    """

    network: nn.Sequential
    card: Mapping[str, Any]

    def extract(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Features of uint8 images (N, 28, 28), shape (N, 64); each depends on its own image alone."""
        return extract_features(self.network, torch.from_numpy(pixels.copy())[:, None])


def build_extractor(*, batch_norm: bool = False, outputs: int = FEATURES) -> nn.Sequential:
    """Two convolutions with ReLU and max pooling, and one linear layer: the client runs it in the clear."""
    return sequential(
        {
            "conv1": nn.Conv2d(1, 16, kernel_size=5),
            "norm1": nn.BatchNorm2d(16) if batch_norm else None,
            "act1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(16, 32, kernel_size=5),
            "norm2": nn.BatchNorm2d(32) if batch_norm else None,
            "act2": nn.ReLU(),
            "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(),
            "project": nn.Linear(MAPS_OUT, outputs),
        }
    )


@single_thread()
def extract_features(network: nn.Module, pixels: Tensor) -> npt.NDArray[np.float32]:
    """Run a network on uint8 images (N, 1, 28, 28), always a thousand at a time.

    The last thousand are filled up with empty images: in batches of another size the last bits of a record's features
    would depend on how many others there are.
    """
    filled = torch.cat([pixels, pixels.new_zeros(-len(pixels) % BATCH, *pixels.shape[1:])])
    with torch.no_grad():
        parts = [network(part.float() / 255) for part in torch.split(filled, BATCH)]
    return np.asarray(torch.cat(parts)[: len(pixels)].numpy())


def load_extractor(name: str, *, folder: Path = EXTRACTORS_FOLDER) -> Extractor:
    """Load a shipped extractor, checked.

    Raises:
        DataError: If the name is unknown, or a file is missing or altered.
    """
    if name not in RECIPES:
        raise DataError(f"Unknown extractor {name!r}: choose one of {', '.join(RECIPES)}.")
    path, mend = folder / f"{name}.safetensors", f"run `fcnlab train {name}`"
    network, card = load_network(path, card=dict[str, Any], build_network=lambda _: build_extractor(), mend=mend)
    return Extractor(network.requires_grad_(False), card)
