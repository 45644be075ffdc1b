"""The numbers a coefficient may be: any real one, a signed power of two, or a sum of a few of them.

A product of a ciphertext with a power of two is a shift; a sum of m powers costs m shifts and m - 1 additions.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import comb

import numpy as np

from fcnlab.approximation.targets import Floats
from fcnlab.errors import ApproximationError

EXPONENT_LIMIT = 64
SPAN_LIMIT = 48
VALUE_LIMIT = 1_000_000


@dataclass(frozen=True)
class Real:
    """Any float64."""

    label: str = "real"

    def nearest(self, value: float) -> float:
        """The value itself."""
        return value


@dataclass(frozen=True)
class PowersOfTwo:
    """Sums of at most `terms` numbers +-2^k, lowest <= k <= highest; zero is the empty sum.

    Attributes:
        lowest: Smallest exponent.
        highest: Largest exponent.
        terms: Most powers in one coefficient; 1 for 0 and +-2^k alone.
    """

    lowest: int = -20
    highest: int = 8
    terms: int = 1

    def __post_init__(self) -> None:
        for exponent in (self.lowest, self.highest):
            if exponent != int(exponent) or abs(exponent) > EXPONENT_LIMIT:
                raise ApproximationError(
                    f"Exponents are integers from {-EXPONENT_LIMIT} to {EXPONENT_LIMIT}; got {exponent}."
                )
        if self.lowest > self.highest:
            raise ApproximationError(f"The exponent range {self.lowest} to {self.highest} is reversed; swap its ends.")
        if self.terms != int(self.terms) or self.terms < 1:
            raise ApproximationError(f"A coefficient is a sum of at least 1 power of two; got terms = {self.terms}.")
        span = 2 * (self.highest - self.lowest + 1)
        if self.terms > 1 and span > 2 * SPAN_LIMIT:
            raise ApproximationError(
                f"Sums are kept exact in float64 over at most {SPAN_LIMIT} exponents; got {span // 2}."
            )
        if comb(span + self.terms, self.terms) > VALUE_LIMIT:
            raise ApproximationError(
                f"Sums of {self.terms} powers over {span // 2} exponents are more than {VALUE_LIMIT:,} numbers; "
                "ask for fewer terms or a narrower exponent range."
            )

    @property
    def label(self) -> str:
        """Name with its numbers."""
        kind = "power-of-two" if self.terms == 1 else f"sums of {self.terms} powers of two"
        return f"{kind}, exponents {self.lowest} to {self.highest}"

    @cached_property
    def values(self) -> Floats:
        """Every allowed number, ascending, exact."""
        return all_sums(self.lowest, self.highest, self.terms)

    def nearest(self, value: float) -> float:
        """The allowed number closest to `value`."""
        return float(self.values[np.abs(self.values - value).argmin()])


CoefficientSet = Real | PowersOfTwo
COEFFICIENTS: dict[str, CoefficientSet] = {
    "real": Real(),
    "power-of-two": PowersOfTwo(),
    "two-powers": PowersOfTwo(terms=2),
    "three-powers": PowersOfTwo(terms=3),
}


@lru_cache(maxsize=32)
def all_sums(lowest: int, highest: int, terms: int) -> Floats:
    """Sums of at most `terms` numbers +-2^k, lowest <= k <= highest, ascending."""
    powers = np.ldexp(1.0, np.arange(lowest, highest + 1))
    signed = np.concatenate([-powers, [0.0], powers])
    values = signed
    for _ in range(terms - 1):
        values = np.unique(values[:, None] + signed)
    values = np.unique(values)
    values.flags.writeable = False
    return values


def signed_powers(value: float, *, highest: int = EXPONENT_LIMIT) -> tuple[tuple[int, int], ...]:
    """The fewest (sign, exponent), exponent <= highest, whose sum of sign * 2^exponent is `value`; largest first.

    Takes the nearest power each time, the smaller of two; `PowersOfTwo` values need no more than their `terms`.
    """
    powers: list[tuple[int, int]] = []
    while value:
        mantissa, exponent = np.frexp(abs(value))  # mantissa in [0.5, 1)
        nearest = min(int(exponent) - (1 if mantissa <= 0.75 else 0), highest)
        sign = 1 if value > 0 else -1
        powers.append((sign, nearest))
        value -= sign * float(np.ldexp(1.0, nearest))
    return tuple(powers)
