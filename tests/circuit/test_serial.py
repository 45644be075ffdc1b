"""Circuits come back from bytes as they were, and from no other bytes."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from fcnlab.circuit import serial
from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.fingerprint import circuit_fingerprint
from fcnlab.circuit.serial import KEY, describe, load_circuit, save_circuit, seal
from fcnlab.errors import DataError
from tests.support.circuits import affine, random_images, tiny_circuit


def same(first: Circuit, second: Circuit) -> bool:
    (header, arrays), (other, others) = describe(first), describe(second)
    return header == other and all(np.array_equal(arrays[name], others[name]) for name in arrays | others)


@st.composite
def circuits(draw: st.DrawFn) -> Circuit:
    """Any kind of step: wide biases and weights, empty rows, pooling, other coefficients than squares."""
    width = inputs = draw(st.integers(1, 5))
    steps: list[Affine | Polynomial] = []
    for index in range(draw(st.integers(0, 4))):
        unit, name = draw(st.floats(1e-300, 1e300)), draw(st.text(max_size=5)) + str(index)
        if draw(st.booleans()):
            weight = st.sampled_from([0, 0, 1, -1, 7, -(2**62), 2**63 - 1])
            rows = draw(st.lists(st.lists(weight, min_size=width, max_size=width), min_size=1, max_size=5))
            bias = [draw(st.integers(-9, 9) | st.integers(-(2**90), 2**90)) for _ in rows]
            pooling = bool(draw(st.booleans()) and all(value in (0, 1) for row in rows for value in row))
            plain = affine(rows, serial.integer_array(bias))
            steps.append(Affine(name, plain.weights, plain.bias, unit, pooling))
            width = len(rows)
        else:
            lower = draw(st.lists(st.integers(-(2**70), 2**70), min_size=2, max_size=4))
            steps.append(Polynomial(name, width, (*lower, draw(st.sampled_from([1, -3])))))
    return Circuit(draw(st.text(max_size=9)), (1, inputs), draw(st.integers(1, 16)), tuple(steps))


@given(circuits())
def test_a_circuit_comes_back_as_it_was(circuit: Circuit) -> None:
    content = save_circuit(circuit)
    again = load_circuit(content)
    assert same(circuit, again)
    assert circuit_fingerprint(circuit) == circuit_fingerprint(again)
    assert save_circuit(again) == content
    for before, after in zip(circuit.affine_steps, again.affine_steps, strict=True):
        assert before.bias.dtype == after.bias.dtype
        assert after.weights.has_canonical_format


def test_a_loaded_circuit_computes_the_same() -> None:
    circuit = tiny_circuit(2, largest=500)
    images = random_images(circuit, 30)
    assert np.array_equal(load_circuit(save_circuit(circuit)).evaluate(images), circuit.evaluate(images))


SAVED = save_circuit(tiny_circuit(1))


@settings(max_examples=500)
@given(st.integers(0, len(SAVED) - 1), st.integers(1, 255))
def test_an_altered_byte_is_refused_or_changes_nothing(place: int, change: int) -> None:
    altered = bytearray(SAVED)
    altered[place] ^= change
    try:
        again = load_circuit(bytes(altered))
    except DataError:
        return
    assert same(again, tiny_circuit(1))


@given(st.integers(0, len(SAVED) - 1))
def test_a_truncated_circuit_is_refused(length: int) -> None:
    with pytest.raises(DataError, match=r"no whole circuit: save and send it again\.$"):
        load_circuit(SAVED[:length])
    with pytest.raises(DataError, match="no whole circuit"):
        load_circuit(SAVED + SAVED[:length] + b"x")


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="no whole circuit"):
        load_circuit(content)


def resealed(circuit: Circuit, **changes: Any) -> bytes:
    """A saved circuit with other content under a digest that is right for it; steps change the first one."""
    header, arrays = describe(circuit)
    header["steps"][0] |= changes.pop("steps", {})
    changed = arrays | changes.pop("arrays", {})
    arrays = {name: array for name, array in changed.items() if array is not None}
    header |= changes
    header["digest"] = seal(header, arrays)
    return save(arrays, metadata={KEY: json.dumps(header)})


def integers(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


ONE = Circuit("one", (3,), 2, (affine([[1, 0, 2], [0, -4, 0]]),))

FORGERIES: dict[str, dict[str, Any]] = {
    "a name that is no text": {"name": 3},
    "a shape without pixels": {"input_shape": [0]},
    "a shape that is too wide": {"input_shape": [1 << 25]},
    "no pixel bits": {"pixel_bits": 0},
    "true for a number": {"pixel_bits": True},
    "many pixel bits": {"pixel_bits": 17},
    "an unknown entry": {"secret": 1},
    "a unit of zero": {"steps": {"unit": 0.0}},
    "a unit that is an integer": {"steps": {"unit": 1}},
    "a bias too few": {"steps": {"bias": [0]}},
    "a bias that is no integer": {"steps": {"bias": [0, 0.5]}},
    "other inputs": {"steps": {"inputs": 4}},
    "no inputs": {"steps": {"inputs": 0}},
    "sums with weights": {"steps": {"pooling": True}},
    "an array missing": {"arrays": {"0.data": None}},
    "an array too many": {"arrays": {"0.more": integers(1)}},
    "floats": {"arrays": {"0.data": np.array([1.0, 2.0, 3.0])}},
    "two dimensions": {"arrays": {"0.data": integers(1, 2, -4).reshape(1, 3)}},
    "a stored zero": {"arrays": {"0.data": integers(1, 0, 2)}},
    "a weight without a positive": {"arrays": {"0.data": integers(1, -(2**63), 2)}},
    "a column outside": {"arrays": {"0.indices": integers(0, 3, 1)}},
    "a negative column": {"arrays": {"0.indices": integers(-1, 2, 1)}},
    "columns out of order": {"arrays": {"0.indices": integers(2, 0, 1)}},
    "a column twice": {"arrays": {"0.indices": integers(0, 0, 1)}},
    "rows that go back": {"arrays": {"0.indptr": integers(0, 4, 3)}},
    "rows that end early": {"arrays": {"0.indptr": integers(0, 2, 2)}},
    "rows that begin late": {"arrays": {"0.indptr": integers(1, 2, 3)}},
    "no rows": {"arrays": {"0.indptr": integers()}},
}


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_no_circuit_is_refused_whatever_its_digest(name: str) -> None:
    with pytest.raises(DataError, match="The saved circuit is damaged or altered"):
        load_circuit(resealed(ONE, **FORGERIES[name]))


def test_a_forgery_without_change_is_the_circuit() -> None:
    assert same(load_circuit(resealed(ONE)), ONE)


def test_another_version_is_named() -> None:
    with pytest.raises(DataError, match=r"saved in version 2, not 1: compile and save it anew\.$"):
        load_circuit(resealed(ONE, version=2))


def test_a_circuit_needs_its_header() -> None:
    with pytest.raises(DataError, match="no whole circuit"):
        load_circuit(save(load(SAVED)))
