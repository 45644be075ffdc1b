"""Verbs that train."""

import json
from pathlib import Path

import pytest

from fcnlab.cli import OK, REFUSED
from fcnlab.cli.training import print_epoch
from tests.support.command import run


def test_train_refuses_an_unknown_recipe(capsys, tmp_path: Path) -> None:
    status, out, err = run(capsys, "train", "nothing", "--folder", str(tmp_path))
    assert (status, out) == (REFUSED, "")
    assert err.startswith("fcnlab train: ")
    assert list(tmp_path.iterdir()) == []


def test_another_seed_is_a_row_and_no_shipped_network(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fcnlab.networks.checkpoint import load_checkpoint
    from fcnlab.training import record, train

    asked, recorded = [], []
    checkpoint = load_checkpoint("fcn-12k")
    monkeypatch.setattr(train, "train", lambda recipe, **options: asked.append((recipe, options)) or checkpoint)
    monkeypatch.setattr(record, "record_point", recorded.append)
    status, out, _ = run(capsys, "train", "fcn-12k", "--seed", "3", "--json")
    assert status == OK
    ((recipe, options),) = asked
    assert (recipe.name, recipe.seed, options["folder"]) == ("fcn-12k-seed-3", 3, Path("runs/seeds"))
    assert recorded == [checkpoint]
    assert json.loads(out)["accuracy"] == checkpoint.card.accuracy
    for others in (["mnist-features"], ["uci-digits", "--private"]):
        status, _, err = run(capsys, "train", *others, "--seed", "3")
        assert status == REFUSED
        assert "Leave out --seed" in err


def test_an_epoch_is_a_line_on_standard_error(capsys) -> None:
    from fcnlab.training import train

    where = {"recipe": "fcn-20k", "phase": "prune", "epoch": 3, "epochs": 40}
    found = {"loss": 0.1234, "validation_percent": 98.765, "products": 19930, "elapsed_s": 90.0}
    print_epoch(train.TrainingProgress(**where, **found))
    printed = capsys.readouterr()
    assert printed.out == ""
    line = "fcn-20k prune epoch 3/40 loss 0.1234 validation 98.77 % 19,930 products 1.5 min"
    assert printed.err.split() == line.split()
