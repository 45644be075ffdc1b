"""Features as small integers: a declared range, a few bits, and a count of what was clipped.

The range is a constant, chosen from public data or from what is known of a measurement, never from private records:
quantising a record then depends on that record alone and costs no privacy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError

Reals = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Quantised:
    """Features as the circuit sees them.

    Attributes:
        values: int64, shape (N, features), 0 to 2^bits - 1.
        clipped: How many of them lay outside the declared range and were moved to its nearest end.
    """

    values: Integers
    clipped: int


@dataclass(frozen=True)
class FeatureRange:
    """The interval [-reach, reach) of standardised features, cut into 2^bits equal steps.

    Attributes:
        bits: 1 to 8.
        reach: A power of two, so that weights which are powers of two stay so when the range is folded into them.
    """

    bits: int = 5
    reach: float = 4.0

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 8:
            raise DataError(f"Features keep 1 to 8 bits; got bits={self.bits}.")
        if not self.reach > 0 or np.frexp(self.reach)[0] != 0.5:
            raise DataError(f"The reach of features is a power of two, such as 4; got {self.reach}.")

    @property
    def step(self) -> float:
        """Width of one of the 2^bits steps."""
        return self.reach * 2.0 ** (1 - self.bits)

    @property
    def levels(self) -> int:
        """How many values a feature can take."""
        return 1 << self.bits

    def quantise(self, features: Reals) -> Quantised:
        """Round to the nearest step and clip to the declared range, with a count.

        Args:
            features: Finite, shape (N, features); zero becomes 2^(bits - 1).

        Raises:
            DataError: If a feature is not finite.
        """
        if not np.isfinite(features).all():
            raise DataError("Features must be finite; at least one is not: look for broken records.")
        steps = np.rint(np.asarray(features, dtype=np.float64) / self.step).astype(np.int64) + self.levels // 2
        values = np.clip(steps, 0, self.levels - 1)
        return Quantised(values, int(np.count_nonzero(values != steps)))

    def restore(self, values: Integers) -> npt.NDArray[np.float32]:
        """What quantised values stand for: multiples of a step in [-reach, reach), the head's input in training."""
        return np.asarray((values - self.levels // 2) * self.step, dtype=np.float32)


def standardise(values: Reals, *, low: Reals, high: Reals, reach: float) -> Reals:
    """Map declared intervals to [-reach, reach], feature by feature; values outside stay outside, to be counted.

    Args:
        values: Shape (N, features).
        low: Lower ends, shape (features,).
        high: Upper ends, each above the lower one.
        reach: The reach of the `FeatureRange`.

    Raises:
        DataError: If an interval is empty.
    """
    if not (high > low).all():
        raise DataError("Each feature needs a declared range whose upper end lies above the lower one.")
    return np.asarray((2 * (values - low) / (high - low) - 1) * reach)
