"""The figure of a reading."""

import numpy as np
import pytest

from fcnlab.plots.reading import BINS, LEAST_PERCENT, grey_histogram, reading_figure, update_reading

PIXELS = np.zeros((28, 28), dtype=np.uint8)
PIXELS[10:18, 10:18] = 255
NOISE = np.arange(25_600).astype(np.uint8)
PUBLISHED = [6.7, 39.1, 411.1]
EMPTY = ([None] * 3, [None] * 3, PUBLISHED)
SECONDS = ([1.5, 0.2, 148.0], [1.2, 0.2, 148.0], PUBLISHED)


def test_before_a_run_only_what_is_known_is_drawn():
    figure = reading_figure()
    update_reading(figure, clear=[], encrypted=None, pixels=None, residues=None, amounts=EMPTY)
    clear, encrypted, measured, _, published, pixels, residues = figure.data
    assert len(clear.y) == len(encrypted.y) == len(pixels.y) == len(residues.y) == 0
    assert tuple(measured.x) == (None, None, None)
    assert tuple(published.x) == (6.7, 39.1, 411.1)
    assert tuple(published.text) == ("6.7", "39.1", "411")


def test_a_reading_fills_all_panels():
    figure = reading_figure()
    logits = [float(digit) - 4 for digit in range(10)]
    encrypted = [each + 0.1 for each in logits]
    update_reading(figure, clear=logits, encrypted=encrypted, pixels=PIXELS, residues=NOISE, amounts=SECONDS)
    clear, encrypted, measured, *_, pixels, residues = figure.data
    assert list(clear.y) == logits
    assert list(encrypted.y) == pytest.approx([each + 0.1 for each in logits])
    low, high = figure.layout.yaxis.range
    assert low < -4
    assert high > 5.1
    assert tuple(measured.text) == ("1.5", "0.2", "148")
    assert max(pixels.y) == pytest.approx(100 * (784 - 64) / 784)
    assert list(residues.y) == pytest.approx([100 / BINS] * BINS)


def test_a_histogram_holds_all_values():
    middles, percent = grey_histogram(PIXELS)
    assert len(middles) == len(percent) == BINS
    assert sum(each for each in percent if each > LEAST_PERCENT) == pytest.approx(100)
    assert (middles[0], middles[-1]) == (3.5, 251.5)
