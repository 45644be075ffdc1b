"""Three studies on real data, and any folder of images: features, labels, folds and the head that fits them.

The two small sets are cross-validated: the five folds test every record once, each where a hash of its bytes says.
MNIST keeps its own test images, and its five folds differ in the seed alone.

Breast Cancer Wisconsin has 569 patients with thirty measures of cell nuclei, malignant or benign. Scaling must cost no
privacy, so it uses no statistic of the records. Each measure is positive, spans several-fold and is taken on a
logarithmic scale, between round figures that describe the measurement. They are declared here once, from the published
description of the data, which is public whatever this programme does; a site for which even that is too much declares
its own. Logarithms and the head's eight units were chosen after a few looks at these very records: like any such
choice, they are not covered by epsilon.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.transfer.features.digit_images import enlarge_digits
from fcnlab.transfer.features.extractors import load_extractor
from fcnlab.transfer.features.ranges import standardise
from fcnlab.transfer.records.cifar import load_cifar_study
from fcnlab.transfer.records.folders import load_folder_study
from fcnlab.transfer.records.outlines import OUTLINES
from fcnlab.transfer.records.study import FOLDS, Study, cross_validation, make_study

PRIVATE_DIGITS: Final = tuple(range(5, 10))
UCI_INK: Final = 16
MEASURES: Final = {
    "radius": ((5.0, 30.0), (0.1, 3.0), (7.0, 40.0)),
    "texture": ((8.0, 40.0), (0.3, 5.0), (10.0, 50.0)),
    "perimeter": ((40.0, 200.0), (0.7, 20.0), (50.0, 250.0)),
    "area": ((100.0, 2500.0), (6.0, 500.0), (180.0, 4500.0)),
    "smoothness": ((0.05, 0.2), (0.0015, 0.03), (0.07, 0.25)),
    "compactness": ((0.01, 0.4), (0.002, 0.15), (0.02, 1.0)),
    "concavity": ((0.01, 0.5), (0.002, 0.4), (0.02, 1.2)),
    "concave points": ((0.002, 0.2), (0.001, 0.05), (0.01, 0.3)),
    "symmetry": ((0.1, 0.3), (0.007, 0.08), (0.15, 0.7)),
    "fractal dimension": ((0.05, 0.1), (0.0008, 0.03), (0.05, 0.2)),
}
"""Declared lower and upper end of each measure in its own unit: of its mean, its standard error and its worst."""
RANGES: Final = np.concatenate(tuple(zip(*MEASURES.values(), strict=True)))
"""The same in the order of the data, shape (30, 2): all means, all standard errors, all worst."""


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
        bits: Bits of a feature, 1 to 8.
        units: Hidden units of the head; the study's own if not given.
        skip_unreadable: folder: leave out images that cannot be read, instead of refusing them all.
        progress: folder, cifar10: called with the images whose features are extracted, and their number.

    Raises:
        DataError: If the name is unknown, data are missing, or a folder cannot be used.
    """
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        study = load_folder_study(path, bits=bits, skip_unreadable=skip_unreadable, progress=progress)
    elif kind == "cifar10":
        study = load_cifar_study(path, bits=bits, progress=progress)
    elif name in STUDIES:
        study = STUDIES[name](bits)
    else:
        raise DataError(f"Unknown study {name!r}: choose one of {', '.join(STUDIES)}, folder:PATH or cifar10.")
    return study if units is None else replace(study, outline=replace(study.outline, units=units))


@lru_cache(maxsize=4)
def uci_digits(bits: int) -> Study:
    """The UCI handwritten digits, another pen and another scanner, on features of MNIST."""
    from sklearn.datasets import load_digits

    outline, digits = OUTLINES["uci-digits"], load_digits()
    extractor, labels = load_extractor(outline.extractor), digits.target.astype(np.int64)
    return make_study(
        outline,
        features=extractor.extract(enlarge_digits(digits.images, ink=UCI_INK)),
        labels=labels,
        bits=bits,
        folds=cross_validation(digits.images, labels=labels, classes=outline.classes),
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
    rows = np.arange(sum(map(len, parts)))
    return make_study(
        outline,
        features=extractor.extract(np.concatenate([part.pixels for part in parts])),
        labels=np.concatenate([part.labels for part in parts]) - PRIVATE_DIGITS[0],
        bits=bits,
        folds=((rows[: len(parts[0])], rows[len(parts[0]) :]),) * FOLDS,
        extractor=extractor.network,
        input_shape=(1, 28, 28),
    )


@lru_cache(maxsize=4)
def breast_cancer(bits: int) -> Study:
    """Breast Cancer Wisconsin: no extractor, a head with a polynomial activation."""
    from sklearn.datasets import load_breast_cancer

    outline, records = OUTLINES["breast-cancer"], load_breast_cancer()
    features, labels = scale_measures(records.data, reach=outline.reach), records.target.astype(np.int64)
    folds = cross_validation(records.data, labels=labels, classes=outline.classes)
    return make_study(
        outline, features=features, labels=labels, bits=bits, folds=folds, input_shape=records.data.shape[1:]
    )


STUDIES: Final[Mapping[str, Callable[[int], Study]]] = MappingProxyType(
    {"uci-digits": uci_digits, "mnist-split": mnist_split, "breast-cancer": breast_cancer}
)


def scale_measures(measures: npt.NDArray[Any], *, reach: float) -> npt.NDArray[np.floating[Any]]:
    """Logarithms between the declared ends, mapped to [-reach, reach]; values below the lower end count as the end.

    Args:
        measures: Shape (N, 30), at least 0 (a concavity may be 0, which has no logarithm).
        reach: The reach of the `FeatureRange`.

    Raises:
        DataError: If a measure is not finite.
    """
    if not np.isfinite(measures).all():
        raise DataError("Measures must be finite; at least one is not: mend or drop its record.")
    low, high = np.log(RANGES).T
    return standardise(np.log(np.maximum(measures, RANGES[:, 0])), low=low, high=high, reach=reach)
