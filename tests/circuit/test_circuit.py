from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.integers import integer_array
from fcnlab.data.mnist import quantise_pixels
from fcnlab.errors import CircuitError, DataError

WEIGHTS = {
    "narrow": st.integers(-8, 8),
    "wide": st.integers(-(1 << 40), 1 << 40),
    "widest": st.integers(-(1 << 59), 1 << 59),
}


def affine(weights, bias, *, pooling: bool = False, name: str = "fc") -> Affine:
    matrix = sparse.csr_array(np.array(weights, dtype=np.int64))
    return Affine(name, matrix, integer_array([int(value) for value in bias]), pooling=pooling)


@st.composite
def circuits(draw, *, kinds=("narrow", "wide", "widest"), most_steps: int = 4) -> Circuit:
    pixel_bits = draw(st.integers(1, 8))
    width = inputs = draw(st.integers(1, 4))
    element = WEIGHTS[draw(st.sampled_from(kinds))]
    steps = []
    for _ in range(draw(st.integers(1, most_steps))):
        if draw(st.booleans()):
            outputs = draw(st.integers(1, 4))
            weights = [[draw(element) for _ in range(width)] for _ in range(outputs)]
            bias = [draw(st.integers(-(1 << 90), 1 << 90) | st.integers(-9, 9)) for _ in range(outputs)]
            steps.append(affine(weights, bias))
            width = outputs
        else:
            lower = draw(st.lists(st.integers(-20, 20), min_size=2, max_size=4))
            lead = draw(st.integers(-5, 5).filter(bool))
            steps.append(Polynomial("act", width, (*lower, lead)))
    return Circuit("random", (inputs,), pixel_bits, tuple(steps))


def evaluate_in_python(circuit: Circuit, image: list[int]) -> list[list[int]]:
    """Values after each step, by the definitions, in integers of any size."""
    values, trace = list(image), []
    for step in circuit.steps:
        if isinstance(step, Affine):
            dense = step.weights.toarray().tolist()
            sums = [sum(w * v for w, v in zip(row, values, strict=True)) for row in dense]
            values = [total + int(b) for total, b in zip(sums, step.bias, strict=True)]
        else:
            values = [sum(c * v**power for power, c in enumerate(step.coefficients)) for v in values]
        trace.append(values)
    return trace


