"""Dropping a prime, as SEAL does it, on residues: bgv's modulus switch and ckks's rescale, for ciphertexts in NTT form.

The last prime's residues are taken back to coefficients, a correction that makes the ciphertext divisible is computed
from them, and its transforms are subtracted modulo the other primes. Results equal SEAL's, residue for residue.
Source: SEAL 4.1, native/src/seal/util/rns.cpp (mod_t_and_divide_q_last_ntt_inplace,
divide_and_round_q_last_ntt_inplace).
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fcnlab.he.residues.kernels import compiled
from fcnlab.he.residues.ring import from_ntt, multiply_residues, reduce_modulo, ring_tables, to_ntt

HALF_BITS = 30  # products modulo a plain modulus of up to 60 bits are taken in two halves
Polynomials = npt.NDArray[np.int64]


class Basis(NamedTuple):
    """Primes at one level, as the kernels take them; the last one is dropped by `drop_last`.

    Attributes:
        primes: int64.
        forward: Tables by prime.
        backward: The same for the way back.
        degree_inverses: 1 / n modulo each.
        last_inverses: 1 / last modulo each other.
        plain_modulus: bgv; 0 in ckks.
        last_inverse: bgv: 1 / last modulo t.
    """

    primes: Polynomials
    forward: tuple[Any, ...]
    backward: tuple[Any, ...]
    degree_inverses: Polynomials
    last_inverses: Polynomials
    plain_modulus: int
    last_inverse: int


@lru_cache(maxsize=64)
def make_basis(primes: tuple[int, ...], ring_degree: int, plain_modulus: int | None) -> Basis:
    """The basis of these primes."""
    *others, last = primes
    t = plain_modulus or 0
    tables = [ring_tables(prime, ring_degree) for prime in primes]

    def stack(way: int) -> tuple[Any, ...]:
        return tuple(np.stack([table[way][part] for table in tables]) for part in range(3))

    return Basis(
        primes=np.array(primes, dtype=np.int64),
        forward=stack(0),
        backward=stack(1),
        degree_inverses=np.array([pow(ring_degree, -1, prime) for prime in primes], dtype=np.int64),
        last_inverses=np.array([pow(last, -1, prime) for prime in others], dtype=np.int64),
        plain_modulus=t,
        last_inverse=pow(last, -1, t) if t else 0,
    )


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
def drop_last(polynomials, basis, work, out):  # type: ignore[no-untyped-def]
    """Divide by the last prime of a basis and round: in ckks to nearest, in bgv to a multiple of t.

    Args:
        polynomials: In NTT form, shape (polynomials, primes, n).
        basis: From `make_basis`.
        work: From `work_space`.
        out: Shape (polynomials, primes - 1, n).
    """
    primes, forward, backward, degree_inverses, last_inverses, t, last_inverse = basis
    size, count, degree = polynomials.shape
    last = primes[count - 1]
    coefficients, correction = np.empty(degree, np.int64), np.empty(degree, np.int64)
    digit = np.empty(degree, np.int64)
    for part in range(size):
        coefficients[:] = polynomials[part, count - 1]
        tables = (backward[0][count - 1], backward[1][count - 1], backward[2][count - 1])
        from_ntt(coefficients, tables, work, last, degree_inverses[count - 1])
        if t:
            for i in range(degree):
                residue = reduce_modulo(coefficients[i], t, 1.0 / t)
                digit[i] = multiply_wide(t - residue if residue else residue, last_inverse, t, 1.0 / t)
        else:
            for i in range(degree):
                value = coefficients[i] + last // 2
                coefficients[i] = value - last if value >= last else value
        for place in range(count - 1):
            prime, inverse = primes[place], 1.0 / primes[place]
            if t:
                factor = reduce_modulo(last, prime, inverse)
                for i in range(degree):
                    multiple = multiply_residues(reduce_modulo(digit[i], prime, inverse), factor, prime, inverse)
                    value = reduce_modulo(coefficients[i], prime, inverse) + multiple
                    correction[i] = value - prime if value >= prime else value
            else:
                half = reduce_modulo(last // 2, prime, inverse)
                for i in range(degree):
                    value = reduce_modulo(coefficients[i], prime, inverse) - half
                    correction[i] = value + prime if value < 0 else value
            to_ntt(correction, (forward[0][place], forward[1][place], forward[2][place]), work, prime)
            subtract_scaled(
                polynomials[part, place], correction, last_inverses[place], prime, inverse, out[part, place]
            )


@compiled
def subtract_scaled(a, b, factor, prime, inverse, out):  # type: ignore[no-untyped-def]
    """(a - b) factor modulo the prime."""
    for i in range(out.size):
        value = a[i] - b[i]
        value = value + prime if value < 0 else value
        out[i] = multiply_residues(value, factor, prime, inverse)
