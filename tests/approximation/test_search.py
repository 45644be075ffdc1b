"""Searches and their bounds, against exhaustive enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.approximation import (
    TARGETS,
    GaussianNorm,
    MaximumNorm,
    MeanSquareNorm,
    PowersOfTwo,
    Real,
    Target,
    approximate,
)
from fcnlab.approximation.real import split_by_symmetry, triangularise
from fcnlab.approximation.relaxation import CUT_LIMIT, MaximumRelaxation, MeanSquareRelaxation
from fcnlab.approximation.samples import sample

names = st.sampled_from(sorted(TARGETS))


SMALL = PowersOfTwo(-3, 1)


def every_fit(degree: int) -> np.ndarray:
    return np.array(list(product(SMALL.values, repeat=degree + 1)))


@given(names, st.integers(1, 3), st.sampled_from([(-4.0, 4.0), (-1.0, 2.0), (0.0, 3.0), (0.5, 2.5)]))
@settings(max_examples=25)
def test_the_maximum_search_is_exhaustive_enumeration(name, degree, interval):
    found = approximate(name, degree=degree, interval=interval, coefficients=SMALL)
    samples = sample(TARGETS[name], interval, MaximumNorm())
    fits = every_fit(degree)
    on_grid = np.abs(samples.grid_values - fits @ np.vander(samples.grid, degree + 1, increasing=True).T).max(axis=1)
    # On the grid errors are lower; only fits below the found one there can beat it.
    rivals = fits[on_grid < found.max_error]
    assert min([samples.peak(fit)[0] for fit in rivals], default=np.inf) >= found.max_error * (1 - 2e-9) - 1e-13


@given(names, st.integers(1, 3), st.sampled_from([MeanSquareNorm(), GaussianNorm(0.5, 1.0)]))
@settings(max_examples=25)
def test_the_mean_square_search_is_exhaustive_enumeration(name, degree, norm):
    found = approximate(name, degree=degree, interval=(-1.5, 3), norm=norm, coefficients=SMALL)
    samples = sample(TARGETS[name], (-1.5, 3.0), norm)
    errors = samples.values - every_fit(degree) @ np.vander(samples.nodes, degree + 1, increasing=True).T
    assert found.rms_error == pytest.approx(float(np.sqrt(np.square(errors) @ samples.mass).min()), rel=1e-8)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["elu", "tanh", "softplus"]), st.integers(1, 4), st.booleans())
@settings(max_examples=40)
def test_bounds_hold_and_intervals_lose_nothing(seed, name, degree, maximum):
    rng = np.random.default_rng(seed)
    norm = MaximumNorm() if maximum else MeanSquareNorm()
    samples = sample(TARGETS[name], (-2.0, 3.0), norm)
    free = split_by_symmetry(samples, degree=degree, norm=norm, allowed=Real())
    fit = rng.normal(size=degree + 1) * 0.5 ** np.arange(degree + 1)
    relaxation = MaximumRelaxation(free, start=fit) if maximum else MeanSquareRelaxation(triangularise(samples, free))
    error = samples.peak(fit)[0] if maximum else samples.root_mean_square(fit)
    reach = np.abs(rng.normal(size=degree + 1)) * rng.integers(0, 2, degree + 1)
    centre = fit + rng.uniform(-1, 1, degree + 1) * reach
    for depth in range(relaxation.depth):
        node, around = centre[None, :depth], reach[None, :depth]
        bound = relaxation.tighten(node, around, relaxation.bounds(node, around), limit=np.inf)
        assert bound[0] <= error * (1 + 1e-9)
        low, high = relaxation.intervals(node, around, limit=error)
        assert low[0] - 1e-9 <= fit[depth] <= high[0] + 1e-9
    assert relaxation.bounds(fit[None], np.zeros((1, degree + 1)))[0] == pytest.approx(error, rel=1e-2)


def test_cuts_do_not_pile_up_and_the_first_stay():
    samples = sample(TARGETS["softplus"], (-1.0, 3.0), MaximumNorm())
    free = split_by_symmetry(samples, degree=3, norm=MaximumNorm(), allowed=Real())
    relaxation = MaximumRelaxation(free, start=np.array([0.7, 0.5, 0.1, 0.0]))
    rng = np.random.default_rng(1)
    for _ in range(2 * CUT_LIMIT):
        relaxation.cut(2, rng.normal(size=len(free.x)))
    cuts = relaxation.cuts[2]
    assert len(cuts.targets) == len(cuts.slopes) == cuts.kept + CUT_LIMIT
    assert cuts.targets[0] == pytest.approx(np.log(2))
    assert cuts.slopes[0].tolist() == [1, 0, 0, 0]


def test_numbers_that_hardly_differ_are_told_apart_in_the_end():
    # The slope matters little against the jump at zero, and is still the best of all.
    function = Target("jump", lambda x: np.where(x < 0, -1.0, 1.0) + 2.0**-12 * x, (0.0,))
    found = approximate(function, degree=1, interval=(-0.5, 1), norm="l2", coefficients=PowersOfTwo(-16, 1))
    samples = sample(function, (-0.5, 1.0), MeanSquareNorm())
    allowed = PowersOfTwo(-16, 1).values
    errors = {(a, b): samples.root_mean_square(np.array([a, b])) for a in allowed for b in allowed}
    assert found.coefficients == min(errors, key=lambda pair: errors[pair])