def sample(circuit: Circuit, *, images: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, circuit.pixel_max + 1, (images, circuit.inputs))
    pixels[: images // 2] = rng.choice([0, circuit.pixel_max], (images // 2, circuit.inputs))
    return pixels


@given(circuits(), st.integers(0, 2**32 - 1))
def test_evaluation_equals_python_integers(circuit, seed):
    pixels = sample(circuit, images=4, seed=seed)
    expected = [evaluate_in_python(circuit, image)[-1] for image in pixels.tolist()]
    logits = circuit.evaluate(pixels)
    assert logits.tolist() == expected
    assert (logits.dtype == np.int64) == (circuit.ranges[-1].bits <= 64)


@given(circuits(), st.sampled_from([2, 97, (1 << 28) - 57, 1 << 28]), st.integers(0, 2**32 - 1))
def test_evaluation_modulo_equals_python_integers(circuit, modulus, seed):
    pixels = sample(circuit, images=3, seed=seed)
    expected = [[v % modulus for v in evaluate_in_python(circuit, image)[-1]] for image in pixels.tolist()]
    assert circuit.evaluate_modulo(pixels, modulus=modulus).tolist() == expected


@given(circuits(), st.integers(0, 2**32 - 1))
def test_bounds_hold_after_every_step(circuit, seed):
    for image in sample(circuit, images=8, seed=seed).tolist():
        for values, interval in zip(evaluate_in_python(circuit, image), circuit.ranges, strict=True):
            assert all(lo <= v <= hi for lo, v, hi in zip(interval.lo, values, interval.hi, strict=True))
            assert max(abs(v) for v in values) <= interval.magnitude < 1 << (interval.bits - 1)


@given(circuits(most_steps=1))
def test_bounds_of_one_step_are_attained(circuit):
    (step,), (interval,) = circuit.steps, circuit.ranges
    if isinstance(step, Affine):
        for row, weights in enumerate(step.weights.toarray()):
            highest = [circuit.pixel_max if w > 0 else 0 for w in weights]
            lowest = [circuit.pixel_max - v if w else 0 for v, w in zip(highest, weights, strict=True)]
            assert evaluate_in_python(circuit, highest)[-1][row] == interval.hi[row]
            assert evaluate_in_python(circuit, lowest)[-1][row] == interval.lo[row]
    else:
        values = [evaluate_in_python(circuit, [v] * circuit.inputs)[-1][0] for v in range(circuit.pixel_max + 1)]
        assert (interval.lo[0], interval.hi[0]) == (min(values), max(values))


def test_a_dense_layer_of_negative_weights_runs_modulo_a_prime():
    circuit = Circuit("dense", (4000,), 8, (affine(np.full((1, 4000), -127), [0]), Polynomial("act", 1)))
    pixels = np.full((1, 4000), 255)
    value = (127 * 255 * 4000) ** 2
    assert circuit.evaluate(pixels).tolist() == [[value]]
    assert circuit.evaluate_modulo(pixels, modulus=(1 << 28) - 57).tolist() == [[value % ((1 << 28) - 57)]]


def test_many_images_are_evaluated_in_blocks():
    circuit = Circuit("blocks", (2,), 4, (affine([[1, -2]], [3]), Polynomial("act", 1, (1, 1, 2))))
    pixels = np.array(list(product(range(16), repeat=2)) * 3)
    x = pixels[:, 0] - 2 * pixels[:, 1] + 3
    assert circuit.evaluate(pixels).ravel().tolist() == (1 + x + 2 * x * x).tolist()
    assert circuit.evaluate(pixels[:0]).shape == (0, 1)


def test_shape_facts():
    steps = (affine([[1, 0, 2], [0, 0, -1]], [1, 0], name="conv1"), Polynomial("act1", 2, unit=0.25))
    circuit = Circuit("facts", (1, 1, 3), 3, steps)
    assert (circuit.inputs, circuit.outputs, circuit.pixel_max, circuit.products) == (3, 2, 7, 3)
    assert circuit.used_inputs.tolist() == [0, 2]
    assert circuit.affine_steps == steps[:1]
    assert circuit.affine_steps[0].row_norms.tolist() == [3, 1]
    assert circuit.unit == 0.25
    assert steps[1].is_square
    pooled = Circuit("pool", (2,), 3, (affine([[1, 1]], [0], pooling=True),))
    assert pooled.products == 0


def test_a_circuit_without_steps_is_the_identity():
    circuit = Circuit("empty", (3,), 2, ())
    assert circuit.evaluate(np.array([[0, 3, 1]])).tolist() == [[0, 3, 1]]
    assert circuit.used_inputs.tolist() == [0, 1, 2]
    assert circuit.unit == 0.25
    assert circuit.outputs == 3


def test_steps_that_do_not_fit_are_refused():
    with pytest.raises(CircuitError, match="'act' takes 3 values; the step before it gives 2"):
        Circuit("bad", (2,), 4, (affine([[1, 1], [1, 0]], [0, 0]), Polynomial("act", 3)))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 4)), "integers from 0 to 15; got values of type float64"),
        (np.zeros((2, 5), dtype=int), r"4 pixels each; got an array of shape \(2, 5\)"),
        (np.zeros(4, dtype=int), r"got an array of shape \(4,\)"),
        (np.full((1, 4), 16), "must lie in 0 to 15"),
        (np.full((1, 4), -1), "must lie in 0 to 15"),
    ],
)
def test_pixels_that_do_not_fit_are_refused(pixels, message):
    circuit = Circuit("small", (1, 2, 2), 4, (affine([[1, 1, 1, 1]], [0]),))
    with pytest.raises(CircuitError, match=message):
        circuit.evaluate(pixels)


def test_images_are_read_as_the_circuit_wants_them() -> None:
    images = np.random.default_rng(3).integers(0, 256, size=(2, 28, 28), dtype=np.uint8)
    assert np.array_equal(Circuit("x", (1, 28, 28), 3, ()).quantise(images), quantise_pixels(images, bits=3))
    assert np.array_equal(Circuit("x", (784,), 3, ()).quantise(images), quantise_pixels(images, bits=3))
    assert np.array_equal(Circuit("x", (1, 14, 14), 5, ()).quantise(images), quantise_pixels(images, bits=5, window=2))
    with pytest.raises(DataError, match="A window has a side of 1 or more"):
        Circuit("x", (1, 56, 56), 5, ()).quantise(images)
