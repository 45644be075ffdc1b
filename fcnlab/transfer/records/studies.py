"""Three studies on real data, and any folder of images: features, labels, folds and the head that fits them.

A study holds features that are quantised already, by a public extractor and a declared range. Each fold is one training
set and one test set. The two small sets are cross-validated: the five folds test every record once. MNIST keeps its
own test images, and its five folds differ in the seed alone.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.transfer.features.digit_images import enlarge_digits
from fcnlab.transfer.features.extractors import load_extractor
from fcnlab.transfer.features.ranges import FeatureRange, Integers
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.heads.privacy import Settings
from fcnlab.transfer.records.clinical import scale_measures
from fcnlab.transfer.records.outlines import OUTLINES

FOLDS: Final = 5
PRIVATE_DIGITS: Final = tuple(range(5, 10))
UCI_INK: Final = 16
STEPS: Final = 60
CLIPPING: Final = 1.0
BATCH: Final = 4096
RATE_SCALE: Final = 200.0
HIGHEST_RATE: Final = 4.0
Fold = tuple[Integers, Integers]


@dataclass(frozen=True, eq=False)
class Study:
    """A private set, ready for a head.

    Attributes:
        name: As on the command line.
        title: In words.
        values: Quantised features, int64, shape (N, features).
        clipped: How many of them lay outside the declared range.
        labels: Class indices, int64, shape (N,).
        classes: Names of the classes.
        features: The declared range and its bits.
        units: Hidden units of the head; 0 for a linear one.
        folds: Indices of training and test records.
        extractor: Runs on the client, in the clear; None where records are features already.
        input_shape: Of one record before the extractor.
        skipped: Files that could not be read and were left out on request.
    """

    name: str
    title: str
    values: Integers
    clipped: int
    labels: Integers
    classes: tuple[str, ...]
    features: FeatureRange
    units: int
    folds: tuple[Fold, ...]
    extractor: nn.Module | None = field(default=None, repr=False)
    input_shape: tuple[int, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def shape(self) -> HeadShape:
        """The head that fits."""
        return HeadShape(features=self.values.shape[1], classes=len(self.classes), units=self.units)

    def tensors(self, rows: Integers) -> tuple[Tensor, Tensor]:
        """Inputs (N, features) and labels (N,) of some records, for training."""
        return torch.from_numpy(self.features.restore(self.values[rows])), torch.from_numpy(self.labels[rows])


def load_study(
    name: str,
    *,
    bits: int = 5,
    units: int | None = None,
    skip_unreadable: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """A study by name.

    Args:
        name: uci-digits, mnist-split, breast-cancer, folder:PATH, cifar10, or cifar10:N for its first N images.
        bits: Of a feature, 1 to 8.
        units: Hidden units of the head; the study's own if not given.
        skip_unreadable: folder: leave out images that cannot be read, instead of refusing them all.
        progress: folder, cifar10: called with the images whose features are extracted, and their number.

    Raises:
        DataError: If the name is unknown, data are missing, or a folder cannot be used.
    """
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        from fcnlab.transfer.records.folders import load_folder_study

        study = load_folder_study(path, bits=bits, skip_unreadable=skip_unreadable, progress=progress)
    elif kind == "cifar10":
        from fcnlab.transfer.records.cifar import load_cifar_study

        study = load_cifar_study(path, bits=bits, progress=progress)
    elif name in STUDIES:
        study = STUDIES[name](bits)
    else:
        raise DataError(f"Unknown study {name!r}: choose one of {', '.join(STUDIES)}, folder:PATH or cifar10.")
    return study if units is None else replace(study, units=units)


@lru_cache(maxsize=4)
def uci_digits(bits: int) -> Study:
    """The UCI handwritten digits, another pen and another scanner, on features of MNIST."""
    from sklearn.datasets import load_digits

    outline, digits = OUTLINES["uci-digits"], load_digits()
    extractor = load_extractor(outline.extractor)
    features = FeatureRange(bits=bits, reach=outline.reach)
    quantised = features.quantise(extractor.extract(enlarge_digits(digits.images, ink=UCI_INK)))
    labels = digits.target.astype(np.int64)
    return Study(
        name=outline.name,
        title=outline.title,
        values=quantised.values,
        clipped=quantised.clipped,
        labels=labels,
        classes=outline.classes,
        features=features,
        units=outline.units,
        folds=cross_validation(labels),
        extractor=extractor.network,
        input_shape=(1, 28, 28),
    )


@lru_cache(maxsize=4)
def mnist_split(bits: int) -> Study:
    """MNIST's digits 5 to 9, on features of its digits 0 to 4."""
    outline = OUTLINES["mnist-split"]
    extractor = load_extractor(outline.extractor)
    parts = [load_mnist("train"), load_mnist("test")]
    parts = [part[np.isin(part.labels, PRIVATE_DIGITS)] for part in parts]
    features = FeatureRange(bits=bits, reach=outline.reach)
    quantised = features.quantise(extractor.extract(np.concatenate([part.pixels for part in parts])))
    rows = np.arange(len(quantised.values))
    fold = (rows[: len(parts[0])], rows[len(parts[0]) :])
    return Study(
        name=outline.name,
        title=outline.title,
        values=quantised.values,
        clipped=quantised.clipped,
        labels=np.concatenate([part.labels for part in parts]) - PRIVATE_DIGITS[0],
        classes=outline.classes,
        features=features,
        units=outline.units,
        folds=(fold,) * FOLDS,
        extractor=extractor.network,
        input_shape=(1, 28, 28),
    )


