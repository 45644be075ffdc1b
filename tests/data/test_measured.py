"""Rows come back, newer ones replace older, and what is no table is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fcnlab.data.measured import Row, load_measurements, store_measurements
from fcnlab.errors import DataError

HOPS = {"pt_ct_adds": 1, "ct_ct_adds": 2, "pt_ct_mults": 3, "ct_ct_mults": 4, "total": 10}
FIGURES = {"encrypt_decrypt_s": 1.5, "inference_s": 0.25, "accuracy": 99.0, "message_mb": 12.5, "images": 8192}
TEXTS = {"system": "tiny", "kind": "measured", "scheme": "bgv", "setting": "fused engine, ring degree 8192"}
ROW = Row(**HOPS, **FIGURES, **TEXTS)


def test_rows_come_back_and_newer_ones_replace_older(tmp_path: Path) -> None:
    path = tmp_path / "tables" / "measured.json"
    others = [replace(ROW, scheme="ckks"), replace(ROW, setting="stepwise engine, ring degree 8192")]
    store_measurements([ROW, *others], path=path)
    newer = replace(ROW, inference_s=0.125, setting="fused engine, ring degree 16384")
    store_measurements([newer], path=path)
    assert set(load_measurements(path)) == {newer, *others}


def change(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda values: values["rows"][0].__setitem__(name, value)


@pytest.mark.parametrize(
    "damage",
    [
        change("total", "many"),
        change("total", 1.5),
        change("total", True),
        change("inference_s", -1),
        change("inference_s", "fast"),
        change("system", None),
        change("kind", "published"),
        change("surprise", 1),
        lambda values: values["rows"][0].pop("total"),
        lambda values: values.pop("rows"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, damage: Callable[[dict[str, Any]], None]) -> None:
    path = tmp_path / "measured.json"
    store_measurements([ROW], path=path)
    values = json.loads(path.read_text())
    damage(values)
    path.write_text(json.dumps(values))
    with pytest.raises(DataError, match="not a table of measurements"):
        load_measurements(path)


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b'{"rows": 1}', b'{"rows": [1]}'])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "measured.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="not a table of measurements"):
        load_measurements(path)
