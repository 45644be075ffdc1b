"""Exact integer arithmetic: sparse products and polynomials of any width, primes, the Chinese remainder theorem."""

import operator
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import comb, prod
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.errors import CircuitError

Integers = npt.NDArray[np.int64]
WORD_BITS = 64  # int64 arithmetic wraps modulo 2^64, so a result within these bits is exact whatever came before it
SUM_BITS = 62  # sums below 2^62 stay clear of the wrap
# Deterministic Miller-Rabin witnesses for every integer below 3.3e24 (Sorenson and Webster 2015).
WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


def check_integer(label: str, value: Any, *, lowest: int, highest: int) -> int:
    """An integer of any type as Python's, whose arithmetic cannot wrap.

    Raises:
        CircuitError: If it is none, or out of its range.
    """
    try:
        integer = operator.index(value)
    except TypeError as error:
        raise CircuitError(f"{label} is {value!r}; it must be an integer from {lowest} to {highest}.") from error
    if not lowest <= integer <= highest:
        raise CircuitError(f"{label} is {integer}; it must be from {lowest} to {highest}.")
    return integer


def integer_array(values: Sequence[int]) -> npt.NDArray[Any]:
    """Integers as int64 if all of them fit, else as Python integers (dtype object)."""
    fits = all(-(1 << (WORD_BITS - 1)) <= value < 1 << (WORD_BITS - 1) for value in values)
    return np.array(values, dtype=np.int64 if fits else object)


def wrap(integers: npt.NDArray[Any]) -> Integers:
    """Integers of any size modulo 2^64, as int64."""
    if integers.dtype == np.int64:
        return integers
    return (integers % (1 << WORD_BITS)).astype(np.uint64).view(np.int64)


def multiply_modulo(weights: sparse.csr_array, values: Integers, *, modulus: int, bits: int | None = None) -> Integers:
    """W x modulo `modulus`; wide weights go in two halves, so that no sum passes 2^62; `bits` are their `sum_bits`."""
    if (bits or sum_bits(weights)) + modulus.bit_length() <= SUM_BITS:
        return np.asarray(weights @ values, dtype=np.int64) % modulus
    low, high, shift = split_weights(weights)
    parts = [multiply_modulo(part, values, modulus=modulus) for part in (low, high)]
    return (parts[0] + parts[1] * pow(2, shift, modulus)) % modulus


def multiply_exactly(
    weights: sparse.csr_array, values: npt.NDArray[np.object_], *, bits: int | None = None
) -> npt.NDArray[np.object_]:
    """W x for a vector of Python integers of any size, in slices of x so narrow that no sum passes 2^62.

    Args:
        weights: W, int64.
        values: x.
        bits: The `sum_bits` of W, or more, if they are known.
    """
    slice_bits = SUM_BITS - (bits or sum_bits(weights))
    if slice_bits < 1:
        low, high, shift = split_weights(weights)
        return np.asarray(multiply_exactly(low, values) + (multiply_exactly(high, values) << shift), dtype=object)
    total = np.zeros(weights.shape[0], dtype=object)
    signs, rest, shift = np.where(values < 0, -1, 1), np.abs(values), 0
    while np.any(rest):
        part = (rest & ((1 << slice_bits) - 1)).astype(np.int64) * signs
        total += np.asarray(weights @ part).astype(object) << shift
        rest, shift = rest >> slice_bits, shift + slice_bits
    return total


def sum_bits(weights: sparse.csr_array) -> int:
    """Bits that hold the largest row sum of absolute weights, with one to spare for the rounding of float64."""
    sizes = sparse.csr_array((np.abs(weights.data).astype(np.float64), weights.indices, weights.indptr), weights.shape)
    return int(sizes.sum(axis=1).max(initial=0)).bit_length() + 1


