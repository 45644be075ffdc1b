import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.steps import Interval, Polynomial, polynomial_bounds
from fcnlab.errors import CircuitError
from tests.support.circuits import affine


@given(st.lists(st.integers(-30, 30), min_size=2, max_size=4), st.integers(-30, 30).filter(bool), st.data())
def test_polynomial_bounds_equal_a_search(lower, lead, data):
    step = Polynomial("act", 3, (*lower, lead))
    end = st.integers(-12, 12)
    ends = [sorted(data.draw(st.tuples(end, end))) for _ in range(3)]
    lo, hi = (np.array(values, dtype=object) for values in zip(*ends, strict=True))
    bounds = polynomial_bounds(step, Interval(lo=lo, hi=hi))
    for index, (low, high) in enumerate(ends):
        values = [sum(c * x**k for k, c in enumerate(step.coefficients)) for x in range(low, high + 1)]
        assert (bounds.lo[index], bounds.hi[index]) == (min(values), max(values))


@pytest.mark.parametrize("coefficients", [(1, 2), (0, 0, 0, 0, 0, 1), (1, 2, 0)])
def test_polynomials_out_of_range_are_refused(coefficients):
    with pytest.raises(CircuitError, match="'act' has coefficients"):
        Polynomial("act", 2, coefficients)


def test_a_bias_of_the_wrong_shape_is_refused():
    with pytest.raises(CircuitError, match=r"2 outputs and a bias of shape \(3,\)"):
        affine([[1], [2]], [1, 2, 3])
