"""Variants of shipped networks against the compiler and torch."""

from dataclasses import replace

import numpy as np
import pytest

from fcnlab.circuit.hops import count_published
from fcnlab.compression.pruning import hop_mask
from fcnlab.compression.variants import (
    Variation,
    architecture_of,
    as_trained,
    base_of,
    build_network,
    classify,
    compile_variant,
    count_variant,
    load_test,
    measure_accuracy,
    pixel_columns,
    prune_evenly,
    pruned_percent,
    weights_of,
)
from fcnlab.data.frontier import shipped_points
from fcnlab.errors import DataError
from fcnlab.networks.checkpoint import MODELS, compile_network

NAMES = [point.name for point in shipped_points(MODELS)]


@pytest.mark.parametrize("name", NAMES)
def test_as_trained_is_the_card(name):
    card = base_of(name).checkpoint.card
    variation = as_trained(name)
    assert count_variant(variation).total.total == card.hops["total"]
    assert measure_accuracy(variation) == pytest.approx(card.accuracy, abs=0.03)
    assert 0 <= pruned_percent(variation) - base_of(name).trained_percent < 3  # rounding to 8 bits makes zeros too


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("degrees", [(2, 2), (3, 2), (2, 4)])
def test_quick_counts_are_the_compilers(name, degrees):
    percent = (100 + base_of(name).trained_percent) / 2
    variation = Variation(name, prune_evenly(name, percent=percent), weight_bits=3, degrees=degrees)
    circuit = compile_network(
        build_network(variation), architecture=architecture_of(name), name=name, merge=False, complete_squares=False
    )
    assert count_variant(variation) == count_published(circuit)


def test_weights_are_pruned_to_the_budget_and_rounded():
    variation = Variation("cryptonets", prune_evenly("cryptonets", percent=90), weight_bits=3)
    for layer, weights, percent in zip(
        base_of("cryptonets").layers, weights_of(variation), variation.pruned, strict=True
    ):
        kept = int(layer.costs[weights != 0].sum())
        assert -0.5 <= layer.dense_products * (1 - percent / 100) - kept <= layer.costs.max()
        assert np.all(np.frexp(np.abs(weights[weights != 0]))[0] == 0.5)
        assert len(np.unique(np.abs(weights[weights != 0]))) <= 3
    assert pruned_percent(variation) == pytest.approx(90, abs=0.2)


def test_the_weights_that_stay_are_those_of_the_pruning_rule():
    variation = Variation("cryptonets", prune_evenly("cryptonets", percent=80))
    for layer, weights in zip(base_of("cryptonets").layers, weights_of(variation), strict=True):
        squares = layer.weights.astype(np.float64) ** 2
        mask = hop_mask(squares, costs=layer.costs, products=round(0.2 * layer.dense_products))
        assert np.array_equal(weights != 0, mask)


def test_a_layer_never_grows():
    name = "fcn-20k"
    assert count_variant(Variation(name, prune_evenly(name, percent=0))) == count_variant(as_trained(name))


@pytest.mark.parametrize("degrees", [(2, 2), (3, 2), (2, 4)])
def test_digits_are_the_exact_circuits(degrees):
    variation = Variation("fcn-20k", prune_evenly("fcn-20k", percent=90), weight_bits=2, degrees=degrees, pixel_bits=3)
    circuit = compile_variant(variation)
    pixels = pixel_columns(circuit.input_shape, circuit.pixel_bits)[:, :400]
    exact = circuit.evaluate(pixels.T.astype(np.int64)).argmax(axis=1)
    assert np.mean(classify(circuit, pixels) == exact) > 0.99
    everything = classify(circuit, pixel_columns((1, 28, 28), 3))
    assert measure_accuracy(variation) == pytest.approx(100 * np.mean(everything == load_test().labels))


def test_a_variation_names_what_is_wrong():
    with pytest.raises(DataError, match="pruning ratios"):
        Variation("fcn-20k", (50.0,))
    with pytest.raises(DataError, match="Degrees"):
        replace(as_trained("fcn-20k"), degrees=(5, 2))
