"""How a polynomial activation is evaluated on ciphertexts: one program, whatever it is run on.

The engines run it on ciphertexts, plans on noise bounds, `hops` and `cost` on a counter; a projection and a run can
therefore not drift apart. It takes the fewest CT-CT mults, one for degree 2 and two for degrees 3 and 4:

    degree 2:  (c2 x + c1) x + c0
    degree 3:  ((c3 x + c2) x + c1) x + c0
    degree 4:  (c4 s + c3 x + c2) s + (c1 x + c0)    with s = x x

Terms that are zero cost nothing.
Source: Paterson and Stockmeyer, On the number of nonscalar multiplications necessary to evaluate polynomials, SIAM J.
Comput. 2 (1973), 60-66.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from typing_extensions import override

Value = TypeVar("Value")


class Operations(Protocol[Value]):
    """What an activation is made of."""

    def multiply(self, a: Value, b: Value, /) -> Value:
        """A CT-CT mult."""

    def scale(self, a: Value, factor: int, /, *, like: Value | None = None) -> Value:
        """A PT-CT mult by an integer, free for 1; in ckks the result has the scale of `like` if that is given."""

    def add(self, a: Value, b: Value, /) -> Value:
        """A CT-CT add."""

    def add_constant(self, a: Value, constant: int, /) -> Value:
        """A PT-CT add of an integer."""


def apply_polynomial(coefficients: Sequence[int], x: Value, operations: Operations[Value]) -> Value:
    """Evaluate c0 + c1 x + ... + cd x^d, degree 2 to 4, the last coefficient not zero."""
    *lower, last = coefficients
    if len(lower) < 4:
        result = operations.scale(x, last)
        for constant in lower[:0:-1]:
            result = operations.multiply(add_constant(result, constant, operations), x)
        return add_constant(result, lower[0], operations)
    c0, c1, c2, c3 = lower
    square = operations.multiply(x, x)
    inner = operations.scale(square, last)
    if c3:
        inner = operations.add(inner, operations.scale(x, c3, like=inner))
    result = operations.multiply(add_constant(inner, c2, operations), square)
    if c1:
        result = operations.add(result, operations.scale(x, c1, like=result))
    return add_constant(result, c0, operations)


def add_constant(value: Value, constant: int, operations: Operations[Value]) -> Value:
    """The value plus a constant; nothing is done for 0."""
    return operations.add_constant(value, constant) if constant else value


@dataclass(frozen=True, eq=False)
class Operand:
    """A ciphertext of so many polynomials; compared by identity, as an engine tells a square from a product."""

    size: int


@dataclass(frozen=True)
class Operation:
    """An operation on one ciphertext: parts are polynomials, or the products of polynomials that a mult needs."""

    unit: str
    parts: int


def products(size: int) -> int:
    """Products of polynomials in the square of a ciphertext of `size` polynomials."""
    return size * (size + 1) // 2


class CountingOperations(Operations[Operand]):
    """Operations on nothing but sizes, counted.

    Args:
        aligned: Whether terms have to be brought to a common scale or correction factor, by a product even where the
            factor is 1.

    Attributes:
        counts: Operations so far: add_plain, add, multiply_plain, square and multiply, by their parts.
    """

    def __init__(self, *, aligned: bool = False) -> None:
        self._aligned = aligned
        self.counts: Counter[Operation] = Counter()

    @override
    def multiply(self, a: Operand, b: Operand, /) -> Operand:
        unit, parts = ("square", products(a.size)) if a is b else ("multiply", a.size * b.size)
        self.counts[Operation(unit, parts)] += 1
        return Operand(a.size + b.size - 1)

    @override
    def scale(self, a: Operand, factor: int, /, *, like: Operand | None = None) -> Operand:
        if factor == 1 and not (self._aligned and like):
            return a
        self.counts[Operation("multiply_plain", a.size)] += 1
        return Operand(a.size)

    @override
    def add(self, a: Operand, b: Operand, /) -> Operand:
        size = max(a.size, b.size)
        self.counts[Operation("add", size)] += 1
        return Operand(size)

    @override
    def add_constant(self, a: Operand, constant: int, /) -> Operand:
        self.counts[Operation("add_plain", a.size)] += 1
        return Operand(a.size)

    def count(self, *units: str) -> int:
        """How many operations there were of these units."""
        return sum(count for operation, count in self.counts.items() if operation.unit in units)


def result_size(coefficients: Sequence[int], size: int) -> int:
    """Polynomials of the resulting ciphertext, from one of `size` polynomials, without relinearisation."""
    return apply_polynomial(coefficients, Operand(size), CountingOperations()).size
