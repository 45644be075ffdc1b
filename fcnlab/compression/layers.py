"""The compressed weights of a network while it trains: which are kept, which are frozen, and at which value.

Each weight layer keeps a full tensor as its trained parameter. `Compression.applied` swaps in the values that the
network will really have, so that losses and gradients are taken there.

Source: incremental network quantization (Zhou et al. 2017) for the freezing.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from fcnlab.compression.pruning import hop_mask
from fcnlab.compression.quantization import ExponentWindow, choose_window, grow_frozen, round_to_powers_of_two


class CompressedLayer:
    """The weights of one convolution or linear layer.

    Attributes:
        weight: The trained parameter.
        costs: Products per image that each weight causes, int64, shape of the weight.
        keep: False where a weight is pruned.
        frozen: True where a weight holds its final value.
        fixed: The final values where frozen, 0 elsewhere.
    """

    def __init__(self, weight: Tensor, *, costs: Tensor) -> None:
        self.weight = weight
        self.costs = costs
        self.keep = torch.ones_like(costs, dtype=torch.bool)
        self.frozen = torch.zeros_like(self.keep)
        self.fixed = torch.zeros_like(weight, requires_grad=False)

    @property
    def products(self) -> int:
        """Products per image of the weights that are kept."""
        return int(self.costs[self.keep].sum())

    def values(self) -> Tensor:
        """The weights as the network will have them."""
        return torch.where(self.frozen, self.fixed, self.weight.detach()) * self.keep

    def freeze(self, *, share: float, exponents: int, keep_nonzero: bool = True) -> None:
        """Round the largest weights, up to `share` of the kept ones, to powers of two and hold them there.

        With `keep_nonzero` the smallest weights become the smallest power; otherwise those that round to zero are
        pruned.
        """
        values = self.values().numpy()
        if not values.any():
            return
        window = self.window(exponents=exponents)
        frozen = (self.frozen & self.keep).numpy()  # a unit may have died since
        chosen = torch.from_numpy(grow_frozen(values, frozen=frozen, share=share))
        rounded = torch.from_numpy(round_to_powers_of_two(values, window=window, keep_nonzero=keep_nonzero))
        self.fixed = torch.where(self.frozen, self.fixed, rounded * chosen)
        self.keep = self.keep & ~(chosen & (self.fixed == 0))
        self.frozen = chosen & self.keep

    def window(self, *, exponents: int) -> ExponentWindow:
        """The exponents of this layer: those of the frozen weights, or the best ones while nothing is frozen."""
        if self.frozen.any():
            top = int(np.log2(self.fixed.abs().max().item()))
            return ExponentWindow(top - exponents + 1, top)
        return choose_window(self.values().numpy(), length=exponents)


class Compression:
    """All weight layers of a network together, by name."""

    def __init__(self, network: nn.Sequential, *, input_shape: tuple[int, ...] = (1, 28, 28)) -> None:
        costs = weight_costs(network, input_shape=input_shape)
        self.layers = {
            name: CompressedLayer(layer.weight, costs=costs[name])
            for name, layer in network.named_children()
            if isinstance(layer, nn.Conv2d | nn.Linear)
        }

    @property
    def products(self) -> int:
        """Weight products per image."""
        return sum(layer.products for layer in self.layers.values())

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the network its compressed weights for the time of the block; the trained ones come back after it."""
        dense = {name: layer.weight.detach().clone() for name, layer in self.layers.items()}
        try:
            for layer in self.layers.values():
                layer.weight.data.copy_(layer.values())
            yield
        finally:
            for name, layer in self.layers.items():
                layer.weight.data.copy_(dense[name])

    def prune(self, curvature: Mapping[str, Tensor], *, budgets: Mapping[str, int]) -> None:
        """Keep, in each layer, the weights of most saliency per product; what was pruned stays pruned.

        Each layer has its own budget: one budget for all keeps too many taps of the convolution, since saliencies
        ignore how well the many small weights of a dense layer stand in for each other.

        Args:
            curvature: For each layer, the mean squared gradient of its weights, which estimates how fast the loss
                grows with the square of a change; the saliency of a weight w is w^2 times it.
            budgets: For each layer, products per image.

        Source: LeCun, Denker and Solla 1990, "Optimal brain damage", equation 5, with the Fisher information as the
            second derivative.
        """
        for name, layer in self.layers.items():
            saliency = (layer.values() ** 2 * curvature[name]).numpy().astype(np.float64)
            layer.keep = torch.from_numpy(hop_mask(saliency, costs=layer.costs.numpy(), products=budgets[name]))

    def freeze(self, *, share: float, exponents: Mapping[str, int]) -> None:
        """Quantise and freeze a share of every layer, within `exponents` neighbouring exponents each.

        The first layer goes whole at once: its few taps act at every position, and as long as the later weights are
        free they can make up for its rounding.
        """
        for position, (name, layer) in enumerate(self.layers.items()):
            layer.freeze(share=share if position else 1.0, exponents=exponents[name])

    def state(self) -> dict[str, Tensor]:
        """Masks and fixed values as named tensors."""
        return {
            f"{name}.{part}": getattr(layer, part)
            for name, layer in self.layers.items()
            for part in ("keep", "frozen", "fixed")
        }

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for name, layer in self.layers.items():
            layer.keep = state[f"{name}.keep"]
            layer.frozen = state[f"{name}.frozen"]
            layer.fixed = state[f"{name}.fixed"]


def weight_costs(network: nn.Sequential, *, input_shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Products per image that each weight of each layer causes; those with padding are free and not counted.

    Ones run through the geometry of the network: the gradient of a layer's summed output is then, for each weight,
    the number of real values it meets.

    Returns:
        For each convolution and linear layer, int64 of its weight's shape.
    """
    costs = {}
    values = torch.ones(1, *input_shape)
    network = copy.deepcopy(network).eval()
    for name, layer in network.named_children():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            (count,) = torch.autograd.grad(layer(values).sum(), layer.weight)
            costs[name] = count.round().to(torch.int64)
        with torch.no_grad():
            output = layer(values)
        values = output if isinstance(layer, nn.ZeroPad2d) else torch.ones_like(output)
    return costs
