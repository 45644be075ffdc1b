"""Modules of torch that circuits have and torch has not: polynomial activations, the square, the sum over windows."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from fcnlab.approximation.names import activation_coefficients


class PolynomialActivation(nn.Module):
    """y = c0 + c1 x + ... + cd x^d for every value, by Horner's rule; any shape.

    Attributes:
        coefficients: (c0, ..., cd), constant term first.
        name: Such as ``swish-aq-2``.
    """

    def __init__(self, coefficients: tuple[float, ...], *, name: str = "polynomial") -> None:
        super().__init__()
        self.coefficients = tuple(float(value) for value in coefficients)
        self.name = name

    @override
    def forward(self, x: Tensor) -> Tensor:
        result = torch.full_like(x, self.coefficients[-1])
        for coefficient in reversed(self.coefficients[:-1]):
            result = result * x + coefficient
        return result

    @override
    def extra_repr(self) -> str:
        return f"{self.name}, coefficients={self.coefficients}"


class Square(nn.Module):
    """y = x^2 for every value, the activation of CryptoNets; any shape."""

    coefficients: Final = (0.0, 0.0, 1.0)
    name: Final = "square"

    @override
    def forward(self, x: Tensor) -> Tensor:
        return x * x


class PixelLinear(nn.Linear):
    """A dense layer on pixels, (N, pixels) to (N, units), whose products are rounded to bfloat16 while it trains.

    That is four times as fast, and pixels of a few bits and powers of two are exact in that format.
    """

    @override
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        return functional.linear(x.bfloat16(), self.weight.bfloat16()).float() + self.bias


class SumPool2d(nn.Module):
    """Sum over windows: average pooling without the division, zeros outside; (N, maps, H, W) to (N, maps, H', W')."""

    def __init__(self, kernel_size: int, stride: int, padding: int) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    @override
    def forward(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, self.kernel_size, self.stride, self.padding, divisor_override=1)

    @override
    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def activation_from_name(name: str) -> nn.Module:
    """A new activation module: ``square``, or a polynomial by its name, as in `approximation.names`.

    Raises:
        DataError: If the name is unknown; the message says how names are made.
    """
    return Square() if name == "square" else PolynomialActivation(activation_coefficients(name), name=name)
