"""The lab of private transfer without a browser."""

import math
import pickle

import pytest

from fcnlab.data.releases import EPSILONS, PRUNED, read_curve, read_networks, read_releases
from fcnlab.errors import SettingsError
from fcnlab.plots.transfer import INFINITY_PLACE, parts
from fcnlab.transfer.costs import cost_head
from fcnlab.transfer.records.outlines import OUTLINES
from fcnlab.ui.transfer.lab import NOTHING_TRAINED, PrivateSettings, PrivateTransferLab, private_transfer
from fcnlab.ui.transfer.runs import Trained, Training, judge_release, run_in_worker, train_in_worker
from fcnlab.ui.transfer.words import describe_here, describe_run

PATIENTS = {"study": "breast-cancer", "epsilon": "4"}


@pytest.fixture
def lab() -> PrivateTransferLab:
    return private_transfer()


@pytest.fixture(scope="module")
def trained() -> Trained:
    """A head as a worker would train it."""
    return train_in_worker(training=Training("breast-cancer", 4.0, units=8), progress=lambda _: None)


def test_opens_with_what_was_measured_and_draws_nothing_else(lab):
    curve = {point.epsilon: point for point in read_curve("uci-digits")}
    panel = parts(lab.figure)
    assert [each for each in panel["curve"].y if each is not None] == [point.accuracy for point in curve.values()]
    assert panel["curve"].y[-2] is None, "no line leads to infinity"
    assert panel["curve"].x[-1] == INFINITY_PLACE
    assert panel["ring"].y == (curve[2.0].accuracy,)
    assert panel["bound"].y[2] == curve[2.0].advantage_bound
    assert not len(panel["yours"].x or ())
    assert f"{curve[2.0].accuracy:.2f} ± {curve[2.0].accuracy_std:.2f} %" in lab.numbers.value
    assert "no head was trained here" in lab.here.value.lower()
    assert lab.model.line == "private_transfer()"


@pytest.mark.parametrize("study", OUTLINES)
def test_every_stop_of_the_sliders_was_measured(study):
    lab = private_transfer(study=study)
    for epsilon in EPSILONS:
        for pruned in PRUNED:
            lab.model.change(epsilon=epsilon, pruned=pruned, weight_bits=3)
            key = (epsilon, pruned, 3)
            point = next(p for p in read_releases(study) if (p.epsilon, p.pruned, p.weight_bits) == key)
            assert f"{point.accuracy:.2f} ± {point.accuracy_std:.2f} %" in lab.numbers.value
            assert f"{point.hops:,}" in lab.numbers.value
            assert parts(lab.figure)["sparse ring"].y == (point.accuracy,)
            assert parts(lab.figure)["ring"].y == (), "the curve has other weight bits"
    assert not lab.frame.status.value


def test_costs_are_shown_with_and_without_the_extractor_on_the_client(lab):
    shipped = {network.network: network for network in read_networks("uci-digits")}
    panel = parts(lab.figure)
    assert list(panel["hops"].y) == ["the head", "fcn-20k, sparse", "extractor and head"]
    assert panel["hops"].x[1:] == (shipped["fcn-20k"].hops, shipped["whole"].hops)
    assert panel["message"].x[2] == pytest.approx(shipped["whole"].upload_bytes / shipped["whole"].ring_degree / 1000)
    assert "instead of 2,143,242" in lab.numbers.value
    lab.model.change(study="breast-cancer")
    assert list(panel["hops"].y) == ["the head"]
    assert "no extractor" in lab.numbers.value


def test_what_was_never_measured_is_said_and_counted_on_an_untrained_head(lab):
    lab.model.change(head="16", clipping=3)
    assert "not measured" in lab.numbers.value
    assert parts(lab.figure)["ring"].y == ()
    assert parts(lab.figure)["sparse ring"].y == ()
    assert lab.worker.wait()
    cost = lab.worker.recall(lab.model.settings).cost
    assert f"{cost.hops:,}" in lab.numbers.value
    assert cost.hops > 2 * 64 * 16
    assert parts(lab.figure)["hops"].x[0] == cost.hops
    lab.model.change(head="study", epsilon="inf")
    assert "Clipping has no effect" in lab.numbers.value
    assert "not measured" not in lab.numbers.value
    assert PrivateSettings(epsilon="inf", clipping="3").training == PrivateSettings(epsilon="inf").training


