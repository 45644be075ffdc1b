"""All three kinds of rows, in 100 columns."""

from dataclasses import replace
from pathlib import Path

import pytest

from fcnlab.data.measured import store_measurements
from fcnlab.data.published import published_systems
from fcnlab.errors import DataError
from fcnlab.measuring.comparison import WIDTH, Comparison, compare, count_text, number_text
from fcnlab.networks.checkpoint import available_networks
from tests.data.test_measured import ROW


def test_published_come_first_then_every_shipped_network(tmp_path: Path) -> None:
    comparison = compare(path=tmp_path / "none.json")
    names = [(row.kind, row.system) for row in comparison.rows]
    published = [("published", method) for method in published_systems()]
    assert names[: len(published)] == published
    assert sorted(names[len(published) :]) == [("counted", name) for name in available_networks()]
    remarks = [row.setting for row in comparison.rows if row.kind == "counted"]
    assert remarks == sorted(remarks)  # a remark stands above those it is about, and nothing else follows
    for row in comparison.rows:
        exact = row.kind == "counted" or row.system in ("Faster CryptoNets", "CryptoNets")
        assert not exact or row.total == row.pt_ct_adds + row.ct_ct_adds + row.pt_ct_mults + row.ct_ct_mults
    assert "not yet: " in str(comparison)


def test_stored_measurements_of_shipped_networks_are_shown(tmp_path: Path) -> None:
    name, path = available_networks()[0], tmp_path / "measured.json"
    row = replace(ROW, system=name, setting="fused engine, " + "a very long name of a processor " * 5)
    store_measurements([row, replace(ROW, system="not shipped")], path=path)
    comparison = compare(path=path)
    assert [row for row in comparison.rows if row.kind == "measured"] == [row]
    shown = str(comparison)
    assert "a very long name" in shown
    assert name not in shown.rpartition("not yet: ")[2] or len(available_networks()) == 1


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    path.write_text("{")
    with pytest.raises(DataError):
        compare(path=path)


def test_every_line_fits() -> None:
    counts = {"pt_ct_adds": 999_999, "ct_ct_adds": 46_100_000, "total": 92_700_000}
    seconds = {"encrypt_decrypt_s": 9999.99, "inference_s": 9999.99}
    name = "a-network-with-a-very-long-name"
    wide = replace(ROW, **counts, **seconds, message_mb=99_999.9, accuracy=100.0, system=name)
    comparison = Comparison((*compare().rows, wide))
    assert all(len(line) <= WIDTH for line in str(comparison).splitlines())
    assert {"system", "kind", "total", "scheme"} <= set(comparison.as_dict()["rows"][0])


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (945, "945"), (612_129, "612,129"), (2_310_000, "2.31 M"), (92_700_000, "92.7 M")]
)
def test_counts_take_seven_characters(count: int, text: str) -> None:
    assert count_text(count) == text


def test_numbers_stay_within_their_columns() -> None:
    assert [number_text(value, 2) for value in (None, 0.5, 999.126, 1299.52)] == ["", "0.50", "999.13", "1,300"]
