"""What is kept of a run."""

import re
from pathlib import Path

import pytest

from fcnlab.data.mnist import Images, load_mnist
from fcnlab.errors import PlanError
from fcnlab.inference.report import Progress
from fcnlab.measuring import runs
from fcnlab.measuring.runs import measure
from fcnlab.planning.noise import Scheme
from tests.support.checkpoints import tiny_checkpoint
from tests.support.costs import made_up


def use_first_images(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    test = load_mnist("test")
    few = Images(test.pixels[:count], test.labels[:count])
    monkeypatch.setattr(runs, "load_mnist", lambda split: few)


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
