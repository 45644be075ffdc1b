"""Dropping a prime, as SEAL does it, on residues: bgv's modulus switch and ckks's rescale, for ciphertexts in NTT form.

The last prime's residues are taken back to coefficients, a correction that makes the ciphertext divisible is computed
from them, and its transforms are subtracted modulo the other primes. Results equal SEAL's, residue for residue.
Source: SEAL 4.1, native/src/seal/util: rns.cpp (mod_t_and_divide_q_last_ntt_inplace,
divide_and_round_q_last_ntt_inplace) and dwthandler.h; number-theoretic transforms after Longa and Naehrig 2016 (eprint
2016/504).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.he.residues.kernels import compiled

VECTOR = 8  # butterflies at once; fewer than these go one by one
HALF_BITS = 30  # products modulo a plain modulus of up to 60 bits are taken in two halves


@dataclass(frozen=True, eq=False)
class Tables:
    """Powers of SEAL's root of unity for one prime and ring, in bit-reversed order: int64, shape (n,)."""

    forward: npt.NDArray[np.int64]
    inverse: npt.NDArray[np.int64]


@lru_cache(maxsize=64)
def transform_tables(prime: int, ring_degree: int) -> Tables:
    """Tables for the smallest primitive 2n-th root of unity modulo the prime, which is the one SEAL takes."""
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
    return Tables(*(powers(base, prime, ring_degree) for base in (smallest, pow(smallest, -1, prime))))


def powers(base: int, prime: int, count: int) -> npt.NDArray[np.int64]:
    """base^0, base^1, ... in bit-reversed order."""
    bits = count.bit_length() - 1
    table = np.empty(count, dtype=np.int64)
    power = 1
    for exponent in range(count):
        table[int(f"{exponent:0{bits}b}"[::-1], 2)] = power
        power = power * base % prime
    return table


@lru_cache(maxsize=16)
def switch_constants(primes: tuple[int, ...], ring_degree: int, plain_modulus: int | None) -> tuple[Any, ...]:
    """What the kernel needs to drop the last of these primes.

    Returns:
        The primes; the last one's inverse table; the others' forward tables, shape (primes - 1, n); 1 / n modulo the
        last; 1 / last modulo each other; in bgv the plain modulus t and 1 / last modulo t, in ckks 0 and 0.
    """
    *others, last = primes
    t = plain_modulus or 0
    return (
        np.array(primes, dtype=np.int64),
        transform_tables(last, ring_degree).inverse,
        np.stack([transform_tables(prime, ring_degree).forward for prime in others]),
        pow(ring_degree, -1, last),
        np.array([pow(last, -1, prime) for prime in others], dtype=np.int64),
        t,
        pow(last, -1, t) if t else 0,
    )


@compiled
def multiply_modulo(a, b, prime, inverse):  # type: ignore[no-untyped-def]
    """A product modulo a prime of at most 50 bits."""
    value = a * b - np.int64(np.floor(np.float64(a) * np.float64(b) * inverse)) * prime
    value = value + prime if value < 0 else value
    return value - prime if value >= prime else value


@compiled
def reduce_modulo(a, modulus, inverse):  # type: ignore[no-untyped-def]
    """A residue in [0, modulus) of 0 <= a < 2^60."""
    value = a - np.int64(np.floor(np.float64(a) * inverse)) * modulus
    value = value + modulus if value < 0 else value
    return value - modulus if value >= modulus else value


@compiled
def butterflies(values, other, factor, factor_share, prime):  # type: ignore[no-untyped-def]
    """(u, v) -> (u + w v, u - w v), in place."""
    for i in range(values.size):
        product = other[i] * factor - np.int64(np.floor(np.float64(other[i]) * factor_share)) * prime
        product = product + prime if product < 0 else product
        product = product - prime if product >= prime else product
        total, difference = values[i] + product, values[i] - product
        values[i] = total - prime if total >= prime else total
        other[i] = difference + prime if difference < 0 else difference


@compiled
def inverse_butterflies(values, other, factor, factor_share, prime):  # type: ignore[no-untyped-def]
    """(u, v) -> (u + v, (u - v) w), in place."""
    for i in range(values.size):
        total, difference = values[i] + other[i], values[i] - other[i]
        values[i] = total - prime if total >= prime else total
        difference = difference + prime if difference < 0 else difference
        product = difference * factor - np.int64(np.floor(np.float64(difference) * factor_share)) * prime
        product = product + prime if product < 0 else product
        other[i] = product - prime if product >= prime else product


