"""The values are those of the network, and of the circuit that is encrypted."""

import numpy as np
import pytest

from fcnlab.compiler.compile import compile_circuit
from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.errors import DataError
from fcnlab.networks.checkpoint import load_checkpoint
from fcnlab.networks.preactivations import IMAGES, preactivation_norm, preactivations, share_inside


def test_they_are_what_the_uncollapsed_circuit_has_before_its_activation() -> None:
    checkpoint = load_checkpoint("fcn-20k")
    bits = checkpoint.card.architecture.pixel_bits
    circuit = compile_circuit(checkpoint.network, name="layers", pixel_bits=bits, merge=False, complete_squares=False)
    first = circuit.steps[0]
    pixels = quantise_pixels(load_mnist("train").pixels[:IMAGES], bits=bits).reshape(IMAGES, -1)
    values = (pixels @ first.weights.toarray().T + first.bias.astype(np.int64)) * first.unit
    assert preactivations("fcn-20k", "act1") == pytest.approx(np.sort(values.ravel()), abs=1e-4)


def test_the_norm_is_their_histogram() -> None:
    values = preactivations("fcn-20k", "act2")
    norm = preactivation_norm("fcn-20k", "act2", reach=8.0)
    assert norm.edges[0] == -8
    assert norm.edges[-1] == 8
    assert sum(norm.counts) == np.sum(np.abs(values) <= 8)
    inside = share_inside("fcn-20k", "act2", interval=(-4.0, 4.0))
    assert inside == pytest.approx(np.mean(np.abs(values) < 4), abs=1e-6)


@pytest.mark.parametrize(("layer", "there"), [("act3", "act1, act2"), ("fc1", "act1, act2")])
def test_what_is_no_activation_is_refused(layer: str, there: str) -> None:
    with pytest.raises(DataError, match=there):
        preactivations("fcn-20k", layer)
