"""Picking test digits."""

import numpy as np
import pytest

from fcnlab.data.mnist import load_mnist
from fcnlab.ui.encrypted.settings import DigitSettings, make_presets, pick_digits
from fcnlab.ui.kit.controls import controls_of

TEST = load_mnist("test")


def test_they_come_in_the_order_of_mnist_and_around_its_end():
    picture = pick_digits(DigitSettings(first=9_998, count=4))
    assert picture.numbers.tolist() == [9998, 9999, 0, 1]
    assert np.array_equal(picture.pixels, TEST.pixels[[9998, 9999, 0, 1]])
    assert np.array_equal(picture.labels, TEST.labels[[9998, 9999, 0, 1]])
    assert picture.name(0) == "test image 9,998"


def test_only_those_of_a_label():
    picture = pick_digits(DigitSettings(first=5, count=30, label="4"))
    assert set(picture.labels.tolist()) == {4}
    assert picture.numbers.tolist() == [n for n in range(5, 10_000) if TEST.labels[n] == 4][:30]


def test_a_shuffle_is_another_order_that_can_be_had_again():
    one, again, other = (pick_digits(DigitSettings(order=order, count=20)).numbers for order in (7, 7, 8))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert len(set(pick_digits(DigitSettings(order=7, count=100)).numbers.tolist())) == 100


def test_pictures_are_compared_by_their_pixels():
    first, again, other = (pick_digits(DigitSettings(first=place)) for place in (3, 3, 4))
    assert first.same_as(again)
    assert not first.same_as(other)
    assert not first.same_as(None)


@pytest.mark.parametrize("preset", make_presets().values())
def test_presets_are_within_the_controls(preset):
    for control in controls_of(preset):
        assert control.check(getattr(preset, control.name)) == getattr(preset, control.name)
