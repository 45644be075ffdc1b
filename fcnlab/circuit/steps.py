"""The two kinds of steps of a circuit, affine and polynomial, and what they do to integers and to bounds of them."""

import operator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.integers import (
    Integers,
    evaluate_polynomial,
    multiply_exactly,
    multiply_modulo,
    sum_bits,
    turning_points,
    wrap,
)
from fcnlab.circuit.signed_digits import count_digits
from fcnlab.errors import CircuitError

HIGHEST_DEGREE = 4  # of a polynomial step


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
    def digits(self) -> int:
        """Signed binary digits of all weights: what the fused engine adds."""
        return count_digits(self.weights)

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
        object.__setattr__(self, "coefficients", tuple(map(operator.index, self.coefficients)))  # no fixed width
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
        return (multiply_modulo(step.weights, values, modulus=modulus, bits=step.sum_bits) + bias[:, None]) % modulus
    result = np.full_like(values, step.coefficients[-1] % modulus)
    for coefficient in step.coefficients[-2::-1]:
        result = (result * values + coefficient % modulus) % modulus
    return result


def affine_bounds(step: Affine, interval: Interval) -> Interval:
    """Bounds of W x + b for x in the interval; tight, since each input appears once in a row."""
    positive, negative = step.weights.maximum(0), step.weights.minimum(0)
    bias, multiply = step.bias.astype(object), partial(multiply_exactly, bits=step.sum_bits)
    return Interval(
        lo=multiply(positive, interval.lo) + multiply(negative, interval.hi) + bias,
        hi=multiply(positive, interval.hi) + multiply(negative, interval.lo) + bias,
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
