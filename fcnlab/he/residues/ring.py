"""Polynomials modulo primes of up to 55 bits: products and number-theoretic transforms.

`kernels` stops at 50 bits, where one double-precision quotient is exact up to 1. Here the first quotient
may be off: a product of residues below p leaves less than 17 p; within a transform, where values grow by p / 2 a stage
to at most 8.5 p, it leaves less than 2^8 p. All that is below 2^63, and is reduced once more.
Source: transforms after Longa and Naehrig 2016 (eprint 2016/504).
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.he.residues.kernels import compiled

LARGEST_BITS = 55
EIGHT = 8  # butterflies at once; closer neighbours change places first


@compiled
def multiply_residues(a, b, prime, inverse):  # type: ignore[no-untyped-def]
    """a b modulo the prime, in [0, prime)."""
    value = a * b - np.int64(np.floor(np.float64(a) * np.float64(b) * inverse)) * prime
    value -= np.int64(np.floor(np.float64(value) * inverse)) * prime
    value = value + prime if value < 0 else value
    return value - prime if value >= prime else value


@compiled
def reduce_modulo(a, modulus, inverse):  # type: ignore[no-untyped-def]
    """A residue in [0, modulus) of 0 <= a < 2^60."""
    value = a - np.int64(np.floor(np.float64(a) * inverse)) * modulus
    value = value + modulus if value < 0 else value
    return value - modulus if value >= modulus else value


@compiled
def forward_butterflies(values, other, factor, share, prime, inverse):  # type: ignore[no-untyped-def]
    """(u, v) -> (u + w v, u - w v), in place, not reduced: each stage adds less than the prime."""
    for i in range(values.size):
        product = other[i] * factor - np.int64(np.rint(np.float64(other[i]) * share)) * prime
        product -= np.int64(np.rint(np.float64(product) * inverse)) * prime
        value = values[i]
        values[i] = value + product
        other[i] = value - product


@compiled
def forward_row(values, other, factors, shares, prime, inverse):  # type: ignore[no-untyped-def]
    """The same with a factor for each."""
    for i in range(values.size):
        product = other[i] * factors[i] - np.int64(np.rint(np.float64(other[i]) * shares[i])) * prime
        product -= np.int64(np.rint(np.float64(product) * inverse)) * prime
        value = values[i]
        values[i] = value + product
        other[i] = value - product


@compiled
def backward_butterflies(values, other, factor, share, prime, inverse):  # type: ignore[no-untyped-def]
    """(u, v) -> (u + v, (u - v) w), in place; both stay between -prime and prime."""
    for i in range(values.size):
        total, difference = values[i] + other[i], values[i] - other[i]
        total = total - prime if total >= prime else total
        values[i] = total + prime if total <= -prime else total
        product = difference * factor - np.int64(np.rint(np.float64(difference) * share)) * prime
        other[i] = product - np.int64(np.rint(np.float64(product) * inverse)) * prime


@compiled
def backward_row(values, other, factors, shares, prime, inverse):  # type: ignore[no-untyped-def]
    """The same with a factor for each."""
    for i in range(values.size):
        total, difference = values[i] + other[i], values[i] - other[i]
        total = total - prime if total >= prime else total
        values[i] = total + prime if total <= -prime else total
        product = difference * factors[i] - np.int64(np.rint(np.float64(difference) * shares[i])) * prime
        other[i] = product - np.int64(np.rint(np.float64(product) * inverse)) * prime


@compiled
def reduce_row(values, prime, inverse):  # type: ignore[no-untyped-def]
    """Back to [0, prime)."""
    for i in range(values.size):
        value = values[i] - np.int64(np.floor(np.float64(values[i]) * inverse)) * prime
        value = value + prime if value < 0 else value
        values[i] = value - prime if value >= prime else value


@compiled
def to_ntt(values, tables, work, prime):  # type: ignore[no-untyped-def]
    """Coefficients in [0, prime) to NTT form (bit-reversed order, as SEAL's), in place.

    The last three stages go by columns of eight neighbours, so that all of their butterflies are vectors too.

    Args:
        values: Shape (n,), n at least 64.
        tables: From `ring_tables`, forward.
        work: Shape (8, n / 8), any content.
        prime: At most 55 bits.
    """
    table, factors, shares = tables
    half, groups, inverse = values.size // 2, 1, 1.0 / prime
    while half >= EIGHT:
        for group in range(groups):
            start, factor = 2 * group * half, table[groups + group]
            left, right = values[start : start + half], values[start + half : start + 2 * half]
            forward_butterflies(left, right, factor, factor * inverse, prime, inverse)
        half, groups = half // 2, groups * 2
    for k in range(EIGHT):
        for i in range(work.shape[1]):
            work[k, i] = values[EIGHT * i + k]
    for k in range(4):
        forward_row(work[k], work[k + 4], factors[0], shares[0], prime, inverse)
    for k in (0, 1, 4, 5):
        forward_row(work[k], work[k + 2], factors[1 + k // 4], shares[1 + k // 4], prime, inverse)
    for k in (0, 2, 4, 6):
        forward_row(work[k], work[k + 1], factors[3 + k // 2], shares[3 + k // 2], prime, inverse)
    for k in range(EIGHT):
        reduce_row(work[k], prime, inverse)
    for i in range(work.shape[1]):
        for k in range(EIGHT):
            values[EIGHT * i + k] = work[k, i]


@compiled
def from_ntt(values, tables, work, prime, degree_inverse):  # type: ignore[no-untyped-def]
    """NTT form to coefficients in [0, prime), in place; arguments as for `to_ntt`, with inverse tables and 1 / n."""
    table, factors, shares = tables
    inverse = 1.0 / prime
    for k in range(EIGHT):
        for i in range(work.shape[1]):
            work[k, i] = values[EIGHT * i + k]
    for k in (0, 2, 4, 6):
        backward_row(work[k], work[k + 1], factors[3 + k // 2], shares[3 + k // 2], prime, inverse)
    for k in (0, 1, 4, 5):
        backward_row(work[k], work[k + 2], factors[1 + k // 4], shares[1 + k // 4], prime, inverse)
    for k in range(4):
        backward_row(work[k], work[k + 4], factors[0], shares[0], prime, inverse)
    for i in range(work.shape[1]):
        for k in range(EIGHT):
            values[EIGHT * i + k] = work[k, i]
    half, groups = EIGHT, values.size // (2 * EIGHT)
    while groups >= 1:
        for group in range(groups):
            start, factor = 2 * group * half, table[groups + group]
            left, right = values[start : start + half], values[start + half : start + 2 * half]
            backward_butterflies(left, right, factor, factor * inverse, prime, inverse)
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


@compiled
def scale_row(values, factor, prime, out):  # type: ignore[no-untyped-def]
    """values factor modulo the prime."""
    inverse = 1.0 / prime
    for i in range(values.size):
        out[i] = multiply_residues(values[i], factor, prime, inverse)


@compiled
def multiply_row(a, b, prime, out):  # type: ignore[no-untyped-def]
    """a b modulo the prime."""
    inverse = 1.0 / prime
    for i in range(out.size):
        out[i] = multiply_residues(a[i], b[i], prime, inverse)


@compiled
def add_products(a, b, prime, inverse, total):  # type: ignore[no-untyped-def]
    """Add a b to the total, up to 17 primes off."""
    for i in range(total.size):
        total[i] += a[i] * b[i] - np.int64(np.floor(np.float64(a[i]) * np.float64(b[i]) * inverse)) * prime


@compiled
def add_weighted(residues, weights, primes, out):  # type: ignore[no-untyped-def]
    """Add both polynomials of a ciphertext times a plaintext, not reduced."""
    for part in range(residues.shape[0]):
        for place in range(primes.size):
            prime = primes[place]
            add_products(residues[part, place], weights[place], prime, 1.0 / prime, out[part, place])


@compiled
def reduce_all(out, primes):  # type: ignore[no-untyped-def]
    """Back to [0, prime), in place."""
    for part in range(out.shape[0]):
        for place in range(primes.size):
            reduce_row(out[part, place], primes[place], 1.0 / primes[place])


@compiled
def add_all(a, b, primes):  # type: ignore[no-untyped-def]
    """a + b, in place of a."""
    for part in range(b.shape[0]):
        for place in range(primes.size):
            prime, total, other = primes[place], a[part, place], b[part, place]
            for i in range(total.size):
                value = total[i] + other[i]
                total[i] = value - prime if value >= prime else value


@compiled
def square_all(residues, primes, out):  # type: ignore[no-untyped-def]
    """The three polynomials of a square."""
    for place in range(primes.size):
        prime, inverse = primes[place], 1.0 / primes[place]
        a, b = residues[0, place], residues[1, place]
        for i in range(a.size):
            out[0, place, i] = multiply_residues(a[i], a[i], prime, inverse)
            out[2, place, i] = multiply_residues(b[i], b[i], prime, inverse)
            value = 2 * multiply_residues(a[i], b[i], prime, inverse)
            out[1, place, i] = value - prime if value >= prime else value


def transform_tables(prime: int, ring_degree: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Powers of the smallest primitive 2n-th root of unity modulo the prime, which SEAL takes, and of its inverse."""
    order = 2 * ring_degree
    root = next(
        candidate
        for base in range(2, prime)
        if pow(candidate := pow(base, (prime - 1) // order, prime), ring_degree, prime) == prime - 1
    )
    smallest, power, square = root, root, root * root % prime
    for _ in range(ring_degree - 1):
        power = power * square % prime
        smallest = min(smallest, power)
    return powers(smallest, prime, ring_degree), powers(pow(smallest, -1, prime), prime, ring_degree)


def powers(base: int, prime: int, count: int) -> npt.NDArray[np.int64]:
    """base^0, base^1, ... in bit-reversed order."""
    bits = count.bit_length() - 1
    table = np.empty(count, dtype=np.int64)
    power = 1
    for exponent in range(count):
        table[int(f"{exponent:0{bits}b}"[::-1], 2)] = power
        power = power * base % prime
    return table


@lru_cache(maxsize=128)
def ring_tables(prime: int, ring_degree: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Tables for `to_ntt` and `from_ntt`: powers of SEAL's root; those of the last three stages by columns of eight."""
    forward, inverse = transform_tables(prime, ring_degree)
    eighth = ring_degree // EIGHT

    def arrange(table: npt.NDArray[np.int64]) -> tuple[Any, ...]:
        rows = [table[eighth : 2 * eighth]]
        rows += [table[2 * eighth + k : 4 * eighth : 2] for k in range(2)]
        rows += [table[4 * eighth + k :: 4] for k in range(4)]
        factors = np.stack(rows)
        return table, factors, factors / prime

    return arrange(forward), arrange(inverse)


def work_space(ring_degree: int) -> npt.NDArray[np.int64]:
    """Memory that a transform needs beside its values."""
    return np.empty((EIGHT, ring_degree // EIGHT), dtype=np.int64)


def residues_to_ntt(coefficients: npt.NDArray[np.int64], prime: int) -> npt.NDArray[np.int64]:
    """Signed coefficients as residues modulo a prime, in NTT form."""
    values = np.ascontiguousarray(coefficients % prime, dtype=np.int64)
    to_ntt(values, ring_tables(prime, len(values))[0], work_space(len(values)), prime)
    return values
