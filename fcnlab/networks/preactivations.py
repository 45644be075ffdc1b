"""What the activations of a shipped network see: the histogram of their inputs over training images.

As the weight of a mean square it asks a polynomial to be close where the network's values are. Knows torch, nothing of
encryption or widgets.
"""

from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from fcnlab.approximation import HistogramNorm
from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.networks.checkpoint import load_checkpoint
from fcnlab.networks.retina import Retina, image_tensors

IMAGES: Final = 2000  # training images: half a million values and more of a convolution
BIN: Final = 0.5


@lru_cache(maxsize=16)
def preactivations(network: str, layer: str) -> npt.NDArray[np.float32]:
    """Every input of one activation over the first training images, sorted, shape (values,).

    Args:
        network: Name of a shipped network.
        layer: Name of an activation in it, such as ``act1``.

    Raises:
        DataError: If there is no such network or activation.
    """
    checkpoint = load_checkpoint(network)
    names = [name for name, _ in checkpoint.network.named_children()]
    if layer not in names or not layer.startswith("act"):
        activations = [name for name in names if name.startswith("act")]
        raise DataError(f"{network} has no activation {layer!r}; it has {', '.join(activations)}.")
    pixels, _ = image_tensors(load_mnist("train"))
    before = checkpoint.network[: names.index(layer)].eval()
    with torch.no_grad():
        values = before(Retina(checkpoint.card.architecture)(pixels[:IMAGES]))
    return np.sort(values.numpy().ravel())


@cache
def preactivation_norm(network: str, layer: str, *, reach: float) -> HistogramNorm:
    """The histogram of an activation's inputs as a norm.

    Args:
        network: Name of a shipped network.
        layer: Name of an activation in it.
        reach: Values beyond -reach and reach are left out.

    Raises:
        DataError: If there is no such network or activation.
        ApproximationError: If every value is beyond the reach.
    """
    edges = np.arange(-reach, reach + BIN / 2, BIN)
    counts, _ = np.histogram(preactivations(network, layer), bins=edges)
    return HistogramNorm(tuple(counts.tolist()), tuple(edges.tolist()))


def share_inside(network: str, layer: str, *, interval: tuple[float, float]) -> float:
    """Share of an activation's inputs that lie in an interval, 0 to 1."""
    values = preactivations(network, layer)
    low, high = np.searchsorted(values, interval)
    return float(high - low) / len(values)
