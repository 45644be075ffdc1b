from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fcnlab.circuit.circuit import Affine
from fcnlab.circuit.hops import count_products
from fcnlab.compiler import lowering
from fcnlab.compiler.lowering import (
    RealAffine,
    RealPolynomial,
    complete_squares,
    compose,
    count_operations,
    find_quantum,
    fold_scalings,
    make_affine,
    merge_affine_steps,
    merge_run,
    round_coefficients,
    round_steps,
    round_weights,
)

SEEDS = st.integers(0, 2**32 - 1)


def affine(weights, bias=None, *, name: str = "fc") -> RealAffine:
    matrix = sparse.csr_array(np.array(weights, dtype=np.float64))
    return make_affine(name, matrix=matrix, bias=np.zeros(matrix.shape[0]) if bias is None else np.array(bias))


def pooling(places, *, divisor: int = 1, name: str = "pool") -> RealAffine:
    step = affine(places, name=name)
    return replace(step, scale=Fraction(1, divisor), pooling=True)


def evaluate(steps, x: np.ndarray) -> np.ndarray:
    for step in steps:
        if isinstance(step, RealAffine):
            x = float(step.scale) * (step.matrix @ x) + step.bias
        else:
            x = np.polynomial.polynomial.polyval(x, step.coefficients)
    return x


def random_run(rng: np.random.Generator, *, layers: int) -> list[RealAffine]:
    widths = rng.integers(2, 12, layers + 1)
    run = []
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        weights = rng.choice([-2.0, 0.0, 0.5, 1.0], (outputs, inputs), p=[0.1, 0.6, 0.2, 0.1])
        run.append(affine(weights, rng.choice([0.0, 1.0], outputs), name=f"fc{index}"))
    return run


@pytest.mark.parametrize(
    ("values", "quantum"),
    [
        ([1.0, -0.25, 8.0], 0.25),
        ([2.0**-60, 2.0**-8], 2.0**-60),
        ([2.0**-60, 2.0**-7], None),
        ([1.0, 3.0], None),
        ([], 1.0),
    ],
)
def test_quantum(values, quantum):
    assert find_quantum(np.array(values)) == quantum


@given(SEEDS)
def test_composition_and_merging_keep_the_function(seed):
    rng = np.random.default_rng(seed)
    run = random_run(rng, layers=4)
    x = rng.integers(-5, 6, run[0].matrix.shape[1]).astype(float)
    expected = evaluate(run, x)
    assert np.array_equal(evaluate(merge_run(run), x), expected)
    assert np.array_equal(evaluate([compose(run[1], run[0], name="x"), *run[2:]], x), expected)


@given(SEEDS)
def test_merging_finds_the_cheapest_split(seed):
    run = lowering.drop_unread_rows(random_run(np.random.default_rng(seed), layers=4))

    def product(start: int, end: int) -> RealAffine:
        step = run[start]
        for other in run[start + 1 : end]:
            step = compose(other, step, name="x")
        return step

    def cost(cuts: tuple[int, ...]) -> int:
        return sum(count_operations(product(a, b)) for a, b in pairwise((0, *cuts, len(run))))

    splits = [cuts for count in range(len(run)) for cuts in combinations(range(1, len(run)), count)]
    assert sum(map(count_operations, merge_run(run))) == min(map(cost, splits))


def test_the_cost_of_a_merge_is_the_stepwise_count():
    step = affine([[1.0, 2.0, 0.0], [0.0, 0.0, 0.0], [0.5, 1.0, 4.0]], [1.0, 0.0, 0.0])
    weights, _ = round_weights(step, weight_bits=8)
    exact = Affine("fc", weights, np.array([1, 0, 0]))
    assert count_operations(step) == count_products(exact).total == 5 + 3 + 1
    pool = pooling([[1.0, 1.0, 0.0]])
    assert count_operations(pool) == 1


