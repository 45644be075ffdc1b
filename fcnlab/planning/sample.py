"""Pixels of typical images: from them ckks plans learn how large values usually are.

No proof depends on them. They are training images, so that nothing is learnt from those that are classified.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.data.mnist import load_mnist
from fcnlab.planning.noise import Scheme

IMAGES: Final = 256
SHAPES: Final = ((784,), (1, 28, 28), (1, 14, 14), (1, 7, 7))  # of images of digits, whole or shrunk


@lru_cache(maxsize=1)
def typical_images() -> npt.NDArray[np.uint8]:
    """The first training images, shape (256, 28, 28)."""
    return load_mnist("train").pixels[:IMAGES].copy()


def logit_spread(logits: npt.NDArray[np.float64]) -> float:
    """How far the logits of an image lie apart, as errors are measured by: root mean square over images.

    Args:
        logits: Shape (N, outputs); a single one is compared over images.
    """
    return float(np.sqrt(np.mean(np.var(logits, axis=1 if logits.shape[1] > 1 else 0)))) or 1.0


def sample_for(scheme: Scheme, circuit: Circuit) -> npt.NDArray[np.int64] | None:
    """The sample that a plan in this scheme wants, as the circuit reads it.

    None where it wants none, and for a circuit that does not read images of digits.
    """
    return circuit.quantise(typical_images()) if scheme == "ckks" and circuit.input_shape in SHAPES else None
