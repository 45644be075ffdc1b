"""Pixels of typical images: from them ckks plans learn how large values usually are.

No proof depends on them. They are training images, so that nothing is learnt from those that are classified.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fcnlab.data import load_mnist, quantise_pixels
from fcnlab.noise import Scheme

IMAGES: Final = 256


@lru_cache(maxsize=2)
def typical_pixels(bits: int) -> npt.NDArray[np.int64]:
    """The first training images with pixels of `bits` bits, shape (256, 28, 28)."""
    return quantise_pixels(load_mnist("train").pixels[:IMAGES], bits=bits)


def sample_for(scheme: Scheme, *, pixel_bits: int) -> npt.NDArray[np.int64] | None:
    """The sample that a plan in this scheme wants; None where it wants none."""
    return typical_pixels(pixel_bits) if scheme == "ckks" else None
