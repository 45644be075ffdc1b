from itertools import pairwise
from math import isqrt, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fcnlab.circuit.integers import (
    combine_residues,
    evaluate_polynomial,
    integer_array,
    is_prime,
    multiply_exactly,
    multiply_modulo,
    prime_below,
    primes_covering,
    split_weights,
    sum_bits,
    turning_points,
    wrap,
)

WEIGHTS = st.lists(st.integers(-(1 << 59), 1 << 59), min_size=3, max_size=3)
VALUES = st.lists(st.integers(-(1 << 200), 1 << 200), min_size=3, max_size=3)


@given(WEIGHTS, VALUES)
def test_products_of_any_width_are_exact(weights, values):
    matrix = sparse.csr_array(np.array([weights, [1, 0, 0]], dtype=np.int64))
    expected = [sum(w * v for w, v in zip(weights, values, strict=True)), values[0]]
    assert multiply_exactly(matrix, np.array(values, dtype=object)).tolist() == expected


@given(WEIGHTS, VALUES, st.integers(2, 1 << 28))
def test_products_modulo_a_number_are_exact(weights, values, modulus):
    matrix = sparse.csr_array(np.array([weights], dtype=np.int64))
    residues = np.array([[value % modulus] for value in values])
    expected = sum(w * v for w, v in zip(weights, values, strict=True)) % modulus
    assert multiply_modulo(matrix, residues, modulus=modulus).tolist() == [[expected]]


@given(WEIGHTS)
def test_split_weights_sum_to_the_whole(weights):
    matrix = sparse.csr_array(np.array([weights], dtype=np.int64))
    assert sum(map(abs, weights)) < 1 << sum_bits(matrix)
    if matrix.nnz:
        low, high, shift = split_weights(matrix)
        assert (low.data + (high.data << shift)).tolist() == matrix.data.tolist()
        assert np.abs(low.data).max() < 1 << shift


@given(VALUES)
def test_wrapping_is_modulo_a_word(values):
    wrapped = wrap(np.array(values, dtype=object))
    assert [(int(w) - v) % 2**64 for w, v in zip(wrapped, values, strict=True)] == [0, 0, 0]


@given(st.lists(st.integers(-30, 30), min_size=1, max_size=5), st.integers(-20, 20), st.integers(0, 20))
def test_a_polynomial_is_monotone_from_one_turning_point_to_the_next(coefficients, lo, length):
    hi = lo + length
    points = turning_points(coefficients, lo=lo, hi=hi)
    assert len(points) <= max(len(coefficients) - 2, 0)
    marks = [lo, *points, hi]
    for left, right in pairwise(marks):
        values = [evaluate_polynomial(coefficients, x) for x in range(left, right + 1)]
        assert values in (sorted(values), sorted(values, reverse=True))


def test_turning_points_of_a_quartic_far_apart():
    # (x^2 - 10^12)^2 turns at -10^6, 0 and 10^6.
    points = turning_points((10**24, 0, -2 * 10**12, 0, 1), lo=-(10**9), hi=10**9)
    assert points == [-(10**6), 0, 10**6]


def test_integer_arrays_are_as_narrow_as_they_can_be():
    assert integer_array([-(1 << 63), (1 << 63) - 1]).dtype == np.int64
    assert integer_array([1 << 63]).dtype == object
    assert integer_array([]).dtype == np.int64


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
