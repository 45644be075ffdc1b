import pytest
import torch
from torch import nn

from fcnlab.compiler.inspection import ADVICE, POINTWISE, Layer, find_problems, kind_of, list_layers, pair, strip_zeros
from fcnlab.compiler.layers import PolynomialActivation, Square, SumPool2d
from fcnlab.networks.architectures import cryptonets, faster_cryptonets


def problems_of(module: nn.Module) -> list[str]:
    return find_problems(Layer("body.0", "x", module))


def test_the_layers_of_nested_networks_in_order():
    square = Square()
    inner = nn.Sequential(nn.Linear(2, 2), square)
    inner.add_module("head", nn.Linear(2, 2))
    layers = list_layers(nn.Sequential(nn.Flatten(), inner, square))
    assert [(layer.path, layer.name) for layer in layers] == [
        ("0", "flatten1"),
        ("1.0", "fc1"),
        ("1.1", "act1"),
        ("1.head", "1.head"),
        ("2", "act2"),
    ]
    assert layers[2].module is layers[4].module is square


@pytest.mark.parametrize("network", [cryptonets(), faster_cryptonets(activation="relu-aq-2")])
def test_the_shipped_networks_are_supported_and_keep_their_names(network):
    layers = list_layers(network)
    assert [layer.name for layer in layers] == list(dict(network.named_children()))
    assert not [problem for layer in layers for problem in find_problems(layer)]


@pytest.mark.parametrize("kind", [*POINTWISE, nn.ReLU, nn.ReLU6, nn.SiLU, nn.Softplus])
def test_activations_are_answered_with_a_polynomial(kind):
    (problem,) = problems_of(kind())
    assert problem.startswith(f"body.0 ({kind.__name__}): ")
    assert "PolynomialActivation" in problem


def test_advice_is_given_for_each_known_module():
    for module in (nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Softmax(1), nn.LayerNorm(3), nn.GroupNorm(1, 2)):
        (problem,) = problems_of(module)
        assert problem.endswith(ADVICE[type(module)])
    (problem,) = problems_of(nn.ModuleList([nn.Linear(2, 2)]))
    assert "supported is nn.Sequential of Conv2d" in problem


def test_every_tensor_that_is_not_finite_is_named():
    module = nn.BatchNorm2d(2)
    with torch.no_grad():
        module.weight[0] = float("inf")
        module.running_var[1] = float("nan")
    assert problems_of(module) == [
        "body.0 (BatchNorm2d): weight has values that are not finite",
        "body.0 (BatchNorm2d): running_var has values that are not finite",
    ]


def test_small_helpers():
    assert strip_zeros((1.0, 2.0, 0.0)) == (1.0, 2.0)
    assert strip_zeros((0.0, 0.0)) == (0.0,)
    assert pair(3) == (3, 3)
    assert pair((1, 2)) == (1, 2)
    kinds = [
        kind_of(m) for m in (nn.Conv2d(1, 1, 1), nn.AvgPool2d(2), SumPool2d(2, 2, 0), PolynomialActivation((0, 1)))
    ]
    assert kinds == ["conv", "pool", "pool", "act"]