def test_names_and_average_pooling_of_a_merge():
    run = [pooling(np.eye(3)[:2] + np.eye(3)[1:], divisor=9), affine([[2.0, 0.25]], name="fc1")]
    (merged,) = merge_affine_steps(run)
    assert merged.name == "pool+fc1"
    assert (merged.scale, merged.quantum, merged.pooling) == (Fraction(1, 9), 0.25, False)
    (pooled,) = merge_affine_steps([pooling([[1.0, 1.0, 0, 0], [0, 0, 1.0, 1.0]]), pooling([[1.0, 1.0]])])
    assert pooled.pooling


def test_exact_weights_are_not_merged_beyond_double_precision():
    second = affine([[2.0**20, 1.0]])
    assert len(merge_run([affine([[1.0, 2.0**40], [2.0**40, 1.0]]), second])) == 2
    assert len(merge_run([affine([[1.0, 2.0**9], [2.0**9, 1.0]]), second])) == 1


def test_huge_products_are_not_tried(monkeypatch):
    run = [affine(np.ones((5, 5))), affine(np.ones((5, 5)))]
    assert len(merge_run(run)) == 1
    monkeypatch.setattr(lowering, "MERGE_LIMIT", 100)
    assert len(merge_run(run)) == 2


def test_scalings_fold_backwards_then_forwards():
    norm = replace(affine(np.diag([2.0, 3.0]), [1.0, -1.0], name="norm"), scaling=True)
    act = RealPolynomial("act", 2, (0.0, 0.0, 1.0))
    fc = affine([[1.0, 2.0], [0.0, 1.0]], [0.5, 0.0], name="fc")
    for steps, expected in (
        ([fc, norm, act], ["fc", "act"]),
        ([act, norm, fc], ["act", "fc"]),
        ([act, norm, norm, fc], ["act", "fc"]),
        ([act, norm, act], ["act", "norm", "act"]),
        ([fc, fc], ["fc", "fc"]),
    ):
        folded = fold_scalings(steps)
        assert [step.name for step in folded] == expected
        x = np.array([3.0, -2.0])
        assert np.array_equal(evaluate(folded, x), evaluate(steps, x))


@given(st.tuples(*[st.integers(-8, 8)] * 2, st.integers(-2, 2).map(lambda k: 2.0**k)), st.booleans(), SEEDS)
def test_completed_squares_keep_the_function(lower, negative, seed):
    rng = np.random.default_rng(seed)
    coefficients = (*map(float, lower[:2]), -lower[2] if negative else lower[2])
    before, after = random_run(rng, layers=2)
    pool = pooling(rng.integers(0, 2, (before.outputs, before.outputs)), divisor=4)
    act = RealPolynomial("act", before.outputs, coefficients)
    x = rng.integers(-5, 6, before.matrix.shape[1]).astype(float)
    for steps in ([before, act, after], [before, act, pool, after], [before, act, pool]):
        completed = complete_squares(steps)
        assert completed[1].coefficients == (0.0, 0.0, abs(coefficients[2]))
        np.testing.assert_allclose(evaluate(completed, x), evaluate(steps, x), rtol=1e-12, atol=1e-9)
    *_, last_pool, last = complete_squares([before, act, pool, after])
    assert last_pool.pooling
    assert not last_pool.bias.any(), "constant and sign pass a pure sum"
    assert last.name == after.name


def test_squares_without_the_neighbour_they_need_stay():
    act = RealPolynomial("act", 1, (1.0, 2.0, 3.0))
    fc = affine([[1.0]])
    assert complete_squares([act, fc]) == [act, fc]
    assert complete_squares([fc, act]) == [fc, act]
    cubic = RealPolynomial("act", 1, (1.0, 2.0, 3.0, 4.0))
    assert complete_squares([fc, cubic, fc])[1] == cubic
    perfect = RealPolynomial("act", 1, (1.0, 2.0, 1.0))
    assert complete_squares([fc, perfect])[1].coefficients == (0.0, 0.0, 1.0)


