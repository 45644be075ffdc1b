"""The torch networks: Faster CryptoNets, CryptoNets, and the teacher they learn from.

Every network is a plain `nn.Sequential` with named children. Its input is a float tensor (N, 1, 28, 28) that holds
``quantised_pixel / 2**pixel_bits``, and its output the ten logits. Nothing here knows of encryption.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from fcnlab.activations import activation_coefficients
from fcnlab.errors import DataError

Pooling = Literal["sum", "average"]
CONV1_POSITIONS: Final = 13 * 13
CONV2_POSITIONS: Final = 5 * 5


class PolynomialActivation(nn.Module):
    """y = c0 + c1 x + ... + cd x^d for every value.

    Attributes:
        coefficients: (c0, ..., cd), constant term first.
        name: Such as ``swish-aq-2``.
    """

    def __init__(self, coefficients: tuple[float, ...], *, name: str = "polynomial") -> None:
        super().__init__()
        self.coefficients = tuple(float(value) for value in coefficients)
        self.name = name

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate by Horner's rule; any shape."""
        result = torch.full_like(x, self.coefficients[-1])
        for coefficient in reversed(self.coefficients[:-1]):
            result = result * x + coefficient
        return result

    def extra_repr(self) -> str:
        """Name and coefficients, for the printed network."""
        return f"{self.name}, coefficients={self.coefficients}"


class Square(nn.Module):
    """y = x^2, the activation of CryptoNets."""

    coefficients: Final = (0.0, 0.0, 1.0)
    name: Final = "square"

    def forward(self, x: Tensor) -> Tensor:
        """Square every value; any shape."""
        return x * x


class SumPool2d(nn.Module):
    """Sum over windows: average pooling without the division, zeros outside the image."""

    def __init__(self, kernel_size: int, stride: int, padding: int) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """(N, maps, H, W) to (N, maps, H', W')."""
        return functional.avg_pool2d(x, self.kernel_size, self.stride, self.padding, divisor_override=1)

    def extra_repr(self) -> str:
        """Geometry, for the printed network."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def activation_from_name(name: str) -> nn.Module:
    """A new activation module: ``square``, or a polynomial by its name, as in `activations`.

    Raises:
        DataError: If the name is unknown; the message says how names are made.
    """
    return Square() if name == "square" else PolynomialActivation(activation_coefficients(name), name=name)


def faster_cryptonets(
    *, maps: int = 5, units: int = 100, activation: str = "swish-aq-2", batch_norm: bool = True
) -> nn.Sequential:
    """Faster CryptoNets: 5x5 convolution of stride 2, activation, dense layer, activation, ten logits.

    One row and one column of zeros on the right and the bottom take 28 pixels to 13 positions.
    """
    layers: dict[str, nn.Module | None] = {
        "pad": nn.ZeroPad2d((0, 1, 0, 1)),
        "conv1": nn.Conv2d(1, maps, kernel_size=5, stride=2),
        "norm1": nn.BatchNorm2d(maps) if batch_norm else None,
        "act1": activation_from_name(activation),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(maps * CONV1_POSITIONS, units),
        "norm2": nn.BatchNorm1d(units) if batch_norm else None,
        "act2": activation_from_name(activation),
        "fc2": nn.Linear(units, 10),
    }
    return sequential(layers)


def cryptonets(
    *,
    maps: int = 5,
    maps2: int = 50,
    units: int = 100,
    activation: str = "square",
    pooling: Pooling = "sum",
    batch_norm: bool = True,
) -> nn.Sequential:
    """CryptoNets as it is trained, before its linear layers collapse into one.

    Both kinds of pooling are the same sum under encryption. An average keeps the weights of all layers of one size,
    so that one learning rate suits them all even without batch norm.

    Source: the layer table that reproduces the published operation counts (Faster CryptoNets, table 1).
    """
    pool = SumPool2d if pooling == "sum" else nn.AvgPool2d
    layers: dict[str, nn.Module | None] = {
        "pad": nn.ZeroPad2d((0, 1, 0, 1)),
        "conv1": nn.Conv2d(1, maps, kernel_size=5, stride=2),
        "norm1": nn.BatchNorm2d(maps) if batch_norm else None,
        "act1": activation_from_name(activation),
        "pool1": pool(3, stride=1, padding=1),
        "conv2": nn.Conv2d(maps, maps2, kernel_size=5, stride=2),
        "pool2": pool(3, stride=1, padding=1),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(maps2 * CONV2_POSITIONS, units),
        "norm2": nn.BatchNorm1d(units) if batch_norm else None,
        "act2": activation_from_name(activation),
        "fc2": nn.Linear(units, 10),
    }
    return sequential(layers)


def teacher() -> nn.Sequential:
    """A small conventional CNN with ReLU and max pooling, to learn from; it cannot run under encryption."""
    network = sequential(
        {
            "conv1": nn.Conv2d(1, 32, kernel_size=5),
            "pool1": nn.MaxPool2d(2),
            "norm1": nn.BatchNorm2d(32),
            "act1": nn.ReLU(),
            "conv2": nn.Conv2d(32, 64, kernel_size=3),
            "pool2": nn.MaxPool2d(2),
            "norm2": nn.BatchNorm2d(64),
            "act2": nn.ReLU(),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(64 * 25, 128),
            "norm3": nn.BatchNorm1d(128),
            "act3": nn.ReLU(),
            "fc2": nn.Linear(128, 10),
        }
    )
    for parameter in network.parameters():
        if parameter.dim() == 4:  # twice as fast on a CPU
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
    return network


def sequential(layers: dict[str, nn.Module | None]) -> nn.Sequential:
    """The named layers in order, those that are None left out."""
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


def seeded(build: Callable[[], nn.Sequential], *, seed: int) -> nn.Sequential:
    """Build a network whose initial weights depend on `seed` alone; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@dataclass(frozen=True)
