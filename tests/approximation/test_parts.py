"""The parts of `approximation`: coefficient sets, norms, samples, exchange, relaxation and search, evaluation."""

from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fcnlab.approximation import (
    TARGETS,
    GaussianNorm,
    HistogramNorm,
    MaximumNorm,
    MeanSquareNorm,
    PowersOfTwo,
    Real,
    Target,
    approximate,
    count_hops,
    signed_powers,
)
from fcnlab.approximation.evaluation import evaluations
from fcnlab.approximation.minimax import equioscillate, make_basis
from fcnlab.approximation.real import split_by_symmetry, triangularise
from fcnlab.approximation.relaxation import CUT_LIMIT, MaximumRelaxation, MeanSquareRelaxation
from fcnlab.approximation.samples import sample, shift
from fcnlab.circuit.circuit import Polynomial
from fcnlab.circuit.hops import count_polynomial
from fcnlab.errors import ApproximationError
from fcnlab.inference.report import COLUMNS

numbers = st.floats(-8, 8, allow_nan=False)
names = st.sampled_from(sorted(TARGETS))

# --- coefficient sets -------------------------------------------------------------------------------------------------


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


# --- norms ------------------------------------------------------------------------------------------------------------


def test_a_histogram_weighs_as_its_bins_do():
    norm = HistogramNorm(np.array([1, 0, 6]), np.array([-1.0, 0.0, 1.0, 3.0]))
    assert hash(norm) == hash(HistogramNorm((1, 0, 6), (-1, 0, 1, 3)))
    samples = sample(Target("x", lambda x: x), (-2.0, 3.0), norm)
    assert samples.mass.sum() == pytest.approx(1)
    assert samples.mass @ samples.nodes == pytest.approx((1 * -0.5 + 6 * 2) / 7)


def test_a_narrow_gaussian_keeps_its_moments():
    samples = sample(Target("x", lambda x: x), (-4.0, 4.0), GaussianNorm(1.0, 0.01))
    assert samples.mass @ samples.nodes == pytest.approx(1)
    assert samples.mass @ np.square(samples.nodes - 1) == pytest.approx(1e-4, rel=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNorm(0.0, 0.0), "positive deviation"),
        (lambda: GaussianNorm(np.nan, 1.0), "finite mean"),
        (lambda: HistogramNorm((0, 0), (0, 1, 2)), "has no mass: all of its 2 counts are zero"),
        (lambda: HistogramNorm((1, -1), (0, 1, 2)), "not negative"),
        (lambda: HistogramNorm((1, 1), (0, 1)), "2 counts needs 3 edges; got 2"),
        (lambda: HistogramNorm((1, 1), (0, 2, 1)), "strictly ascending"),
    ],
)
def test_norms_without_meaning_are_refused(make, message):
    with pytest.raises(ApproximationError) as caught:
        make()
    assert message in str(caught.value)


# --- samples ----------------------------------------------------------------------------------------------------------


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


# --- exchange ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([(0, 1), (1, 1), (3, 1), (0, 2), (1, 2), (2, 2)]))
@settings(max_examples=60)
def test_exchange_is_the_linear_program_whatever_the_values(seed, count, shape):
    lowest, step = shape
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0.05 if step == 2 else -2, 2, 40))
    values = rng.normal(size=40)
    basis = make_basis(x, lowest=lowest, step=step, count=count)
    level = equioscillate(basis, values, count=count)
    ones = np.ones((40, 1))
    result = linprog(
        np.append(np.zeros(count), 1),
        A_ub=np.block([[basis.columns, -ones], [-basis.columns, -ones]]),
        b_ub=np.concatenate([values, -values]),
        bounds=[(None, None)] * count + [(0, None)],
    )
    assert level.bound == pytest.approx(result.fun, rel=1e-7)
    assert np.abs(values - level.fit).max() == pytest.approx(level.bound, rel=1e-9)
    # The measure proves it: it annihilates the monomials and has unit mass.
    assert np.abs(level.measure).sum() == pytest.approx(1)
    assert np.abs(level.measure @ basis.columns[level.points]).max() < 1e-12
    assert abs(level.measure @ values[level.points]) == pytest.approx(level.bound)
    powers = lowest + step * np.arange(count)
    assert x[:, None] ** powers @ basis.monomials(level.coordinates) == pytest.approx(level.fit, abs=1e-8)


# --- relaxation and search --------------------------------------------------------------------------------------------

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


# --- evaluation -------------------------------------------------------------------------------------------------------


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
