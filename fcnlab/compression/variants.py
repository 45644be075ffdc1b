"""A shipped network pruned, quantised and given other activations as it stands: nothing is trained.

Every count, plan and accuracy of a variant is that of exactly this network. A trained network of the same size is
better, which is what fine-tuning is for. Knows torch, nothing of encryption or widgets.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fcnlab.circuit.circuit import Affine, Circuit
from fcnlab.circuit.hops import HopTable, count_published
from fcnlab.compiler.layers import activation_from_name
from fcnlab.compiler.lowering import find_quantum
from fcnlab.compression.layers import weight_costs
from fcnlab.compression.quantization import choose_window, round_to_powers_of_two, window_length
from fcnlab.data.mnist import Images, load_mnist, quantise_pixels
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture
from fcnlab.networks.checkpoint import Checkpoint, compile_network, load_checkpoint

AS_TRAINED: Final = 0
DEGREES: Final = (2, 3, 4)

Weights = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Variation:
    """What is done to a shipped network.

    Attributes:
        network: Its name.
        pruned: For each weight layer in order, percent of the dense layer's products that are left out, 0 to 100. A
            layer that was trained sparser stays as it is.
        weight_bits: 2 to 5, powers of two; 0 leaves the weights as trained.
        degrees: Degrees of act1 and act2: 2 leaves them as trained, 3 or 4 puts the best power-of-two fit of Swish in
            their place. A network without act2 takes no notice of the second.
        pixel_bits: 1 to 8, or 0 as trained.
    """

    network: str
    pruned: tuple[float, ...]
    weight_bits: int = AS_TRAINED
    degrees: tuple[int, int] = (2, 2)
    pixel_bits: int = AS_TRAINED

    def __post_init__(self) -> None:
        layers = base_of(self.network).layers
        if len(self.pruned) != len(layers) or not all(0 <= share <= 100 for share in self.pruned):
            raise DataError(f"{self.network} takes {len(layers)} pruning ratios, 0 to 100 %; got {self.pruned}.")
        if any(degree not in DEGREES for degree in self.degrees) or not 0 <= self.pixel_bits <= 8:
            raise DataError(f"Degrees are 2, 3 or 4 and pixel bits 1 to 8; got {self.degrees} and {self.pixel_bits}.")


@dataclass(frozen=True, eq=False)
class WeightLayer:
    """One convolution or dense layer of a shipped network.

    Attributes:
        name: Such as ``conv1``.
        weights: As trained, float32.
        costs: Products per image of each weight, int64, same shape.
    """

    name: str
    weights: Weights
    costs: npt.NDArray[np.int64]

    @cached_property
    def dense_products(self) -> int:
        """Products per image if no weight were zero."""
        return int(self.costs.sum())

    @cached_property
    def trained_products(self) -> int:
        """Products per image as trained."""
        return int(self.costs[self.weights != 0].sum())

    @property
    def trained_percent(self) -> float:
        """Percent of the dense products that training left out."""
        return 100 * (1 - self.trained_products / self.dense_products)


@dataclass(frozen=True, eq=False)
class Base:
    """A shipped network and the weights of its layers."""

    checkpoint: Checkpoint
    layers: tuple[WeightLayer, ...]

    def left_out(self, kept: int) -> float:
        """Percent of all dense products that are left out where so many are kept."""
        return 100 * (1 - kept / sum(layer.dense_products for layer in self.layers))

    @property
    def trained_percent(self) -> float:
        """Percent of all dense products that training left out."""
        return self.left_out(sum(layer.trained_products for layer in self.layers))


@cache
def base_of(network: str) -> Base:
    """A shipped network, read once.

    Raises:
        DataError: If it is unknown or altered.
    """
    checkpoint = load_checkpoint(network)
    tensors = checkpoint.network.state_dict()
    costs = weight_costs(checkpoint.network, input_shape=checkpoint.card.architecture.input_shape)
    weights = {name: tensors[f"{name}.weight"].numpy().copy() for name in costs}
    return Base(checkpoint, tuple(WeightLayer(name, weights[name], cost.numpy()) for name, cost in costs.items()))


def as_trained(network: str) -> Variation:
    """The variation that changes nothing."""
    return Variation(network, tuple(layer.trained_percent for layer in base_of(network).layers))


def prune_evenly(network: str, *, percent: float) -> tuple[float, ...]:
    """Pruning ratios of the layers that leave out `percent` of all dense products: each layer is thinned alike.

    Args:
        network: Name of a shipped network.
        percent: 0 to 100; what training left out already is the least there can be.
    """
    base = base_of(network)
    factor = (100 - percent) / (100 - base.trained_percent)
    if factor >= 1:
        return as_trained(network).pruned
    return tuple(100 - factor * (100 - layer.trained_percent) for layer in base.layers)


def thin_evenly(network: str, *, percent: float) -> tuple[float, ...]:
    """Pruning ratios of the layers that leave out `percent` of the products that training kept, in each layer alike."""
    return prune_evenly(network, percent=100 - (100 - base_of(network).trained_percent) * (1 - percent / 100))


def pruned_percent(variation: Variation) -> float:
    """Percent of all dense products that a variation leaves out."""
    return base_of(variation.network).left_out(sum(kept_products(variation).values()))


def kept_products(variation: Variation) -> dict[str, int]:
    """Products per image that are left in each layer once it is compiled."""
    pairs = zip(base_of(variation.network).layers, weights_of(variation), strict=True)
    return {layer.name: int(layer.costs[survives_compiling(weights)].sum()) for layer, weights in pairs}


def weights_of(variation: Variation) -> tuple[Weights, ...]:
    """The weights of each layer after pruning and quantization."""
    network, bits = variation.network, variation.weight_bits
    return tuple(
        change_layer(network, index=index, percent=percent, weight_bits=bits)
        for index, percent in enumerate(variation.pruned)
    )


@cache
def pruning_order(network: str, *, index: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Weights of a layer in the order in which `pruning.hop_mask` keeps them by their squares, and products so far."""
    layer = base_of(network).layers[index]
    order = np.argsort(-(layer.weights.astype(np.float64) ** 2 / layer.costs).ravel(), kind="stable")
    return order, np.cumsum(layer.costs.ravel()[order])


