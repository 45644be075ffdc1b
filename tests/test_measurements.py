"""Tests of fcnlab.measurements: what is kept of a run, and what is refused as a table."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fcnlab import measurements
from fcnlab.data import Images, load_mnist
from fcnlab.errors import DataError, PlanError
from fcnlab.inference import Progress
from fcnlab.measurements import Row, load_measurements, measure, store_measurements
from fcnlab.noise import Scheme
from tests.checkpoints import tiny_checkpoint
from tests.costs import made_up

ROW = Row(
    system="tiny", kind="measured", pt_ct_adds=1, ct_ct_adds=2, pt_ct_mults=3, ct_ct_mults=4, total=10,
    encrypt_decrypt_s=1.5, inference_s=0.25, accuracy=99.0, message_mb=12.5, scheme="bgv",
    setting="fused engine, ring degree 8192", images=8192,
)  # fmt: skip


def use_first_images(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    test = load_mnist("test")
    few = Images(test.pixels[:count], test.labels[:count])
    monkeypatch.setattr(measurements, "load_mnist", lambda split: few)


def test_a_measurement_is_one_full_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_first_images(monkeypatch, 50)
    seen: list[Progress] = []
    row = measure(str(tiny_checkpoint(tmp_path)), scheme="bgv", engine="fused", threads=1, progress=seen.append)
    assert (row.system, row.kind, row.scheme, row.images) == ("tiny", "measured", "bgv", 50)
    assert row.total == row.pt_ct_adds + row.ct_ct_adds + row.pt_ct_mults + row.ct_ct_mults
    assert row.setting.startswith("fused engine, ring degree ")
    assert "50 images" in row.setting
    assert "1 thread of" in row.setting
    assert row.encrypt_decrypt_s is not None
    assert row.message_mb is not None
    assert seen


def test_reconstructions_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_first_images(monkeypatch, 2)
    row = measure(str(tiny_checkpoint(tmp_path, name="cryptodl-tiny")), threads=1)
    assert row.setting.endswith("layers reconstructed")


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_a_part_is_measured_and_said_to_be_one(scheme: Scheme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_first_images(monkeypatch, 50)
    path = tiny_checkpoint(tmp_path)
    whole = measure(path, scheme=scheme, threads=1, parts=1, costs=made_up())
    assert "extrapolated" not in whole.setting
    row = measure(path, scheme=scheme, threads=1, parts=2, costs=made_up())
    assert re.search(r"; \d+ of the \d+ outputs of act1 run, seconds extrapolated from \d+ s$", row.setting)
    assert row.accuracy is None
    # Operations and bytes are those of the whole, whatever ran.
    for name in ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "total", "message_mb"):
        assert getattr(row, name) == getattr(whole, name)
    assert row.inference_s is not None
    assert row.inference_s > 0


def test_a_part_needs_unit_costs(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="fcnlab calibrate"):
        measure(tiny_checkpoint(tmp_path), parts=2)


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
