from math import isqrt, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.modular import combine_residues, is_prime, prime_below, primes_covering


def is_prime_by_division(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, isqrt(number) + 1))


def test_primality_agrees_with_trial_division():
    assert [n for n in range(3000) if is_prime(n)] == [n for n in range(3000) if is_prime_by_division(n)]


@pytest.mark.parametrize(
    ("number", "prime"),
    [
        ((1 << 61) - 1, True),
        ((1 << 61) + 1, False),
        (3215031751, False),  # a strong pseudoprime to bases 2, 3, 5 and 7
        (3825123056546413051, False),  # and to all bases up to 23
        ((1 << 50) - 27, True),
        (((1 << 31) - 1) ** 2, False),
    ],
)
def test_primality_of_large_numbers(number, prime):
    assert is_prime(number) is prime


@given(st.integers(3, 100_000), st.sampled_from([2, 4, 64, 2048]))
def test_prime_below_is_the_largest_one(limit, step):
    found = prime_below(limit, step=step)
    candidates = [n for n in range(step + 1, limit, step) if is_prime_by_division(n)]
    assert found == (candidates[-1] if candidates else None)


def test_prime_below_avoids():
    first = prime_below(1 << 20, step=2048)
    second = prime_below(1 << 20, step=2048, avoid=[first])
    assert second is not None
    assert second < first


@given(st.integers(1, 400), st.sampled_from([1 << 28, 1 << 45]), st.sampled_from([2, 16384]))
def test_primes_cover_the_bits_with_none_to_spare(bits, limit, step):
    primes = primes_covering(bits, limit=limit, step=step)
    assert prod(primes) >= 1 << bits
    assert prod(primes[:-1]) < 1 << bits
    assert len(set(primes)) == len(primes)
    assert all(is_prime(p) and p < limit and p % step == 1 for p in primes)


def test_too_few_primes_are_an_error():
    with pytest.raises(ValueError, match="The 17 primes below 64"):
        primes_covering(100, limit=64)


@given(st.lists(st.integers(-(1 << 200), 1 << 200), min_size=1, max_size=5), st.integers(1, 9), st.integers(20, 60))
def test_residues_combine_to_the_centred_integer(values, count, bits):
    moduli = primes_covering((bits - 1) * count, limit=1 << bits)
    product = prod(moduli)
    residues = [np.array([value % m for value in values], dtype=np.int64) for m in moduli]
    combined = combine_residues(residues, moduli=moduli)
    expected = [(value + product // 2) % product - product // 2 for value in values]
    assert combined.tolist() == expected
    assert (combined.dtype == np.int64) == (product < 1 << 63)


@pytest.mark.parametrize("modulus", [6, 7])
def test_the_centre_is_half_open(modulus):
    combined = combine_residues([np.arange(modulus)], moduli=[modulus])
    assert sorted(combined.tolist()) == list(range(-(modulus // 2), modulus - modulus // 2))