@lru_cache(maxsize=128)
def change_layer(network: str, *, index: int, percent: float, weight_bits: int) -> Weights:
    """Prune one layer to the weights of most squared size per product, and round what is left to powers of two."""
    layer = base_of(network).layers[index]
    budget = min(round(layer.dense_products * (1 - percent / 100)), layer.trained_products)
    weights = layer.weights
    if budget < layer.trained_products:
        order, spent = pruning_order(network, index=index)
        weights = weights.copy()
        weights.ravel()[order[np.searchsorted(spent, budget, side="right") :]] = 0
    if weight_bits != AS_TRAINED and weights.any():
        window = choose_window(weights, length=window_length(weight_bits))
        weights = round_to_powers_of_two(weights, window=window, keep_nonzero=True).astype(np.float32)
    return weights


def build_network(variation: Variation) -> nn.Sequential:
    """The torch network of a variation."""
    base = base_of(variation.network)
    network = copy.deepcopy(base.checkpoint.network)
    tensors = network.state_dict()
    for layer, weights in zip(base.layers, weights_of(variation), strict=True):
        tensors[f"{layer.name}.weight"].copy_(torch.from_numpy(weights))
    for name, degree in zip(("act1", "act2"), variation.degrees, strict=True):
        if degree != 2 and name in network._modules:
            network._modules[name] = activation_from_name(f"swish-aq-{degree}")
    return network


def architecture_of(network: str) -> Architecture:
    """How a shipped network is built."""
    return base_of(network).checkpoint.card.architecture


