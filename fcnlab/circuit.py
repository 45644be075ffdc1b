"""A neural network as integers: affine and polynomial steps, evaluated exactly.

The circuit is the one description that is counted (`hops`), planned (`plan`), run in the clear (here, the oracle) and
run under encryption (`he`). It knows nothing of torch or of encryption; `compiler` makes it from a torch module.

Real numbers meet integers by units: a step whose `unit` is u holds the integer v for the real value v * u.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.errors import CircuitError
from fcnlab.modular import combine_residues, primes_covering

Integers = npt.NDArray[np.int64]
WORD_BITS = 64  # int64 arithmetic wraps modulo 2^64, so a result within these bits is exact whatever came before it
SUM_BITS = 62  # sums below 2^62 stay clear of the wrap
RESIDUE_BITS = 28  # residues of this size leave int64 room for wide sums
BLOCK = 256  # images evaluated together: their columns stay in the cache


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
                f"{array.max()}: quantise the images first (data.quantise_pixels)."
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
        logits = np.empty((len(images), self.outputs), dtype=np.int64)
        for start in range(0, len(images), BLOCK):
            values = np.ascontiguousarray(images[start : start + BLOCK].T)
            for step in self.steps:
                values = apply_step(step, values)
            logits[start : start + BLOCK] = values.T
        return logits

    def evaluate_modulo(self, pixels: npt.NDArray[Any], *, modulus: int) -> Integers:
        """Run the circuit modulo a number below 2^28.

        Args:
            pixels: As for `evaluate`.
            modulus: Any integer from 2 to 2^28.

        Returns:
            Residues of the logits in [0, modulus), int64, shape (N, outputs).
        """
        values = self.check_pixels(pixels).T
        for step in self.steps:
            values = apply_step_modulo(step, values, modulus=modulus)
        return np.ascontiguousarray(values.T)


def apply_step(step: Step, values: Integers) -> Integers:
    """Apply one step to int64 columns of shape (inputs, N), modulo 2^64: exact if the result fits into int64."""
    if isinstance(step, Affine):
        return np.asarray(step.weights @ values, dtype=np.int64) + wrap(step.bias)[:, None]
    coefficients = wrap(np.array(step.coefficients, dtype=object))
    result = np.full_like(values, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = result * values + coefficient
    return result


def wrap(integers: npt.NDArray[Any]) -> Integers:
    """Integers of any size modulo 2^64, as int64."""
    if integers.dtype == np.int64:
        return integers
    return (integers % (1 << WORD_BITS)).astype(np.uint64).view(np.int64)


def apply_step_modulo(step: Step, values: Integers, *, modulus: int) -> Integers:
    """Apply one step to residues of shape (inputs, N), giving residues in [0, modulus); modulus at most 2^28."""
    if isinstance(step, Affine):
        bias = np.asarray(step.bias % modulus, dtype=np.int64)
        return (multiply_modulo(step.weights, values, modulus=modulus) + bias[:, None]) % modulus
    result = np.full_like(values, step.coefficients[-1] % modulus)
    for coefficient in step.coefficients[-2::-1]:
        result = (result * values + coefficient % modulus) % modulus
    return result


def multiply_modulo(weights: sparse.csr_array, values: Integers, *, modulus: int) -> Integers:
    """W x modulo `modulus`; wide weights go in two halves, so that no sum passes 2^62."""
    if sum_bits(weights) + modulus.bit_length() <= SUM_BITS:
        return np.asarray(weights @ values, dtype=np.int64) % modulus
    low, high, shift = split_weights(weights)
    parts = [multiply_modulo(part, values, modulus=modulus) for part in (low, high)]
    return (parts[0] + parts[1] * pow(2, shift, modulus)) % modulus


def multiply_exactly(weights: sparse.csr_array, values: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """W x for a vector of Python integers of any size, in slices of x so narrow that no sum passes 2^62."""
    slice_bits = SUM_BITS - sum_bits(weights)
    if slice_bits < 1:
        low, high, shift = split_weights(weights)
        return np.asarray(multiply_exactly(low, values) + (multiply_exactly(high, values) << shift), dtype=object)
    total = np.zeros(weights.shape[0], dtype=object)
    signs, rest, shift = np.where(values < 0, -1, 1), np.abs(values), 0
    while np.any(rest):
        part = (rest & ((1 << slice_bits) - 1)).astype(np.int64) * signs
        total += np.asarray(weights @ part).astype(object) << shift
        rest, shift = rest >> slice_bits, shift + slice_bits
    return total


def sum_bits(weights: sparse.csr_array) -> int:
    """Bits that hold the largest row sum of absolute weights, with one to spare for the rounding of float64."""
    return int(abs(weights.astype(np.float64)).sum(axis=1).max(initial=0)).bit_length() + 1


def split_weights(weights: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array, int]:
    """Weights as low + high * 2^shift, each part about half as wide."""
    shift = max(int(np.abs(weights.data).max()).bit_length() // 2, 1)
    low, high = weights.copy(), weights.copy()
    high.data = weights.data >> shift
    low.data = weights.data - (high.data << shift)
    return low, high, shift


def integer_array(values: Sequence[int]) -> npt.NDArray[Any]:
    """Integers as int64 if all of them fit, else as Python integers (dtype object)."""
    fits = all(-(1 << (WORD_BITS - 1)) <= value < 1 << (WORD_BITS - 1) for value in values)
    return np.array(values, dtype=np.int64 if fits else object)


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
    ends = [evaluate_polynomial(step, lo), evaluate_polynomial(step, hi)]
    smallest, largest = np.minimum(*ends), np.maximum(*ends)
    for point in turning_points(step.coefficients, lo=int(min(lo)), hi=int(max(hi))):
        value, inside = evaluate_polynomial(step, point), (lo <= point) & (point <= hi)
        smallest = np.where(inside, np.minimum(smallest, value), smallest)
        largest = np.where(inside, np.maximum(largest, value), largest)
    return Interval(lo=smallest, hi=largest)


def evaluate_polynomial(step: Polynomial, x: Any) -> Any:
    """The polynomial's value by Horner's rule, for a Python integer or an array of them."""
    result = step.coefficients[-1]
    for coefficient in step.coefficients[-2::-1]:
        result = result * x + coefficient
    return result


def turning_points(coefficients: Sequence[int], *, lo: int, hi: int) -> list[int]:
    """The integers between lo and hi at which the polynomial, as a sequence over the integers, turns; ascending.

    It is monotone from each to the next. The differences p(x + 1) - p(x) are a polynomial of one degree less, so they
    change sign at most once between their own turning points, and bisection finds where.
    """
    powers = range(len(coefficients))
    steps = [sum(coefficients[j] * comb(j, k) for j in powers[k + 1 :]) for k in powers[:-1]]
    if not steps:
        return []

    def rises(x: int) -> bool:
        step: int = sum(coefficient * x**power for power, coefficient in enumerate(steps))
        return step > 0

    points: list[int] = []
    for left, right in pairwise([lo, *turning_points(steps, lo=lo, hi=hi), hi]):
        if rises(left) == rises(right):
            continue
        while right - left > 1:
            middle = (left + right) // 2
            left, right = (middle, right) if rises(middle) == rises(left) else (left, middle)
        points.append(right)
    return points
