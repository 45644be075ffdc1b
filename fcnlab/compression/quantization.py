"""Weights as signed powers of two, layer by layer and share by share.

A layer's weights become 0 or +-2^k with k in a window of neighbouring exponents. The window is shared by the layer: its
smallest exponent is the unit of the layer's integers, so a narrow window keeps encrypted values small.
Everything here works on numpy arrays.

Source: Incremental network quantization (Zhou et al. 2017), for the shares and their order.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError

Reals = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

INQ_SHARES: Final = (0.5, 0.75, 0.875, 1.0)
"""Share of a layer's nonzero weights that is quantised and frozen after each step."""


@dataclass(frozen=True)
class ExponentWindow:
    """The exponents a layer may use: weights are 0 or +-2^k with low <= k <= high."""

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise DataError(f"An exponent window needs low <= high; got {self.low} to {self.high}.")

    def __len__(self) -> int:
        return self.high - self.low + 1


def window_length(weight_bits: int) -> int:
    """Number of exponents that `weight_bits` bits can name besides zero and the sign: 2^(bits - 1) - 1.

    2 bits give one exponent (ternary weights), 3 bits three, 4 bits seven.

    Raises:
        DataError: If `weight_bits` is not 2 to 5.
    """
    if not 2 <= weight_bits <= 5:
        raise DataError(f"Power-of-two weights take 2 to 5 bits; got weight_bits={weight_bits}.")
    return (1 << (weight_bits - 1)) - 1


def round_to_powers_of_two(weights: Reals, *, window: ExponentWindow, keep_nonzero: bool = False) -> Reals:
    """Round each weight to the nearest of 0 and +-2^k within the window.

    Args:
        weights: Finite, any shape.
        window: Allowed exponents.
        keep_nonzero: Round small nonzero weights to +-2^low instead of 0, so that a pruning mask stays as it is.

    Returns:
        Array of the same shape and type; ties go to the larger magnitude.

    Raises:
        DataError: If a weight is not finite.
    """
    if not np.isfinite(weights).all():
        raise DataError("Weights must be finite to be quantised; at least one is not.")
    magnitude = np.abs(weights).astype(np.float64)
    # Between 2^k and 2^(k+1) the middle is 1.5 * 2^k, so the nearest power is the floor of log2 of |w| * 4/3.
    exponent = np.floor(np.log2(np.maximum(magnitude, np.finfo(np.float64).tiny) * 4 / 3))
    power = np.exp2(np.clip(exponent, window.low, window.high))
    small = magnitude == 0 if keep_nonzero else magnitude < np.exp2(window.low - 1.0)
    return np.where(small, 0, np.sign(weights) * power).astype(weights.dtype)


def choose_window(weights: Reals, *, length: int) -> ExponentWindow:
    """The window of `length` exponents whose rounding of the nonzero weights has the least squared error.

    Args:
        weights: Finite, any shape, at least one of them not zero.
        length: Number of exponents, at least 1.

    Raises:
        DataError: If all weights are zero or `length` is less than 1.
    """
    nonzero = weights[weights != 0]
    if nonzero.size == 0 or length < 1:
        raise DataError(f"A window of at least one exponent needs a nonzero weight; got length={length}.")
    top = int(np.floor(np.log2(np.abs(nonzero).max() * 4 / 3)))
    bottom = int(np.floor(np.log2(np.abs(nonzero).min()))) - 1
    windows = [ExponentWindow(high - length + 1, high) for high in range(top, min(bottom, top) - 1, -1)]
    return min(windows, key=lambda window: squared_error(nonzero, window=window))


def squared_error(weights: Reals, *, window: ExponentWindow) -> float:
    """Sum of squared rounding errors when every nonzero weight stays nonzero."""
    rounded = round_to_powers_of_two(weights, window=window, keep_nonzero=True)
    return float(np.sum((rounded.astype(np.float64) - weights) ** 2))


def grow_frozen(weights: Reals, *, frozen: Mask, share: float) -> Mask:
    """The weights to hold fixed at a share: those frozen already, then the largest of the others.

    Args:
        weights: Any shape; zeros are pruned weights and never chosen.
        frozen: Weights frozen at earlier shares, same shape.
        share: 0 to 1 of the nonzero weights.

    Returns:
        Boolean array of the same shape that contains `frozen`.

    Raises:
        DataError: If the share is out of range.
    """
    if not 0 <= share <= 1:
        raise DataError(f"A share lies in 0 to 1; got {share}.")
    wanted = round(share * np.count_nonzero(weights)) - np.count_nonzero(frozen)
    free = np.where(frozen, 0, np.abs(weights)).ravel()
    grown = frozen.ravel().copy()
    grown[np.argsort(-free, kind="stable")[: max(wanted, 0)]] = True
    return grown.reshape(weights.shape)
