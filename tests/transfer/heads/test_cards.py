import json
import math
from dataclasses import replace

import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.transfer.heads.cards import load_head, make_card, save_head
from fcnlab.transfer.heads.heads import compile_head
from fcnlab.transfer.heads.training import train_head
from fcnlab.transfer.records.studies import load_study

STUDY = load_study("breast-cancer")
HEAD = train_head(STUDY, epsilon=2.0, secure_random=True)
CARD = make_card(STUDY, HEAD, command="fcnlab train breast-cancer --private")


def test_a_head_and_its_guarantee_come_back_whole(tmp_path) -> None:
    path = save_head(HEAD.released, CARD, folder=tmp_path)
    head, card = load_head(path)
    assert card == CARD
    assert card.guarantee.secure_random
    assert card.guarantee.epsilon <= 2
    circuit = compile_head(head, features=card.features, name="again")
    assert np.array_equal(circuit.evaluate(STUDY.values), HEAD.circuit.evaluate(STUDY.values))
    stored = json.loads(path.with_suffix(".json").read_text())
    assert "seed" not in stored
    assert stored["guarantee"]["accountant"] == "prv"


def test_no_guarantee_no_private_head(tmp_path) -> None:
    with pytest.raises(DataError, match="finite epsilon"):
        save_head(HEAD.released, replace(CARD, guarantee=replace(CARD.guarantee, epsilon=math.inf)), folder=tmp_path)
    with pytest.raises(DataError, match="noise from a seed"):
        save_head(HEAD.released, replace(CARD, guarantee=replace(CARD.guarantee, secure_random=False)), folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_second_head_leaves_the_first_as_it_was(tmp_path) -> None:
    paths = [save_head(HEAD.released, CARD, folder=tmp_path) for _ in range(3)]
    assert [path.stem for path in paths] == [f"breast-cancer-head{end}" for end in ("", "-2", "-3")]
    assert [load_head(path)[1].name for path in paths] == [path.stem for path in paths]


def test_altered_files_are_refused(tmp_path) -> None:
    path = save_head(HEAD.released, CARD, folder=tmp_path)
    card = path.with_suffix(".json")
    values = json.loads(card.read_text())
    for change, match in (({"sha256": "0"}, "sha256 differs"), ({"shape": {"features": 3, "classes": 2}}, "not fit")):
        card.write_text(json.dumps(values | change))
        with pytest.raises(DataError, match=match):
            load_head(path)
    card.unlink()
    with pytest.raises(DataError, match="missing"):
        load_head(path)
