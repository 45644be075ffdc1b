"""Random numbers from the operating system's generator: unpredictable, and never the same twice."""

import os

import numpy as np
import torch
from torch import Tensor

MANTISSA_BITS = 53


def uniform_from_system(count: int) -> Tensor:
    """`count` float64 numbers, uniform on (0, 1]."""
    words = np.frombuffer(bytearray(os.urandom(8 * count)), dtype=np.uint64)
    return torch.from_numpy(((words >> np.uint64(64 - MANTISSA_BITS)).astype(np.float64) + 1) / 2.0**MANTISSA_BITS)


def normal_from_system(shape: tuple[int, ...]) -> Tensor:
    """Standard normal float64 numbers of a shape.

    Source: Box and Muller 1958, "A note on the generation of random normal deviates".
    """
    count = int(np.prod(shape))
    radius, angle = uniform_from_system(count), uniform_from_system(count)
    return (torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * torch.pi * angle)).reshape(shape)
