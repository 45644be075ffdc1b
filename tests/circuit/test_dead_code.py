import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.dead_code import drop_unread_values, fold_constants, remove_dead_code
from fcnlab.circuit.integers import integer_array
from fcnlab.errors import CircuitError


def affine(weights, bias, *, name: str = "fc") -> Affine:
    return Affine(name, sparse.csr_array(np.array(weights, dtype=np.int64)), integer_array(bias))


def random_steps(rng: np.random.Generator, *, layers: int, first_is_affine: bool) -> list[Affine | Polynomial]:
    widths = rng.integers(1, 7, layers + 1).tolist()
    steps: list[Affine | Polynomial] = []
    for index in range(layers):
        inputs, outputs = widths[index : index + 2]
        if index or not first_is_affine:
            coefficients = [(0, 0, 1), (5, -3, 2), (1, 0, 0, -1)][rng.integers(3)]
            steps += [Polynomial("act", inputs, coefficients)] * int(rng.integers(3))
        weights = rng.integers(-3, 4, (outputs, inputs)) * (rng.random((outputs, inputs)) < 0.5)
        if index == layers - 1:
            weights[:, rng.integers(inputs)] = 1  # else most networks end in a constant
        steps.append(affine(weights, rng.integers(-5, 6, outputs).tolist(), name=f"fc{index}"))
    return steps


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_the_function_stays_and_nothing_dead_is_left(seed, first_is_affine):
    rng = np.random.default_rng(seed)
    steps = random_steps(rng, layers=4, first_is_affine=first_is_affine)
    full = Circuit("full", (steps[0].inputs,), 3, tuple(steps))
    try:
        lean = Circuit("lean", full.input_shape, 3, tuple(remove_dead_code(steps)))
    except CircuitError:
        assume(False)
    pixels = rng.integers(0, 8, (10, full.inputs))
    assert lean.evaluate(pixels).tolist() == full.evaluate(pixels).tolist()
    first, *others = lean.affine_steps
    assert all(np.diff(step.weights.indptr).all() for step in (first, *others))
    assert all(len(np.unique(step.weights.indices)) == step.inputs for step in others)
    assert lean.products <= full.products


def test_a_constant_passes_through_a_polynomial_into_the_next_bias():
    steps = [affine([[1, 2], [0, 0]], [0, 3]), Polynomial("act", 2, (1, 0, 2)), affine([[5, -7], [1, 0]], [10, 0])]
    first, act, last = remove_dead_code(steps)
    assert first.weights.toarray().tolist() == [[1, 2]]
    assert act.width == 1
    assert last.weights.toarray().tolist() == [[5], [1]]
    assert last.bias.tolist() == [10 - 7 * 19, 0]


def test_constants_may_be_wider_than_a_word():
    steps = [affine([[1], [0]], [0, 1 << 50]), Polynomial("act", 2), affine([[1, 1 << 20]], [0])]
    assert fold_constants(steps)[-1].bias.tolist() == [1 << 120]


def test_pixels_are_never_dropped():
    steps = [Polynomial("act", 3), affine([[0, 2, 0]], [1])]
    kept = drop_unread_values(steps)
    assert [step.inputs for step in kept] == [3, 3]
    only = [Polynomial("act", 3)]
    assert remove_dead_code(only) == only


def test_constant_logits_are_named():
    steps = [affine([[0], [0]], [1, 2]), Polynomial("act", 2), affine([[1, 1], [0, 0], [1, 0]], [0, 0, 0], name="fc2")]
    with pytest.raises(CircuitError, match="Logits 0, 1, 2 of 'fc2' read no pixel"):
        remove_dead_code(steps)
