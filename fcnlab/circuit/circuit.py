"""A neural network as integers: affine and polynomial steps, evaluated exactly.

The circuit is the one description that is counted (`hops`), planned (`planning`), run in the clear (here, the oracle)
and run under encryption (`he`). It knows nothing of torch or of encryption; `compiler` makes it from a torch module.

Real numbers meet integers by units: a step whose `unit` is u holds the integer v for the real value v * u.
"""

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.integers import WORD_BITS, Integers, check_integer, combine_residues, primes_covering
from fcnlab.circuit.steps import (
    Affine,
    Interval,
    Polynomial,
    Step,
    affine_bounds,
    apply_step,
    apply_step_modulo,
    polynomial_bounds,
)
from fcnlab.data.mnist import quantise_pixels
from fcnlab.errors import CircuitError
from fcnlab.page import Page, Shown, Table, counted

__all__ = ["Affine", "Circuit", "Interval", "Polynomial", "Step", "propagate"]

MOST_PIXEL_BITS = 16
WIDEST = 1 << 24  # pixels, or values of a step: more would be no network, but an attempt on the memory
RESIDUE_BITS = 28  # residues of this size leave int64 room for wide sums
BLOCK = 512  # images evaluated together: their columns stay in the cache


@dataclass(frozen=True, eq=False)
class Circuit(Shown):
    """A network compiled to integers.

    Attributes:
        name: Name of the network.
        input_shape: Shape of one image, such as (1, 28, 28).
        pixel_bits: Inputs are integers from 0 to 2^pixel_bits - 1; 1 to 16.
        steps: Affine and polynomial steps in order; neighbours agree in width.
    """

    name: str
    input_shape: tuple[int, ...]
    pixel_bits: int
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        bits = check_integer("pixel_bits", self.pixel_bits, lowest=1, highest=MOST_PIXEL_BITS)
        object.__setattr__(self, "pixel_bits", bits)
        object.__setattr__(self, "input_shape", check_shape(self.input_shape))
        width = self.inputs
        for step in self.steps:
            if step.inputs != width:
                raise CircuitError(f"Step {step.name!r} takes {step.inputs} values; the step before it gives {width}.")
            width = step.outputs

    @override
    def page(self) -> Page:
        rows = [
            [
                step.name,
                step.inputs,
                step.outputs,
                f"{step.products:,} weights" if isinstance(step, Affine) else f"degree {step.degree}",
                interval.bits,
            ]
            for step, interval in zip(self.steps, self.ranges, strict=True)
        ]
        return Page(
            f"{self.name} reads {len(self.used_inputs):,} of {counted(self.inputs, 'pixel')} of "
            f"{counted(self.pixel_bits, 'bit')} and gives {counted(self.outputs, 'logit')}",
            Table(["step", "inputs", "outputs", "kind", "value bits"], rows),
        )

    @property
    def inputs(self) -> int:
        """Number of pixels."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Number of logits."""
        return self.steps[-1].outputs if self.steps else self.inputs

    @property
    def pixel_max(self) -> int:
        """The largest pixel value."""
        return (1 << self.pixel_bits) - 1

    @property
    def affine_steps(self) -> tuple[Affine, ...]:
        """The affine steps in order."""
        return tuple(step for step in self.steps if isinstance(step, Affine))

    @property
    def unit(self) -> float:
        """Real value of one unit of the logits."""
        return self.steps[-1].unit if self.steps else 1 / (1 << self.pixel_bits)

    @property
    def products(self) -> int:
        """Weight products of one image's pass, pooling sums excluded."""
        return sum(step.products for step in self.affine_steps if not step.pooling)

    @cached_property
    def used_inputs(self) -> Integers:
        """Indices of the pixels that some weight reads, ascending: only these are encrypted and sent."""
        if not self.steps or not isinstance(self.steps[0], Affine):
            return np.arange(self.inputs, dtype=np.int64)
        return np.unique(self.steps[0].weights.indices).astype(np.int64)

    @cached_property
    def ranges(self) -> tuple[Interval, ...]:
        """Interval bounds after each step, for every image with pixels in the declared range."""
        return tuple(interval for _, interval in propagate(self))

    def quantise(self, images: npt.NDArray[np.uint8]) -> Integers:
        """What the circuit reads of grey images: shrunk to its input shape where that is smaller, in its pixel bits.

        Args:
            images: uint8, shape (N, height, width), 0 is background.
        """
        window = math.isqrt(math.prod(images.shape[1:]) // self.inputs)
        return quantise_pixels(images, bits=self.pixel_bits, window=window)

    def check_pixels(self, pixels: npt.NDArray[Any]) -> Integers:
        """Return `pixels` as int64 of shape (N, inputs), or say what is wrong with them."""
        array = np.asarray(pixels)
        if not np.issubdtype(array.dtype, np.integer):
            raise CircuitError(f"Pixels are integers from 0 to {self.pixel_max}; got values of type {array.dtype}.")
        if array.ndim < 2 or int(np.prod(array.shape[1:])) != self.inputs:
            raise CircuitError(
                f"Images have shape {self.input_shape}, {self.inputs} pixels each; got an array of shape {array.shape}."
            )
        array = array.reshape(len(array), self.inputs)
        if array.size and (int(array.min()) < 0 or int(array.max()) > self.pixel_max):
            raise CircuitError(
                f"Pixels must lie in 0 to {self.pixel_max} ({self.pixel_bits} bits); got {array.min()} to "
                f"{array.max()}: quantise the images first (Circuit.quantise)."
            )
        return array.astype(np.int64)

    def evaluate(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Run the circuit in the clear, exactly: the oracle of every encrypted run.

        Args:
            pixels: Integers, shape (N, ...) with `inputs` values per image, from 0 to `pixel_max`.

        Returns:
            Logits of shape (N, outputs): int64, or Python integers (dtype object) if a logit may exceed 64 bits.

        Raises:
            CircuitError: If the pixels have the wrong shape, type or range.
        """
        images = self.check_pixels(pixels)
        bits = self.ranges[-1].bits if self.steps else self.pixel_bits + 1
        if bits > WORD_BITS:
            moduli = primes_covering(bits, limit=1 << RESIDUE_BITS)
            return combine_residues([self.evaluate_modulo(images, modulus=prime) for prime in moduli], moduli=moduli)
        return self._run(images, apply_step)

    def evaluate_modulo(self, pixels: npt.NDArray[Any], *, modulus: int) -> Integers:
        """Run the circuit modulo a number below 2^28.

        Args:
            pixels: As for `evaluate`.
            modulus: Any integer from 2 to 2^28.

        Returns:
            Residues of the logits in [0, modulus), int64, shape (N, outputs).
        """
        return self._run(self.check_pixels(pixels) % modulus, partial(apply_step_modulo, modulus=modulus))

    def _run(self, images: Integers, apply: Callable[[Step, Integers], Integers]) -> Integers:
        """Apply every step to the columns of (N, inputs), block by block; returns (N, outputs)."""
        logits = np.empty((len(images), self.outputs), dtype=np.int64)
        for start in range(0, len(images), BLOCK):
            values = np.ascontiguousarray(images[start : start + BLOCK].T)
            for step in self.steps:
                values = apply(step, values)
            logits[start : start + BLOCK] = values.T
        return logits


def check_shape(shape: Any) -> tuple[int, ...]:
    """The shape of one image as Python integers.

    Raises:
        CircuitError: If it is no shape, or one of more pixels than a circuit may have.
    """
    try:
        known = tuple(operator.index(length) for length in shape)
    except TypeError:
        known = ()
    if not known or min(known) < 1 or math.prod(known) > WIDEST:
        raise CircuitError(
            f"input_shape is {shape!r}; give the shape of one image, such as (1, 28, 28), with 1 to {WIDEST:,} pixels."
        )
    return known


def propagate(circuit: Circuit) -> Iterator[tuple[Step, Interval]]:
    """Interval arithmetic through the circuit: each step with the proven bounds of its values.

    Signs are kept: a positive weight meets the upper bound of its input, a negative one the lower.
    """
    interval = Interval(
        lo=np.zeros(circuit.inputs, dtype=object), hi=np.full(circuit.inputs, circuit.pixel_max, dtype=object)
    )
    for step in circuit.steps:
        interval = affine_bounds(step, interval) if isinstance(step, Affine) else polynomial_bounds(step, interval)
        yield step, interval
