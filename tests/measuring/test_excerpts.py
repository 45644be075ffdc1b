"""What is kept of a circuit is computed as in the whole."""

import numpy as np
import pytest
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.errors import CircuitError
from fcnlab.measuring.excerpts import choose_rows, take_excerpt
from tests.support.circuits import affine, random_images, tiny_circuit


@pytest.mark.parametrize("parts", [2, 3, 100])
def test_sums_of_the_kept_outputs_are_those_of_the_whole(parts: int) -> None:
    circuit = tiny_circuit(4, widths=(5, 7, 6, 2), largest=3)
    excerpt = take_excerpt(circuit, parts=parts)
    assert (excerpt.step, excerpt.outputs, excerpt.kept) == ("act1", 7, max(7 // parts, 1))
    assert [step.name for step in excerpt.circuit.steps] == [step.name for step in circuit.steps]
    before, _, after = circuit.steps[:3]
    assert isinstance(before, Affine)
    assert isinstance(after, Affine)
    kept = choose_rows(before, excerpt.kept)
    masked = after.weights.toarray()
    masked[:, np.setdiff1d(np.arange(7), kept)] = 0
    sums = Affine(after.name, sparse.csr_array(masked), after.bias)
    expected = Circuit("whole", circuit.input_shape, circuit.pixel_bits, (*circuit.steps[:2], sums, *circuit.steps[3:]))
    images = random_images(circuit, 40)
    assert (excerpt.circuit.evaluate(images) == expected.evaluate(images)).all()
    assert len(excerpt.circuit.used_inputs) <= len(circuit.used_inputs)


def test_what_is_kept_reads_few_values() -> None:
    """A convolution along a line: neighbours read the same values, whatever the order of the maps."""
    places, maps = 20, 3
    rows = np.zeros((maps * places, places + 2), dtype=np.int64)
    for row in range(maps * places):
        rows[row, row % places : row % places + 3] = 1
    circuit = Circuit("line", (places + 2,), 1, (
        affine(rows), Polynomial("act", maps * places), affine(np.ones((1, maps * places), dtype=np.int64)),
    ))  # fmt: skip
    excerpt = take_excerpt(circuit, parts=places)
    assert excerpt.kept == maps
    assert len(excerpt.circuit.used_inputs) <= 4
    assert 0 not in excerpt.circuit.used_inputs


def test_a_circuit_without_activations_has_no_excerpt() -> None:
    with pytest.raises(CircuitError, match="0 activations"):
        take_excerpt(Circuit("flat", (2,), 1, (affine([[1, 2]]),)), parts=2)
