"""The work of an activation: the program of `polynomials`, run on the sizes of ciphertexts alone."""

from collections import Counter
from dataclasses import dataclass


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


class CountingOperations:
    """What both engines have in common; an implementation of `polynomials.Operations`.

    Args:
        aligned: Whether terms have to be brought to a common scale or correction factor, by a product even where the
            factor is 1.

    Attributes:
        counts: Operations so far.
    """

    def __init__(self, *, aligned: bool) -> None:
        self._aligned = aligned
        self.counts: Counter[Operation] = Counter()

    def multiply(self, a: Operand, b: Operand, /) -> Operand:
        """A square if both factors are the same ciphertext; sizes add up to one more."""
        if a is b:
            self.counts[Operation("square", products(a.size))] += 1
        else:
            self.counts[Operation("multiply", a.size * b.size)] += 1
        return Operand(a.size + b.size - 1)

    def scale(self, a: Operand, factor: int, /, *, like: Operand | None = None) -> Operand:
        """Free for 1, unless the term has to be brought to the scale or correction factor of another."""
        if factor == 1 and not (self._aligned and like):
            return a
        self.counts[Operation("multiply_plain", a.size)] += 1
        return Operand(a.size)

    def add(self, a: Operand, b: Operand, /) -> Operand:
        """As large as the larger of the two."""
        size = max(a.size, b.size)
        self.counts[Operation("add", size)] += 1
        return Operand(size)

    def add_constant(self, a: Operand, constant: int, /) -> Operand:
        """A constant for every slot."""
        self.counts[Operation("add_plain", a.size)] += 1
        return Operand(a.size)


class SealCounting(CountingOperations):
    """As `he.operations` carries them out: sums begin with a copy, and constants are encoded each time.

    Args:
        scheme: bgv, bfv or ckks.
        aligned: See `CountingOperations`.
    """

    def __init__(self, scheme: str, *, aligned: bool) -> None:
        super().__init__(aligned=aligned)
        self._scheme = scheme

    def scale(self, a: Operand, factor: int, /, *, like: Operand | None = None) -> Operand:
        """In bgv a correction factor is changed on the way through bytes."""
        if like is not None and self._scheme == "bgv":
            self.counts[Operation("save", like.size)] += 1
            self.counts[Operation("save", a.size)] += 2
            self.counts[Operation("load", a.size)] += 1
        if factor < 0:
            self.counts[Operation("negate", a.size)] += 1
        return super().scale(a, factor, like=like)

    def add(self, a: Operand, b: Operand, /) -> Operand:
        """Into a copy."""
        self.counts[Operation("copy", a.size)] += 1
        return super().add(a, b)

    def add_constant(self, a: Operand, constant: int, /) -> Operand:
        """Into a copy."""
        self.counts[Operation("copy", a.size)] += 1
        self.counts[Operation("encode", a.size)] += 1
        return super().add_constant(a, constant)