def split_weights(weights: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array, int]:
    """Weights as low + high * 2^shift, each part about half as wide."""
    shift = max(int(np.abs(weights.data).max()).bit_length() // 2, 1)
    low, high = weights.copy(), weights.copy()
    high.data = weights.data >> shift
    low.data = weights.data - (high.data << shift)
    return low, high, shift


def evaluate_polynomial(coefficients: Sequence[int], x: Any) -> Any:
    """The value of c0 + c1 x + ... by Horner's rule, for a Python integer or an array of them."""
    result = coefficients[-1]
    for coefficient in coefficients[-2::-1]:
        result = result * x + coefficient
    return result


def turning_points(coefficients: Sequence[int], *, lo: int, hi: int) -> list[int]:
    """The integers between lo and hi at which the polynomial, as a sequence over the integers, turns; ascending.

    It is monotone from each to the next. The differences p(x + 1) - p(x) are a polynomial of one degree less, so they
    change sign at most once between their own turning points, and bisection finds where.
    """
    powers = range(len(coefficients))
    steps = [sum(coefficients[j] * comb(j, k) for j in powers[k + 1 :]) for k in powers[:-1]]
    if not steps:
        return []

    def rises(x: int) -> bool:
        step: int = sum(coefficient * x**power for power, coefficient in enumerate(steps))
        return step > 0

    points: list[int] = []
    for left, right in pairwise([lo, *turning_points(steps, lo=lo, hi=hi), hi]):
        if rises(left) == rises(right):
            continue
        while right - left > 1:
            middle = (left + right) // 2
            left, right = (middle, right) if rises(middle) == rises(left) else (left, middle)
        points.append(right)
    return points


@lru_cache(maxsize=1 << 16)  # a search for plans asks for the same few thousand numbers again and again
def is_prime(number: int) -> bool:
    """Whether `number`, below 2^81, is prime; Miller-Rabin with witnesses that leave no doubt."""
    if number < 2:
        return False
    for witness in WITNESSES:
        if number % witness == 0:
            return number == witness
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for witness in WITNESSES:
        x = pow(witness, odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True


def prime_below(limit: int, *, step: int, avoid: Sequence[int] = ()) -> int | None:
    """The largest prime p < limit with p = 1 modulo `step` and not in `avoid`; None if there is none."""
    candidate = (limit - 2) // step * step + 1
    while candidate > step:
        if candidate not in avoid and is_prime(candidate):
            return candidate
        candidate -= step
    return None


def primes_covering(bits: int, *, limit: int, step: int = 2) -> list[int]:
    """The fewest largest primes p < limit, p = 1 modulo `step`, whose product is at least 2^bits.

    Raises:
        ValueError: If there are not enough of them.
    """
    primes: list[int] = []
    while prod(primes) < 1 << bits:
        prime = prime_below(primes[-1] if primes else limit, step=step)
        if prime is None:
            raise ValueError(
                f"The {len(primes)} primes below {limit} that are 1 modulo {step} do not reach {bits} bits."
            )
        primes.append(prime)
    return primes


def combine_residues(residues: Sequence[npt.NDArray[np.int64]], *, moduli: Sequence[int]) -> npt.NDArray[Any]:
    """Integers from their residues, centred: the one value in [-M/2, M/2) for M the product of the moduli.

    Args:
        residues: One array for each modulus, equal shapes, any integers (reduced here).
        moduli: Pairwise coprime.

    Returns:
        int64 where the product of the moduli is below 2^63, Python integers (dtype object) otherwise.
    """
    # Garner's mixed radix: value = d0 + d1 m0 + d2 m0 m1 + ..., digits by arithmetic below m^2, which may pass int64.
    narrow = max(moduli) < 1 << 31
    digits: list[npt.NDArray[Any]] = []
    for residue, modulus in zip(residues, moduli, strict=True):
        digit = np.asarray(residue).astype(np.int64 if narrow else object) % modulus
        for previous, earlier in zip(digits, moduli, strict=False):
            digit = (digit - previous) % modulus * pow(earlier, -1, modulus) % modulus
        digits.append(digit)
    product = prod(moduli)
    wide = product >= 1 << 63
    total: npt.NDArray[Any] = np.zeros(np.shape(residues[0]), dtype=object if wide else np.int64)
    weight = 1
    for digit, modulus in zip(digits, moduli, strict=True):
        total = total + digit.astype(total.dtype) * weight
        weight *= modulus
    return np.where(total >= (product + 1) // 2, total - product, total)
