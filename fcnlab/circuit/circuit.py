"""A neural network as integers: affine and polynomial steps, evaluated exactly.

The circuit is the one description that is counted (`hops`), planned (`plan`), run in the clear (here, the oracle) and
run under encryption (`he`). It knows nothing of torch or of encryption; `compiler` makes it from a torch module.

Real numbers meet integers by units: a step whose `unit` is u holds the integer v for the real value v * u.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.integers import (
    WORD_BITS,
    Integers,
    combine_residues,
    evaluate_polynomial,
    multiply_exactly,
    multiply_modulo,
    primes_covering,
    sum_bits,
    turning_points,
    wrap,
)
from fcnlab.data.mnist import quantise_pixels
from fcnlab.errors import CircuitError

HIGHEST_DEGREE = 4  # of a polynomial step
RESIDUE_BITS = 28  # residues of this size leave int64 room for wide sums
BLOCK = 512  # images evaluated together: their columns stay in the cache


@dataclass(frozen=True, eq=False)
class Affine:
    """y = W x + b with integer entries.

    Attributes:
        name: The layers it stands for, such as ``conv1`` or ``pool1+conv2+pool2+fc1``.
        weights: CSR array of int64, shape (outputs, inputs), sorted, without stored zeros.
        bias: Integers of shape (outputs,): int64, or Python integers where int64 is too small.
        unit: Real value of one unit of the output.
        pooling: True for a pure sum over positions: its entries are 1 and cost additions only.
    """

    name: str
    weights: sparse.csr_array
    bias: npt.NDArray[Any]
    unit: float = 1.0
    pooling: bool = False

    def __post_init__(self) -> None:
        if self.bias.shape != (self.outputs,):
            raise CircuitError(f"Step {self.name!r} has {self.outputs} outputs and a bias of shape {self.bias.shape}.")

    @property
    def outputs(self) -> int:
        """Number of output values."""
        return int(self.weights.shape[0])

    @property
    def inputs(self) -> int:
        """Number of input values."""
        return int(self.weights.shape[1])

    @property
    def products(self) -> int:
        """Number of nonzero weights, each used once per image."""
        return int(self.weights.nnz)

    @cached_property
    def row_norms(self) -> Integers:
        """Sum of absolute weights per output, shape (outputs,)."""
        return np.asarray(abs(self.weights).sum(axis=1), dtype=np.int64).ravel()

    @cached_property
    def sum_bits(self) -> int:
        """Bits that hold the largest sum of absolute weights, one to spare."""
        return sum_bits(self.weights)


@dataclass(frozen=True)
class Polynomial:
    """y = c0 + c1 x + ... + cd x^d, the same integers for every value; ``(0, 0, 1)`` is the square.

    Attributes:
        name: The activation it stands for.
        width: Number of values.
        coefficients: Integers, constant term first, the last one not zero; degree 2 to 4.
        unit: Real value of one unit of the output.
    """

    name: str
    width: int
    coefficients: tuple[int, ...] = (0, 0, 1)
    unit: float = 1.0

    def __post_init__(self) -> None:
        if not 2 <= self.degree <= HIGHEST_DEGREE or self.coefficients[-1] == 0:
            raise CircuitError(
                f"Step {self.name!r} has coefficients {self.coefficients}: give 3 to {HIGHEST_DEGREE + 1}, constant "
                "first, the last one not zero."
            )

    @property
    def outputs(self) -> int:
        """Number of output values."""
        return self.width

    @property
    def inputs(self) -> int:
        """Number of input values."""
        return self.width

    @property
    def degree(self) -> int:
        """Degree of the polynomial."""
        return len(self.coefficients) - 1

    @property
    def is_square(self) -> bool:
        """True for x^2, which costs one CT-CT mult and nothing else."""
        return self.coefficients == (0, 0, 1)


Step = Affine | Polynomial


@dataclass(frozen=True, eq=False)
class Interval:
    """Bounds of a step's values, proven for every input: lo <= value <= hi, Python integers, shape (outputs,)."""

    lo: npt.NDArray[np.object_]
    hi: npt.NDArray[np.object_]

    @cached_property
    def bits(self) -> int:
        """Bits that hold every value with its sign: max |value| < 2^(bits - 1)."""
        return 1 + max(max(abs(int(v)).bit_length() for v in self.lo), max(abs(int(v)).bit_length() for v in self.hi))

    @cached_property
    def magnitude(self) -> int:
        """The largest absolute value."""
        return max(-int(min(self.lo)), int(max(self.hi)), 0)


@dataclass(frozen=True, eq=False)
class Circuit:
    """A network compiled to integers.

    Attributes:
        name: Name of the network.
        input_shape: Shape of one image, such as (1, 28, 28).
        pixel_bits: Inputs are integers from 0 to 2^pixel_bits - 1.
        steps: Affine and polynomial steps in order; neighbours agree in width.
    """

    name: str
    input_shape: tuple[int, ...]
    pixel_bits: int
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        width = self.inputs
        for step in self.steps:
            if step.inputs != width:
                raise CircuitError(f"Step {step.name!r} takes {step.inputs} values; the step before it gives {width}.")
            width = step.outputs

    @property
    def inputs(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.input_shape))

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


def apply_step(step: Step, values: Integers) -> Integers:
    """Apply one step to int64 columns of shape (inputs, N), modulo 2^64: exact if the result fits into int64."""
    if isinstance(step, Affine):
        return np.asarray(step.weights @ values, dtype=np.int64) + wrap(step.bias)[:, None]
    coefficients = wrap(np.array(step.coefficients, dtype=object))
    result = np.full_like(values, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * values + coefficient
    return result


def apply_step_modulo(step: Step, values: Integers, *, modulus: int) -> Integers:
    """Apply one step to residues of shape (inputs, N), giving residues in [0, modulus); modulus at most 2^28."""
    if isinstance(step, Affine):
        bias = np.asarray(step.bias % modulus, dtype=np.int64)
        return (multiply_modulo(step.weights, values, modulus=modulus) + bias[:, None]) % modulus
    result = np.full_like(values, step.coefficients[-1] % modulus)
    for coefficient in step.coefficients[-2::-1]:
        result = (result * values + coefficient % modulus) % modulus
    return result


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


def affine_bounds(step: Affine, interval: Interval) -> Interval:
    """Bounds of W x + b for x in the interval; tight, since each input appears once in a row."""
    positive, negative = step.weights.maximum(0), step.weights.minimum(0)
    bias = step.bias.astype(object)
    return Interval(
        lo=multiply_exactly(positive, interval.lo) + multiply_exactly(negative, interval.hi) + bias,
        hi=multiply_exactly(positive, interval.hi) + multiply_exactly(negative, interval.lo) + bias,
    )


def polynomial_bounds(step: Polynomial, interval: Interval) -> Interval:
    """Bounds of the polynomial over the integers of the interval; tight, for any degree.

    From one turning point to the next the polynomial is monotone: extreme values lie at an end or at one of them.
    """
    lo, hi = interval.lo, interval.hi
    ends = [evaluate_polynomial(step.coefficients, lo), evaluate_polynomial(step.coefficients, hi)]
    smallest, largest = np.minimum(*ends), np.maximum(*ends)
    for point in turning_points(step.coefficients, lo=int(min(lo)), hi=int(max(hi))):
        value, inside = evaluate_polynomial(step.coefficients, point), (lo <= point) & (point <= hi)
        smallest = np.where(inside, np.minimum(smallest, value), smallest)
        largest = np.where(inside, np.maximum(largest, value), largest)
    return Interval(lo=smallest, hi=largest)
