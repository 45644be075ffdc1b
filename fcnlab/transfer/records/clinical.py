"""Breast Cancer Wisconsin as a private set: 569 patients, thirty measures of cell nuclei, malignant or benign.

Scaling must cost no privacy, so it uses no statistic of the records. Each measure is positive, spans several-fold and
is taken on a logarithmic scale, between round figures that describe the measurement. They are declared here once, from
the published description of the data, which is public whatever this programme does; a site for which even that is too
much declares its own. Logarithms and the head's eight units were chosen after a few looks at these very records: like
any such choice, they are not covered by epsilon.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.transfer.features.ranges import standardise

MEASURES: Final = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points", "symmetry",
    "fractal dimension",
)  # fmt: skip
MEAN_RANGES: Final = (
    (5.0, 30.0), (8.0, 40.0), (40.0, 200.0), (100.0, 2500.0), (0.05, 0.2), (0.01, 0.4), (0.01, 0.5), (0.002, 0.2),
    (0.1, 0.3), (0.05, 0.1),
)  # fmt: skip
ERROR_RANGES: Final = (
    (0.1, 3.0), (0.3, 5.0), (0.7, 20.0), (6.0, 500.0), (0.0015, 0.03), (0.002, 0.15), (0.002, 0.4), (0.001, 0.05),
    (0.007, 0.08), (0.0008, 0.03),
)  # fmt: skip
WORST_RANGES: Final = (
    (7.0, 40.0), (10.0, 50.0), (50.0, 250.0), (180.0, 4500.0), (0.07, 0.25), (0.02, 1.0), (0.02, 1.2), (0.01, 0.3),
    (0.15, 0.7), (0.05, 0.2),
)  # fmt: skip
RANGES: Final = np.array(MEAN_RANGES + ERROR_RANGES + WORST_RANGES)
"""Declared lower and upper end of each measure in its own unit: mean, standard error and worst of `MEASURES`."""


def scale_measures(measures: npt.NDArray[Any], *, reach: float) -> npt.NDArray[np.floating[Any]]:
    """Logarithms between the declared ends, mapped to [-reach, reach]; values below the lower end count as the end.

    Args:
        measures: Shape (N, 30), at least 0 (a concavity may be 0, which has no logarithm).
        reach: Of the `FeatureRange`.
    """
    low, high = np.log(RANGES).T
    return standardise(np.log(np.maximum(measures, RANGES[:, 0])), low=low, high=high, reach=reach)
