"""The fourth question of lab 07 without a browser."""

import pytest

from fcnlab.ui.findings.scaling import UNKNOWN, ScalingQuestion, scaling
from tests.support.costs import made_up


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ScalingQuestion:
    monkeypatch.setattr("fcnlab.ui.findings.scaling.unit_costs", made_up)
    lab = scaling()
    assert lab.worker.wait()
    return lab


def test_the_fourth_question_projects_both_layouts(scale):
    assert "batch pays from" in scale.numbers.value
    assert scale.numbers.value.count("projected") >= 2
    packed, batch = scale.figure.data[:2]
    assert packed.y[0] < batch.y[0]
    scale.model.change(images=5_000, scheme="ckks")
    assert scale.worker.wait()
    assert scale.figure.data[3].x == (5_000,)
    assert "ckks" in scale.tables.value
    assert scale.figure.data[2].visible is False  # measured in bgv


def test_without_unit_costs_the_measured_line_is_left(monkeypatch):
    monkeypatch.setattr("fcnlab.ui.findings.scaling.unit_costs", lambda: None)
    lab = scaling()
    assert lab.worker.wait()
    assert UNKNOWN in lab.numbers.value
    assert [line.visible for line in lab.figure.data[:3]] == [False, False, True]


def test_a_projection_changes_no_text(monkeypatch):
    texts = []
    for kernel in (2.0, 20.0):
        monkeypatch.setattr("fcnlab.ui.findings.scaling.unit_costs", lambda kernel=kernel: made_up(kernel=kernel))
        lab = scaling()
        assert lab.worker.wait()
        texts.append(repr(lab))
    assert texts[0] == texts[1]