class Architecture:
    """Everything that rebuilds a network but its weights.

    Attributes:
        kind: ``faster-cryptonets`` or ``cryptonets``.
        activation: A name that `activation_from_name` knows.
        maps: Feature maps of the first convolution.
        units: Units of the hidden dense layer.
        maps2: Feature maps of the second convolution (``cryptonets`` only).
        pooling: ``sum``, or ``average``: a sum whose division goes into the unit (``cryptonets`` only).
        pixel_bits: Bits of each quantised pixel, 1 to 8.
    """

    kind: Literal["faster-cryptonets", "cryptonets"]
    activation: str
    maps: int = 5
    units: int = 100
    maps2: int = 50
    pixel_bits: int = 4
    pooling: Pooling = "sum"

    def __post_init__(self) -> None:
        if self.kind not in ("faster-cryptonets", "cryptonets"):
            raise DataError(f"Unknown kind of network {self.kind!r}: choose 'faster-cryptonets' or 'cryptonets'.")
        if self.pooling not in ("sum", "average"):
            raise DataError(f"Unknown pooling {self.pooling!r}: choose 'sum' or 'average'.")
        if min(self.maps, self.units, self.maps2) < 1 or not 1 <= self.pixel_bits <= 8:
            raise DataError(f"Sizes are at least 1 and pixel_bits is 1 to 8; got {self}.")

    def build(self, *, batch_norm: bool = False) -> nn.Sequential:
        """A new network, freshly initialised; without batch norm it is the form that is stored and compiled."""
        if self.kind == "cryptonets":
            return cryptonets(
                maps=self.maps,
                maps2=self.maps2,
                units=self.units,
                activation=self.activation,
                pooling=self.pooling,
                batch_norm=batch_norm,
            )
        return faster_cryptonets(maps=self.maps, units=self.units, activation=self.activation, batch_norm=batch_norm)


def fold_batch_norm(network: nn.Sequential) -> nn.Sequential:
    """The same function without batch norm: each one goes into the weights and bias of the layer before it.

    Args:
        network: Left as it is. Running statistics are used, as in evaluation.

    Raises:
        DataError: If a batch norm does not directly follow a convolution or a linear layer.
    """
    folded: dict[str, nn.Module | None] = {}
    last = ""
    for name, layer in network.named_children():
        layer = layer.eval()
        before = folded.get(last)
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            folded[last] = fuse_conv_bn_eval(before, layer)
        elif isinstance(layer, nn.BatchNorm1d) and isinstance(before, nn.Linear):
            folded[last] = fuse_linear_bn_eval(before, layer)
        elif isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            raise DataError(f"Batch norm {name!r} must directly follow a convolution or a linear layer to be folded.")
        else:
            folded[name], last = layer, name
    return sequential(folded)
