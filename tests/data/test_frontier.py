"""Which networks are points, and which of them is found."""

import json
from pathlib import Path

import pytest

from fcnlab.data.frontier import MOST_PRODUCTS, cheapest, nearest_trained, points, shipped_points
from fcnlab.errors import DataError
from fcnlab.networks.checkpoint import MODELS, available_networks


def card(name: str, *, products: int) -> dict[str, object]:
    hops = {"total": 2 * products}
    return {"name": name, "hops": hops, "accuracy": 99.0, "products": products, "weight_bits": 4}


def test_networks_too_large_for_a_hand_are_no_points_of_the_labs(tmp_path: Path) -> None:
    for name, products in (("large", MOST_PRODUCTS + 1), ("small", 1_000)):
        (tmp_path / f"{name}.json").write_text(json.dumps(card(name, products=products)))
    (point,) = shipped_points(tmp_path)
    assert (point.name, point.hops, point.products) == ("small", 2_000, 1_000)
    assert set(available_networks()) - {point.name for point in shipped_points(MODELS)} == {"cryptodl-2"}


@pytest.mark.parametrize("text", ["", "[]", '{"name": "x"}'])
def test_a_damaged_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(DataError, match=r"broken\.json is damaged"):
        shipped_points(tmp_path)


def test_the_cheapest_is_shipped_and_accurate() -> None:
    best = cheapest(accuracy=99.0)
    assert best is not None
    assert best.source == "shipped"
    assert best.accuracy >= 99.0
    better = [each for each in points() if each.source == "shipped" and each.accuracy >= 99.0]
    assert best.hops == min(each.hops for each in better)
    assert cheapest(accuracy=100.5) is None


def test_the_nearest_is_near_by_ratio_and_then_by_bits() -> None:
    for point in points():
        if point.products:
            nearest = nearest_trained(products=point.products, weight_bits=point.weight_bits)
            assert nearest is not None
            assert (nearest.products, nearest.weight_bits) == (point.products, point.weight_bits)
