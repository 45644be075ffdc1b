"""What a study is: a private set with quantised features, its folds, and the settings of a private training.

A study holds features that are quantised already, by a public extractor and a declared range. Each fold is one training
set and one test set.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fcnlab.errors import DataError
from fcnlab.transfer.features.ranges import FeatureRange, Integers, Reals
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.heads.privacy import Settings
from fcnlab.transfer.records.outlines import Outline

FOLDS: Final = 5
FOLD_KEY: Final = b"fcnlab folds"
STEPS: Final = 60
CLIPPING: Final = 1.0
BATCH: Final = 4096
RATE_SCALE: Final = 200.0
HIGHEST_RATE: Final = 4.0
Fold = tuple[Integers, Integers]


@dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """A private set, ready for a head.

    Attributes:
        outline: The study in public facts: its name, classes, head.
        features: The declared range and its bits.
        values: Quantised features, int64, shape (N, features).
        clipped: How many of them lay outside the declared range.
        labels: Class indices, int64, shape (N,).
        folds: Indices of training and test records.
        extractor: Runs on the client, in the clear; None where records are features already.
        input_shape: Shape of one record before the extractor.
        skipped: Files that could not be read and were left out on request.
    """

    outline: Outline
    features: FeatureRange
    values: Integers
    clipped: int
    labels: Integers
    folds: tuple[Fold, ...]
    extractor: nn.Module | None = field(default=None, repr=False)
    input_shape: tuple[int, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def shape(self) -> HeadShape:
        """The head that fits."""
        outline = self.outline
        return HeadShape(features=self.values.shape[1], classes=len(outline.classes), units=outline.units)

    def tensors(self, rows: Integers) -> tuple[Tensor, Tensor]:
        """Inputs (N, features) and labels (N,) of some records, for training."""
        return torch.from_numpy(self.features.restore(self.values[rows])), torch.from_numpy(self.labels[rows])


def make_study(
    outline: Outline,
    *,
    features: Reals,
    labels: Integers,
    bits: int,
    folds: tuple[Fold, ...],
    extractor: nn.Module | None = None,
    input_shape: tuple[int, ...] = (),
    skipped: tuple[str, ...] = (),
) -> Study:
    """Quantise the features (N, features) of a private set by its outline's range."""
    declared = FeatureRange(bits=bits, reach=outline.reach)
    quantised = declared.quantise(features)
    return Study(
        outline=outline,
        features=declared,
        values=quantised.values,
        clipped=quantised.clipped,
        labels=labels,
        folds=folds,
        extractor=extractor,
        input_shape=input_shape,
        skipped=skipped,
    )


def cross_validation(records: npt.NDArray[Any], *, labels: Integers, classes: Sequence[str]) -> tuple[Fold, ...]:
    """Five folds: each record is tested once, and a hash of its own bytes says where.

    The guarantee rests on it: one record more or less moves no other from training to test. Equal records stay
    together. The key is a constant, so that a split can be repeated; nothing depends on its being secret.

    Args:
        records: As they were before any network saw them, shape (N, ...).
        labels: Class indices, shape (N,).
        classes: Their names.

    Raises:
        DataError: If a class has fewer records than there are folds, or a fold would test none.
    """
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < FOLDS:
        smallest = int(counts.argmin())
        raise DataError(
            f"Class {classes[smallest]} has {counts.min()} records; {FOLDS}-fold cross-validation needs {FOLDS} of "
            "each, or more."
        )
    part = np.array([fold_of(np.ascontiguousarray(record).tobytes()) for record in records])
    if len(set(part)) < FOLDS:
        raise DataError(
            f"Of {len(labels)} records each of {FOLDS} folds should test some, and one tests none: give more."
        )
    return tuple((np.flatnonzero(part != fold), np.flatnonzero(part == fold)) for fold in range(FOLDS))


def fold_of(record: bytes) -> int:
    """The fold that tests a record."""
    return int.from_bytes(hashlib.blake2b(record, key=FOLD_KEY, digest_size=8).digest(), "little") % FOLDS


def default_settings(*, count: int, epsilon: float, clipping: float = CLIPPING) -> Settings:
    """Settings of a private training, from public facts alone: the number of records and epsilon.

    The noise of the mean gradient falls with count * epsilon, and the more signal there is, the longer steps may be:
    the rate is sqrt(count * epsilon) / 200. The constants were chosen on a public stand-in (1,437 coarsened images of
    MNIST in the role of the UCI digits) and are the same for all studies.
    """
    rate = min(math.sqrt(count * epsilon) / RATE_SCALE, HIGHEST_RATE)
    return Settings(steps=STEPS, rate=rate, clipping=clipping, batch=min(BATCH, count) if count > BATCH else None)
