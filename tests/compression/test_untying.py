"""The function stays where it must, and rounding errors fall where they should."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from fcnlab.compression.layers import Compression
from fcnlab.compression.untying import equalise_units, normalise_units, relative_errors, remove_dead_units, untie
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture

SIZES = {"maps": 2, "units": 6}
CONVOLUTIONAL = [
    Architecture(kind="cryptonets", activation="square", maps2=3, **SIZES),
    Architecture(kind="faster-cryptonets", activation="square", **SIZES),
]


@pytest.fixture(autouse=True)
def _the_same_networks_and_images() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def target(window: int = 1) -> Architecture:
    return Architecture(kind="untied", activation="square", hidden=2 * 169, units=6, window=window)


def images(count: int = 5) -> torch.Tensor:
    return torch.rand(count, 1, 28, 28)


@pytest.mark.parametrize("architecture", CONVOLUTIONAL)
def test_the_untied_network_is_the_same_function(architecture: Architecture) -> None:
    network = architecture.build()
    untied = untie(network, target=target()).eval()
    x = images()
    torch.testing.assert_close(untied(x), network(x), rtol=1e-4, atol=1e-4)
    assert sum(layer.weight.count_nonzero() for layer in untied if isinstance(layer, nn.Linear)) > 0


def test_windows_see_flat_images_as_pixels_do() -> None:
    network = CONVOLUTIONAL[1].build()
    x = images()[:, :, ::2, ::2].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    untied = untie(network, target=target(window=2)).eval()
    assert untied.conv1.in_features == 196
    torch.testing.assert_close(untied(x[:, :, ::2, ::2]), network(x), rtol=1e-4, atol=1e-4)


def test_other_networks_are_refused() -> None:
    swish = Architecture(kind="faster-cryptonets", activation="swish-aq-2", **SIZES).build()
    with pytest.raises(DataError, match="two squares"):
        untie(swish, target=target())
    wider = Architecture(kind="faster-cryptonets", activation="square", maps=3, units=6).build()
    with pytest.raises(DataError, match="weights where"):
        untie(wider, target=target())


def test_units_of_size_one_and_the_same_function() -> None:
    network = untie(CONVOLUTIONAL[0].build(), target=target()).eval()
    x = images(50)
    before = network(x)
    normalise_units(network, inputs=x)
    torch.testing.assert_close(network(x), before, rtol=1e-3, atol=1e-3)
    for act in ("act1", "act2"):
        values = network[: [name for name, _ in network.named_children()].index(act)](x)
        torch.testing.assert_close(values.square().mean(dim=0).sqrt(), torch.ones(values.shape[1]))


def test_equal_scales_round_better_and_change_nothing() -> None:
    network = untie(CONVOLUTIONAL[0].build(), target=target()).eval()
    layers = Compression(network).layers
    x = images()
    normalise_units(network, inputs=images(50))
    exponents = {"conv1": 3, "fc1": 4, "fc2": 4}

    def errors() -> float:
        total = 0.0
        for name, layer in layers.items():
            window = layer.window(exponents=exponents[name])
            total += float(relative_errors(layer.values().flatten()[None], window=window, dim=1))
        return total

    before, error = network(x), errors()
    equalise_units(network, layers=layers, exponents=exponents)
    torch.testing.assert_close(network(x), before, rtol=1e-3, atol=1e-3)
    assert errors() < error


def test_dead_units_leave_no_trace() -> None:
    network = untie(CONVOLUTIONAL[0].build(), target=target()).eval()
    with torch.no_grad():
        network.conv1.weight[10:300] = 0
        network.fc1.weight[:, 10:300] = 0
        network.fc1.weight[2] = 0
        network.fc2.weight[:, 2] = 0
    smaller, architecture = remove_dead_units(network, architecture=target())
    assert (architecture.hidden, architecture.units) == (48, 5)
    x = images()
    torch.testing.assert_close(smaller.eval()(x), network(x), rtol=1e-5, atol=1e-6)
    assert np.prod(smaller.fc1.weight.shape) == 48 * 5
