"""Accuracy against HOPs."""

import math

import pytest

from fcnlab.plots.accuracy import accuracy_axis, accuracy_place, accuracy_points


def test_the_axis_is_the_error_upside_down():
    axis = accuracy_axis(low=90.0, high=99.0, ticks=(90, 99))
    assert axis["range"] == pytest.approx([1.0, 0.0])
    assert axis["tickvals"] == [10, 1]
    assert axis["ticktext"] == ["90 %", "99 %"]


def test_no_error_still_has_a_place():
    assert math.isfinite(math.log10(accuracy_place(100.0)))


def test_networks_are_points_with_their_names():
    drawn = accuracy_points([("a", 10, 99.0), ("b", 20, 98.5)], said=", published")
    assert (drawn["x"], drawn["y"], drawn["customdata"]) == ([10, 20], [1.0, 1.5], ["a", "b"])
    assert drawn["text"] == ["99.00 %", "98.50 %"]
    assert ", published<br>" in drawn["hovertemplate"]
    assert accuracy_points([])["x"] == []
