"""The program of an activation, run on integers, is the polynomial; on counters, it costs what the docstring says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.integers import evaluate_polynomial
from fcnlab.circuit.polynomials import CountingOperations, Operand, apply_polynomial, result_size


class Integers:
    """Operations on Python integers."""

    def multiply(self, a, b, /):
        return a * b

    def scale(self, a, factor, /, *, like=None):
        return a * factor

    def add(self, a, b, /):
        return a + b

    def add_constant(self, a, constant, /):
        assert constant != 0
        return a + constant


whole = st.integers(-9, 9)
leading = whole.filter(bool)


@given(st.lists(whole, min_size=2, max_size=4), leading, st.integers(-50, 50))
def test_is_the_polynomial(lower, last, x):
    coefficients = (*lower, last)
    assert apply_polynomial(coefficients, x, Integers()) == evaluate_polynomial(coefficients, x)


@pytest.mark.parametrize(
    ("coefficients", "counts"),
    [
        ((0, 0, 1), (0, 0, 0, 1)),
        ((5, 3, 1), (2, 0, 0, 1)),
        ((5, 3, 2), (2, 0, 1, 1)),
        ((5, 0, 2), (1, 0, 1, 1)),
        ((5, 3, 7, 2), (3, 0, 1, 2)),
        ((5, 3, 7, 2, 4), (2, 2, 3, 2)),
        ((0, 0, 0, 0, 1), (0, 0, 0, 2)),
    ],
)
def test_costs_the_fewest_mults(coefficients, counts):
    counted = CountingOperations()
    apply_polynomial(coefficients, Operand(2), counted)
    units = (("add_plain",), ("add",), ("multiply_plain",), ("square", "multiply"))
    assert tuple(counted.count(*kinds) for kinds in units) == counts


@given(st.lists(whole, min_size=2, max_size=4), leading, st.integers(2, 5))
def test_sizes_grow_with_the_degree_in_the_secret(lower, last, size):
    assert result_size((*lower, last), size) == len(lower) * (size - 1) + 1
