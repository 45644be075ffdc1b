"""What evaluating a polynomial under encryption costs: multiplicative depth and HOPs.

Conventions, those of `circuit.polynomials`: a product of two ciphertexts is one CT-CT mult; a factor costs one PT-CT
mult and a constant one PT-CT add, whatever its value; a factor of 1 costs nothing, nor does a term that is zero.

The scheme is the cheapest of Paterson and Stockmeyer's: with the powers x, ..., x^k at hand, the polynomial is a
polynomial in x^k whose coefficients, of degree below k (the leading one of degree k), are linear combinations of them.
For k = 1 that is Horner's rule, for degree 2 the published x(ax + b) + c. CT-CT mults are the fewest of any such
scheme: 1 for degree 2, 2 for 3 and 4, 3 for 5 and 6, 4 for 7 and 8. Gaps such as those of odd or even polynomials are
used.

Source: Paterson and Stockmeyer, SIAM J. Comput. 2 (1973); Fasi, Optimality of the Paterson-Stockmeyer method (2019).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import NamedTuple


@dataclass(frozen=True, order=True)
class Cost:
    """Depth and counts of one evaluation; compared by CT-CT mults, depth, total, then what is dearest.

    Attributes:
        ct_ct_mults: Products of two ciphertexts.
        depth: The most of them in a row.
        total: All HOPs.
        pt_ct_mults: Products of a constant and a ciphertext.
        ct_ct_adds: Sums of two ciphertexts.
        pt_ct_adds: Sums of a constant and a ciphertext.
    """

    ct_ct_mults: int
    depth: int
    total: int
    pt_ct_mults: int
    ct_ct_adds: int
    pt_ct_adds: int

    def as_dict(self) -> dict[str, int]:
        """The four counts and their total, as everywhere else."""
        return {
            "pt_ct_adds": self.pt_ct_adds,
            "ct_ct_adds": self.ct_ct_adds,
            "pt_ct_mults": self.pt_ct_mults,
            "ct_ct_mults": self.ct_ct_mults,
            "total": self.total,
        }


class Ciphertext(NamedTuple):
    """A stand-in: the value it would hold, and how many CT-CT mults in a row made it."""

    value: float
    depth: int


class Counter:
    """Evaluates with stand-ins and counts what real ciphertexts would cost."""

    def __init__(self, x: float) -> None:
        self.ct_ct_mults = self.pt_ct_mults = self.pt_ct_adds = self.ct_ct_adds = 0
        self.powers = {1: Ciphertext(x, 0)}

    def multiply(self, a: Ciphertext, b: Ciphertext) -> Ciphertext:
        """Product of two ciphertexts."""
        self.ct_ct_mults += 1
        return Ciphertext(a.value * b.value, max(a.depth, b.depth) + 1)

    def power(self, exponent: int) -> Ciphertext:
        """The power of x, made once, by halves."""
        if exponent not in self.powers:
            half = exponent // 2
            self.powers[exponent] = self.multiply(self.power(half), self.power(exponent - half))
        return self.powers[exponent]

    def scale(self, constant: float, exponent: int) -> Ciphertext:
        """A constant times the power of x; 1 is free, and -1 is a product as any other."""
        self.pt_ct_mults += constant != 1
        power = self.power(exponent)
        return Ciphertext(constant * power.value, power.depth)

    def add(self, parts: Sequence[Ciphertext], constant: float) -> Ciphertext:
        """Sum of at least one ciphertext, and of a constant unless it is zero."""
        self.ct_ct_adds += len(parts) - 1
        self.pt_ct_adds += constant != 0
        return Ciphertext(sum(part.value for part in parts) + constant, max(part.depth for part in parts))

    def cost(self, depth: int) -> Cost:
        """What was counted."""
        total = self.ct_ct_mults + self.pt_ct_mults + self.pt_ct_adds + self.ct_ct_adds
        return Cost(self.ct_ct_mults, depth, total, self.pt_ct_mults, self.ct_ct_adds, self.pt_ct_adds)


def count_hops(coefficients: Sequence[float]) -> Cost:
    """Depth and HOPs of the cheapest evaluation of c0 + c1 x + ... + cd x^d, constant term first."""
    return min(cost for cost, _ in evaluations(coefficients, x=1.0))


def evaluations(coefficients: Sequence[float], *, x: float) -> list[tuple[Cost, float]]:
    """Cost and value of every scheme considered."""
    powers = [power for power, value in enumerate(coefficients) if value and power]
    if not powers:
        return [(Counter(x).cost(0), coefficients[0])]
    # As q(x^stride), or as x^start q(x^stride) + c0 where q has nothing left to drag along.
    forms = {(0, gcd(*powers)), (powers[0], gcd(*(power - powers[0] for power in powers)) or 1)}
    return [
        paterson_stockmeyer(coefficients, x=x, start=start, stride=stride, block=block)
        for start, stride in sorted(forms)
        for block in range(1, max((powers[-1] - start) // stride, 1) + 1)
    ]


def paterson_stockmeyer(
    coefficients: Sequence[float], *, x: float, start: int, stride: int, block: int
) -> tuple[Cost, float]:
    """Evaluate x^start q(x^stride) + c0 with the powers of x^stride up to `block`; start = 0 keeps c0 within q."""
    counter = Counter(x)
    inner = list(coefficients[start::stride])
    while not inner[-1]:
        inner.pop()
    if len(inner) == 1:  # a single power, and start is not 0
        result = counter.scale(inner[0], start)
    else:
        result = evaluate_blocks(counter, inner, stride=stride, block=block)
        if start:
            result = counter.multiply(result, counter.power(start))
    if start:
        result = counter.add([result], coefficients[0])
    return counter.cost(result.depth), result.value


def evaluate_blocks(counter: Counter, inner: Sequence[float], *, stride: int, block: int) -> Ciphertext:
    """Evaluate q(x^stride), of degree at least 1: linear combinations of powers, Horner's rule over them."""
    blocks = max((len(inner) - 2) // block, 0)  # the leading block takes its x^block along
    sums: list[Ciphertext] = []  # the sum so far, or nothing while it is a bare constant
    bare = 0.0
    for i in range(blocks, -1, -1):
        parts = [counter.multiply(partial, counter.power(stride * block)) for partial in sums]
        if bare:
            parts.append(counter.scale(bare, stride * block))
        here = inner[i * block : (i + 1) * block + (i == blocks)]
        parts += [counter.scale(c, stride * j) for j, c in enumerate(here) if j and c]
        sums, bare = ([counter.add(parts, here[0])], 0.0) if parts else ([], here[0])
    return sums[0]