def test_a_head_that_comes_back_is_shown_and_follows_prune_and_weight(lab, trained):
    lab.model.change(**PATIENTS)
    lab.training.result = trained
    assert lab.worker.wait()
    panel = parts(lab.figure)
    plain = judge_release(trained, pruned=0, weight_bits=4)
    assert panel["yours"].y == (plain.head.accuracy,)
    assert panel["attacked yours"].y == (plain.attack.advantage,)
    assert list(panel["sparse yours"].x) == list(PRUNED)
    assert f"{plain.head.accuracy:.2f} %</b><span>accuracy, trained here" in lab.numbers.value
    lab.model.change(pruned=80, weight_bits=2)
    assert lab.worker.wait()
    sparse = judge_release(trained, pruned=80, weight_bits=2)
    assert f"{sparse.head.accuracy:.2f} %</b><span>accuracy, trained here" in lab.numbers.value
    assert f"{sparse.cost.hops:,}" in lab.numbers.value
    assert sparse.cost == cost_head(sparse.head.released, features=trained.study.features, images=115)
    assert tuple(panel["sparse yours"].y) == tuple(sparse.sweep.values())
    assert not lab.run_panel.start_button.disabled


def test_a_head_of_other_settings_cannot_be_run_and_the_panel_says_why(lab, trained):
    assert lab.run_panel.start_button.disabled
    assert lab.run_panel.start_button.tooltip == NOTHING_TRAINED
    lab.training.result = trained
    assert lab.worker.wait()
    assert lab.run_panel.start_button.disabled
    assert "breast-cancer, 8 units, 5 feature bits, ε = 4" in lab.run_panel.start_button.tooltip
    assert parts(lab.figure)["yours"].y == (), "it is of another study"
    lab.model.change(**PATIENTS)
    assert not lab.run_panel.start_button.disabled


def test_what_all_heads_together_would_spend_is_added_up(trained):
    released = judge_release(trained, pruned=0, weight_bits=4)
    spent = trained.head.guarantee.epsilon
    assert 3.9 < spent <= 4
    text = describe_here([(trained, released)] * 3, "breast-cancer").text()
    assert f"their sum, {3 * spent:.4g}" in text
    assert "for study only" in text
    assert "their sum" not in describe_here([(trained, released)] * 3, "uci-digits").text()


def test_a_head_runs_encrypted_as_it_is_released(trained):
    told = []
    run = run_in_worker(trained=pickle.loads(pickle.dumps(trained)), pruned=50, weight_bits=3, progress=told.append)
    assert run.report.mismatched_logits == 0
    assert run.report.images == 124
    assert run.report.accuracy == pytest.approx(judge_release(trained, pruned=50, weight_bits=3).head.accuracy)
    shares = [each.share for each in told]
    assert shares == sorted(shares)
    text = describe_run(run).html()
    assert "all 248 logits equal the clear circuit" in text
    assert f"{run.published_hops:,} HOPs" in text


def test_a_training_is_cancelled_and_run_again_and_then_encrypted(lab):
    pytest.importorskip("Pyfhel")
    lab.model.change(study="breast-cancer")
    start, cancel = lab.train_panel.start_button, lab.train_panel.cancel_button
    start.click()
    assert start.disabled
    assert cancel.layout.display == "flex"
    cancel.click()
    lab.training.wait()
    assert lab.training.state == "cancelled"
    assert not lab.heads
    start.click()
    lab.training.wait()
    assert lab.training.state == "done", lab.training.message
    assert lab.worker.wait()
    assert lab.heads[0][0].training == Training("breast-cancer", 2.0, units=8)
    lab.run_panel.start_button.click()
    lab.running.wait()
    assert lab.running.state == "done", lab.running.message
    assert "0</b><span>wrong logits" in lab.account.value


def test_presets_and_lines(lab):
    lab.frame.buttons["patients"].click()
    assert lab.model.line == "private_transfer(study='breast-cancer')"
    lab.frame.line.value = "private_transfer(epsilon=0.5, pruned=70)"
    assert lab.model.settings == PrivateSettings(epsilon="0.5", pruned="70")
    lab.frame.line.value = "private_transfer(epsilon=3)"
    assert "0.5, 1, 2, 4, 8, inf" in lab.frame.status.value
    with pytest.raises(SettingsError, match="pruned"):
        lab.model.change(pruned=60)


def test_what_a_notebook_stores_is_the_same_before_and_after_a_training(lab, trained):
    lab.model.change(**PATIENTS)
    before = repr(lab)
    lab.training.result = trained
    assert lab.worker.wait()
    assert repr(lab) == before
    assert math.isclose(trained.head.guarantee.delta, 1 / 56_900)
