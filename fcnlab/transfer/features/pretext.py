"""How the public extractor is trained: on a harder task than naming digits, so that it serves digits it never saw.

It learns to tell a digit *and* which of eight ways it was turned or mirrored. Its maps then describe strokes rather
than ten shapes. Only public images take part.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fcnlab.data.defaults import __version__
from fcnlab.data.mnist import Images, Split, load_mnist
from fcnlab.networks import fitting
from fcnlab.networks.architectures import fold_batch_norm, seeded, sequential
from fcnlab.networks.augmentation import Warp, warp_images
from fcnlab.networks.storage import save_network
from fcnlab.transfer.features.digit_images import coarsen
from fcnlab.transfer.features.extractors import (
    EXTRACTORS_FOLDER,
    FEATURES,
    Extractor,
    ExtractorRecipe,
    build_extractor,
    extract_features,
)

ORIENTATIONS: Final = 8
HIDDEN: Final = 128
WHITENING_IMAGES: Final = 8000
WARP: Final = Warp(rotation_degrees=10, scale=0.12, shear=0.15, shift_pixels=1.5, elastic_pixels=0.5)
PEAK_RATE: Final = 3e-3
WEIGHT_DECAY: Final = 1e-3


@dataclass(frozen=True)
class ExtractorProgress:
    """Where a training stands, after an epoch."""

    name: str
    epoch: int
    epochs: int
    loss: float
    elapsed_s: float


def build_pretext(classes: int) -> nn.Sequential:
    """The extractor in training: a hidden layer and a classifier in place of the whitening."""
    layers = dict(build_extractor(batch_norm=True, outputs=HIDDEN).named_children())
    layers |= {"norm3": nn.BatchNorm1d(HIDDEN), "act3": nn.ReLU(), "classify": nn.Linear(HIDDEN, classes)}
    return sequential(dict(layers))


@fitting.single_thread()
def train_extractor(
    recipe: ExtractorRecipe,
    *,
    progress: Callable[[ExtractorProgress], None] | None = None,
    folder: Path = EXTRACTORS_FOLDER,
) -> Extractor:
    """Train an extractor on the recipe's digits of MNIST, and store it with its card.

    Raises:
        DataError: If MNIST is missing, or the files cannot be written.
    """
    started = time.perf_counter()
    images = public_images("train", recipe=recipe)
    pixels = torch.from_numpy(images.pixels.copy())[:, None]
    labels = torch.from_numpy(np.searchsorted(recipe.digits, images.labels))
    network = seeded(lambda: build_pretext(ORIENTATIONS * len(recipe.digits)), seed=recipe.seed)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=WEIGHT_DECAY)
    for epoch in range(recipe.epochs):
        generator = fitting.epoch_generator(seed=recipe.seed, phase=recipe.name, epoch=epoch)

        def loss(model: nn.Module, batch: fitting.Batch, generator: torch.Generator = generator) -> Tensor:
            inputs, answers = make_lesson(*batch, recipe=recipe, generator=generator)
            return functional.cross_entropy(model(inputs), answers)

        mean_loss = fitting.fit_epoch(
            network,
            optimizer=optimizer,
            batches=fitting.shuffled_batches(pixels, labels, generator=generator),
            count=fitting.batch_count(len(labels)),
            loss=loss,
            rate=fitting.cosine_rate(PEAK_RATE, epoch=epoch, epochs=recipe.epochs),
        )
        if progress is not None:
            elapsed_s = time.perf_counter() - started
            progress(ExtractorProgress(recipe.name, epoch + 1, recipe.epochs, mean_loss, elapsed_s))
    extractor = Extractor(
        whiten(fold_batch_norm(network), pixels[:WHITENING_IMAGES], recipe=recipe),
        asdict(recipe)
        | {
            "task": "which digit, and which of eight ways it was turned or mirrored",
            "accuracy": round(pretext_accuracy(network, recipe=recipe), 2),
            "features": FEATURES,
            "data": "MNIST training images of these digits; no private image or label",
            "command": f"fcnlab train {recipe.name}",
            "minutes": round((time.perf_counter() - started) / 60, 1),
            "version": __version__,
        },
    )
    save_network(folder / f"{recipe.name}.safetensors", extractor.network, card=extractor.card)
    return extractor


def public_images(split: Split, *, recipe: ExtractorRecipe) -> Images:
    """The images of MNIST that the recipe may see."""
    images = load_mnist(split)
    return images[np.isin(images.labels, recipe.digits)]


def make_lesson(
    pixels: Tensor, digits: Tensor, *, recipe: ExtractorRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Warp, coarsen and turn a batch: inputs (N, 1, 28, 28) from 0 to 1, and the class of digit and turn."""
    images = warp_images(pixels.float() / 255, warp=WARP, generator=generator)
    if recipe.coarse:
        half = len(images) // 2
        images = torch.cat([coarsen(images[:half]), images[half:]])
    turns = torch.randint(ORIENTATIONS, (len(images),), generator=generator)
    return turn(images, turns), digits * ORIENTATIONS + turns


def turn(images: Tensor, turns: Tensor) -> Tensor:
    """Turn each image by a multiple of 90 degrees, and mirror it first for turns of 4 and more."""
    turned = torch.empty_like(images)
    for index in range(ORIENTATIONS):
        chosen = turns == index
        part = images[chosen].flip(-1) if index >= 4 else images[chosen]
        turned[chosen] = part.rot90(index % 4, dims=(-2, -1))
    return turned


def whiten(network: nn.Sequential, pixels: Tensor, *, recipe: ExtractorRecipe) -> nn.Sequential:
    """Replace all layers after ``flatten`` by the whitening of the maps over public images.

    Args:
        network: Trained, without batch norm.
        pixels: Public images, uint8, shape (N, 1, 28, 28), as the recipe's training saw them.
        recipe: Says whether half of them are coarsened.
    """
    extractor = build_extractor()
    kept = {name: value for name, value in network.state_dict().items() if name.startswith("conv")}
    extractor.load_state_dict(kept, strict=False)
    extractor.requires_grad_(False).eval()
    if recipe.coarse:
        half = len(pixels) // 2
        pixels = torch.cat([(coarsen(pixels[:half].float() / 255) * 255).round().to(torch.uint8), pixels[half:]])
    maps = extract_features(extractor[:-1], pixels).astype(np.float64)
    centre = maps.mean(axis=0)
    _, lengths, directions = np.linalg.svd(maps - centre, full_matrices=False)
    weights = directions[:FEATURES] / (lengths[:FEATURES, None] / np.sqrt(len(maps)))
    project = extractor.get_submodule("project")
    assert isinstance(project, nn.Linear)
    project.weight.copy_(torch.from_numpy(weights))
    project.bias.copy_(torch.from_numpy(-weights @ centre))
    return extractor


def pretext_accuracy(network: nn.Sequential, *, recipe: ExtractorRecipe) -> float:
    """Percent of the recipe's digits among MNIST's test images whose digit and turn are both told right."""
    images = public_images("test", recipe=recipe)
    generator = fitting.epoch_generator(seed=recipe.seed, phase="test", epoch=0)
    inputs, answers = make_lesson(
        torch.from_numpy(images.pixels.copy())[:, None],
        torch.from_numpy(np.searchsorted(recipe.digits, images.labels)),
        recipe=recipe,
        generator=generator,
    )
    return fitting.accuracy_percent(network, inputs=inputs, labels=answers)
