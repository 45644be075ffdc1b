"""What "close" means: the largest error, or a mean square under some weight of the interval.

A norm gives its weight, and the points where that weight jumps or concentrates. Weights need no normalisation here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fcnlab.approximation.targets import Floats
from fcnlab.errors import ApproximationError

REACH = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # standard deviations at which panels of a Gaussian end


@dataclass(frozen=True)
class MaximumNorm:
    """The largest absolute error on the interval (L-infinity); its `weight` serves the rms error only."""

    label: str = "linf"

    def weight(self, x: Floats) -> Floats:
        """One everywhere."""
        return np.ones_like(x)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class MeanSquareNorm:
    """Root of the mean square error, every x alike (L2)."""

    label: str = "l2"

    def weight(self, x: Floats) -> Floats:
        """One everywhere."""
        return np.ones_like(x)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class GaussianNorm:
    """Root of the mean square error under a normal density, cut off at the ends of the interval."""

    mean: float = 0.0
    deviation: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.mean) and np.isfinite(self.deviation) and self.deviation > 0):
            raise ApproximationError(
                f"A Gaussian weight needs a finite mean and a positive deviation; got {self.mean} and {self.deviation}."
            )

    @property
    def label(self) -> str:
        """Name with its numbers."""
        return f"gaussian(mean={self.mean:g}, deviation={self.deviation:g})"

    def weight(self, x: Floats) -> Floats:
        """exp(-(x - mean)^2 / (2 deviation^2))."""
        return np.exp(-0.5 * np.square((x - self.mean) / self.deviation))

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """The mean, and a few deviations to either side."""
        return tuple(self.mean + sign * reach * self.deviation for reach in REACH for sign in (-1, 1))


@dataclass(frozen=True)
class HistogramNorm:
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
    def label(self) -> str:
        """Name with its numbers."""
        return f"histogram({len(self.counts)} bins from {self.edges[0]:g} to {self.edges[-1]:g})"

    def weight(self, x: Floats) -> Floats:
        """Density of the bin that holds x."""
        density = np.concatenate([[0.0], np.asarray(self.counts) / np.diff(self.edges), [0.0]])
        return density[np.searchsorted(self.edges, x, side="right")]

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Edges at which the density changes."""
        density = np.concatenate([[0.0], np.asarray(self.counts) / np.diff(self.edges), [0.0]])
        return tuple(float(edge) for edge in np.asarray(self.edges)[np.diff(density) != 0])


Norm = MaximumNorm | MeanSquareNorm | GaussianNorm | HistogramNorm
NORMS: dict[str, Norm] = {"linf": MaximumNorm(), "l2": MeanSquareNorm(), "gaussian": GaussianNorm()}


def find_norm(norm: str | Norm) -> Norm:
    """The norm of that name; ``gaussian`` is the standard normal density.

    Raises:
        ApproximationError: If no norm has that name.
    """
    if not isinstance(norm, str):
        return norm
    if norm.lower() not in NORMS:
        raise ApproximationError(
            f"There is no norm {norm!r}; choose one of {', '.join(NORMS)}, or pass a GaussianNorm or HistogramNorm."
        )
    return NORMS[norm.lower()]
