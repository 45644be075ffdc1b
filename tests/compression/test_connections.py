"""HOPs against the counted circuit, and which connections stay."""

import numpy as np
import pytest
import torch

from fcnlab.compression.connections import count_hops, drop_dead_units, freeze_in_turn, prune_to_hops
from fcnlab.compression.layers import Compression
from fcnlab.compression.untying import remove_dead_units
from fcnlab.networks.architectures import Architecture, seeded
from fcnlab.networks.checkpoint import measure_circuit


def architecture(window: int = 2) -> Architecture:
    return Architecture(kind="untied", activation="square", hidden=40, units=12, window=window)


def begin(window: int = 2) -> Compression:
    return Compression(seeded(architecture(window).build, seed=4), input_shape=architecture(window).input_shape)


def ones(compression: Compression) -> dict[str, torch.Tensor]:
    return {name: torch.ones_like(layer.weight) for name, layer in compression.layers.items()}


@pytest.mark.parametrize("window", [1, 2, 3])
def test_hops_are_those_of_the_circuit(window: int) -> None:
    network = seeded(architecture(window).build, seed=4)
    compression = Compression(network, input_shape=architecture(window).input_shape)
    network.requires_grad_(False)
    prune_to_hops(compression, curvature=ones(compression), hops=2_400)
    for layer in compression.layers.values():
        layer.weight.copy_(layer.values())
    smaller, built = remove_dead_units(network, architecture=architecture(window))
    hops, _ = measure_circuit(smaller, architecture=built)
    assert hops["total"] == count_hops(compression) <= 2_400
    assert hops["total"] > 2_300


def test_the_most_salient_connections_of_all_layers_stay_and_nothing_revives() -> None:
    compression = begin()
    prune_to_hops(compression, curvature=ones(compression), hops=6_000)
    kept = {name: layer.keep.clone() for name, layer in compression.layers.items()}
    weakest = min(float(layer.weight.detach().abs()[layer.keep].min()) for layer in compression.layers.values())
    for layer in compression.layers.values():
        between_live_units = layer.keep.any(dim=1)[:, None] & layer.keep.any(dim=0)[None]
        gone = layer.weight.detach().abs()[~layer.keep & between_live_units]
        assert gone.max() <= weakest
    with torch.no_grad():
        for layer in compression.layers.values():
            layer.weight[~layer.keep] = 100.0
    prune_to_hops(compression, curvature=ones(compression), hops=3_000)
    assert not any((layer.keep & ~kept[name]).any() for name, layer in compression.layers.items())


def test_a_unit_without_connections_on_one_side_is_gone() -> None:
    compression = begin()
    first, second, third = compression.layers.values()
    second.keep[:, 5] = False
    third.keep[:, 3] = False
    first.keep[7] = False
    drop_dead_units(compression)
    assert not first.keep[5].any()
    assert not second.keep[3].any()
    assert not second.keep[:, 7].any()
    assert first.keep.any(dim=1).sum() == 38


def test_layers_freeze_one_after_the_other_and_what_rounds_to_zero_goes() -> None:
    compression = begin()
    exponents = {"conv1": 2, "fc1": 3, "fc2": 3}
    first, second, third = compression.layers.values()
    freeze_in_turn(compression, done=1 / 6, exponents=exponents)
    assert 0 < int(first.frozen.sum()) < int(first.keep.sum())
    assert not second.frozen.any()
    freeze_in_turn(compression, done=0.5, exponents=exponents)
    assert torch.equal(first.frozen, first.keep)
    assert second.frozen.any()
    assert not third.frozen.any()
    before = compression.products
    freeze_in_turn(compression, done=1.0, exponents=exponents)
    assert 0 < compression.products < before
    for name, layer in compression.layers.items():
        assert torch.equal(layer.frozen, layer.keep)
        magnitudes = np.unique(layer.values().abs()[layer.keep].numpy())
        assert set(np.frexp(magnitudes)[0]) == {0.5}
        assert magnitudes.max() / magnitudes.min() <= 2 ** (exponents[name] - 1)
        assert not layer.values()[~layer.keep].any()
