"""Polynomials modulo primes of up to 56 bits: products and number-theoretic transforms.

`kernels` and `switching` stop at 50 bits, where one double-precision quotient is exact up to 1. Here the first quotient
may be off by a few dozen; what it leaves is below 2^62 and is reduced once more.
"""

import numpy as np
import numpy.typing as npt

from fcnlab.he.kernels import compiled
from fcnlab.he.switching import VECTOR, transform_tables

LARGEST_BITS = 56


@compiled
def multiply_residues(a, b, prime, inverse):  # type: ignore[no-untyped-def]
    """a b modulo the prime, in [0, prime)."""
    value = a * b - np.int64(np.floor(np.float64(a) * np.float64(b) * inverse)) * prime
    value -= np.int64(np.floor(np.float64(value) * inverse)) * prime
    value = value + prime if value < 0 else value
    return value - prime if value >= prime else value


@compiled
def reduce_residue(a, prime, inverse):  # type: ignore[no-untyped-def]
    """a modulo the prime, in [0, prime); |a| below 2^62."""
    value = a - np.int64(np.floor(np.float64(a) * inverse)) * prime
    value = value + prime if value < 0 else value
    return value - prime if value >= prime else value


@compiled
def forward_butterflies(values, other, factor, share, prime, inverse):  # type: ignore[no-untyped-def]
    """(u, v) -> (u + w v, u - w v), in place."""
    for i in range(values.size):
        product = other[i] * factor - np.int64(np.floor(np.float64(other[i]) * share)) * prime
        product -= np.int64(np.floor(np.float64(product) * inverse)) * prime
        product = product + prime if product < 0 else product
        product = product - prime if product >= prime else product
        total, difference = values[i] + product, values[i] - product
        values[i] = total - prime if total >= prime else total
        other[i] = difference + prime if difference < 0 else difference


@compiled
def backward_butterflies(values, other, factor, share, prime, inverse):  # type: ignore[no-untyped-def]
    """(u, v) -> (u + v, (u - v) w), in place."""
    for i in range(values.size):
        total, difference = values[i] + other[i], values[i] - other[i]
        values[i] = total - prime if total >= prime else total
        product = difference * factor - np.int64(np.floor(np.float64(difference) * share)) * prime
        product -= np.int64(np.floor(np.float64(product) * inverse)) * prime
        product = product + prime if product < 0 else product
        other[i] = product - prime if product >= prime else product


@compiled
def to_ntt(values, table, prime):  # type: ignore[no-untyped-def]
    """Coefficients in [0, prime) to NTT form (bit-reversed order, as SEAL's), in place."""
    half, groups, inverse = values.size // 2, 1, 1.0 / prime
    while half >= VECTOR:
        for group in range(groups):
            start = 2 * group * half
            factor = table[groups + group]
            forward_butterflies(
                values[start : start + half], values[start + half : start + 2 * half], factor, factor / prime, prime,
                inverse,
            )  # fmt: skip
        half, groups = half // 2, groups * 2
    while half >= 1:
        for group in range(groups):
            factor = table[groups + group]
            for i in range(2 * group * half, (2 * group + 1) * half):
                product = multiply_residues(values[i + half], factor, prime, inverse)
                total, difference = values[i] + product, values[i] - product
                values[i] = total - prime if total >= prime else total
                values[i + half] = difference + prime if difference < 0 else difference
        half, groups = half // 2, groups * 2


@compiled
def from_ntt(values, table, prime, degree_inverse):  # type: ignore[no-untyped-def]
    """NTT form to coefficients in [0, prime), in place."""
    half, groups, inverse = 1, values.size // 2, 1.0 / prime
    while half < VECTOR and groups >= 1:
        for group in range(groups):
            factor = table[groups + group]
            for i in range(2 * group * half, (2 * group + 1) * half):
                total, difference = values[i] + values[i + half], values[i] - values[i + half]
                values[i] = total - prime if total >= prime else total
                values[i + half] = multiply_residues(difference, factor, prime, inverse)
        half, groups = half * 2, groups // 2
    while groups >= 1:
        for group in range(groups):
            start = 2 * group * half
            factor = table[groups + group]
            backward_butterflies(
                values[start : start + half], values[start + half : start + 2 * half], factor, factor / prime, prime,
                inverse,
            )  # fmt: skip
        half, groups = half * 2, groups // 2
    for i in range(values.size):
        values[i] = multiply_residues(values[i], degree_inverse, prime, inverse)


@compiled
def encrypt_residues(message, mask, secret, prime, out):  # type: ignore[no-untyped-def]
    """message - mask secret, all in NTT form."""
    inverse = 1.0 / prime
    for i in range(out.size):
        value = message[i] - multiply_residues(mask[i], secret[i], prime, inverse)
        out[i] = value + prime if value < 0 else value


def residues_to_ntt(coefficients: npt.NDArray[np.int64], prime: int) -> npt.NDArray[np.int64]:
    """Signed coefficients as residues modulo a prime, in NTT form."""
    values = np.ascontiguousarray(coefficients % prime, dtype=np.int64)
    to_ntt(values, transform_tables(prime, len(values)).forward, prime)
    return values
