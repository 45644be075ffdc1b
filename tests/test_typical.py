import numpy as np

from fcnlab.data import load_mnist, quantise_pixels
from fcnlab.typical import IMAGES, sample_for, typical_pixels


def test_they_are_the_first_training_images():
    pixels = typical_pixels(4)
    assert pixels.shape == (IMAGES, 28, 28)
    assert np.array_equal(pixels, quantise_pixels(load_mnist("train").pixels[:IMAGES], bits=4))
    assert pixels.max() == 15


def test_only_ckks_wants_a_sample():
    assert sample_for("ckks", pixel_bits=2) is typical_pixels(2)
    assert sample_for("bgv", pixel_bits=2) is None
    assert sample_for("bfv", pixel_bits=2) is None
