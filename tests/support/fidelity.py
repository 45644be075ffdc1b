"""How faithful a circuit is to the network that it was compiled from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from fcnlab.circuit.circuit import Circuit
from fcnlab.compiler.comparison import run_network
from fcnlab.errors import CircuitError


@dataclass(frozen=True)
class Fidelity:
    """How a circuit compares with the network it was compiled from.

    Attributes:
        images: Number of images compared.
        max_logit_difference: Largest absolute difference of a logit, in the network's units.
        max_logit: Largest absolute logit of the network, to compare with.
        digit_agreement: Share of images of the same class, 0 to 1: the largest logit, or the sign of a single one.
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
    expected = run_network(network, circuit=circuit, pixels=images)
    logits = circuit.evaluate(images)
    difference = np.abs(logits.astype(np.float64) * circuit.unit - expected)
    return Fidelity(
        images=len(images),
        max_logit_difference=float(difference.max()),
        max_logit=float(np.abs(expected).max()),
        digit_agreement=float(np.mean(classes(logits) == classes(expected))),
    )


def classes(logits: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The class of each row: the largest logit, or whether a single one is positive."""
    return logits.argmax(axis=1) if logits.shape[1] > 1 else logits[:, 0] > 0
