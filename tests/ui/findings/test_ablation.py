"""Lab 07 without a browser; nothing here depends on how many networks have been trained."""

import re
from types import SimpleNamespace

import pytest

from fcnlab.errors import SettingsError
from fcnlab.findings.changes import values_of
from fcnlab.findings.networks import load_networks
from fcnlab.findings.reduction import Reduction
from fcnlab.ui.findings.ablation import ablation, expressiveness, reduction
from fcnlab.ui.findings.scaling import UNKNOWN, ScalingQuestion, answers, scaling
from tests.support.costs import made_up


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ScalingQuestion:
    monkeypatch.setattr("fcnlab.ui.findings.scaling.unit_costs", made_up)
    lab = scaling()
    assert lab.worker.wait()
    return lab


def test_the_first_question_follows_menu_and_clicks():
    lab = reduction()
    assert "HOPs, published convention" in lab.numbers.value
    network = lab.facts.networks[0]
    lab.model.change(network=network.name)
    assert f"{network.hops:,}" in lab.numbers.value
    assert lab.figure.data[-2].x == (network.hops,)
    trace = lab.figure.data[0]
    lab._clicked(trace, SimpleNamespace(point_inds=[0]), None)
    assert lab.model.settings.network == trace.customdata[0]
    published = next(trace for trace in lab.figure.data if trace.name == "published")
    lab._clicked(published, SimpleNamespace(point_inds=[2]), None)
    assert lab.model.settings.beside == "CryptoDL-1"
    assert "fewer than CryptoDL-1" in lab.numbers.value


def test_measured_networks_show_their_seconds():
    lab = reduction()
    names = {network.name for network in lab.facts.networks}
    run = next(run for run in lab.facts.runs if run.system in names)
    lab.model.change(network=run.system)
    assert "evaluate, measured" in lab.numbers.value
    assert lab.figure.data[-1].x == (run.total,)


def test_an_empty_table_is_no_error(monkeypatch):
    facts = Reduction((), (), (), reduction().facts.published, reduction().facts.study)
    monkeypatch.setattr("fcnlab.findings.reduction.read_reduction", lambda: facts)
    monkeypatch.setattr("fcnlab.ui.findings.ablation.load_networks", lambda: ())
    assert "fcnlab sweep" in reduction().numbers.value
    assert "not trained" in ablation().numbers.value
    assert "not in the table yet" in repr(ablation())


def test_the_second_question_follows_its_slider():
    lab = expressiveness()
    assert "1.28 ×" in lab.numbers.value
    lab.model.change(target="softplus", degree=3)
    assert lab.figure.data[-1].x == (3,)
    assert "softplus, degree 3" in lab.tables.value
    assert lab.model.line == "expressiveness(target='softplus', degree=3)"
    lab.frame.buttons["ReLU"].click()
    assert "1.00 ×" in lab.numbers.value


def test_the_third_question_shows_any_place_of_the_grid():
    lab = ablation()
    networks = load_networks()
    for bits in values_of(networks, "weight_bits"):
        for budget in values_of(networks, "budget"):
            lab.model.change(weight_bits=str(bits), budget=str(budget))
            assert not lab.model.problem
            assert "accuracy" in lab.numbers.value
    for preset in ("mild", "harsh"):
        lab.frame.buttons[preset].click()
        assert "not trained" not in lab.numbers.value
    lab.model.change(study="breast-cancer")
    assert "breast-cancer" in lab.figure.layout.annotations[-1].text


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


def test_texts_are_constant_and_carry_no_projection(monkeypatch):
    monkeypatch.setattr("fcnlab.ui.findings.scaling.unit_costs", lambda: made_up(kernel=2.0))
    one = repr(scaling())
    monkeypatch.setattr("fcnlab.ui.findings.scaling.unit_costs", lambda: made_up(kernel=20.0))
    assert repr(scaling()) == one
    for lab in (answers(), reduction(), expressiveness(), ablation(), scaling()):
        bundle = lab._repr_mimebundle_()
        assert bundle["text/plain"] == repr(lab)
        assert not re.search(r"\d (s|ms|seconds)\b", repr(lab))
        assert "nan" not in repr(lab)
        assert bundle["text/html"]


def test_all_four_are_answered():
    text = repr(answers())
    assert all(f"RQ{number}" in text for number in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("opened", "wrong"),
    [
        (reduction, {"network": "unheard-of"}),
        (expressiveness, {"degree": 9}),
        (ablation, {"budget": "17"}),
        (scaling, {"images": 0}),
    ],
)
def test_wrong_settings_are_refused(opened, wrong):
    with pytest.raises(SettingsError):
        opened(**wrong)
