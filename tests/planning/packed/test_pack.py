"""The packed layout on numbers equals the circuit, for any sparse weights that fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.errors import PlanError
from fcnlab.planning.packed.pack import Program, merge_neighbours, pack, power_of_two
from fcnlab.planning.packed.program import count_packed
from tests.support.circuits import affine, random_weights, tiny_circuit
from tests.support.slots import evaluate_clear


@st.composite
def cases(draw: st.DrawFn) -> tuple[Circuit, int]:
    """A random circuit with one or two squares, and a number of slots."""
    hidden, units = draw(st.integers(1, 30)), draw(st.integers(1, 20))
    outputs = draw(st.integers(1, 12))
    widths = draw(st.sampled_from([(hidden, outputs), (hidden, units, outputs)]))
    pixels = draw(st.integers(2, 40))
    circuit = tiny_circuit(
        draw(st.integers(0, 1000)), widths=(pixels, *widths), largest=draw(st.sampled_from([1, 8, 10**6]))
    )
    return circuit, 1 << draw(st.integers(4, 9))


@settings(max_examples=150, deadline=None)
@given(cases())
def test_slots_give_what_the_circuit_gives(case: tuple[Circuit, int]) -> None:
    circuit, slots = case
    if any(power_of_two(step.outputs) > slots for step in circuit.affine_steps):
        with pytest.raises(PlanError, match="use a larger ring or the batch layout"):
            pack(circuit, slots=slots)
        return
    program = pack(circuit, slots=slots)
    images = np.random.default_rng(1).integers(0, circuit.pixel_max + 1, size=(3, circuit.inputs))
    assert np.array_equal(evaluate_clear(program, images), circuit.evaluate(images))


def sample(*, slots: int = 4096) -> Program:
    """Widths of a CryptoNets, dense weights."""
    rng = np.random.default_rng(3)
    first = np.zeros((845, 784), dtype=np.int64)
    first[:, 100:125] = rng.choice([-2, -1, 1, 2], size=(845, 25))
    conv = affine(first, name="conv")
    fc1 = affine(random_weights(rng, rows=100, columns=845, largest=3), name="fc1")
    fc2 = affine(random_weights(rng, rows=10, columns=100, largest=3), name="fc2")
    steps = (conv, Polynomial("act1", 845), fc1, Polynomial("act2", 100), fc2)
    return pack(Circuit("sample", (1, 28, 28), 4, steps), slots=slots)


def test_a_cryptonets_needs_these_rotations() -> None:
    program = sample()
    assert program.period == 1024
    assert len(program.gather) == 7  # 25 weights a row, four blocks
    table = count_packed(program, (0, 1, 0, 1, 0))
    # Folds over four blocks; 7 baby and 3 giant steps and folds over 32 places; 3 and 3 and folds over 256 places.
    assert [layer.rotations for layer in table.layers] == [2, 0, 7 + 3 + 5, 0, 3 + 3 + 8]
    assert [layer.pt_ct_mults for layer in table.layers] == [7, 0, 32, 0, 16]
    assert table.total.relinearizations == table.total.ct_ct_mults == 2
    assert table.total.total == sum(
        (table.total.pt_ct_adds, table.total.ct_ct_adds, table.total.pt_ct_mults, 2, table.total.rotations)
    )
    assert len({step for stage in program.stages for step in stage.rotations}) == 18


def test_a_diagonal_without_weights_costs_nothing() -> None:
    weights = np.zeros((4, 16), dtype=np.int64)
    weights[0, 3] = 5
    steps = (affine(np.eye(16)), Polynomial("act", 16), affine(weights))
    program = pack(Circuit("one", (16,), 4, steps), slots=16)
    assert len(program.stages[1].terms) == 1


def test_affine_neighbours_are_merged_exactly() -> None:
    circuit = tiny_circuit(5, widths=(9, 7, 6))
    longer = Circuit("longer", (9,), 2, (*circuit.steps, affine([[1, 0, -2, 4, 0, 1], [0, 7, 0, 0, 1, 0]], [3, -4])))
    merged = merge_neighbours(longer)
    images = np.random.default_rng(0).integers(0, 4, size=(20, 9))
    assert len(merged.steps) == 3
    assert np.array_equal(merged.evaluate(images), longer.evaluate(images))
    assert np.array_equal(evaluate_clear(pack(longer, slots=64), images), longer.evaluate(images))


def test_what_cannot_be_packed_says_why() -> None:
    cubic = Circuit("cubic", (2,), 2, (affine(np.eye(2)), Polynomial("act", 2, (0, 0, 0, 1)), affine(np.eye(2))))
    with pytest.raises(PlanError, match="takes squares; act of cubic is a polynomial of degree 3: use the batch"):
        pack(cubic, slots=64)
    with pytest.raises(PlanError, match="one or two activations between them; tiny is fc1, act1"):
        pack(tiny_circuit(widths=(3, 3, 3, 3, 3)), slots=64)
    empty = Circuit("empty", (2,), 2, (affine([[0, 0]]), Polynomial("act", 1), affine([[1]])))
    with pytest.raises(PlanError, match="fc of empty has no weight"):
        pack(empty, slots=64)
    with pytest.raises(PlanError, match="fc1 has 30 outputs and a ciphertext 16 slots"):
        pack(tiny_circuit(widths=(3, 30, 3)), slots=16)


def test_powers_of_two() -> None:
    assert [power_of_two(number) for number in (1, 2, 3, 4, 5, 845)] == [1, 2, 4, 4, 8, 1024]
