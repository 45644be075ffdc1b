"""The whole where it fits, as much as fits where it does not; what is kept is computed as in the whole."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.cost import Projection, project
from fcnlab.cost.units import Line
from fcnlab.errors import CircuitError, PlanError
from fcnlab.inference.infer import infer
from fcnlab.measuring.portions import choose_portion, choose_rows, comparable_images, plan_within, take_excerpt
from fcnlab.planning.plan import Plan
from tests.support.circuits import affine, random_images, tiny_circuit
from tests.support.costs import made_up

CIRCUIT = tiny_circuit(4, widths=(5, 40, 6, 2), largest=3)


def projector(*, bytes_per_output: int):
    """Projections whose memory is that of the widest step alone."""

    def projected(plan: Plan, circuit) -> Projection:
        whole = project(plan, circuit, images=10, costs=made_up(kernel=0.0, general=0.0, line=Line(0.0, 0.0, 0.0)))
        widest = max(step.outputs for step in circuit.steps)
        return replace(whole, peak_memory_bytes=bytes_per_output * widest)

    return projected


def test_the_whole_where_it_fits() -> None:
    portion = choose_portion(CIRCUIT, scheme="bgv", memory_bytes=40_000, project=projector(bytes_per_output=1000))
    assert portion.circuit is portion.whole is CIRCUIT
    assert portion.words == ""


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_as_much_as_fits_runs_under_the_parameters_of_the_whole(scheme) -> None:
    sample = random_images(CIRCUIT, 64)
    portion = choose_portion(
        CIRCUIT, scheme=scheme, sample=sample, memory_bytes=12_000, project=projector(bytes_per_output=1000)
    )
    assert portion.words == "10 of the 40 outputs of act1 run"
    assert portion.plan.parameters == portion.whole_plan.parameters
    report = infer(portion.circuit, portion.plan, random_images(portion.circuit, 20), threads=1).report
    assert report.mismatched_logits == 0


def test_nothing_fits() -> None:
    with pytest.raises(PlanError, match="Not even one in 4096 outputs of tiny fits"):
        choose_portion(CIRCUIT, scheme="bgv", memory_bytes=1, project=projector(bytes_per_output=1000))


def test_a_plan_that_keeps_fewer_ciphertexts_is_taken_where_memory_is_short() -> None:
    circuit = tiny_circuit(0, widths=(40, 40, 40, 2), largest=1000)
    cheapest = plan_within(circuit, scheme="ckks", sample=None, memory_bytes=None)
    assert any(cheapest.parameters.drops)
    tight = plan_within(circuit, scheme="ckks", sample=None, memory_bytes=2 * (cheapest.held_bytes - 1))
    assert tight.held_bytes < cheapest.held_bytes
    # Where none is small enough, the cheapest is as good as any: an excerpt is taken of it.
    assert plan_within(circuit, scheme="ckks", sample=None, memory_bytes=1).parameters == cheapest.parameters


def test_large_circuits_are_compared_on_fewer_images() -> None:
    assert comparable_images(CIRCUIT) > 10_000
    wide = tiny_circuit(0, widths=(200, 300, 300, 10), largest=1 << 30)
    assert 1 <= comparable_images(wide) < comparable_images(CIRCUIT)


@pytest.mark.parametrize("parts", [2, 3, 100])
def test_sums_of_the_kept_outputs_are_those_of_the_whole(parts: int) -> None:
    circuit = tiny_circuit(4, widths=(5, 7, 6, 2), largest=3)
    excerpt, words = take_excerpt(circuit, parts=parts)
    count = max(7 // parts, 1)
    assert words == f"{count} of the 7 outputs of act1 run"
    assert excerpt.steps[1].outputs == count
    assert [step.name for step in excerpt.steps] == [step.name for step in circuit.steps]
    before, _, after = circuit.steps[:3]
    assert isinstance(before, Affine)
    assert isinstance(after, Affine)
    kept = choose_rows(before, count=count)
    masked = after.weights.toarray()
    masked[:, np.setdiff1d(np.arange(7), kept)] = 0
    sums = Affine(after.name, sparse.csr_array(masked), after.bias)
    expected = Circuit("whole", circuit.input_shape, circuit.pixel_bits, (*circuit.steps[:2], sums, *circuit.steps[3:]))
    images = random_images(circuit, 40)
    assert (excerpt.evaluate(images) == expected.evaluate(images)).all()
    assert len(excerpt.used_inputs) <= len(circuit.used_inputs)


def test_what_is_kept_reads_few_values() -> None:
    """A convolution along a line: neighbours read the same values, whatever the order of the maps."""
    places, maps = 20, 3
    rows = np.zeros((maps * places, places + 2), dtype=np.int64)
    for row in range(maps * places):
        rows[row, row % places : row % places + 3] = 1
    convolution, sums = affine(rows), affine(np.ones((1, maps * places), dtype=np.int64))
    circuit = Circuit("line", (places + 2,), 1, (convolution, Polynomial("act", maps * places), sums))
    excerpt, _ = take_excerpt(circuit, parts=places)
    assert excerpt.steps[1].outputs == maps
    assert len(excerpt.used_inputs) <= 4
    assert 0 not in excerpt.used_inputs


def test_a_circuit_without_activations_has_no_excerpt() -> None:
    with pytest.raises(CircuitError, match="0 activations"):
        take_excerpt(Circuit("flat", (2,), 1, (affine([[1, 2]]),)), parts=2)
