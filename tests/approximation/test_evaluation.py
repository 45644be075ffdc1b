"""What evaluating a polynomial costs, and that it is the polynomial."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.approximation import count_hops
from fcnlab.approximation.evaluation import evaluations
from fcnlab.circuit.circuit import Polynomial
from fcnlab.circuit.hops import COLUMNS, count_polynomial


@pytest.mark.parametrize(
    ("degree", "ct_ct_mults", "depth"),
    [(1, 0, 0), (2, 1, 1), (3, 2, 2), (4, 2, 2), (5, 3, 3), (6, 3, 3), (7, 4, 3), (8, 4, 3)],
)
def test_dense_polynomials_take_the_fewest_products(degree, ct_ct_mults, depth):
    cost = count_hops([1.0] * (degree + 1))
    assert (cost.ct_ct_mults, cost.depth) == (ct_ct_mults, depth)


def test_a_quadratic_costs_what_is_published():
    said = count_hops([0.125, 0.5, 0.125]).as_dict()
    assert said == {"pt_ct_adds": 2, "ct_ct_adds": 0, "pt_ct_mults": 1, "ct_ct_mults": 1, "total": 4}


@pytest.mark.parametrize(
    ("coefficients", "ct_ct_mults", "total"),
    [
        ([3.0], 0, 0),
        ([0.0, 2.0], 0, 1),
        ([0.5, 0.25, 0.0], 0, 2),
        ([0, 0, 0.5], 1, 2),
        ([0.5, 0, 0.5, 0, 0.5], 2, 5),
        ([0, 0.5, 0, 0.5], 2, 4),
        ([0.0] * 8 + [0.5], 3, 4),
    ],
)
def test_zeros_cost_nothing(coefficients, ct_ct_mults, total):
    cost = count_hops(coefficients)
    assert (cost.ct_ct_mults, cost.total) == (ct_ct_mults, total)


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_the_count_is_that_of_the_program_that_the_engines_run(degree):
    for lower in product((-2, -1, 0, 1, 3), repeat=degree):
        for last in (-2, -1, 1, 3):
            layer = count_polynomial(Polynomial("act", 1, (*lower, last)))
            program = {name: getattr(layer, name) for name in COLUMNS} | {"total": layer.total}
            assert count_hops([float(value) for value in (*lower, last)]).as_dict() == program


@given(st.lists(st.sampled_from([0.0, 0.0, 1.0, -2.0, 0.5]), min_size=1, max_size=9), st.sampled_from([0.5, 2.0, -1.5]))
def test_what_is_counted_is_the_polynomial(coefficients, x):
    exact = float(np.polynomial.polynomial.polyval(x, coefficients))
    for cost, value in evaluations(coefficients, x=x):
        assert value == exact
        assert cost.total == sum(cost.as_dict().values()) - cost.total
