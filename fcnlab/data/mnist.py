"""MNIST from the repository's own files, verified, quantised and split.

Knows numpy and gzip only; nothing here downloads anything.
"""

import gzip
import hashlib
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError

DATA_ROOT: Final = Path(os.environ.get("FCNLAB_DATA") or Path(__file__).parents[1] / "share").resolve()
"""Folder of the data files: the environment variable FCNLAB_DATA, or ``share`` in the package.

In the repository that is a link to ``data/``, in a wheel a copy of it.
"""

MNIST_SIDE: Final = 28
TEST_IMAGES: Final = 10_000
MNIST_SHA256: Final = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""sha256 of each unpacked IDX file, as in data/mnist/README.md."""

Split = Literal["train", "test"]
PREFIXES: Final = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images with their digits.

    Attributes:
        pixels: uint8, shape (N, 28, 28), 0 is background.
        labels: int64, shape (N,), 0 to 9.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.labels.shape != self.pixels.shape[:1]:
            raise DataError(
                f"Images need pixels (N, height, width) and labels (N,); "
                f"got {self.pixels.shape} and {self.labels.shape}."
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: slice | npt.NDArray[Any]) -> "Images":
        """The images at `index`: a slice, or an array of indices or booleans."""
        return Images(self.pixels[index], self.labels[index])


def load_mnist(split: Split, *, folder: str | Path | None = None) -> Images:
    """Load the 60,000 training or the 10,000 test images.

    Args:
        split: ``"train"`` or ``"test"``.
        folder: Where the four gzip files are; ``data/mnist`` of the repository by default.

    Raises:
        DataError: If the split is unknown, or a file is missing, unreadable or altered.
    """
    if split not in PREFIXES:
        raise DataError(f"Unknown split {split!r}: choose 'train' or 'test'.")
    place = Path(folder) if folder is not None else DATA_ROOT / "mnist"
    pixels = read_verified(place / f"{PREFIXES[split]}-images-idx3-ubyte.gz")
    labels = read_verified(place / f"{PREFIXES[split]}-labels-idx1-ubyte.gz")
    # An IDX header is a magic word and one 32-bit size per dimension: 16 bytes for images, 8 for labels.
    images = np.frombuffer(pixels, dtype=np.uint8, offset=16).reshape(-1, MNIST_SIDE, MNIST_SIDE)
    return Images(images, np.frombuffer(labels, dtype=np.uint8, offset=8).astype(np.int64))


def check_count(images: int) -> None:
    """Refuse more test images than there are, or none, before any is read.

    Raises:
        DataError: Saying how many there are.
    """
    if not 1 <= images <= TEST_IMAGES:
        raise DataError(f"There are {TEST_IMAGES:,} test images; asked for {images:,}. Ask for 1 to all of them.")


def read_verified(path: Path) -> bytes:
    """Unpack one MNIST file and compare its sha256 with the one on record.

    Raises:
        DataError: If the file is missing, is no whole gzip file, or holds other bytes than the original.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"The MNIST file {path} is missing: restore it from the repository (git checkout -- data/mnist), "
            "or let FCNLAB_DATA name the data folder."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"The MNIST file {path} cannot be read ({error}): restore it from the repository.") from error
    if hashlib.sha256(content).hexdigest() != MNIST_SHA256[path.name.removesuffix(".gz")]:
        raise DataError(f"The MNIST file {path} has been altered (its sha256 differs): restore it from the repository.")
    return content


def quantise_pixels(pixels: npt.NDArray[np.uint8], *, bits: int, window: int = 1) -> npt.NDArray[np.int64]:
    """Round grey values to integers of `bits` bits: round(p * (2^bits - 1) / 255).

    Args:
        pixels: uint8, any shape; with a window, images of shape (..., height, width).
        bits: 1 to 8.
        window: Side of the square windows whose means are rounded: above 1 the image shrinks that many times. Rows and
            columns that fill no window are left out.

    Returns:
        int64, 0 to 2^bits - 1, of the same shape, or of shape (..., height // window, width // window).

    Raises:
        DataError: If `bits`, the window, or the type of the pixels is not allowed.
    """
    if not 1 <= bits <= 8:
        raise DataError(f"Pixels keep 1 to 8 bits; got bits={bits}.")
    if window < 1 or (window > 1 and np.ndim(pixels) < 2):
        raise DataError(f"A window has a side of 1 or more and lies in an image; got {window}.")
    if np.asarray(pixels).dtype != np.uint8:
        raise DataError(f"Pixels are uint8, 0 to 255; got {np.asarray(pixels).dtype}.")
    sums = np.asarray(pixels, dtype=np.int64)
    if window > 1:
        high, wide = (side // window for side in sums.shape[-2:])
        whole = sums[..., : high * window, : wide * window]
        sums = whole.reshape(*sums.shape[:-2], high, window, wide, window).sum(axis=(-3, -1))
    return quantise_sums(sums, bits=bits, window=window)


def quantise_sums(sums: npt.NDArray[np.int64], *, bits: int, window: int) -> npt.NDArray[np.int64]:
    """Round means of windows of pixels, given as sums, to integers of `bits` bits; half a step goes up."""
    white = 255 * window**2
    return (2 * sums * ((1 << bits) - 1) + white) // (2 * white)


def split_validation(images: Images, *, count: int = 5000, seed: int) -> tuple[Images, Images]:
    """Divide images at random into a part to train on and `count` to validate with.

    Returns:
        (training, validation), disjoint, together all of `images`; the same for the same seed.

    Raises:
        DataError: If `count` leaves one part empty.
    """
    if not 0 < count < len(images):
        raise DataError(f"A validation part of 1 to {len(images) - 1} images can be split off; got count={count}.")
    order = np.random.default_rng(seed).permutation(len(images))
    return images[np.sort(order[count:])], images[np.sort(order[:count])]
