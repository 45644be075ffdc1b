import json
import math
from dataclasses import replace

import numpy as np
import pytest

from fcnlab.errors import DataError, FcnlabError
from fcnlab.networks.storage import seal
from fcnlab.transfer.heads.cards import load_head, make_card, save_head
from fcnlab.transfer.heads.heads import HeadShape, compile_head
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


OTHERS = (0, 1, 4, 2.5, -1, 1e400, math.nan, "x", "a\x1b[2J", "", None, True, False, [], ["a", "b"], 10**30, {})


def paths_of(values: dict, *above: str):
    """Every leaf of a card."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from paths_of(value, *above, name)
        else:
            yield (*above, name)


def test_nothing_on_a_card_can_be_altered_unseen(tmp_path) -> None:
    path = save_head(HEAD.released, CARD, folder=tmp_path)
    card = path.with_suffix(".json")
    text = card.read_text()
    for *above, last in paths_of(json.loads(text)):
        for other in OTHERS:
            values = json.loads(text)
            place = values
            for name in above:
                place = place[name]
            if (place[last] == other and not isinstance(other, bool)) or place[last] is other:
                continue
            place[last] = other
            card.write_text(json.dumps(values))
            with pytest.raises(FcnlabError):
                load_head(path)
    card.write_text(text)
    load_head(path)


def test_a_huge_head_is_refused_before_it_is_built(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_head(HEAD.released, CARD, folder=tmp_path)
    card = path.with_suffix(".json")
    values = json.loads(card.read_text())
    monkeypatch.setattr(HeadShape, "build", lambda _: pytest.fail("allocated"))
    for part in ("features", "units", "classes"):
        card.write_text(json.dumps(values | {"shape": values["shape"] | {part: 10**9}}))
        with pytest.raises(DataError, match="A head has 1 to 4,096 features"):
            load_head(path)


def test_altered_files_are_refused(tmp_path) -> None:
    path = save_head(HEAD.released, CARD, folder=tmp_path)
    card = path.with_suffix(".json")
    values = json.loads(card.read_text())
    content = path.read_bytes()
    shape, features = {"shape": {"features": 3, "classes": 2}}, values["features"]
    for change in ({"sha256": "0"}, shape, {"features": features | {"reach": 2 * features["reach"]}}):
        card.write_text(json.dumps(values | change))
        with pytest.raises(DataError, match="sha256 differs"):
            load_head(path)
    del values["sha256"]
    card.write_text(json.dumps(values | shape | {"sha256": seal(values | shape, content)}))
    with pytest.raises(DataError, match="not fit"):
        load_head(path)
    card.unlink()
    with pytest.raises(DataError, match="missing"):
        load_head(path)
