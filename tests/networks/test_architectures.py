"""Against torch's own layers, numpy, and the published layer table."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fcnlab.compiler.layers import PolynomialActivation, Square, SumPool2d, activation_from_name
from fcnlab.compression.layers import weight_costs
from fcnlab.data.published import published_systems
from fcnlab.errors import DataError
from fcnlab.networks.architectures import (
    Architecture,
    cryptodl,
    cryptodl_wide,
    cryptonets,
    faster_cryptonets,
    fold_batch_norm,
    seeded,
    teacher,
    untied,
)
from fcnlab.training.recipes import RECIPES


def trained_looking(network: nn.Sequential) -> nn.Sequential:
    """Give batch norms statistics that are not the identity."""
    generator = torch.Generator().manual_seed(5)
    for layer in network:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias):
                tensor.data.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return network.eval()


@pytest.mark.parametrize("name", ["square", "swish-aq-2", "relu-3", "gelu-4", "softplus-1"])
def test_activations_evaluate_their_polynomial(name: str) -> None:
    activation = activation_from_name(name)
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    expected = np.polynomial.polynomial.polyval(x.numpy(), activation.coefficients)
    assert activation.name == name
    np.testing.assert_allclose(activation(x).numpy(), expected, rtol=1e-14)


def test_a_polynomial_of_any_degree() -> None:
    x = torch.tensor([-2.0, 0.5, 3.0])
    assert torch.equal(PolynomialActivation((1.0, 0.0, -2.0, 0.5))(x), 1 - 2 * x**2 + 0.5 * x**3)
    assert torch.equal(PolynomialActivation((7.0,))(x), torch.full((3,), 7.0))
    assert torch.equal(Square()(x), x**2)


def test_an_unknown_activation_names_the_known_ones() -> None:
    with pytest.raises(DataError, match="square, relu-aq-2"):
        activation_from_name("relu")


def test_sum_pooling_is_a_convolution_with_ones() -> None:
    x = torch.rand(2, 3, 13, 13)
    expected = functional.conv2d(x, torch.ones(3, 1, 3, 3), padding=1, groups=3)
    torch.testing.assert_close(SumPool2d(3, stride=1, padding=1)(x), expected)


@pytest.mark.parametrize(
    ("network", "widths"),
    [
        (faster_cryptonets(), {"conv1": (5, 13, 13), "act1": (5, 13, 13), "fc1": (100,), "fc2": (10,)}),
        (faster_cryptonets(maps=3, units=20, batch_norm=False), {"conv1": (3, 13, 13), "fc1": (20,), "fc2": (10,)}),
        (
            cryptonets(),
            {"conv1": (5, 13, 13), "pool1": (5, 13, 13), "conv2": (50, 5, 5), "pool2": (50, 5, 5), "fc1": (100,)},
        ),
        (cryptodl(), {"conv1": (20, 24, 24), "conv2": (50, 8, 8), "act1": (50, 4, 4), "fc1": (500,)}),
        (cryptodl_wide(), {"act1": (20, 24, 24), "act2": (144, 12, 12), "conv3": (88, 12, 12), "fc1": (256,)}),
        (untied(hidden=9, units=4), {"flatten": (784,), "conv1": (9,), "fc1": (4,)}),
        (untied(activation="relu-3"), {"flatten": (784,), "conv1": (845,), "fc1": (100,)}),
        (teacher(), {"fc2": (10,)}),
    ],
)
def test_layers_have_the_published_sizes(network: nn.Sequential, widths: dict[str, tuple[int, ...]]) -> None:
    x = torch.rand(2, 1, 28, 28)
    for name, layer in network.named_children():
        x = layer(x)
        assert tuple(x.shape[1:]) == widths.get(name, tuple(x.shape[1:]))
    assert x.shape == (2, 10)


def test_the_zeros_stand_on_one_side() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[..., -1, :] = 1.0
    padded = faster_cryptonets().pad(image)
    assert padded.shape == (1, 1, 29, 29)
    assert padded[0, 0, -2, :28].sum() == 28
    assert padded[..., -1, :].abs().sum() == 0


@pytest.mark.parametrize("network", [faster_cryptonets(maps=2, units=7), cryptonets(maps=2, maps2=3, units=7)])
def test_folding_batch_norm_keeps_the_function(network: nn.Sequential) -> None:
    network = trained_looking(network).double()
    folded = fold_batch_norm(network)
    x = torch.rand(4, 1, 28, 28, dtype=torch.float64)
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in folded)
    torch.testing.assert_close(folded(x), network(x), rtol=1e-9, atol=1e-9)


def test_folding_refuses_what_it_cannot_fold() -> None:
    with pytest.raises(DataError, match="'norm' must directly follow"):
        fold_batch_norm(named(act=Square(), norm=nn.BatchNorm1d(3)))


def named(**layers: nn.Module) -> nn.Sequential:
    network = nn.Sequential()
    for name, layer in layers.items():
        network.add_module(name, layer)
    return network


@pytest.mark.parametrize("kind", ["cryptodl-1", "cryptodl-2"])
def test_reconstructions_have_the_published_orders_of_magnitude(kind: str) -> None:
    published = published_systems()[{"cryptodl-1": "CryptoDL-1", "cryptodl-2": "CryptoDL-2"}[kind]]
    architecture = RECIPES[kind].architecture
    network = architecture.build()
    products = sum(int(costs.sum()) for costs in weight_costs(network, input_shape=(1, 28, 28)).values())
    units, x = 0, torch.zeros(1, 1, 28, 28)
    for layer in network:
        x = layer(x)
        units += x.numel() if isinstance(layer, PolynomialActivation) else 0
    assert architecture.is_reconstruction
    assert 2 * units == published.ct_ct_mults
    assert products == pytest.approx(published.pt_ct_mults, rel=0.02)


def test_pooling_by_averages_is_a_sum_in_other_units() -> None:
    x = torch.rand(2, 5, 13, 13)
    sums, averages = (cryptonets(maps2=2, units=3, pooling=pooling).pool1 for pooling in ("sum", "average"))
    torch.testing.assert_close(averages(x), sums(x) / 9)


def test_a_seed_decides_the_weights_and_nothing_else() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first, second = (seeded(faster_cryptonets, seed=4) for _ in range(2))
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    assert not torch.equal(first.conv1.weight, seeded(faster_cryptonets, seed=5).conv1.weight)
    assert torch.equal(torch.rand(3), expected)


def test_an_architecture_builds_its_network() -> None:
    small = Architecture(kind="cryptonets", activation="square", maps=2, maps2=4, units=9).build()
    assert small.conv2.weight.shape == (4, 2, 5, 5)
    assert small.fc1.weight.shape == (9, 100)
    assert not hasattr(small, "norm1")
    assert hasattr(Architecture(kind="faster-cryptonets", activation="swish-aq-2").build(batch_norm=True), "norm1")


@pytest.mark.parametrize("change", [{"kind": "lenet"}, {"pooling": "max"}, {"maps": 0}, {"pixel_bits": 9}])
def test_an_impossible_architecture_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(DataError, match=r"Unknown (kind|pooling)|at least 1"):
        Architecture(**{"kind": "cryptonets", "activation": "square"} | change)  # type: ignore[arg-type]
