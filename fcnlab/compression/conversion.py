"""A trained network given another quadratic activation and another pooling, as exactly the same function.

Quadratics differ by a shift, a scale and a constant: a x^2 + b x + c = a (x + s)^2 + k with s = b / 2a, k = c - a s^2.
The shift and the scale go into the layer before, the constant into the biases of the next dense layer. So one dense
training serves every quadratic.
"""

import math

import torch
from torch import Tensor, nn

from fcnlab.compiler.layers import PolynomialActivation, Square
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture


def convert(network: nn.Sequential, *, target: Architecture) -> nn.Sequential:
    """The network of another architecture that computes what `network` computes.

    Args:
        network: Without batch norm, of the same sizes as the target; it is not changed.
        target: May differ in activation and pooling.

    Raises:
        DataError: If the two differ in more, or an activation is not a quadratic with a positive square.
    """
    converted = target.build()
    if [weight_shape(layer) for layer in network] != [weight_shape(layer) for layer in converted]:
        raise DataError(f"Only activation and pooling can be converted, and the network has not the sizes of {target}.")
    pairs = list(zip(network, converted, strict=True))
    # A value of the new network is `scale` times the old one plus the offset of its place.
    scale, offset = 1.0, torch.zeros(1, 1, 28, 28)
    with torch.no_grad():
        for (old, new), after in zip(pairs, [*pairs[1:], None], strict=True):
            if isinstance(old, nn.Conv2d | nn.Linear) and isinstance(new, nn.Conv2d | nn.Linear):
                assert old.bias is not None
                assert new.bias is not None
                factor, shift = output_scale(old, after, scale=scale)
                new.weight.copy_(old.weight * (factor / scale))
                new.bias.zero_()
                offset = new(offset)
                new.bias.copy_(old.bias * factor + shift)
                if isinstance(new, nn.Linear):
                    new.bias.sub_(offset[0])
                    offset = torch.zeros_like(offset)
                scale = factor
            elif is_activation(old):
                offset = torch.full_like(offset, square_form(new)[2] - square_form(old)[2])
                scale = 1.0
            else:
                offset = new(offset)
                scale *= gain(new) / gain(old)
    return converted


def output_scale(
    old: nn.Conv2d | nn.Linear, after: tuple[nn.Module, nn.Module] | None, *, scale: float
) -> tuple[float, float]:
    """Factor and shift by which the new layer's outputs differ from the old one's, if its inputs differ by `scale`.

    Before an activation they are what makes the two activations agree, and the logits stay as they are. Otherwise they
    are free: the weights then get the size that training likes, a root mean square of 1 / sqrt(inputs of an output).
    """
    if after is None:
        return 1.0, 0.0
    if is_activation(after[0]):
        a, s, _ = square_form(after[0])
        new_a, new_s, _ = square_form(after[1])
        factor = math.sqrt(a / new_a)
        return factor, factor * s - new_s
    return scale / float(old.weight[0].numel() * old.weight.square().mean()) ** 0.5, 0.0


def square_form(activation: nn.Module) -> tuple[float, float, float]:
    """(a, s, k) of a quadratic a (x + s)^2 + k.

    Raises:
        DataError: If it is none, or a is not positive.
    """
    coefficients: tuple[float, ...] = getattr(activation, "coefficients", ())
    if len(coefficients) != 3 or coefficients[2] <= 0:
        raise DataError(f"Only quadratics with a positive square can be converted; got {activation}.")
    c, b, a = coefficients
    return a, b / (2 * a), c - b * b / (4 * a)


def is_activation(layer: nn.Module) -> bool:
    """Whether the layer is an activation."""
    return isinstance(layer, PolynomialActivation | Square)


def gain(layer: nn.Module) -> float:
    """What a layer without weights makes of a value: an average divides, everything else passes on or adds."""
    return 1 / int(layer.kernel_size) ** 2 if isinstance(layer, nn.AvgPool2d) else 1.0  # type: ignore[arg-type]


def weight_shape(layer: nn.Module) -> tuple[int, ...]:
    """Shape of a layer's weights, empty if it has none."""
    weight = getattr(layer, "weight", None)
    return tuple(weight.shape) if isinstance(weight, Tensor) else ()
