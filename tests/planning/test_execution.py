"""What the engines make of a circuit: sizes of ciphertexts, where primes may be dropped, runs through a block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.integers import SUM_BITS
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.planning.execution import describe_steps, local_runs, prime_limit, step_sizes, switch_points
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import PRIME_BITS, Parameters
from tests.support.circuits import affine, tiny_circuit


def test_sizes_of_ciphertexts_and_where_primes_may_be_dropped() -> None:
    circuit = tiny_circuit(0)
    assert [(before, after) for _, before, after in step_sizes(circuit)] == [(2, 2), (2, 3), (3, 3), (3, 5), (5, 5)]
    # After an affine step with an activation still to come: fc1 and fc2, not fc3.
    assert list(switch_points(circuit)) == [(), (0,), (2,), (0, 2)]
    assert list(switch_points(Circuit("flat", (1,), 1, (affine([[1]]),)))) == [()]


@given(st.integers(0, 2**32), st.integers(0, 44))
def test_no_partial_sum_passes_int64_at_the_limit(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-(1 << bits), (1 << bits) + 1, size=(3, 5)) | 1
    circuit = Circuit("wide", (5,), 1, (affine(weights),))
    limit = prime_limit(circuit)
    assert limit <= PRIME_BITS
    if limit < 1:
        return
    digits = signed_digits(circuit.affine_steps[0].weights)
    residue = (1 << limit) - 1
    for row in range(3):
        largest = total = 0
        for entry in range(digits.indptr[row], digits.indptr[row + 1]):
            total = (total << int(digits.doublings[entry])) + residue
            largest = max(largest, total)
        total <<= int(digits.last_doublings[row])
        assert max(largest, total) + residue < 1 << (SUM_BITS + 1)


@pytest.mark.parametrize(
    ("scheme", "drops", "runs"),
    [
        ("bgv", (0, 0, 0, 0, 0), [(0, 1, 2, 3, 4)]),
        ("bgv", (1, 0, 2, 0, 0), [(0,), (1, 2), (3, 4)]),
        ("ckks", (0, 0, 0, 1, 0), [(0, 1, 2, 3), (4,)]),
        ("bfv", (0, 0, 0, 0, 0), [(0,), (2,), (4,)]),
    ],
)
def test_runs_end_where_coefficients_mix(scheme: Scheme, drops: tuple[int, ...], runs: list[tuple[int, ...]]) -> None:
    parameters = Parameters(scheme=scheme, ring_degree=4096, primes=(2,) * 4, drops=drops)
    assert list(local_runs(tiny_circuit(), parameters)) == runs


def test_steps_are_described_from_the_input_on() -> None:
    circuit = tiny_circuit()
    first, *others = describe_steps(circuit)
    assert first == ("input", len(circuit.used_inputs), 2, circuit.pixel_bits)
    assert [step[:3] for step in others] == [
        ("fc1", 3, 2),
        ("act1", 3, 3),
        ("fc2", 3, 3),
        ("act2", 3, 5),
        ("fc3", 2, 5),
    ]
    assert [step[3] for step in others] == [interval.bits for interval in circuit.ranges]