@given(SEEDS, st.integers(2, 12))
def test_rounded_weights_are_symmetric_and_near(seed, weight_bits):
    weights = np.random.default_rng(seed).normal(size=(4, 5))
    top = 2 ** (weight_bits - 1) - 1
    rounded, quantum = round_weights(affine(weights), weight_bits=weight_bits)
    assert np.abs(rounded.data).max() == top
    assert np.abs(rounded.toarray() * float(quantum) - weights).max() <= float(quantum) / 2 * (1 + 1e-9)
    assert rounded.dtype == np.int64
    assert np.all(rounded.data != 0)
    negated, _ = round_weights(affine(-weights), weight_bits=weight_bits)
    assert np.array_equal(negated.toarray(), -rounded.toarray())


def test_exact_weights_lose_their_common_factor_only():
    step = replace(affine([[0.5, 2.0], [0.0, 1.0]]), quantum=0.25)
    weights, quantum = round_weights(step, weight_bits=2)
    assert weights.toarray().tolist() == [[1, 4], [0, 2]]
    assert quantum == Fraction(1, 2)
    empty, quantum = round_weights(affine([[0.0, 0.0]]), weight_bits=8)
    assert (empty.nnz, empty.shape, quantum) == (0, (1, 2), 1)


@pytest.mark.parametrize(
    ("coefficients", "unit", "expected"),
    [
        ((0.0, 0.0, 1.0), Fraction(1, 1000), ((0, 0, 1), Fraction(1, 10**6))),
        ((0.0, 0.0, 0.1), Fraction(1, 3), ((0, 0, 1), Fraction(0.1) / 9)),
        ((0.125, 0.5, 0.125), Fraction(1, 16), ((256, 64, 1), Fraction(1, 2048))),
        ((0.125, 0.5, 0.125), Fraction(1, 48), ((48**2, 4 * 48, 1), Fraction(1, 8 * 48**2))),
        ((0.0, 0.5, 0.0, -0.25), Fraction(1, 2), ((0, 8, 0, -1), Fraction(1, 32))),
        ((1.0, 0.0, 4.0), Fraction(1), ((1, 0, 4), Fraction(1))),
    ],
)
def test_short_coefficients_are_exact(coefficients, unit, expected):
    assert round_coefficients(coefficients, unit=unit, weight_bits=8) == expected


@given(
    st.lists(st.floats(-2, 2), min_size=2, max_size=4),
    st.floats(0.01, 2),
    st.sampled_from([1, Fraction(1, 16), Fraction(1, 3), Fraction(0.0123)]),
    st.integers(4, 16),
)
def test_rounded_coefficients_are_as_near_as_promised(lower, lead, unit, weight_bits):
    coefficients = (*lower, lead)
    degree = len(lower)
    integers, step = round_coefficients(coefficients, unit=Fraction(unit), weight_bits=weight_bits)
    for value in (-1000, -5, 1, 2, 77):
        x = value * Fraction(unit)
        exact = sum(Fraction(c) * x**k for k, c in enumerate(coefficients))
        rounded = sum(c * value**k for k, c in enumerate(integers)) * step
        allowed = Fraction(lead) * abs(x) ** (degree - 1) / 2 ** (weight_bits + 1)
        assert abs(exact - rounded) <= degree * allowed


def test_biases_are_rounded_in_units_of_the_sum():
    steps = [affine([[0.5, 0.25]], [0.3]), RealPolynomial("act", 1, (0.0, 0.0, 0.5)), affine([[2.0]], [-1e30])]
    first, second, third = round_steps(steps, pixel_bits=4, weight_bits=8)
    assert (first.unit, first.bias.tolist()) == (2.0**-6, [round(0.3 * 64)])
    assert (second.unit, second.coefficients) == (2.0**-13, (0, 0, 1))
    assert third.unit == 2.0**-12
    assert third.bias.tolist() == [int(Fraction(-1e30) * 2**12)]
    assert third.bias.dtype == object
