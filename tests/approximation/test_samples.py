"""Panels and the certified maximum, against dense grids and integrals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.approximation import TARGETS, MaximumNorm, Target, approximate
from fcnlab.approximation.samples import sample, shift
from fcnlab.errors import ApproximationError

numbers = st.floats(-8, 8, allow_nan=False)
names = st.sampled_from(sorted(TARGETS))


@given(
    names, st.lists(st.floats(-1, 1), min_size=1, max_size=9), st.sampled_from([(-4.0, 4.0), (-1.0, 6.0), (1.0, 2.0)])
)
@settings(max_examples=50)
def test_the_certified_maximum_is_the_maximum(name, coefficients, interval):
    samples = sample(TARGETS[name], interval, MaximumNorm())
    coefficients = np.array(coefficients)
    largest, where = samples.peak(coefficients)
    x = np.linspace(*interval, 50_001)
    dense = np.abs(samples.errors(coefficients, x)).max()
    assert dense <= largest * (1 + 1e-10) + 1e-12
    assert largest == pytest.approx(float(np.abs(samples.errors(coefficients, np.array([where])))[0]), rel=1e-12)
    assert largest == pytest.approx(dense, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(
    ("function", "integral"),
    [(lambda x: np.abs(x - 1 / 3), 5 / 9), (lambda x: np.exp(-1e6 * (x - 0.123) ** 2), np.sqrt(np.pi) / 2000)],
)
def test_panels_find_kinks_and_spikes(function, integral):
    samples = sample(Target("f", function, (0.123,)), (-1.0, 1.0), MaximumNorm())
    assert samples.mass @ samples.values == pytest.approx(integral, rel=1e-10)


@given(st.lists(numbers, min_size=1, max_size=9), st.floats(-3, 3), st.floats(-2, 2))
def test_shift_moves_the_origin(coefficients, centre, y):
    moved = shift(np.array(coefficients), centre)
    here = np.polynomial.polynomial.polyval(centre + y, coefficients)
    assert np.polynomial.polynomial.polyval(y, moved) == pytest.approx(here, rel=1e-7, abs=1e-5)


@pytest.mark.parametrize("place", [-3.3, 0.7123, 1.0, 2.4])
@pytest.mark.parametrize("width", [1e-2, 1e-3, 3e-4])
def test_what_is_wider_than_the_probes_are_apart_is_seen(place, width):
    def inside(x):
        return np.abs(x - place) < width

    with pytest.raises(ApproximationError, match=rf"not finite on the interval: it gives nan at x = {place:.1g}"):
        approximate(lambda x: np.where(inside(x), np.nan, np.tanh(x)))

    def bumped(x):
        return np.tanh(x) + np.where(inside(x), 5.0, 0.0)

    fit = approximate(bumped)
    x = np.sort(np.append(np.linspace(-4, 4, 200_001), place))
    assert fit.max_error == pytest.approx(np.abs(bumped(x) - fit(x)).max(), rel=1e-3)


def test_what_sampling_cannot_see_is_said():
    hidden = approximate(lambda x: np.where(np.abs(x - 0.71234567) < 1e-9, np.nan, np.tanh(x)), interval=(-4.0, 4.0))
    assert hidden.blind_width == 8 / 20_000
    assert approximate("tanh").blind_width == 0