@lru_cache(maxsize=4)
def breast_cancer(bits: int) -> Study:
    """Breast Cancer Wisconsin: no extractor, a head with a polynomial activation."""
    from sklearn.datasets import load_breast_cancer

    outline, records = OUTLINES["breast-cancer"], load_breast_cancer()
    features = FeatureRange(bits=bits, reach=outline.reach)
    quantised = features.quantise(scale_measures(records.data, reach=features.reach))
    labels = records.target.astype(np.int64)
    return Study(
        name=outline.name,
        title=outline.title,
        values=quantised.values,
        clipped=quantised.clipped,
        labels=labels,
        classes=outline.classes,
        features=features,
        units=outline.units,
        folds=cross_validation(labels),
        input_shape=(records.data.shape[1],),
    )


STUDIES: Final[Mapping[str, Callable[[int], Study]]] = MappingProxyType(
    {"uci-digits": uci_digits, "mnist-split": mnist_split, "breast-cancer": breast_cancer}
)


def cross_validation(
    labels: Integers, *, classes: Sequence[str] = (), folds: int = FOLDS, seed: int = 0
) -> tuple[Fold, ...]:
    """Stratified folds: each record is tested once, and every class is spread evenly.

    Args:
        labels: Class indices, shape (N,).
        classes: Their names, for the message.
        folds: How many.
        seed: Of the order within a class.

    Raises:
        DataError: If a class has fewer records than there are folds.
    """
    counts = np.bincount(labels)
    if counts.min() < folds:
        smallest = int(counts.argmin())
        name = classes[smallest] if classes else smallest
        raise DataError(
            f"Class {name} has {counts.min()} records; {folds}-fold cross-validation needs {folds} of each, or more."
        )
    rng = np.random.default_rng(seed)
    part = np.empty(len(labels), dtype=np.int64)
    for label in range(len(counts)):
        rows = rng.permutation(np.flatnonzero(labels == label))
        part[rows] = np.arange(len(rows)) % folds
    return tuple((np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(folds))


def default_settings(*, count: int, epsilon: float, clipping: float = CLIPPING) -> Settings:
    """Settings of a private training, from public facts alone: the number of records and epsilon.

    The noise of the mean gradient falls with count * epsilon, and the more signal there is, the longer steps may be:
    the rate is sqrt(count * epsilon) / 200. The constants were chosen on a public stand-in (1,437 coarsened images of
    MNIST in the role of the UCI digits) and are the same for all studies.
    """
    rate = min(math.sqrt(count * epsilon) / RATE_SCALE, HIGHEST_RATE)
    return Settings(steps=STEPS, rate=rate, clipping=clipping, batch=min(BATCH, count) if count > BATCH else None)
