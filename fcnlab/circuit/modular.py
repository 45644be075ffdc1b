"""Primes and the Chinese remainder theorem: what exact oracles and encryption plans share."""

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

# Deterministic Miller-Rabin witnesses for every integer below 3.3e24 (Sorenson and Webster 2015).
WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


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
