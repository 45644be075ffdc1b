"""Against counted taps, and the INQ rules."""

import numpy as np
import torch
from torch import nn

from fcnlab.compression.layers import Compression, weight_costs
from fcnlab.networks.architectures import cryptonets, faster_cryptonets, seeded


def small_network() -> nn.Sequential:
    return seeded(lambda: faster_cryptonets(maps=2, units=6, batch_norm=False), seed=3)


def test_dense_costs_are_the_published_ones() -> None:
    costs = weight_costs(cryptonets(), input_shape=(1, 28, 28))
    totals = {name: int(cost.sum()) for name, cost in costs.items()}
    assert totals == {"conv1": 20_480, "conv2": 156_250, "fc1": 125_000, "fc2": 1_000}


def test_a_tap_costs_the_pixels_it_meets() -> None:
    cost = weight_costs(small_network(), input_shape=(1, 28, 28))["conv1"][0, 0]
    real = [sum(2 * position + tap < 28 for position in range(13)) for tap in range(5)]
    assert cost.tolist() == [[down * across for across in real] for down in real]


def test_counting_leaves_the_network_alone() -> None:
    network = faster_cryptonets(maps=2, units=6).train()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weight_costs(network, input_shape=(1, 28, 28))
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_pruning_keeps_to_each_budget_and_never_revives() -> None:
    network = small_network()
    compression = Compression(network)
    ones = {name: torch.ones_like(layer.weight) for name, layer in compression.layers.items()}
    compression.prune(ones, budgets={"conv1": 4_000, "fc1": 500, "fc2": 30})
    first = {name: layer.keep.clone() for name, layer in compression.layers.items()}
    assert compression.products <= 4_530
    assert int(first["fc1"].sum()) == 500
    fc1 = network.fc1.weight.detach().abs()
    assert fc1[first["fc1"]].min() >= fc1[~first["fc1"]].max()
    with torch.no_grad():
        network.fc1.weight[~first["fc1"]] = 100.0
    compression.prune(ones, budgets={"conv1": 4_000, "fc1": 400, "fc2": 30})
    assert not (compression.layers["fc1"].keep & ~first["fc1"]).any()


def test_compressed_weights_are_in_place_only_within_the_block() -> None:
    network = small_network()
    compression = Compression(network)
    trained = network.fc1.weight.detach().clone()
    compression.layers["fc1"].keep[0] = False
    with compression.applied():
        assert not network.fc1.weight[0].any()
        assert torch.equal(network.fc1.weight[1:], trained[1:])
    assert torch.equal(network.fc1.weight, trained)


def test_shares_freeze_powers_of_two_until_nothing_is_left() -> None:
    compression = Compression(small_network())
    layer = compression.layers["fc1"]
    layer.keep[:, ::2] = False
    exponents = {"conv1": 1, "fc1": 3, "fc2": 2}
    compression.freeze(share=0.5, exponents=exponents)
    half = layer.frozen.clone()
    assert torch.equal(compression.layers["conv1"].frozen, compression.layers["conv1"].keep)
    held = layer.fixed.clone()
    with torch.no_grad():
        layer.weight.mul_(1.7)
    compression.freeze(share=1.0, exponents=exponents)
    assert int(half.sum()) == round(0.5 * int(layer.keep.sum()))
    assert torch.equal(layer.values()[half], held[half])
    assert torch.equal(layer.frozen, layer.keep)
    for name, part in compression.layers.items():
        magnitudes = np.unique(part.values().abs()[part.keep].numpy())
        assert set(np.frexp(magnitudes)[0]) == {0.5}
        assert magnitudes.max() / magnitudes.min() <= 2 ** (exponents[name] - 1)


def test_the_state_comes_back() -> None:
    first, second = Compression(small_network()), Compression(small_network())
    first.layers["conv1"].keep[0] = False
    first.freeze(share=0.5, exponents={"conv1": 1, "fc1": 3, "fc2": 2})
    second.load_state(first.state())
    for name, layer in first.layers.items():
        assert torch.equal(layer.values(), second.layers[name].values())
