"""How faithful a circuit is to the network that it was compiled from."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import CircuitError


@dataclass(frozen=True)
class Fidelity:
    """How a circuit compares with the network it was compiled from.

    Attributes:
        images: Number of images compared.
        max_logit_difference: Largest absolute difference of a logit, in the network's units.
        max_logit: Largest absolute logit of the network, to compare with.
        digit_agreement: Share of images with the same largest logit, 0 to 1.
    """

    images: int
    max_logit_difference: float
    max_logit: float
    digit_agreement: float


def measure_fidelity(circuit: Circuit, network: nn.Module, *, pixels: npt.NDArray[Any]) -> Fidelity:
    """Run the circuit and the network it came from on the same images, and compare the logits.

    Args:
        circuit: Compiled from `network`.
        network: Run as in evaluation and in double precision; it is not changed.
        pixels: Integers from 0 to `circuit.pixel_max`, shape (N, ...), at least one image.

    Raises:
        CircuitError: If there are no images, or the pixels do not fit the circuit.
    """
    images = circuit.check_pixels(pixels)
    if not len(images):
        raise CircuitError("There are no images to compare: give at least one.")
    reference = copy.deepcopy(network).double().eval()
    scaled = torch.from_numpy(images.reshape(-1, *circuit.input_shape)).double() / (1 << circuit.pixel_bits)
    with torch.no_grad():
        expected = reference(scaled).numpy()
    logits = circuit.evaluate(images)
    difference = np.abs(logits.astype(np.float64) * circuit.unit - expected)
    return Fidelity(
        images=len(images),
        max_logit_difference=float(difference.max()),
        max_logit=float(np.abs(expected).max()),
        digit_agreement=float(np.mean(logits.argmax(axis=1) == expected.argmax(axis=1))),
    )
