"""How a polynomial activation is evaluated on ciphertexts: one program, whatever it is run on.

The engines run it on ciphertexts, the plan on noise bounds, `hops` on counters; a projection and a run can therefore
not drift apart. It takes the fewest CT-CT mults, one for degree 2 and two for degrees 3 and 4:

    degree 2:  (c2 x + c1) x + c0
    degree 3:  ((c3 x + c2) x + c1) x + c0
    degree 4:  (c4 s + c3 x + c2) s + (c1 x + c0)    with s = x x

Terms that are zero cost nothing.
Source: Paterson and Stockmeyer, On the number of nonscalar multiplications necessary to evaluate polynomials, SIAM J.
Comput. 2 (1973), 60-66.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

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


def result_size(coefficients: Sequence[int], size: int) -> int:
    """Polynomials of the resulting ciphertext, from one of `size` polynomials, without relinearisation."""
    return apply_polynomial(coefficients, size, Sizes())


class Sizes:
    """Operations on nothing but the number of polynomials."""

    def multiply(self, a: int, b: int, /) -> int:
        """Degrees in the secret add up."""
        return a + b - 1

    def scale(self, a: int, factor: int, /, *, like: int | None = None) -> int:
        """No change."""
        return a

    def add(self, a: int, b: int, /) -> int:
        """The longer of the two."""
        return max(a, b)

    def add_constant(self, a: int, constant: int, /) -> int:
        """No change."""
        return a
