"""Ciphertexts as pictures."""

import numpy as np

from fcnlab.data.mnist import load_mnist
from fcnlab.ui.encrypted.runs import Overheard
from fcnlab.ui.encrypted.server_view import chi_squared, in_place, noise_sentence, sheet


def test_even_greys_are_told_from_uneven_ones():
    even = np.repeat(np.arange(256), 40).astype(np.uint8)
    assert chi_squared(even) == 0
    noise = np.random.default_rng(0).integers(0, 256, size=24_576, dtype=np.uint8)
    assert 150 < chi_squared(noise) < 360
    assert chi_squared(load_mnist("test").pixels[0]) > 10_000


def test_ciphertexts_become_pictures():
    residues = np.arange(2 * 3 * 4096).astype(np.uint8).reshape(2, 3, 4096)
    picture = sheet(residues)
    assert picture.size == residues.size
    assert 1 <= picture.shape[1] / picture.shape[0] <= 2
    image = in_place(Overheard(2, 10, residues, np.array([7, 9], dtype=np.uint8)), (30, 783), (28, 28))
    assert image.shape == (28, 28)
    assert (image[1, 2], image[27, 27], int(image.sum())) == (7, 9, 16)


def test_the_sentence_says_what_is_sent():
    noise = np.random.default_rng(0).integers(0, 256, size=(1, 3, 4096), dtype=np.uint8)
    sentence = noise_sentence(Overheard(4, 787_000, noise, noise[0, 0]))
    assert "4 ciphertexts, 0.787 MB" in sentence
    assert "a seed, from which the server makes the other) of 4,096 coefficients" in sentence
