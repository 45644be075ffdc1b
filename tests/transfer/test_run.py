import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from fcnlab.cli import OK, REFUSED, main
from fcnlab.cost import UnitCosts
from fcnlab.errors import DataError, FcnlabError
from fcnlab.transfer import run
from fcnlab.transfer.heads.cards import load_head
from fcnlab.transfer.heads.guarantee import SEEDED
from fcnlab.transfer.heads.training import train_head
from fcnlab.transfer.records.studies import load_study
from fcnlab.transfer.run import project_whole_network, run_study, sparse_network_hops
from tests.support.costs import made_up

ACCURACIES = {"accuracy", "accuracy_std", "clear_accuracy", "mismatched_logits"}
KEYS = ACCURACIES | {"study", "epsilon", "delta", "accountant", "hops", "whole_network_hops", "seconds", "seeds"}


@pytest.fixture(autouse=True)
def uncalibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was measured on this machine, tests see none of it."""

    def refuse() -> UnitCosts:
        raise DataError("not calibrated")

    monkeypatch.setattr(run, "load_costs", refuse)


def test_a_study_runs_encrypted_without_a_mismatch() -> None:
    told = []
    report = run_study(load_study("uci-digits"), seeds=1, threads=1, progress=lambda *step: told.append(step))
    assert report.mismatched_logits == 0
    assert report.accuracy >= 93
    assert report.clear_accuracy >= 97
    assert 20 * report.hops["total"] <= report.whole_network_hops["total"]
    assert report.sparse_network_hops is not None
    assert 20 * report.hops["total"] <= report.sparse_network_hops
    assert report.private.bound < report.clear.bound == 1
    assert "0 decrypted logits differ" in str(report)
    assert SEEDED in str(report)
    assert told[-1][1:] == (1, 1)
    assert report.seconds["whole_network"] is None
    assert all(
        isinstance(report.seconds[stage], float) for stage in ("train", "keygen", "encrypt", "evaluate", "decrypt")
    )


def test_the_whole_network_is_projected_where_it_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "load_costs", made_up)
    torch.manual_seed(0)
    tiny = nn.Sequential(nn.Conv2d(1, 2, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(72, 30))
    study = load_study("breast-cancer", units=0)
    head = train_head(study, epsilon=8.0)
    pictured = replace(study, extractor=tiny, input_shape=(1, 28, 28))
    assert (project_whole_network(pictured, head) or 0) > 0
    assert project_whole_network(study, head) is None
    assert sparse_network_hops(pictured) is not None
    assert sparse_network_hops(study) is None


def test_json_has_all_keys_and_no_infinity(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    options = ["--study", "breast-cancer", "--seeds", "1", "--threads", "1", "--json"]
    assert main(["transfer", *options, "--epsilon", "inf"]) == OK
    printed = capsys.readouterr().out
    values = json.loads(printed, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(values) >= KEYS
    assert (values["study"], values["epsilon"], values["mismatched_logits"]) == ("breast-cancer", None, 0)
    assert values["hops"] == values["whole_network_hops"]
    assert values["seeds"] == [0]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--study", "cats"], "Unknown study 'cats'"),
        (["--study", "uci-digits", "--epsilon", "0"], "Epsilon is a positive number"),
        (["--study", "uci-digits", "--epsilon", "-1"], "Epsilon is a positive number"),
        (["--study", "breast-cancer", "--delta", "2"], "between 0 and 1"),
        (["--study", "breast-cancer", "--delta", "0.01"], "above 1 over the 569 records"),
        (["--study", "breast-cancer", "--keep", "0"], "keeps more than 0"),
        (["--study", "breast-cancer", "--batch", "5"], "A private batch has 16 to 445 records here; got 5"),
        (["--study", "breast-cancer", "--batch", "446"], "A private batch has 16 to 445 records here; got 446"),
        (["--study", "breast-cancer", "--clipping", "0"], "clipping norm lies above 0 and is at most 1,000; got 0"),
        (["--study", "cifar10:7"], "cifar10:N takes the first N"),
        (["--study", "breast-cancer", "--bits", "9"], "1 to 8 bits"),
    ],
)
def test_bad_requests_are_refused_in_one_sentence(options, match, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", *options]) == REFUSED
    assert match in capsys.readouterr().err


def test_a_private_head_is_trained_for_release(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["train", "breast-cancer", "--private", "--folder", str(tmp_path)]
    assert main([*train, "--epsilon", "4", "--json"]) == OK
    assert json.loads(capsys.readouterr().out)["guarantee"]["secure_random"]
    _, card = load_head(tmp_path / "breast-cancer-head.safetensors")
    assert 3.9 < card.guarantee.epsilon <= 4
    assert card.guarantee.delta == pytest.approx(1 / 56_900)
    assert main([*train, "--delta", "1e-4", "--json"]) == OK
    printed = json.loads(capsys.readouterr().out)
    assert (printed["name"], printed["guarantee"]["delta"]) == ("breast-cancer-head-2", 1e-4)
    assert printed["command"].endswith("--private --epsilon 2 --delta 0.0001 --clipping 1")
    assert load_head(tmp_path / "breast-cancer-head.safetensors")[1] == card, "the first one stays"
    assert main([*train, "--epsilon", "inf"]) == REFUSED
    assert main([*train, "--epsilon", "nan"]) == REFUSED


def test_no_seed_no_study() -> None:
    with pytest.raises(FcnlabError, match="1 seed or more"):
        run_study(load_study("breast-cancer"), seeds=0)
