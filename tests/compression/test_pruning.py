"""Against sorting, exhaustive search and the schedule's end points."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.compression.pruning import cubic_budget, hop_mask
from fcnlab.errors import DataError


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.data())
def test_the_largest_magnitudes_stay(values: list[float], data: st.DataObject) -> None:
    weights = np.array(values)
    keep = data.draw(st.integers(0, len(values)))
    mask = hop_mask(np.abs(weights), costs=np.ones(1, dtype=np.int64), products=keep)
    assert mask.sum() == min(keep, np.count_nonzero(weights))
    if 0 < mask.sum() < len(values):
        assert np.abs(weights[mask]).min() >= np.abs(weights[~mask]).max()


def test_a_costly_tap_must_be_worth_its_products() -> None:
    saliency = np.array([[100.0, 10.0], [1.0, 0.0]])
    costs = np.array([[100, 100], [1, 1]])
    assert hop_mask(saliency, costs=costs, products=101).tolist() == [[True, False], [True, False]]
    assert hop_mask(saliency, costs=costs, products=500).tolist() == [[True, True], [True, False]]


@given(st.lists(st.tuples(st.floats(0.01, 10), st.integers(1, 20)), min_size=1, max_size=8), st.integers(0, 80))
def test_the_budget_holds_and_greed_loses_at_most_one_weight(items: list[tuple[float, int]], products: int) -> None:
    worth = np.array([item[0] for item in items])
    price = np.array([item[1] for item in items])
    mask = hop_mask(worth, costs=price, products=products)
    choices = [np.array(bits, dtype=bool) for bits in product([False, True], repeat=len(items))]
    best = max(worth[bits].sum() for bits in choices if price[bits].sum() <= products)
    assert price[mask].sum() <= products
    assert best - worth[mask].sum() <= worth.max() + 1e-9


@pytest.mark.parametrize(("products", "cost"), [(-1, 1), (5, 0)])
def test_impossible_budgets_are_refused(products: int, cost: int) -> None:
    with pytest.raises(DataError, match="at least"):
        hop_mask(np.ones(2), costs=np.array([cost, cost]), products=products)


def test_the_schedule_falls_from_dense_to_target() -> None:
    budgets = [cubic_budget(dense=100_000, target=20_000, progress=step / 10) for step in range(-1, 12)]
    assert budgets[:2] == [100_000, 100_000]
    assert budgets[-2:] == [20_000, 20_000]
    assert budgets == sorted(budgets, reverse=True)
    assert cubic_budget(dense=100_000, target=20_000, progress=0.5) == 30_000
