"""Sets of coefficients, by enumeration."""

from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.approximation import PowersOfTwo, signed_powers
from fcnlab.errors import ApproximationError

numbers = st.floats(-8, 8, allow_nan=False)


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_values_are_all_sums_and_nothing_else(terms):
    allowed = PowersOfTwo(-2, 1, terms=terms)
    signed = [0.0, *(sign * 2.0**k for k in range(-2, 2) for sign in (-1, 1))]
    expected = sorted({sum(chosen) for chosen in combinations_with_replacement(signed, terms)})
    assert allowed.values.tolist() == expected
    for value in expected:
        powers = signed_powers(value, highest=1)
        assert sum(sign * 2.0**k for sign, k in powers) == value
        assert len(powers) <= terms
        assert all(-2 <= k <= 1 for _, k in powers)


@given(numbers)
def test_the_nearest_value_is_nearest(value):
    allowed = PowersOfTwo(-3, 2)
    assert abs(allowed.nearest(value) - value) == min(abs(v - value) for v in allowed.values)


@pytest.mark.parametrize(
    ("lowest", "highest", "terms", "message"),
    [
        (-65, 0, 1, "integers from -64 to 64; got -65"),
        (0, 65, 1, "got 65"),
        (0.5, 2, 1, "got 0.5"),
        (3, 1, 1, "is reversed"),
        (0, 1, 0, "at least 1 power of two"),
        (-30, 30, 2, "at most 48 exponents; got 61"),
        (-20, 20, 4, "more than 1,000,000 numbers"),
    ],
)
def test_exponents_out_of_bounds_are_refused(lowest, highest, terms, message):
    with pytest.raises(ApproximationError) as caught:
        PowersOfTwo(lowest, highest, terms)
    assert message in str(caught.value)
