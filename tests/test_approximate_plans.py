import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.approximate_plans import PRECISION, approximate_plans, profile, simulate_approximate
from fcnlab.circuit import Circuit, Polynomial
from fcnlab.errors import CircuitError
from fcnlab.parameters import MODULUS_BITS, SPECIAL_PRIME
from fcnlab.plan import prime_limit
from tests.circuits import affine, random_images, tiny_circuit


@settings(max_examples=6)
@given(st.integers(0, 2**32), st.sampled_from([1, 9, 2000]))
def test_every_plan_found_is_precise_secure_and_within_the_kernels_limits(seed: int, largest: int) -> None:
    circuit = tiny_circuit(seed, widths=(4, 3, 2), largest=largest)
    for plan in approximate_plans(circuit, (4096, 8192), None):
        chosen = plan.parameters
        assert chosen.scheme == "ckks"
        assert chosen.plain_moduli == ()
        assert min(step.budget_bits for step in plan.steps) >= 0
        assert 0 < plan.predicted_error <= PRECISION
        assert chosen.modulus_bits <= MODULUS_BITS[chosen.ring_degree]
        assert max(prime.bit_length() for prime in chosen.primes) <= prime_limit(circuit)


def test_wide_rows_narrow_every_prime_and_those_that_are_dropped_too() -> None:
    circuit = tiny_circuit(3, widths=(4, 3, 2), largest=1 << 20)
    assert prime_limit(circuit) < 42
    for plan in approximate_plans(circuit, (16384,), None):
        assert max(prime.bit_length() for prime in plan.parameters.primes) <= prime_limit(circuit)


def test_spreads_are_those_of_the_values() -> None:
    circuit = tiny_circuit(5)
    pixels = random_images(circuit, 50)
    spreads = profile(circuit, pixels)
    logits = circuit.evaluate(pixels).astype(float)
    assert spreads.logits == pytest.approx(math.sqrt(np.mean(np.var(logits, axis=1))))
    first = circuit.steps[0]
    values = pixels @ first.weights.toarray().T + first.bias
    assert np.allclose(spreads.slopes[1], 2 * np.sqrt(np.mean(values**2.0, axis=0)))
    assert np.allclose(spreads.bends[1], 1)
    with pytest.raises(CircuitError):
        profile(circuit, pixels + 100)


def test_a_simulation_follows_scale_and_size() -> None:
    circuit = Circuit("line", (1,), 1, (affine([[3]], [5]), Polynomial("act", 1)))
    spreads = profile(circuit, np.array([[0], [1]]))
    first, after_affine, after_square = simulate_approximate(
        circuit, 4096, SPECIAL_PRIME, 2.0**20, {0: [2.0**10]}, spreads
    )
    assert (first.index, after_affine.index, after_square.index) == (-1, 0, 1)
    assert (first.scale, after_affine.scale, after_square.scale) == (2.0**20, 2.0**20, 2.0**20)
    assert first.needed_bits == pytest.approx(21, abs=0.1)
    assert after_affine.needed_bits == pytest.approx(math.log2(2 * 8 * 2**20), abs=0.1)
    assert after_square.needed_bits >= math.log2(2 * 64 * 2**20)


def test_a_larger_scale_is_more_precise_and_needs_more_room() -> None:
    circuit = tiny_circuit(5)
    spreads = profile(circuit, random_images(circuit, 50))
    walks = [simulate_approximate(circuit, 8192, SPECIAL_PRIME, 2.0**bits, {}, spreads)[-1] for bits in (15, 20, 25)]
    assert walks[0].relative_error > walks[1].relative_error > walks[2].relative_error
    assert walks[0].needed_bits < walks[1].needed_bits < walks[2].needed_bits


def test_values_beyond_float64_are_refused_without_an_error() -> None:
    circuit = tiny_circuit(0, widths=(2, 2, 2, 2, 2), largest=1 << 38)
    with np.errstate(all="raise"):
        assert list(approximate_plans(circuit, (32768,), None)) == []
    moderate = tiny_circuit(0, widths=(2, 2, 2, 2, 2), largest=1 << 20, bias=1)
    assert list(approximate_plans(moderate, (8192,), None)) == []
