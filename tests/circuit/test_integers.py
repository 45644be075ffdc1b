from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fcnlab.circuit.integers import (
    evaluate_polynomial,
    integer_array,
    multiply_exactly,
    multiply_modulo,
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
