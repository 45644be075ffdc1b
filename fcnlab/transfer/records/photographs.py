"""Image files as they come from cameras and archives: which of them count, and how one is read as colours, or refused.

Nobody knows who made a file: a decoder sees only formats that are listed here, sizes are judged before pixels are
decoded, and whatever a decoder raises means that the file cannot be read.
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError
from fcnlab.transfer.features.colour import PACKAGE_HINT, SIDE

if TYPE_CHECKING:
    from PIL import Image

FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
SUFFIXES: Final = frozenset({".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
UNREAD: Final = frozenset({".arw", ".avif", ".cr2", ".dng", ".heic", ".heif", ".jp2", ".jxl", ".nef", ".psd", ".svg"})
"""Images too, of formats that are not read: named as unreadable rather than overlooked."""
MOST_PIXELS: Final = 80_000_000
LISTED: Final = 5  # unreadable files that a message names


def list_images(folder: Path, *, below: bool = False) -> list[Path]:
    """What is an image by its name, in order: no folders, nothing hidden, nothing that macOS or Jupyter left there.

    Args:
        folder: Where to look.
        below: Look into its subfolders, too.
    """
    return sorted(
        file
        for file in folder.glob("**/*" if below else "*")
        if file.suffix.lower() in SUFFIXES | UNREAD
        and not file.is_dir()
        and not any(map(is_litter, file.relative_to(folder).parts))
    )


def is_litter(name: str) -> bool:
    """Whether a file or folder is nobody's photograph: ``._x.jpg``, ``.ipynb_checkpoints``, ``__MACOSX``."""
    return name.startswith(".") or name == "__MACOSX"


def read_images(
    files: Iterable[Path], *, root: Path, skip_unreadable: bool = False
) -> tuple[dict[Path, npt.NDArray[np.uint8]], tuple[Path, ...]]:
    """Read images as `read_image` does.

    Args:
        files: Where they are.
        root: The folder that was given, for the message.
        skip_unreadable: Leave out files that cannot be read, instead of refusing them all.

    Returns:
        The images by file, and the files that were left out.

    Raises:
        DataError: If files are empty or unreadable.
    """
    read = {file: read_image(file) for file in files}
    broken = tuple(file for file, image in read.items() if image is None)
    if broken and not skip_unreadable:
        names = ", ".join(str(file.relative_to(root)) if file != root else str(file) for file in broken[:LISTED])
        more = f" and {len(broken) - LISTED} more" if len(broken) > LISTED else ""
        raise DataError(
            f"{len(broken)} of {len(read)} images below {root} are empty or cannot be read: {names}{more}. Formats are "
            f"{', '.join(FORMATS)}, with 8 or 16 bits and up to {MOST_PIXELS:,} pixels. Mend, convert or "
            "remove them, or ask for them to be skipped (--skip-unreadable)."
        )
    return {file: image for file, image in read.items() if image is not None}, broken


def read_image(path: Path) -> npt.NDArray[np.uint8] | None:
    """The middle square of an image as it is to be seen, 224 pixels wide, shape (224, 224, 3); None if unreadable.

    It is upright, as its EXIF notes say, and what is transparent is white.

    Raises:
        DataError: If the extra that reads images is not installed.
    """
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise DataError(f"Reading images needs Pillow, which is not installed: {PACKAGE_HINT}.") from error
    if not path.is_file():  # a pipe or a device would never end
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of notes that are damaged
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as file:
                if file.width * file.height > MOST_PIXELS:
                    return None
                upright = see_colours(ImageOps.exif_transpose(file))
                square = ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.BILINEAR)
    except Exception:  # decoders raise what they like on a damaged file
        return None
    return np.asarray(square, dtype=np.uint8)


def see_colours(image: "Image.Image") -> "Image.Image":
    """An image in RGB of 8 bits, on white.

    Raises:
        ValueError: If it has 32-bit or floating-point values, whose black and white no file tells.
    """
    from PIL import Image

    if image.mode in ("I", "F"):
        raise ValueError(f"values of mode {image.mode} have no known range")
    if image.mode.startswith("I;16"):
        image = Image.fromarray(np.rint(np.asarray(image) / 257).astype(np.uint8))
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return image.convert("RGB")
