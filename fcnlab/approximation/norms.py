"""What "close" means: the largest error, or a mean square under some weight of the interval.

A norm gives its weight, and the points where that weight jumps or concentrates. Weights need no normalisation here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from typing_extensions import override

from fcnlab.approximation.targets import Floats
from fcnlab.errors import ApproximationError

REACH = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # standard deviations at which panels of a Gaussian end


class Norm:
    """What a problem makes small."""

    @property
    def label(self) -> str:
        """The norm's name, with its numbers."""
        raise NotImplementedError

    def weight(self, x: Floats) -> Floats:
        """Each x's weight in the mean square, not negative; every x alike unless a norm says otherwise."""
        return np.ones_like(x)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Where the weight jumps or concentrates."""
        return ()


@dataclass(frozen=True)
class MaximumNorm(Norm):
    """The largest absolute error on the interval (L-infinity); its `weight` serves the rms error only."""

    label: str = "linf"


@dataclass(frozen=True)
class MeanSquareNorm(Norm):
    """Root of the mean square error, every x alike (L2)."""

    label: str = "l2"


@dataclass(frozen=True)
class GaussianNorm(Norm):
    """Root of the mean square error under a normal density, cut off at the ends of the interval."""

    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and np.isfinite(self.deviation) and self.deviation > 0):
            raise ApproximationError(
                f"A Gaussian weight needs a finite mean and a positive deviation; got {self.mean} and {self.deviation}."
            )

    @property
    @override
    def label(self) -> str:
        return f"gaussian(mean={self.mean:g}, deviation={self.deviation:g})"

    @override
    def weight(self, x: Floats) -> Floats:
        return np.exp(-0.5 * np.square((x - self.mean) / self.deviation))

    @property
    @override
    def breakpoints(self) -> tuple[float, ...]:
        return tuple(self.mean + sign * reach * self.deviation for reach in REACH for sign in (-1, 1))


@dataclass(frozen=True)
class HistogramNorm(Norm):
    """Root of the mean square error under the histogram of a layer's pre-activations.

    Attributes:
        counts: Mass of each bin, not negative; any scale.
        edges: Ends of the bins, ascending, one more than counts. Outside of them the weight is zero.
    """

    counts: Sequence[float]
    edges: Sequence[float]

    def __post_init__(self) -> None:
        # Plain tuples, so that a norm made from numpy.histogram can be hashed and compared.
        counts, edges = (tuple(float(value) for value in values) for values in (self.counts, self.edges))
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "edges", edges)
        if len(edges) != len(counts) + 1:
            raise ApproximationError(
                f"A histogram of {len(counts)} counts needs {len(counts) + 1} edges; got {len(edges)}."
            )
        if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ApproximationError("The edges of a histogram must be finite and strictly ascending.")
        if not np.isfinite(counts).all() or min(counts, default=0.0) < 0:
            raise ApproximationError("The counts of a histogram must be finite and not negative.")
        if sum(counts) == 0:
            raise ApproximationError(f"The histogram has no mass: all of its {len(counts)} counts are zero.")

    @property
    @override
    def label(self) -> str:
        return f"histogram({len(self.counts)} bins from {self.edges[0]:g} to {self.edges[-1]:g})"

    @cached_property
    def density(self) -> Floats:
        """Each bin's mass over its width, between zeros for what is outside."""
        return np.concatenate([[0.0], np.asarray(self.counts) / np.diff(self.edges), [0.0]])

    @override
    def weight(self, x: Floats) -> Floats:
        return self.density[np.searchsorted(self.edges, x, side="right")]

    @property
    @override
    def breakpoints(self) -> tuple[float, ...]:
        return tuple(float(edge) for edge in np.asarray(self.edges)[np.diff(self.density) != 0])


NORMS: dict[str, Norm] = {"linf": MaximumNorm(), "l2": MeanSquareNorm(), "gaussian": GaussianNorm()}
