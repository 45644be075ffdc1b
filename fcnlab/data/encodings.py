"""The result of a study of encodings as data: read from a file or made by `measuring`; knows nothing of encryption."""

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from fcnlab.data.tables import TABLES, read_json

REFERENCE: Final = TABLES / "encodings.json"
"""Measured once, by `measuring.encodings.save_reference`."""


@dataclass(frozen=True)
class ProductRow:
    """Microseconds of one PT-CT product with one 36-bit prime."""

    scheme: str
    encoding: str
    ring_degree: int
    microseconds: float


@dataclass(frozen=True)
class NoiseRow:
    """Bits of noise budget that are left after an operation on a fresh ciphertext (bfv, n = 8192)."""

    operation: str
    budget_bits: int


@dataclass(frozen=True)
class SwitchRow:
    """A ciphertext with so many primes left: bytes, microseconds of a square, whether it decrypts right."""

    primes: int
    ciphertext_bytes: int
    square_microseconds: float
    right: bool


@dataclass(frozen=True)
class EncodingStudy:
    """All that was measured.

    Attributes:
        processor: The processor it was measured on.
        products: For every scheme, encoding and ring.
        noise: Budget that is left, by operation.
        zero: What SEAL says to a product by zero.
        switches: From all primes down to one.
    """

    processor: str
    products: tuple[ProductRow, ...]
    noise: tuple[NoiseRow, ...]
    zero: str
    switches: tuple[SwitchRow, ...]

    def curve(self, scheme: str, encoding: str) -> tuple[list[int], list[float]]:
        """Ring degrees and microseconds of one encoding, ascending; empty where a scheme has no such encoding."""
        chosen = sorted(
            (row.ring_degree, row.microseconds)
            for row in self.products
            if (row.scheme, row.encoding) == (scheme, encoding)
        )
        return [ring for ring, _ in chosen], [amount for _, amount in chosen]

    def growth(self, scheme: str, encoding: str) -> float:
        """The exponent e of microseconds ~ n^e, by least squares of logarithms; NaN without measurements."""
        rings, amounts = self.curve(scheme, encoding)
        return float(np.polyfit(np.log(rings), np.log(amounts), 1)[0]) if len(rings) > 1 else math.nan


@cache
def reference_study() -> EncodingStudy:
    """The stored study.

    Raises:
        DataError: If its file is missing or damaged.
    """
    return read_json(EncodingStudy, path=REFERENCE, what="a study of encodings", mend="restore it from the repository")
