"""The whole way, from a question to a proven answer: the published problem, laws, refusals, caching, cancelling."""

import json
from functools import partial

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
    approximate_on_points,
)
from fcnlab.approximation.fit import solve
from fcnlab.errors import ApproximationError, Cancelled

names = st.sampled_from(sorted(TARGETS))
intervals = st.sampled_from([(-4.0, 4.0), (-1.0, 3.0), (0.0, 5.0), (-2.0, -0.5), (-0.75, 0.75)])
norms = st.sampled_from(
    [MaximumNorm(), MeanSquareNorm(), GaussianNorm(0.25, 1.5), HistogramNorm((1, 4, 2), (-5, -1, 0, 5.5))]
)

# target: real c0, c1, c2 on 2,001 points of [-4, 4], error; best powers of two and their error.
TABLE = {
    "relu": (("0.25", "0.5", "0.125"), "0.2500", (2**-2, 2**-1, 2**-3), "0.2500"),
    "swish": (("0.15361373", "0.5", "0.12050345"), "0.1536", (2**-3, 2**-1, 2**-3), "0.1969"),
    "softplus": (("0.75248917", "0.5", "0.08281267"), "0.0593", (2**0, 2**-1, 2**-4), "0.3069"),
    "sigmoid": (("0.5", "0.14539323", "0"), "0.0996", (2**-1, 2**-3, 0), "0.1332"),
    "tanh": (("0", "0.35291423", "0"), "0.4123", (0, 2**-2, 0), "0.5368"),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_quadratics_on_4_comes_out_to_all_printed_digits(name):
    real, real_error, powers, power_error = TABLE[name]
    fit = approximate(name, degree=2, interval=(-4, 4), coefficients="real")
    assert f"{fit.max_error:.4f}" == real_error
    best = approximate(name, degree=2, interval=(-4, 4), coefficients="power-of-two")
    assert best.coefficients == powers
    assert f"{best.max_error:.4f}" == power_error
    assert best.lower_bound <= best.max_error <= best.lower_bound * (1 + 2e-9)
    # The printed coefficients are those of 2,001 points; the interval's own differ in the eighth digit.
    assert fit.coefficients == pytest.approx([float(digits) for digits in real], abs=1e-7)
    on_points = approximate_on_points(name, points=2001)
    for value, digits in zip(on_points.coefficients, real, strict=True):
        assert f"{value:.8f}" == f"{float(digits):.8f}"
    assert on_points.lower_bound <= fit.max_error <= on_points.max_error * (1 + 1e-12)
    assert on_points.cost == fit.cost


@pytest.mark.parametrize("points", [3, 2_000_000])
def test_points_are_enough_and_not_too_many(points):
    with pytest.raises(ApproximationError, match="needs 4 to 1,000,000 of them"):
        approximate_on_points("swish", points=points)


def test_the_interval_s_own_optimum_is_not_the_grid_s():
    fit = approximate("swish", coefficients="real")
    # At -4, 0, 4 and at +-2.48748... the error of swish is the same: c0 is that error.
    assert fit.coefficients[0] == pytest.approx(fit.max_error, rel=1e-12)
    assert fit.max_error_at == pytest.approx((-4, -2.487485, 0, 2.487485, 4), abs=1e-5)
    assert f"{fit.coefficients[0]:.8f}" == "0.15361375"
    # No point of a grid attains that maximum, but between its points the grid's fit is worse.
    assert approximate_on_points("swish", points=2001).max_error > fit.max_error * (1 + 1e-8)


@given(names, st.integers(1, 8), intervals)
@settings(max_examples=60)
def test_real_minimax_fits_agree_with_a_linear_program(name, degree, interval):
    fit = approximate(name, degree=degree, interval=interval, coefficients="real")
    assert fit.lower_bound <= fit.max_error * (1 + 1e-12) + 1e-14
    x = np.linspace(*interval, 601)
    basis = np.polynomial.chebyshev.chebvander(np.linspace(-1, 1, 601), degree)
    ones = np.ones((601, 1))
    values = TARGETS[name](x)
    result = linprog(
        np.append(np.zeros(degree + 1), 1),
        A_ub=np.block([[basis, -ones], [-basis, -ones]]),
        b_ub=np.concatenate([values, -values]),
        bounds=[(None, None)] * (degree + 1) + [(0, None)],
    )
    # The grid's optimum is below the interval's, if only by what is between its points; HiGHS is good to 1e-7.
    assert result.fun <= fit.max_error + 1e-7
    assert fit.max_error <= result.fun * (1 + 2e-3) + 1e-7


@given(names, st.integers(1, 8), intervals)
@settings(max_examples=40)
def test_real_mean_square_fits_agree_with_numpy(name, degree, interval):
    fit = approximate(name, degree=degree, interval=interval, norm="l2", coefficients="real")
    nodes, weights = np.polynomial.legendre.leggauss(200)
    low, high = interval
    pieces = [(low, 0.0), (0.0, high)] if low < 0 < high else [interval]
    x = np.concatenate([0.5 * (a + b) + 0.5 * (b - a) * nodes for a, b in pieces])
    root = np.sqrt(np.concatenate([0.5 * (b - a) * weights for a, b in pieces]) / (high - low))
    columns = np.polynomial.legendre.legvander((2 * x - low - high) / (high - low), degree)
    best, *_ = np.linalg.lstsq(root[:, None] * columns, root * TARGETS[name](x), rcond=None)
    rms = np.linalg.norm(root * (columns @ best - TARGETS[name](x)))
    assert fit.rms_error == pytest.approx(rms, rel=1e-6, abs=1e-12)
    assert fit(x) == pytest.approx(columns @ best, abs=1e-7)


@given(names, st.integers(1, 3), intervals, norms, st.integers(-5, -2), st.integers(0, 2))
@settings(max_examples=40)
def test_laws_of_coefficient_sets(name, degree, interval, norm, lowest, highest):
    fit = partial(approximate, name, degree=degree, interval=interval, norm=norm)
    narrow = fit(coefficients=PowersOfTwo(lowest, highest))
    wide = fit(coefficients=PowersOfTwo(lowest - 1, highest + 1))
    sums = fit(coefficients=PowersOfTwo(lowest, highest, terms=2))
    real = fit(coefficients=Real())
    slack = 1 + 2e-9
    assert wide.error <= narrow.error * slack + 1e-13
    assert real.error <= sums.error * slack + 1e-13
    assert sums.error <= narrow.error * slack + 1e-13
    for one in (narrow, wide, sums, real):
        assert one.lower_bound <= one.error * (1 + 1e-12) + 1e-14
        assert one.error <= one.lower_bound * slack + 1e-12


@given(names, st.integers(1, 3), intervals, norms)
@settings(max_examples=30)
def test_doubling_the_function_shifts_the_exponents(name, degree, interval, norm):
    target = TARGETS[name]
    twice = Target("twice", lambda x: 2 * target(x), target.breakpoints)
    one = approximate(target, degree=degree, interval=interval, norm=norm, coefficients=PowersOfTwo(-6, 2))
    two = approximate(twice, degree=degree, interval=interval, norm=norm, coefficients=PowersOfTwo(-5, 3))
    assert two.error == pytest.approx(2 * one.error, rel=1e-8, abs=1e-13)


@given(names, st.integers(1, 3))
@settings(max_examples=20)
def test_a_mirror_image_has_the_same_error(name, degree):
    target = TARGETS[name]
    mirrored = Target("mirrored", lambda x: target(-x), target.breakpoints)
    here = approximate(target, degree=degree, interval=(-1, 3))
    there = approximate(mirrored, degree=degree, interval=(-3, 1))
    assert there.max_error == pytest.approx(here.max_error, rel=1e-8)


def test_degree_8_in_powers_of_two_is_proven():
    fit = approximate("relu", degree=8, interval=(-4, 4))
    real = approximate("relu", degree=8, interval=(-4, 4), coefficients="real")
    assert real.max_error < fit.max_error < approximate("relu", degree=4, interval=(-4, 4)).max_error
    assert fit.lower_bound >= fit.max_error * (1 - 2e-9)
    x = np.linspace(-4, 4, 200_001)
    assert np.abs(np.maximum(x, 0) - fit(x)).max() == pytest.approx(fit.max_error, rel=1e-6)


def test_among_fits_pinned_at_zero_the_one_of_least_mean_square_is_taken():
    fit = approximate("softplus", degree=4)
    assert (fit.max_error, fit.lower_bound) == pytest.approx((np.log(2) - 0.5,) * 2, rel=1e-12)
    best = approximate("softplus", degree=4, norm="l2", coefficients=PowersOfTwo())
    assert best.coefficients[0] == fit.coefficients[0] == 0.5
    assert fit.coefficients == best.coefficients


@pytest.mark.parametrize("coefficients", ["real", "power-of-two", "two-powers"])
@pytest.mark.parametrize("norm", ["linf", "l2", "gaussian"])
def test_a_function_that_is_such_a_polynomial_is_found_exactly(coefficients, norm):
    fit = approximate(
        lambda x: 0.5 - 2 * x + 0.25 * x**3, degree=4, interval=(-1, 2), norm=norm, coefficients=coefficients
    )
    assert fit.coefficients == pytest.approx((0.5, -2, 0, 0.25, 0), abs=1e-12)
    assert fit.max_error < 1e-12


def test_kinks_of_a_callable_are_found():
    fit = approximate(lambda x: np.abs(x - 0.3), degree=1, interval=(-1, 1), coefficients="real")
    # The chord of the ends, lowered by half of its distance from the kink.
    assert fit.max_error == pytest.approx(0.455, rel=1e-10)
    assert fit.max_error_at == pytest.approx((-1, 0.3, 1), abs=1e-9)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("interval", [(100, 101), (3, 3 + 1e-7), (-1e-9, 1e-9), (-1e9, 1e9)])
def test_intervals_at_the_edge_of_float64_get_a_sensible_fit(norm, interval):
    real = approximate("softplus", degree=8, interval=interval, norm=norm, coefficients="real")
    line = approximate("softplus", degree=1, interval=interval, norm=norm, coefficients="real")
    assert real.error <= line.error * (1 + 1e-9) + 1e-13 * max(abs(line(interval)))


def test_small_intervals_do_not_flood_the_search_with_equals():
    for name in ("relu", "leaky-relu", "softplus"):
        fit = approximate(name, degree=8, interval=(-0.01, 0.01))
        assert fit.lower_bound >= fit.max_error * (1 - 2e-9)


@pytest.mark.parametrize("coefficients", ["real", "power-of-two"])
def test_jumps_count_with_both_of_their_sides(coefficients):
    fit = approximate(np.sign, degree=2, interval=(-1, 2), coefficients=coefficients)
    assert fit.max_error >= 1 + abs(fit.coefficients[0]) - 1e-9
    assert fit.max_error <= 1 + 1e-6


def test_symmetric_targets_get_clean_coefficients():
    assert approximate("gelu", degree=5, coefficients="real").coefficients[1::2] == (0.5, 0.0, 0.0)
    assert approximate("tanh", degree=4, norm="l2", coefficients="real").coefficients[::2] == (0.0, 0.0, 0.0)


def test_json_has_the_promised_keys_and_plain_values():
    fit = approximate("swish", degree=2, interval=(-4, 4), norm="linf", coefficients="power-of-two")
    said = json.loads(json.dumps(fit.as_dict()))
    keys = "function, degree, interval, norm, coefficients, exponents, max_error, rms_error, lower_bound, hops, depth"
    assert ", ".join(said) == keys
    assert (said["function"], said["degree"], said["interval"], said["norm"]) == ("swish", 2, [-4, 4], "linf")
    assert said["exponents"] == [-3, -1, -3]
    assert said["depth"] == 1
    assert said["hops"] == {"pt_ct_adds": 2, "ct_ct_adds": 0, "pt_ct_mults": 1, "ct_ct_mults": 1, "total": 4}
    assert approximate("tanh").as_dict()["exponents"] == [None, -2, None]
    assert approximate("tanh", coefficients="real").as_dict()["exponents"] is None
    sums = approximate("swish", coefficients=PowersOfTwo(-8, 2, terms=2)).as_dict()
    values = [sum(sign * 2.0**k for sign, k in terms) for terms in sums["exponents"]]
    assert values == sums["coefficients"]


def test_the_curve_is_ready_to_draw():
    curve = approximate("elu", degree=3).curve
    assert len(curve.x) == len(curve.target) == len(curve.fit) == len(curve.error) == 401
    assert curve.error == pytest.approx(curve.target - curve.fit)
    assert np.abs(curve.error).max() <= approximate("elu", degree=3).max_error * (1 + 1e-12)


def test_results_are_kept_whoever_watches():
    first = approximate("gelu", degree=3, interval=(-2, 3))
    assert approximate("gelu", degree=3, interval=[-2.0, 3.0], progress=lambda state: None) is first


def test_a_callable_that_cannot_be_hashed_is_fitted_each_time():
    class Square:
        __hash__ = None

        def __call__(self, x):
            return x * x

    before = solve.cache_info().currsize
    assert approximate(Square(), degree=2).coefficients == (0, 0, 1)
    assert solve.cache_info().currsize == before


def test_a_search_tells_its_state_and_can_be_cancelled():
    states = []
    approximate("elu", degree=5, interval=(-3.5, 4), progress=states.append)
    assert states
    assert all(0 <= state.share <= 1 + 1e-9 and state.lower_bound <= state.best_error for state in states)

    def cancel(state):
        raise Cancelled("The search was cancelled.")

    with pytest.raises(Cancelled):
        approximate("elu", degree=5, interval=(-3.25, 4), progress=cancel)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"function": "swich"}, "no target function 'swich'; choose one of relu"),
        ({"function": np.log, "interval": (-1, 1)}, "not finite on the interval: it gives nan at x = -1"),
        ({"function": np.log, "interval": (0, 1)}, "it gives -inf at x = 0"),
        ({"function": lambda x: 1 / (x - 0.3), "interval": (-1, 1)}, "it gives inf at x = 0.3"),
        ({"function": lambda x: 1 / ((x - 0.3) ** 2 + 1e-30)}, "grows without bound near x = 0.3"),
        ({"function": lambda x: float(x)}, "must take a numpy array"),
        ({"interval": (1, 1)}, "is empty"),
        ({"interval": (2, 1)}, "is reversed; swap its ends"),
        ({"interval": (0, np.inf)}, "two finite ends"),
        ({"interval": (0, 1e13)}, "beyond float64"),
        ({"interval": (1, 2, 3)}, "two ends; got 3 numbers"),
        ({"degree": 0}, "integer from 1 to 8; got 0"),
        ({"degree": 9}, "integer from 1 to 8; got 9"),
        ({"degree": 2.5}, "integer from 1 to 8; got 2.5"),
        ({"norm": "l3"}, "no norm 'l3'"),
        ({"coefficients": "fp16"}, "no coefficients 'fp16'"),
        ({"norm": HistogramNorm((1, 2), (10, 11, 12))}, "no mass on the interval"),
        ({"norm": GaussianNorm(1e3, 1.0)}, "no mass on the interval"),
    ],
)
def test_bad_questions_get_one_clear_sentence(changed, message):
    question = {"function": "swish", "degree": 2, "interval": (-4, 4)} | changed
    with pytest.raises(ApproximationError) as caught:
        approximate(question.pop("function"), **question)
    assert message in str(caught.value)
