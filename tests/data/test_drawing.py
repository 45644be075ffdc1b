"""Drawn digits follow MNIST's own convention, and the networks read them."""

import numpy as np
import pytest

from fcnlab.data.drawing import averaging, check_strokes, digit_image, draw_ink, normalise_ink
from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.errors import DataError
from fcnlab.inference.demonstration import prepare
from tests.support.strokes import DIGITS, arc

SAMPLE = 400


@pytest.fixture(scope="module")
def mnist() -> np.ndarray:
    return load_mnist("test").pixels[:SAMPLE]


def centre(image: np.ndarray) -> np.ndarray:
    places = np.arange(28)
    mass = image.astype(float)
    return np.array([mass.sum(axis=1) @ places, mass.sum(axis=0) @ places]) / mass.sum()


def box(image: np.ndarray) -> tuple[int, int]:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def test_mnist_itself_follows_the_convention(mnist):
    assert all(max(box(image)) == 20 for image in mnist)
    assert all(np.abs(centre(image) - 14).max() <= 0.52 for image in mnist)


def test_enlarged_and_moved_mnist_images_come_back_as_they_were(mnist):
    for index, image in enumerate(mnist):
        sheet = np.zeros((240, 260))
        top, left = index % 100, (7 * index) % 120
        sheet[top : top + 140, left : left + 140] = np.kron(image, np.ones((5, 5)))
        back = normalise_ink(sheet).astype(int)
        expected = np.rint(255.0 * image / image.max()).astype(int)
        if np.abs(centre(image) % 1 - 0.5).min() > 0.02:  # not half way between two pixels
            assert np.abs(back - expected).max() <= 1
        assert box(back) == box(image)


@pytest.mark.parametrize("digit", DIGITS)
def test_a_drawn_digit_is_an_mnist_image(digit):
    image = digit_image(DIGITS[digit])
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() == 255
    assert 19 <= max(box(image)) <= 20
    assert np.abs(centre(image) - 14).max() <= 0.5 + 1e-2


def test_the_default_network_reads_all_ten():
    circuit = prepare("fcn-20k").circuit
    images = np.stack([digit_image(strokes) for strokes in DIGITS.values()])
    logits = circuit.evaluate(quantise_pixels(images, bits=circuit.pixel_bits))
    assert logits.argmax(axis=1).tolist() == list(DIGITS)


def test_place_and_size_on_the_canvas_do_not_matter():
    for strokes in DIGITS.values():
        small = [[[0.05 + 0.3 * x, 0.6 + 0.3 * y] for x, y in stroke] for stroke in strokes]
        difference = digit_image(strokes).astype(int) - digit_image(small)
        assert np.abs(difference).max() <= 1


def test_drawn_digits_have_as_much_ink_as_mnist(mnist):
    images = np.stack([digit_image(strokes) for strokes in DIGITS.values()])
    assert 0.8 < images.mean() / mnist.mean() < 1.2


def test_a_line_has_the_area_of_its_round_ended_strip():
    ink = draw_ink([np.array([[10.0, 10.0], [40.0, 50.0]])], radius=4)
    assert ink.sum() == pytest.approx(8 * 50 + np.pi * 16, rel=0.01)
    assert draw_ink([np.array([[10.0, 12.0]])], radius=6).sum() == pytest.approx(np.pi * 36, rel=0.01)


def test_one_point_is_a_blot_in_the_middle():
    image = digit_image([[[0.9, 0.1]]])
    assert np.abs(centre(image) - 14).max() <= 0.51
    assert image.any()


def test_averaging_keeps_means():
    values = np.random.default_rng(0).random(57)
    for fewer in (1, 8, 20):
        matrix = averaging(57, fewer)
        assert matrix.sum(axis=1) == pytest.approx(np.ones(fewer))
        assert (matrix @ values).mean() == pytest.approx(values.mean())


@pytest.mark.parametrize(
    ("strokes", "match"),
    [
        ([], "Nothing is drawn"),
        ([[]], "Nothing is drawn"),
        ([[[0.5, 1.5]]], "from 0 to 1"),
        ([[[0.5, float("nan")]]], "from 0 to 1"),
        ([[[0.5]]], "points"),
        ([["ab", "c"]], "points"),
        (7, "points"),
        ([arc(0.5, 0.5, 0.1, 0.1, 0, 360, 20_001)], "at most 20,000"),
    ],
)
def test_what_is_no_drawing_is_refused(strokes, match):
    with pytest.raises(DataError, match=match):
        digit_image(strokes)
    with pytest.raises(DataError, match=match):
        check_strokes(strokes)


@pytest.mark.parametrize("ink", [np.zeros((9, 9)), -np.ones((9, 9)), np.ones(9)])
def test_what_is_no_ink_is_refused(ink):
    with pytest.raises(DataError, match="Ink"):
        normalise_ink(ink)
