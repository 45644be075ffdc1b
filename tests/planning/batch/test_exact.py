import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.integers import is_prime
from fcnlab.planning.batch.exact import exact_plan, exact_plans, plain_moduli, prove_exact
from fcnlab.planning.execution import prime_limit
from fcnlab.planning.parameters import MODULUS_BITS, PRIME_BITS, RINGS, SPECIAL_PRIME, choose_primes
from tests.support.circuits import random_images, tiny_circuit
from tests.support.runs import classify, plan_with


@given(st.sampled_from(RINGS), st.integers(1, 300), st.integers(1, 8))
def test_plain_moduli_hold_every_value_and_have_slots(degree: int, bits: int, count: int) -> None:
    moduli = plain_moduli(degree, bits, count)
    if moduli is None:
        assert bits / count > 58 or count > 1, "one modulus holds whatever 58 bits hold"
        return
    assert math.prod(moduli) > 1 << bits, "max |value| < 2^(bits - 1), so twice as much"
    assert len({*moduli, SPECIAL_PRIME}) == count + 1
    assert all(is_prime(modulus) and modulus % (2 * degree) == 1 and modulus < 1 << 60 for modulus in moduli)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    scheme=st.sampled_from(["bgv", "bfv"]),
    squares=st.integers(0, 2),
    largest=st.sampled_from([1, 8, 1000]),
)
def test_every_plan_found_is_proven_secure_and_within_the_kernels_limits(seed, scheme, squares, largest) -> None:
    circuit = tiny_circuit(seed, widths=(4, *[3] * squares, 2), largest=largest)
    found = list(exact_plans(circuit, (8192,), scheme))
    assert found
    for plan in found:
        chosen = plan.parameters
        assert min(step.budget_bits for step in plan.steps) >= 0
        assert chosen.modulus_bits <= MODULUS_BITS[8192]
        assert max(prime.bit_length() for prime in chosen.primes) <= min(PRIME_BITS, prime_limit(circuit))
        assert len({*chosen.primes, *chosen.plain_moduli, SPECIAL_PRIME}) == (
            len(chosen.primes) + len(chosen.plain_moduli) + 1
        )
        assert math.prod(chosen.plain_moduli) > 2 * circuit.ranges[-1].magnitude
        if scheme == "bfv":
            assert not any(chosen.drops)


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_a_smaller_prime_breaks_the_proof(scheme) -> None:
    circuit = tiny_circuit(1)
    for plan in exact_plans(circuit, (8192,), scheme):
        chosen = plan.parameters
        slack = min(step.budget_bits for step in plan.steps)
        for position, prime in enumerate(chosen.primes):
            bits = prime.bit_length() - math.ceil(slack) - 2
            smaller = choose_primes(8192, [max(bits, 17)], avoid=(*chosen.primes, *chosen.plain_moduli, SPECIAL_PRIME))
            primes = (*chosen.primes[:position], *(smaller or ()), *chosen.primes[position + 1 :])
            again = prove_exact(circuit, replace(chosen, primes=primes))
            dropped = position >= len(primes) - sum(chosen.drops)
            # A prime that is dropped divides the noise: without it the noise stays.
            assert dropped or min(step.budget_bits for step in again.steps) < 0
        without = prove_exact(circuit, replace(chosen, primes=chosen.primes[1:]))
        assert min(step.budget_bits for step in without.steps) < 0


def test_a_larger_plain_modulus_breaks_the_proof() -> None:
    circuit = tiny_circuit(1)
    plan = exact_plan(circuit, "bgv", 8192, choose_primes(8192, [24]) or (), (2,))
    assert plan is not None
    wide = replace(plan.parameters, plain_moduli=choose_primes(8192, [50]) or ())
    assert min(step.budget_bits for step in prove_exact(circuit, wide).steps) < 0


def test_dropping_pays_where_squares_follow() -> None:
    circuit = tiny_circuit(1, largest=60)
    moduli = plain_moduli(16384, circuit.ranges[-1].bits, 1)
    assert moduli is not None
    plain, switched = (exact_plan(circuit, "bgv", 16384, moduli, points) for points in ((), (2,)))
    assert plain is not None
    assert switched is not None
    assert switched.parameters.modulus_bits <= plain.parameters.modulus_bits
    assert switched.download_bytes < plain.download_bytes


def test_no_plan_where_the_ring_is_too_small() -> None:
    circuit = tiny_circuit(1)
    assert list(exact_plans(circuit, (4096,), "bgv")) == []
    assert exact_plan(circuit, "bgv", 4096, choose_primes(4096, [30]) or (), ()) is None


def test_noise_beyond_float64_is_no_error() -> None:
    circuit = tiny_circuit(0, widths=(2, 2, 2, 2, 2), largest=1 << 38)
    with np.errstate(all="raise"):
        assert list(exact_plans(circuit, (32768,), "bgv")) == []


def test_a_plan_with_a_negative_budget_does_fail() -> None:
    """The proof is no formality: far below its bound, decryption goes wrong."""
    circuit = tiny_circuit(1)
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(45, 45), plain_bits=(24,))
    assert min(step.budget_bits for step in plan.steps) < -20
    pixels = random_images(circuit, 30)
    assert not np.array_equal(classify(circuit, plan, pixels), circuit.evaluate(pixels))
