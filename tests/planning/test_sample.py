import numpy as np
import pytest

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.planning.choose import choose_plan
from fcnlab.planning.sample import IMAGES, sample_for
from tests.support.circuits import affine


def test_they_are_the_first_training_images():
    images = load_mnist("train").pixels[:IMAGES]
    assert np.array_equal(sample_for("ckks", Circuit("x", (1, 28, 28), 4, ())), quantise_pixels(images, bits=4))
    assert np.array_equal(sample_for("ckks", Circuit("x", (784,), 2, ())), quantise_pixels(images, bits=2))


def test_they_are_what_the_circuit_reads():
    images = load_mnist("train").pixels[:IMAGES]
    sample = sample_for("ckks", Circuit("x", (1, 14, 14), 5, ()))
    assert sample.shape == (IMAGES, 14, 14)
    assert np.array_equal(sample, quantise_pixels(images, bits=5, window=2))


def test_only_ckks_wants_a_sample():
    assert sample_for("bgv", Circuit("x", (1, 28, 28), 4, ())) is None
    assert sample_for("bfv", Circuit("x", (1, 28, 28), 4, ())) is None


def test_a_circuit_that_reads_no_digits_has_no_sample():
    assert sample_for("ckks", Circuit("x", (5,), 4, ())) is None
    assert sample_for("ckks", Circuit("x", (3, 28, 28), 4, ())) is None
    assert sample_for("ckks", Circuit("x", (1, 56, 56), 4, ())) is None


@pytest.mark.parametrize("layout", ["batch", "packed"])
def test_a_chosen_plan_learns_from_them(layout):
    weights = np.zeros((2, 784), dtype=np.int64)
    weights[:, 400:404] = 3
    steps = (affine(weights), Polynomial("act", 2), affine([[1, 2]]))
    circuit = Circuit("reads digits", (1, 28, 28), 2, steps)
    chosen, _ = choose_plan(circuit, scheme="ckks", layout=layout, images=1)
    told, _ = choose_plan(circuit, scheme="ckks", layout=layout, images=1, sample=sample_for("ckks", circuit))
    noise, _ = choose_plan(circuit, scheme="ckks", layout=layout, images=1, sample=np.eye(784, dtype=np.int64))
    assert chosen.predicted_error == told.predicted_error != noise.predicted_error
