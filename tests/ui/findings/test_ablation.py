"""The third question of lab 07 without a browser; nothing depends on how many networks have been trained."""

from fcnlab.findings.changes import values_of
from fcnlab.findings.networks import load_networks
from fcnlab.ui.findings.ablation import ablation


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


def test_an_empty_table_is_no_error(monkeypatch):
    monkeypatch.setattr("fcnlab.ui.findings.ablation.load_networks", lambda: ())
    lab = ablation()
    assert "not trained" in lab.numbers.value
    assert repr(lab) == "ablation()"
