"""What a study is: a private set with quantised features, its folds, and the settings of a private training.

A study holds features that are quantised already, by a public extractor and a declared range. Each fold is one training
set and one test set.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from fcnlab.errors import DataError
from fcnlab.transfer.features.ranges import FeatureRange, Integers, Reals
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.heads.privacy import Settings
from fcnlab.transfer.records.outlines import Outline

FOLDS: Final = 5
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
    folds: tuple[Fold, ...] = (),
    extractor: nn.Module | None = None,
    input_shape: tuple[int, ...] = (),
    skipped: tuple[str, ...] = (),
) -> Study:
    """Quantise the features (N, features) of a private set by its outline's range; cross-validated without `folds`."""
    declared = FeatureRange(bits=bits, reach=outline.reach)
    quantised = declared.quantise(features)
    return Study(
        outline=outline,
        features=declared,
        values=quantised.values,
        clipped=quantised.clipped,
        labels=labels,
        folds=folds or cross_validation(labels, classes=outline.classes),
        extractor=extractor,
        input_shape=input_shape,
        skipped=skipped,
    )


def cross_validation(
    labels: Integers, *, classes: Sequence[str] = (), folds: int = FOLDS, seed: int = 0
) -> tuple[Fold, ...]:
    """Stratified folds: each record is tested once, and every class is spread evenly.

    Args:
        labels: Class indices, shape (N,).
        classes: Their names, for the message.
        folds: How many.
        seed: Decides the order within a class.

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
