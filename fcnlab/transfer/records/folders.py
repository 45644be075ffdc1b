"""Any folder of class folders as a private set: one subfolder for each class, with its images."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError
from fcnlab.transfer.features.colour import FEATURES, SIDE, extract_colour, load_colour_extractor
from fcnlab.transfer.features.ranges import Integers, Reals
from fcnlab.transfer.records.outlines import Outline
from fcnlab.transfer.records.photographs import SUFFIXES, is_litter, list_images, read_images
from fcnlab.transfer.records.study import Fold, Study, cross_validation, make_study


@dataclass(frozen=True, eq=False)
class ImageFolder:
    """The images of a folder.

    Attributes:
        images: uint8, shape (N, 224, 224, 3).
        labels: Class indices, int64, shape (N,).
        classes: Names of the subfolders, in order.
        skipped: Files that could not be read.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    skipped: tuple[Path, ...]


def read_folder(path: str | Path, *, skip_unreadable: bool = False) -> ImageFolder:
    """Read all images below a folder's subfolders.

    Args:
        path: With one subfolder for each class; files elsewhere are not looked at.
        skip_unreadable: Leave out files that cannot be read, instead of refusing them all.

    Raises:
        DataError: If the folder is missing, has fewer than two classes, or files are empty or unreadable.
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"There is no folder {root}: give a folder with one subfolder of images for each class.")
    found = {
        place.name: list_images(place)
        for place in sorted(root.iterdir())
        if place.is_dir() and not is_litter(place.name)
    }
    found = {name: files for name, files in found.items() if files}
    if odd := [name for name in found if not name.isprintable()]:
        raise DataError(f"A class is named as its folder, without control characters; {odd[0]!r} has some: rename it.")
    if len(found) < 2:
        raise DataError(
            f"{root} has {len(found)} class{'' if len(found) == 1 else 'es'} of images ({', '.join(found) or 'none'}); "
            f"it needs two or more, each a subfolder with {', '.join(sorted(SUFFIXES))} files."
        )
    labels = {file: label for label, files in enumerate(found.values()) for file in files}
    images, broken = read_images(labels, root=root, skip_unreadable=skip_unreadable)
    kept = np.array([labels[file] for file in images], dtype=np.int64)
    if len(set(kept)) < len(found):
        raise DataError(f"Without the images that cannot be read, a class of {root} is empty: mend or remove them.")
    return ImageFolder(np.stack(list(images.values())), kept, tuple(found), broken)


def load_folder_study(
    path: str | Path,
    *,
    bits: int = 5,
    skip_unreadable: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """A folder as a study with a linear head on features of EfficientNet-Lite0.

    Raises:
        DataError: If the folder cannot be used, a class has fewer than five images, or the extra is not installed.
    """
    load_colour_extractor()  # first: whether the extra is installed is known at once, reading may take minutes
    folder = read_folder(path, skip_unreadable=skip_unreadable)
    folds = cross_validation(
        folder.images, labels=folder.labels, classes=folder.classes
    )  # refuses a small class before the long extraction
    return colour_study(
        name=f"folder:{path}",
        title=f"{len(folder.labels):,} images of {len(folder.classes)} classes",
        classes=folder.classes,
        features=extract_colour(folder.images, progress=progress),
        labels=folder.labels,
        folds=folds,
        bits=bits,
        skipped=tuple(map(str, folder.skipped)),
    )


def colour_study(
    *,
    name: str,
    title: str,
    classes: tuple[str, ...],
    features: Reals,
    labels: Integers,
    folds: tuple[Fold, ...],
    bits: int,
    skipped: tuple[str, ...] = (),
) -> Study:
    """A study with a linear head on features (N, 64) of EfficientNet-Lite0."""
    outline = Outline(
        name=name,
        title=f"{title} on features of EfficientNet-Lite0",
        records=len(labels),
        tested=len(folds[0][1]),
        features=FEATURES,
        classes=classes,
        extractor="efficientnet-lite0",
        record="an image",
    )
    return make_study(
        outline,
        features=features,
        labels=labels,
        bits=bits,
        folds=folds,
        extractor=load_colour_extractor(),
        input_shape=(3, SIDE, SIDE),
        skipped=skipped,
    )
