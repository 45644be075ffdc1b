"""The third question: one choice at a time, from pairs; what the table lacks is said and not made up."""

import pytest

from fcnlab.errors import DataError
from fcnlab.findings.ablation import (
    accuracy_lines,
    change_columns,
    costs_at,
    costs_over_all,
    find_dense,
    grid_columns,
    head_lines,
    starting_bits,
    study_names,
)
from fcnlab.findings.changes import signed
from tests.support.rows import full, plain


def test_lines_go_from_real_weights_to_few_bits():
    lines = accuracy_lines(full(), "swish-aq-2")
    assert list(lines) == [0, 4, 3, 2]
    assert [network.budget for network in lines[4]] == [10_000, 20_000]
    assert accuracy_lines(full(), "unheard-of") == {}


def test_a_setting_is_taken_apart():
    costs = costs_at(full(), activation="swish-aq-2", budget=10_000, weight_bits=3)
    assert [(cost.stage, cost.before, cost.after, round(cost.change.points, 3)) for cost in costs] == [
        ("pruning", "20,000 products", "10,000 products", -0.5),
        ("quantization", "real weights", "3 bits", -0.5),
        ("quantization", "4 bits", "3 bits", -0.25),
        ("approximation", "swish-aq-2", "relu-aq-2", -0.125),
    ]


def test_without_real_weights_rounding_is_counted_from_the_most_bits():
    assert starting_bits(plain()) == [4]
    assert starting_bits(full()) == [0, 4]
    costs = costs_at(plain(), activation="swish-aq-2", budget=20_000, weight_bits=4)
    assert costs == []
    assert starting_bits(()) == []


def test_over_all_pairs():
    costs = costs_over_all(full())
    assert {cost.stage for cost in costs} == {"pruning", "quantization", "approximation"}
    assert all(cost.before != cost.after for cost in costs)
    assert len(change_columns(costs)["pairs"]) == len(costs)
    assert costs_over_all(()) == []
    points = {(cost.stage, cost.after): signed(cost.change.points) for cost in costs_over_all(plain())}
    assert points == {
        ("pruning", "10,000 products"): "−0.50",
        ("quantization", "3 bits"): "−0.25",
        ("quantization", "2 bits"): "−3.00",
    }


def test_the_grid_leaves_open_what_was_not_trained():
    lines = accuracy_lines(full(), "swish-aq-2")
    lines[0] = lines[0][:1]
    columns = grid_columns(lines)
    assert columns["products"] == ["20,000", "10,000"]
    assert columns["real weights"][0] is None
    assert columns["4 bits"][0] == "98.88 ± 0.18 % (2 seeds)"


def test_the_dense_reference_is_shipped_with_real_weights():
    dense = find_dense()
    assert dense is None or (dense.weight_bits, dense.source) == (0, "shipped")


def test_heads_of_the_stored_studies():
    for study in study_names():
        lines = head_lines(study)
        assert all(line == tuple(sorted(line, key=lambda point: point.pruned)) for line in lines.values())
    with pytest.raises(DataError, match="missing"):
        head_lines("unheard-of")