def pixel_bits_of(variation: Variation) -> int:
    """Bits of a pixel."""
    return variation.pixel_bits or architecture_of(variation.network).pixel_bits


@lru_cache(maxsize=32)
def compile_variant(variation: Variation) -> Circuit:
    """The circuit that would be encrypted.

    Raises:
        CircuitError: If it cannot be compiled.
    """
    architecture = replace(architecture_of(variation.network), pixel_bits=pixel_bits_of(variation))
    return compile_network(build_network(variation), architecture=architecture, name=variation.network)


@cache
def published_layers(network: str, *, degrees: tuple[int, int]) -> HopTable:
    """The published count of a network as trained with these degrees: only its products change with pruning."""
    whole, architecture = build_network(replace(as_trained(network), degrees=degrees)), architecture_of(network)
    return count_published(
        compile_network(whole, architecture=architecture, name=network, merge=False, complete_squares=False)
    )


def survives_compiling(weights: Weights) -> npt.NDArray[np.bool_]:
    """Where a weight is not zero as an integer: the compiler rounds what is no power of two to 8 bits."""
    if find_quantum(weights[weights != 0]) is not None:
        return np.asarray(weights != 0)
    return np.asarray(np.rint(weights.astype(np.float64) / float(np.abs(weights).max()) * 127) != 0)


@lru_cache(maxsize=256)
def count_variant(variation: Variation) -> HopTable:
    """Published HOPs of a variation, layer by layer; milliseconds, since nothing is compiled."""
    table, products = published_layers(variation.network, degrees=variation.degrees), kept_products(variation)
    layers = tuple(
        replace(row, ct_ct_adds=products[row.name], pt_ct_mults=products[row.name]) if row.name in products else row
        for row in table.layers
    )
    return HopTable(variation.network, "published", layers)


@lru_cache(maxsize=256)
def measure_accuracy(variation: Variation) -> float:
    """Percent of the 10,000 test images that a variation classifies right, by its compiled circuit in float32."""
    circuit = compile_variant(variation)
    pixels = pixel_columns(circuit.input_shape, circuit.pixel_bits)
    return float(100 * np.mean(classify(circuit, pixels) == load_test().labels))


@cache
def load_test() -> Images:
    """The test images, read once."""
    return load_mnist("test")


@lru_cache(maxsize=2)
def pixel_columns(shape: tuple[int, ...], bits: int) -> npt.NDArray[np.float32]:
    """Test images of this shape, quantised, as columns, shape (pixels, 10000)."""
    images = load_test().pixels
    pixels = quantise_pixels(images, bits=bits, window=images.shape[-1] // shape[-1])
    return np.ascontiguousarray(pixels.reshape(len(pixels), -1).T, dtype=np.float32)


def classify(circuit: Circuit, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Digits of images given as columns; in real units, so that no value leaves the range of float32."""
    values, unit = pixels, 1.0
    for step in circuit.steps:
        if isinstance(step, Affine):
            # Integers of the step before, in real values, times `factor` are real values of this step.
            matrix = step.weights
            dense = matrix.nnz > 0.02 * matrix.shape[0] * matrix.shape[1]
            weights = (matrix.toarray() if dense else matrix).astype(np.float64) * (step.unit / unit)
            values = weights.astype(np.float32) @ values
            values += (step.bias.astype(np.float64) * step.unit).astype(np.float32)[:, None]
        else:
            scaled = [float(c) * step.unit / unit**power for power, c in enumerate(step.coefficients)]
            values = evaluate_real(scaled, values)
        unit = step.unit
    return np.asarray(values.argmax(axis=0), dtype=np.int64)


def evaluate_real(coefficients: Sequence[float], values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A polynomial by Horner's rule; a coefficient of zero costs nothing."""
    result = np.full_like(values, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result *= values
        if coefficient:
            result += np.float32(coefficient)
    return result
