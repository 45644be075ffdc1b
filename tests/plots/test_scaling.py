"""The figure of the fourth question."""

import pytest

from fcnlab.findings.scaling import IMAGES, Part
from fcnlab.plots.scaling import interpolate, scaling_figure, update_messages, update_seconds

PARTS = (
    Part("digits", "head", 600, 2000.0),
    Part("digits", "whole", 2_000_000, 150_000.0),
    Part("digits", "fcn-x", 40_000, 120_000.0),
    Part("records", "head", 500, 1900.0),
)


def test_heads_and_networks_are_bars_of_their_studies():
    figure = scaling_figure(PARTS)
    bars = {trace.name: trace for trace in figure.data[5:]}
    assert list(bars) == ["head alone", "extractor and head", "fcn-x on the images"]
    assert list(bars["head alone"].y) == ["digits", "records"]
    assert len({trace.marker.pattern.shape for trace in bars.values()}) == 3
    assert len(scaling_figure(()).data) == 5


def test_lines_that_are_not_known_are_not_drawn():
    figure = scaling_figure(PARTS)
    falling = [10 / images for images in IMAGES]
    update_seconds(figure, packed=[0.2] * len(IMAGES), batch=falling, measured=[], images=1)
    packed, batch, measured, cross = figure.data[:4]
    assert (packed.visible, batch.visible, measured.visible) == (True, True, False)
    assert (cross.x, cross.y) == ((1,), (0.2,))
    update_seconds(figure, packed=[], batch=falling, measured=[], images=10_000)
    assert cross.y == pytest.approx((0.001,))
    update_seconds(figure, packed=[], batch=[], measured=[], images=1)
    assert not cross.x


def test_the_nearest_drawn_number_is_taken():
    assert interpolate(list(IMAGES), 1) == 1
    assert interpolate(list(IMAGES), 9_800) == 10_000


def test_messages_have_patterns_by_layout():
    figure = scaling_figure(PARTS)
    update_messages(figure, names=["ring 8,192", "packed"], kilobytes=[120, 1800], layouts=["batch", "packed"])
    assert list(figure.data[4].x) == [120, 1800]
    assert list(figure.data[4].marker.pattern.shape) == ["", "/"]
