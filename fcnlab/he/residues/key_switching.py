"""Key switches, as SEAL does them, on residues: rotations and relinearizations.

What is to be switched is taken apart into digits, one for each prime; digits times keys are summed modulo every prime
and the special one, which is then dropped. Rotations of one ciphertext share their digits (hoisting): digits are moved
as the ciphertext would be. SEAL moves first and then takes apart: where a coefficient changes its sign, its digit is
q - d and not -d. The difference is the same for every ciphertext, the prime times the sum of those powers of X; times
the keys it is a constant, and with it results equal SEAL's, residue for residue (but for coefficients that are 0, which
have no sign: one in 2^40 ciphertexts at 53 bits).

Source: SEAL 4.1, native/src/seal/evaluator.cpp (switch_key_inplace) and util/galois.cpp; hoisting after Halevi and
Shoup 2018 (eprint 2018/244).
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fcnlab.he.residues.kernels import compiled
from fcnlab.he.residues.ring import add_products, from_ntt, reduce_modulo, reduce_row, scale_row, to_ntt
from fcnlab.he.residues.switching import Basis, Polynomials


def galois_element(step: int, ring_degree: int) -> int:
    """The automorphism X -> X^g that rotates slots by `step` to the left."""
    return pow(3, step, 2 * ring_degree)


@lru_cache(maxsize=256)
def moved_places(step: int, ring_degree: int) -> npt.NDArray[np.int64]:
    """Where each residue in NTT form comes from in a rotation: values change places as their roots do."""
    bits = ring_degree.bit_length() - 1
    places = np.arange(ring_degree)
    reverse = np.zeros(ring_degree, dtype=np.int64)
    for bit in range(bits):
        reverse |= (places >> bit & 1) << (bits - 1 - bit)
    exponents = (2 * reverse + 1) * galois_element(step, ring_degree) % (2 * ring_degree)
    return np.ascontiguousarray(reverse[(exponents - 1) // 2])


def sign_changes(step: int, ring_degree: int) -> npt.NDArray[np.int64]:
    """1 at each coefficient whose sign a rotation changes, 0 elsewhere."""
    exponents = np.arange(ring_degree) * galois_element(step, ring_degree) % (2 * ring_degree)
    changed = np.zeros(ring_degree, dtype=np.int64)
    changed[exponents % ring_degree] = exponents >= ring_degree
    return changed


def sign_correction(step: int, key: Polynomials, basis: Basis, work: Polynomials) -> Polynomials:
    """What the digits' changed signs add to a rotation's sums; shape (2, primes, n).

    Args:
        step: Slots of the rotation.
        key: Digits, polynomials, primes, n.
        basis: Data primes and the special one.
        work: From `work_space`.
    """
    degree = key.shape[-1]
    changes = sign_changes(step, degree)
    correction = np.zeros(key.shape[1:], dtype=np.int64)
    digits = np.zeros((len(key), len(basis.primes), degree), dtype=np.int64)
    for place, prime in enumerate(basis.primes):
        values = changes.copy()
        to_ntt(values, tuple(table[place] for table in basis.forward), work, prime)
        for digit in range(len(key)):
            factor = int(basis.primes[digit]) % int(prime)
            scale_row(values, factor, prime, digits[digit, place])
    sum_products(digits, key, np.arange(degree), correction, basis.primes, correction)
    return correction


@compiled
def take_apart(polynomial, basis, work, out):  # type: ignore[no-untyped-def]
    """Digits of a polynomial in NTT form, shape (k, n), modulo k data primes and the special one.

    Args:
        polynomial: To take apart.
        basis: Data primes and the special one.
        work: From `work_space`.
        out: Shape (k, k + 1, n), in NTT form.
    """
    primes, forward, backward, degree_inverses = basis[:4]
    count, degree = polynomial.shape
    coefficients = np.empty(degree, np.int64)
    for digit in range(count):
        coefficients[:] = polynomial[digit]
        tables = (backward[0][digit], backward[1][digit], backward[2][digit])
        from_ntt(coefficients, tables, work, primes[digit], degree_inverses[digit])
        for place in range(count + 1):
            target = out[digit, place]
            if place == digit:
                target[:] = polynomial[digit]
                continue
            prime, inverse = primes[place], 1.0 / primes[place]
            if primes[digit] > prime:
                for i in range(degree):
                    target[i] = reduce_modulo(coefficients[i], prime, inverse)
            else:
                target[:] = coefficients
            to_ntt(target, (forward[0][place], forward[1][place], forward[2][place]), work, prime)


@compiled
def sum_products(digits, key, places, correction, primes, out):  # type: ignore[no-untyped-def]
    """Sums of digits, moved to other places, times keys, plus a correction.

    Args:
        digits: Shape (k, k + 1, n).
        key: Shape (k, 2, k + 1, n).
        places: Where each residue comes from.
        correction: Shape (2, k + 1, n).
        primes: k data primes and the special one.
        out: Shape (2, k + 1, n), in [0, prime).
    """
    count, degree = digits.shape[0], digits.shape[2]
    moved, total_0, total_1 = np.empty(degree, np.int64), np.empty(degree, np.int64), np.empty(degree, np.int64)
    for place in range(count + 1):
        prime, inverse = primes[place], 1.0 / primes[place]
        total_0[:] = correction[0, place]
        total_1[:] = correction[1, place]
        for digit in range(count):
            row = digits[digit, place]
            for i in range(degree):
                moved[i] = row[places[i]]
            add_products(moved, key[digit, 0, place], prime, inverse, total_0)
            add_products(moved, key[digit, 1, place], prime, inverse, total_1)
        reduce_row(total_0, prime, inverse)
        reduce_row(total_1, prime, inverse)
        out[0, place], out[1, place] = total_0, total_1


@compiled
def add_moved(values, places, primes, out):  # type: ignore[no-untyped-def]
    """Add values, moved to other places, to `out`, both of shape (primes, n)."""
    for place in range(out.shape[0]):
        prime, row, target = primes[place], values[place], out[place]
        for i in range(target.size):
            value = target[i] + row[places[i]]
            target[i] = value - prime if value >= prime else value
