import numpy as np

from fcnlab.circuit.circuit import Circuit
from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.planning.sample import IMAGES, sample_for


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
