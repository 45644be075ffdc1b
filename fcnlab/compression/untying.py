"""A convolutional network as connections: every weight on its own, so that each can be pruned on its own.

A tap of a convolution costs as many products as it has positions, and a connection costs one. So a convolution is a
good teacher and a dear worker: once it has taught, its positions part. The functions below turn a trained network into
three dense layers that compute the same, and rescale its hidden units, which changes nothing as long as they are
squares.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fcnlab.compiler.layers import Square
from fcnlab.compression.layers import CompressedLayer
from fcnlab.compression.quantization import ExponentWindow, choose_window, round_to_powers_of_two
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture, linear_layers

SCALES: Final = tuple(2 ** (step / 16) for step in range(-16, 17))
ROUNDS: Final = 3
TINY: Final = 1e-12
AWAKE: Final = 0.5  # of the median size, below which a unit is scaled no further


def untie(network: nn.Sequential, *, target: Architecture) -> nn.Sequential:
    """The three dense layers that compute what a network with two squares computes.

    Where the target reads means of windows of pixels, a pixel's weight goes to its whole window: the function is then
    only near the old one.

    Args:
        network: Without batch norm; not changed.
        target: An architecture of kind ``untied``, with as many values between the layers.

    Raises:
        DataError: If the network has other activations than two squares, or other sizes.
    """
    modules = list(network)
    squares = [index for index, module in enumerate(modules) if isinstance(module, Square)]
    if len(squares) != 2:
        raise DataError("Only a network with two squares can be untied: give one with activation 'square'.")
    parts = [modules[: squares[0]], modules[squares[0] + 1 : squares[1]], modules[squares[1] + 1 :]]
    untied = target.build()
    shape: tuple[int, ...] = (1, 28, 28)
    with torch.no_grad():
        for part, layer in zip(parts, linear_layers(untied), strict=True):
            weight, bias, shape = dense_form(nn.Sequential(*part), shape=shape)
            if layer is untied.get_submodule("conv1") and target.window > 1:
                images = weight.view(len(weight), 1, 28, 28)
                weight = functional.avg_pool2d(images, target.window, divisor_override=1).flatten(1)
            if weight.shape != layer.weight.shape:
                raise DataError(f"The network has {tuple(weight.shape)} weights where {target} has others.")
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
    return untied


def dense_form(part: nn.Sequential, *, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, tuple[int, ...]]:
    """Weights and bias of an affine map, found by asking it for zero and for every unit vector; its output's shape."""
    count = torch.Size(shape).numel()
    constant = part(torch.zeros(1, *shape))
    answers = part(torch.eye(count).view(count, *shape)) - constant
    return answers.flatten(1).T.contiguous(), constant.flatten(), tuple(constant.shape[1:])


def normalise_units(network: nn.Sequential, *, inputs: Tensor) -> None:
    """Scale every hidden unit to a root mean square of 1, and its weights in the next layer back.

    A unit that is seldom awake stays small: at size 1, the first image that wakes it would outweigh everything.

    Args:
        network: A network of kind ``untied``; changed, its function stays.
        inputs: Images to measure with, shape (N, 1, 28, 28).
    """
    for name, act, after in (("conv1", "act1", "fc1"), ("fc1", "act2", "fc2")):
        with torch.no_grad():
            values = network[: list(dict(network.named_children())).index(act)](inputs)
            sizes = values.square().mean(dim=0).sqrt()
            rescale(network, name, after, scale=1 / sizes.clamp_min(AWAKE * sizes.median()))


def rescale(network: nn.Sequential, name: str, after: str, *, scale: Tensor) -> None:
    """Multiply the units of one layer, shape (units,), and divide what the next one makes of their squares."""
    with torch.no_grad():
        layer, reader = network.get_submodule(name), network.get_submodule(after)
        assert isinstance(layer, nn.Linear)
        assert isinstance(reader, nn.Linear)
        layer.weight.mul_(scale[:, None])
        layer.bias.mul_(scale)
        reader.weight.div_(scale.square())


def equalise_units(
    network: nn.Sequential, *, layers: Mapping[str, CompressedLayer], exponents: Mapping[str, int]
) -> None:
    """Scale every hidden unit so that its weights, those before and those after it, lie nearest to powers of two.

    Free under encryption: the scale is gone once the weights are rounded. It halves the rounding errors.

    Args:
        network: A network of kind ``untied``; changed, its function stays.
        layers: Its compressed layers.
        exponents: For each layer, how many neighbouring exponents its powers of two may use.
    """
    for _ in range(ROUNDS):
        for name, after in (("conv1", "fc1"), ("fc1", "fc2")):
            before, behind = layers[name].values(), layers[after].values()
            windows = [
                choose_window(values.numpy(), length=exponents[layer])
                for layer, values in ((name, before), (after, behind))
            ]
            errors = torch.stack(
                [
                    relative_errors(before * scale, window=windows[0], dim=1)
                    + relative_errors(behind / scale**2, window=windows[1], dim=0)
                    for scale in SCALES
                ]
            )
            rescale(network, name, after, scale=torch.tensor(SCALES)[errors.argmin(dim=0)])


def relative_errors(values: Tensor, *, window: ExponentWindow, dim: int) -> Tensor:
    """Squared rounding error as a share of the squares, for each row (dim=1) or column (dim=0)."""
    rounded = torch.from_numpy(round_to_powers_of_two(values.numpy(), window=window))
    return (rounded - values).square().sum(dim=dim) / values.square().sum(dim=dim).clamp_min(TINY)


def remove_dead_units(network: nn.Sequential, *, architecture: Architecture) -> tuple[nn.Sequential, Architecture]:
    """The same function without the hidden units that read nothing or that nothing reads.

    A unit that reads nothing must not be read either, as `connections.drop_dead_units` leaves it.
    """
    layers = linear_layers(network)
    alive = [layer.weight.any(dim=1).nonzero()[:, 0] for layer in layers[:-1]]
    smaller = replace(architecture, hidden=len(alive[0]), units=len(alive[1]))
    built = smaller.build()
    columns = [torch.arange(layers[0].in_features), *alive]
    rows = [*alive, torch.arange(layers[-1].out_features)]
    with torch.no_grad():
        for old, new, read, kept in zip(layers, linear_layers(built), columns, rows, strict=True):
            assert old.bias is not None
            assert new.bias is not None
            new.weight.copy_(old.weight[kept][:, read])
            new.bias.copy_(old.bias[kept])
    return built, smaller
