"""Digits from a coarse grid of 8x8 squares to MNIST's 28x28 pixels, and back.

The UCI digits count the ink in each of 8x8 squares. Enlarging them as MNIST was made, 20 pixels wide and centred by
mass, lets a network trained on MNIST read them; coarsening MNIST the same way shows that network, in training, what is
left of a digit at this resolution.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from fcnlab.data.mnist import MNIST_SIDE
from fcnlab.errors import DataError

SQUARES: Final = 8
DIGIT_SIDE: Final = 20  # of the digit inside its MNIST frame
MARGIN: Final = (MNIST_SIDE - DIGIT_SIDE) // 2


def enlarge_digits(squares: npt.NDArray[Any], *, ink: float) -> npt.NDArray[np.uint8]:
    """UCI digits as MNIST has them.

    Args:
        squares: Ink of each square, shape (N, 8, 8), 0 to `ink`.
        ink: The ink of a full square.

    Returns:
        uint8, shape (N, 28, 28); each image depends on its own squares alone.

    Raises:
        DataError: If the shape or the range is another.
    """
    values = np.asarray(squares)
    if values.ndim != 3 or values.shape[1:] != (SQUARES, SQUARES) or values.min() < 0 or values.max() > ink:
        raise DataError(f"Coarse digits have shape (N, 8, 8) and values from 0 to {ink:g}; got {values.shape}.")
    images = enlarge(torch.as_tensor(values, dtype=torch.float32)[:, None] / ink)
    return np.asarray((centre_by_mass(images)[:, 0] * 255).round().to(torch.uint8).numpy())


def enlarge(squares: Tensor) -> Tensor:
    """(N, 1, 8, 8) to (N, 1, 28, 28), values 0 to 1: bicubic to 20 pixels, and a margin."""
    digits = functional.interpolate(squares, size=(DIGIT_SIDE, DIGIT_SIDE), mode="bicubic", align_corners=False)
    return functional.pad(digits.clamp(0, 1), (MARGIN,) * 4)


def coarsen(images: Tensor) -> Tensor:
    """MNIST images (N, 1, 28, 28) as if they had been counted in 8x8 squares and enlarged again."""
    inner = images[:, :, MARGIN : MARGIN + DIGIT_SIDE, MARGIN : MARGIN + DIGIT_SIDE]
    return enlarge(functional.interpolate(inner, size=(SQUARES, SQUARES), mode="area"))


def centre_by_mass(images: Tensor) -> Tensor:
    """Shift each image (N, 1, side, side) by whole pixels so that its centre of mass lies in the middle."""
    side = images.shape[-1]
    places = torch.arange(side, dtype=images.dtype)
    mass = images.sum(dim=(1, 2, 3)).clamp(min=1e-6)
    rows = (images.sum(dim=(1, 3)) @ places) / mass
    columns = (images.sum(dim=(1, 2)) @ places) / mass
    shifts = torch.stack([(side - 1) / 2 - rows, (side - 1) / 2 - columns], dim=1).round().to(torch.int64)
    shifts[images.sum(dim=(1, 2, 3)) == 0] = 0
    return torch.stack(
        [image.roll(tuple(shift), dims=(1, 2)) for image, shift in zip(images, shifts.tolist(), strict=True)]
    )
