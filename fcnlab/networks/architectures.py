"""The torch networks: Faster CryptoNets, CryptoNets, and the teacher they learn from.

Every network is a plain `nn.Sequential` with named children. Its input is a float tensor (N, 1, 28, 28), smaller where
images are shrunk, that holds ``quantised_pixel / 2**pixel_bits``, and its output the ten logits. Nothing here knows of
encryption.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from fcnlab.compiler.layers import PixelLinear, SumPool2d, activation_from_name
from fcnlab.data.mnist import MNIST_SIDE
from fcnlab.errors import DataError

Pooling = Literal["sum", "average"]
CONV1_POSITIONS: Final = 13 * 13
CONV2_POSITIONS: Final = 5 * 5


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


def cryptodl(
    *, maps: int = 20, maps2: int = 50, units: int = 500, activation: str = "relu-3", batch_norm: bool = True
) -> nn.Sequential:
    """The smaller CryptoDL, a reconstruction: its layers are not published in what is at hand.

    LeNet with one activation, after the second pooling. It has 800 units of degree 3 (1,600 CT-CT mults), 2.29 million
    products, 2.31 million CT-CT adds with its poolings, and with a bias and a shift of batch norm for each output of
    its convolutions, a bias for each unit and one constant for each activation exactly the published 30,750 PT-CT adds.
    """
    layers: dict[str, nn.Module | None] = {
        "conv1": nn.Conv2d(1, maps, kernel_size=5),
        "norm1": nn.BatchNorm2d(maps) if batch_norm else None,
        "pool1": nn.AvgPool2d(2),
        "conv2": nn.Conv2d(maps, maps2, kernel_size=5),
        "norm2": nn.BatchNorm2d(maps2) if batch_norm else None,
        "pool2": nn.AvgPool2d(2),
        "act1": activation_from_name(activation),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(maps2 * 16, units),
        "fc2": nn.Linear(units, 10),
    }
    return sequential(layers)


def cryptodl_wide(
    *, maps: int = 20, maps2: int = 144, units: int = 256, activation: str = "relu-3", batch_norm: bool = True
) -> nn.Sequential:
    """The larger CryptoDL, a reconstruction: its layers are not published in what is at hand.

    With the default sizes it has the 32,256 units of degree 3 (64,512 CT-CT mults) and the 266 dense biases that the
    published counts suggest, and 4.6e7 products. Only two of its layers are activations, so that an encryption can hold
    it at all.
    """
    layers: dict[str, nn.Module | None] = {
        "conv1": nn.Conv2d(1, maps, kernel_size=5),
        "norm1": nn.BatchNorm2d(maps) if batch_norm else None,
        "act1": activation_from_name(activation),
        "pool1": nn.AvgPool2d(2),
        "conv2": nn.Conv2d(maps, maps2, kernel_size=5, padding=2),
        "norm2": nn.BatchNorm2d(maps2) if batch_norm else None,
        "act2": activation_from_name(activation),
        "conv3": nn.Conv2d(maps2, 88, kernel_size=5, padding=2),
        "pool3": nn.AvgPool2d(2),
        "flatten": nn.Flatten(),
        "fc1": nn.Linear(88 * 36, units),
        "fc2": nn.Linear(units, 10),
    }
    return sequential(layers)


def untied(
    *, hidden: int = 845, units: int = 100, activation: str = "square", pixels: int = 784, batch_norm: bool = False
) -> nn.Sequential:
    """Three dense layers, the first of them a convolution whose positions have parted (`compression.untying`).

    Raises:
        DataError: If batch norm is asked for.
    """
    if batch_norm:
        raise DataError("An untied network has no batch norm: it begins as a network whose batch norm is folded.")
    layers: dict[str, nn.Module | None] = {
        "flatten": nn.Flatten(),
        "conv1": PixelLinear(pixels, hidden),
        "act1": activation_from_name(activation),
        "fc1": nn.Linear(hidden, units),
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


def linear_layers(network: nn.Sequential) -> list[nn.Linear]:
    """The linear layers of a network in order."""
    return [layer for layer in network if isinstance(layer, nn.Linear)]


def seeded(build: Callable[[], nn.Sequential], *, seed: int) -> nn.Sequential:
    """Build a network whose initial weights depend on `seed` alone; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


MOST_UNITS: Final = 1 << 16  # of a layer: more would be no network, but an attempt on the memory
Kind = Literal["faster-cryptonets", "cryptonets", "cryptodl-1", "cryptodl-2", "untied"]
KINDS: Final[dict[str, Callable[..., nn.Sequential]]] = {
    "faster-cryptonets": faster_cryptonets,
    "cryptonets": cryptonets,
    "cryptodl-1": cryptodl,
    "cryptodl-2": cryptodl_wide,
    "untied": untied,
}


@dataclass(frozen=True)
class Architecture:
    """Everything that rebuilds a network but its weights.

    Attributes:
        kind: A name of KINDS.
        activation: A name that `activation_from_name` knows.
        maps: Feature maps of the first convolution; of the one that taught (``untied``).
        units: Units of the hidden dense layer.
        maps2: Feature maps of the second convolution (all but ``faster-cryptonets``).
        pooling: ``sum``, or ``average``: a sum whose division goes into the unit (``cryptonets`` only).
        pixel_bits: Bits of each quantised pixel, 1 to 8.
        hidden: Units of the first dense layer (``untied`` only).
        window: Side of the windows of pixels whose means the network reads in their place (``untied`` only): whoever
            has the image shrinks it, before it is quantised and encrypted.
    """

    kind: Kind
    activation: str
    maps: int = 5
    units: int = 100
    maps2: int = 50
    pixel_bits: int = 4
    pooling: Pooling = "sum"
    hidden: int = 845
    window: int = 1

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"Unknown kind of network {self.kind!r}: choose one of {', '.join(KINDS)}.")
        if self.pooling not in ("sum", "average"):
            raise DataError(f"Unknown pooling {self.pooling!r}: choose 'sum' or 'average'.")
        sizes = (self.maps, self.units, self.maps2, self.hidden)
        fits = min(sizes) >= 1 and max(sizes) <= MOST_UNITS and 1 <= self.window <= MNIST_SIDE
        if not (fits and 1 <= self.pixel_bits <= 8):
            raise DataError(
                f"Sizes are at least 1 and at most {MOST_UNITS:,} (a window {MNIST_SIDE}), and pixel_bits is 1 to 8; "
                f"got {self}."
            )

    def build(self, *, batch_norm: bool = False) -> nn.Sequential:
        """A new network, freshly initialised; without batch norm it is the form that is stored and compiled."""
        sizes: dict[str, Any] = {"units": self.units, "activation": self.activation}
        if self.kind == "untied":
            return untied(**sizes, hidden=self.hidden, pixels=math.prod(self.input_shape), batch_norm=batch_norm)
        sizes["maps"] = self.maps
        if self.kind != "faster-cryptonets":
            sizes["maps2"] = self.maps2
        if self.kind == "cryptonets":
            sizes["pooling"] = self.pooling
        return KINDS[self.kind](**sizes, batch_norm=batch_norm)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of what the network reads of one image."""
        side = MNIST_SIDE // self.window
        return 1, side, side

    @property
    def is_reconstruction(self) -> bool:
        """Whether the layers are not published, and were chosen so that the counts come near the published ones."""
        return self.kind.startswith("cryptodl")


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
