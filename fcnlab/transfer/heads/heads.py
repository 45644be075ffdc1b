"""The private part: a small head on quantised features, and its way from trained weights to an integer circuit.

Everything after training is post-processing: pruning, rounding and folding read the weights alone, never a record.
"""

import copy
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fcnlab.circuit.circuit import Circuit
from fcnlab.compiler.compile import compile_circuit
from fcnlab.compiler.layers import activation_from_name
from fcnlab.compression.pruning import hop_mask
from fcnlab.compression.quantization import choose_window, round_to_powers_of_two, window_length
from fcnlab.errors import DataError
from fcnlab.networks.architectures import linear_layers, seeded, sequential
from fcnlab.networks.fitting import GRADIENT_NORM, single_thread
from fcnlab.transfer.features.ranges import FeatureRange

WIDEST: Final = 4096
CLEAR_STEPS: Final = 300
CLEAR_RATE: Final = 0.5
CLEAR_PRIOR: Final = 4.0  # a Gaussian prior on the weights: its decay falls with the number of records


@dataclass(frozen=True)
class HeadShape:
    """What rebuilds a head but its weights.

    Attributes:
        features: Number of inputs.
        classes: Number of logits.
        units: Hidden units with a polynomial activation; 0 for a linear head.
        activation: A name that `activation_from_name` knows.
    """

    features: int
    classes: int
    units: int = 0
    activation: str = "relu-aq-2"

    def __post_init__(self) -> None:
        if not (1 <= self.features <= WIDEST and 2 <= self.classes <= WIDEST and 0 <= self.units <= WIDEST):
            raise DataError(
                f"A head has 1 to {WIDEST:,} features, at least two classes and 0 or more units, each at most as many; "
                f"got {self}."
            )

    def build(self, *, seed: int = 0) -> nn.Sequential:
        """A new head; a linear one starts from zero, another from weights that depend on the seed alone."""
        if self.units:
            return seeded(
                lambda: sequential(
                    {
                        "fc1": nn.Linear(self.features, self.units),
                        "act1": activation_from_name(self.activation),
                        "fc2": nn.Linear(self.units, self.classes),
                    }
                ),
                seed=seed,
            )
        layer = nn.Linear(self.features, self.classes)
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
        return sequential({"fc1": layer})


@dataclass(frozen=True)
class Release:
    """How a trained head becomes small integers.

    Attributes:
        keep: Share of each layer's weights that is kept, the largest; 0 < keep <= 1.
        exponents: How many neighbouring exponents the powers of two of a layer may use, at least 1.
    """

    keep: float = 1.0
    exponents: int = 7

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1 or self.exponents < 1:
            raise DataError(f"A release keeps more than 0 up to all weights, with 1 or more exponents; got {self}.")


def release_of(*, pruned: float, weight_bits: int) -> Release:
    """A release in percent and bits.

    Args:
        pruned: Percent of each layer's weights that are left out, 0 to below 100.
        weight_bits: Bits of a power of two with its sign, 2 to 5.

    Raises:
        DataError: If all weights were pruned, or the bits are not 2 to 5.
    """
    return Release(keep=round(1 - pruned / 100, 6), exponents=window_length(weight_bits))


@single_thread()
def train_clear(head: nn.Sequential, inputs: Tensor, labels: Tensor) -> nn.Sequential:
    """Train a copy of a head without privacy, by full gradients with momentum.

    It stops early on purpose: at the optimum the weights of a quadratic head are large and cancel, and rounding them to
    powers of two would undo it.

    Args:
        head: Its first weights; not changed.
        inputs: Float, shape (N, features).
        labels: int64, shape (N,).
    """
    trained = clone(head).requires_grad_().train()
    decay = 2 * CLEAR_PRIOR / len(labels)
    optimizer = torch.optim.SGD(trained.parameters(), lr=CLEAR_RATE, momentum=0.9, weight_decay=decay)
    for _ in range(CLEAR_STEPS):
        optimizer.zero_grad()
        functional.cross_entropy(trained(inputs), labels).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trained.parameters(), GRADIENT_NORM)
        optimizer.step()
    return trained.requires_grad_(False).eval()


def release_head(head: nn.Sequential, *, release: Release) -> nn.Sequential:
    """Prune and round the weights of a copy: each becomes 0 or +-2^k within its layer's window of exponents.

    An output never loses its last weight, so that it stays a function of the input.
    """
    released = clone(head)
    for layer in linear_layers(released):
        weights = layer.weight.detach().numpy()
        kept_count = max(round(release.keep * weights.size), 1)
        mask = hop_mask(abs(weights), costs=np.ones(1, dtype=np.int64), products=kept_count)
        empty = ~mask.any(axis=1)
        mask[empty, abs(weights[empty]).argmax(axis=1)] = True
        kept = weights * mask
        if kept.any():
            window = choose_window(kept, length=release.exponents)
            kept = round_to_powers_of_two(kept, window=window, keep_nonzero=True)
        layer.weight.copy_(torch.from_numpy(kept))
    return released


def fold_range(head: nn.Sequential, *, features: FeatureRange) -> nn.Sequential:
    """A copy that reads a quantised feature as x = value / 2^bits instead of what it stands for.

    A value stands for 2 reach x - reach, so the first weights grow by 2 reach, a power of two, and the offset goes into
    the biases.
    """
    folded = clone(head)
    first = linear_layers(folded)[0]
    first.bias.sub_(features.reach * first.weight.sum(dim=1))
    first.weight.mul_(2 * features.reach)
    return folded


def compile_head(head: nn.Sequential, *, features: FeatureRange, name: str) -> Circuit:
    """A trained or released head as an integer circuit on quantised features.

    Raises:
        CircuitError: If a weight is not finite.
    """
    width = linear_layers(head)[0].in_features
    folded = fold_range(head, features=features)
    return compile_circuit(folded, name=name, input_shape=(width,), pixel_bits=features.bits)


def clone(head: nn.Sequential) -> nn.Sequential:
    """A copy that shares nothing, without gradients."""
    return copy.deepcopy(head).requires_grad_(False)
