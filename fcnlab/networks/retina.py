"""What a network sees of an image: stored pixels as the tensor that it reads."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fcnlab.data.mnist import Images, quantise_sums
from fcnlab.networks.architectures import Architecture


def image_tensors(images: Images) -> tuple[Tensor, Tensor]:
    """Pixels as uint8 (N, 1, side, side), and labels."""
    return torch.tensor(images.pixels).unsqueeze(1), torch.tensor(images.labels)


class Retina:
    """What a network sees of images: pixels, or means of windows of pixels, of a few bits.

    Args:
        architecture: The network's.
    """

    def __init__(self, architecture: Architecture) -> None:
        bits, self._window = architecture.pixel_bits, architecture.window
        sums = np.arange(255 * self._window**2 + 1)
        levels = quantise_sums(sums, bits=bits, window=self._window)
        self._values = torch.tensor(levels / 2**bits, dtype=torch.float32)

    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 of shape (N, 1, 28, 28) to floats of the architecture's input shape, as `quantise_pixels` rounds."""
        if self._window > 1:
            pixels = functional.avg_pool2d(pixels.float(), self._window, divisor_override=1)
        return self._values[pixels.int()]
