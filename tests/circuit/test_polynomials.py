"""The program of an activation, run on integers, is the polynomial; on counters, it costs what the docstring says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.hops import Counts
from fcnlab.circuit.integers import evaluate_polynomial
from fcnlab.circuit.polynomials import apply_polynomial


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
    counted = Counts()
    apply_polynomial(coefficients, "x", counted)
    assert (counted.pt_ct_adds, counted.ct_ct_adds, counted.pt_ct_mults, counted.ct_ct_mults) == counts