@compiled
def transform(values, table, prime):  # type: ignore[no-untyped-def]
    """Coefficients to NTT form (bit-reversed order), in place."""
    half, groups = values.size // 2, 1
    while half >= VECTOR:
        for group in range(groups):
            start = 2 * group * half
            middle, end = start + half, start + 2 * half
            factor = table[groups + group]
            butterflies(values[start:middle], values[middle:end], factor, factor / prime, prime)
        half, groups = half // 2, groups * 2
    inverse = 1.0 / prime
    while half >= 1:
        for group in range(groups):
            factor = table[groups + group]
            for i in range(2 * group * half, (2 * group + 1) * half):
                product = multiply_modulo(values[i + half], factor, prime, inverse)
                total, difference = values[i] + product, values[i] - product
                values[i] = total - prime if total >= prime else total
                values[i + half] = difference + prime if difference < 0 else difference
        half, groups = half // 2, groups * 2


@compiled
def inverse_transform(values, table, prime):  # type: ignore[no-untyped-def]
    """NTT form to coefficients, in place; leaves a factor n that the caller divides out."""
    half, groups = 1, values.size // 2
    inverse = 1.0 / prime
    while half < VECTOR and groups >= 1:
        for group in range(groups):
            factor = table[groups + group]
            for i in range(2 * group * half, (2 * group + 1) * half):
                total, difference = values[i] + values[i + half], values[i] - values[i + half]
                values[i] = total - prime if total >= prime else total
                difference = difference + prime if difference < 0 else difference
                values[i + half] = multiply_modulo(difference, factor, prime, inverse)
        half, groups = half * 2, groups // 2
    while groups >= 1:
        for group in range(groups):
            start = 2 * group * half
            middle, end = start + half, start + 2 * half
            factor = table[groups + group]
            inverse_butterflies(values[start:middle], values[middle:end], factor, factor / prime, prime)
        half, groups = half * 2, groups // 2


@compiled
def multiply_wide(a, b, modulus, inverse):  # type: ignore[no-untyped-def]
    """A product modulo at most 2^60, in two halves of b."""
    high, low = b >> HALF_BITS, b & ((1 << HALF_BITS) - 1)
    value = a * high - np.int64(np.floor(np.float64(a) * np.float64(high) * inverse)) * modulus
    value = value + modulus if value < 0 else value
    value = value - modulus if value >= modulus else value
    shifted = (value << HALF_BITS) - np.int64(np.floor(np.float64(value) * (1 << HALF_BITS) * inverse)) * modulus
    shifted = shifted + modulus if shifted < 0 else shifted
    shifted = shifted - modulus if shifted >= modulus else shifted
    value = a * low - np.int64(np.floor(np.float64(a) * np.float64(low) * inverse)) * modulus
    value = value + modulus if value < 0 else value
    value = value - modulus if value >= modulus else value
    value += shifted
    return value - modulus if value >= modulus else value


@compiled
def drop_last_prime(residues, constants, out):  # type: ignore[no-untyped-def]
    """Drop the last prime of one ciphertext.

    Args:
        residues: In NTT form, int64, shape (polynomials, primes, n).
        constants: Of `switch_constants`.
        out: Shape (polynomials, primes - 1, n).
    """
    primes, inverse_table, tables, degree_inverse, last_inverses, t, last_inverse_t = constants
    size, count, degree = residues.shape
    last = primes[count - 1]
    inverse = 1.0 / last
    coefficients, correction = np.empty(degree, np.int64), np.empty(degree, np.int64)
    digit = np.empty(degree, np.int64)
    for part in range(size):
        for i in range(degree):
            coefficients[i] = residues[part, count - 1, i]
        inverse_transform(coefficients, inverse_table, last)
        for i in range(degree):
            value = multiply_modulo(coefficients[i], degree_inverse, last, inverse)
            if t:  # the multiple of q_last that makes the correction a multiple of t
                residue = reduce_modulo(value, t, 1.0 / t)
                digit[i] = multiply_wide(t - residue if residue else residue, last_inverse_t, t, 1.0 / t)
            else:  # rounding to nearest: half of q_last goes on before and comes off after
                value += last // 2
                value = value - last if value >= last else value
            coefficients[i] = value
        for index in range(count - 1):
            prime = primes[index]
            inverse_prime = 1.0 / prime
            if t:
                factor = reduce_modulo(last, prime, inverse_prime)
                for i in range(degree):
                    multiple = reduce_modulo(digit[i], prime, inverse_prime)
                    multiple = multiply_modulo(multiple, factor, prime, inverse_prime)
                    value = reduce_modulo(coefficients[i], prime, inverse_prime) + multiple
                    correction[i] = value - prime if value >= prime else value
            else:
                half = reduce_modulo(last // 2, prime, inverse_prime)
                for i in range(degree):
                    value = reduce_modulo(coefficients[i], prime, inverse_prime) - half
                    correction[i] = value + prime if value < 0 else value
            transform(correction, tables[index], prime)
            for i in range(degree):
                value = np.int64(residues[part, index, i]) - correction[i]
                value = value + prime if value < 0 else value
                out[part, index, i] = multiply_modulo(value, last_inverses[index], prime, inverse_prime)
