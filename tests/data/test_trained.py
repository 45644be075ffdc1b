"""What is written is read back, and nothing else is taken for a table."""

from dataclasses import replace
from pathlib import Path

import pytest

from fcnlab.data.trained import TRAINED, TrainedPoint, load_trained, save_trained
from fcnlab.errors import DataError

NETWORK = {"maps": 5, "units": 100, "degree": 2, "activation": "swish-aq-2", "pixel_bits": 4, "weight_bits": 3}
SIZE = {"prune_ratio": 0.8113, "products": 20_000, "executed_products": 19_000, "range_bits": 50}
ADDS = {"pt_ct_adds": 1_900, "ct_ct_adds": 20_000, "hops_total": 43_790, "hops_executed_fused": 30_000}
MULTS = {"pt_ct_mults": 20_945, "ct_ct_mults": 945}
TRAINING = {"seed": 0, "minutes": 4.5, "command": "fcnlab sweep --points 20000x3"}
ACCURACY = {"accuracy_validation": 99.0, "accuracy_test": 98.98}
POINT = TrainedPoint(name="a", **NETWORK, **SIZE, **ADDS, **MULTS, **ACCURACY, **TRAINING)


def test_rows_come_back_as_they_were_largest_first(tmp_path: Path) -> None:
    path = tmp_path / "tables" / "frontier.csv"
    assert load_trained(path) == ()
    small, wide = replace(POINT, name="b", products=7_000), replace(POINT, name="c", weight_bits=4)
    save_trained([small, POINT, wide], path=path)
    assert load_trained(path) == (wide, POINT, small)


@pytest.mark.parametrize("text", ["name\nx\n", "no,table\n1,2\n"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "frontier.csv"
    path.write_text(text)
    with pytest.raises(DataError, match="fcnlab sweep"):
        load_trained(path)


def test_the_shipped_table_covers_the_sliders() -> None:
    points = load_trained(TRAINED)
    assert len(points) >= 12
    assert len({point.name for point in points}) == len(points)
    assert {point.weight_bits for point in points} == {2, 3, 4}
    for point in points:
        hops = point.pt_ct_adds + point.ct_ct_adds + point.pt_ct_mults + point.ct_ct_mults
        assert point.hops_total == hops
        assert point.executed_products <= point.products
        assert 0 < point.prune_ratio < 1
        assert 50 < point.accuracy_test <= 100
