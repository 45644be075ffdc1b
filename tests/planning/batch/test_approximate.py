from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.planning.batch.approximate import MOST_RESCALES, PRECISION, SCALE_BITS, approximate_plans
from fcnlab.planning.batch.proofs import Spreads, profile, prove_approximate, simulate_approximate
from fcnlab.planning.execution import prime_limit, switch_points
from fcnlab.planning.parameters import (
    MODULUS_BITS,
    SMALLEST_PRIME_BITS,
    SPECIAL_PRIME,
    Parameters,
    choose_primes,
    log_product,
    split_bits,
)
from fcnlab.planning.plan import Plan
from tests.support.circuits import random_images, tiny_circuit


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


def test_values_beyond_float64_are_refused_without_an_error() -> None:
    circuit = tiny_circuit(0, widths=(2, 2, 2, 2, 2), largest=1 << 38)
    with np.errstate(all="raise"):
        assert list(approximate_plans(circuit, (32768,), None)) == []
    moderate = tiny_circuit(0, widths=(2, 2, 2, 2, 2), largest=1 << 20, bias=1)
    assert list(approximate_plans(moderate, (8192,), None)) == []


def cost(plan: Plan) -> float:
    """One that weighs ring, primes and where they are dropped."""
    return plan.upload_bytes + sum(step.outputs * step.size * step.primes * plan.residue_bytes for step in plan.steps)


def every_plan(circuit: Circuit, ring_degree: int, spreads: Spreads, *, step_bits: int) -> Iterator[Plan]:
    """All proven plans that are precise enough, one after the other, without any shortcut."""
    limit, allowed = prime_limit(circuit), MODULUS_BITS[ring_degree]
    for points in switch_points(circuit):
        sizes = range(SMALLEST_PRIME_BITS, limit + 1, step_bits)
        for *dropped, scale_bits in product(*[sizes] * len(points), SCALE_BITS):
            drops = {point: [2.0**bits] for point, bits in zip(points, dropped, strict=True)}
            walk = simulate_approximate(circuit, ring_degree, SPECIAL_PRIME, 2.0**scale_bits, drops, spreads)
            final = max(row.needed_bits - sum(dropped[sum(point < row.index for point in points) :]) for row in walk)
            if len(points) > MOST_RESCALES or final + sum(dropped) > allowed or walk[-1].relative_error > PRECISION:
                continue
            bits = chain(split_bits(final + 0.5, limit), dropped[::-1])
            primes = choose_primes(ring_degree, list(bits), avoid=(SPECIAL_PRIME,))
            if primes is None or log_product((*primes, SPECIAL_PRIME)) > allowed:
                continue
            counts = tuple(int(index in points) for index in range(len(circuit.steps)))
            chosen = Parameters(
                scheme="ckks", ring_degree=ring_degree, primes=primes, scale=2.0**scale_bits, drops=counts
            )
            plan = prove_approximate(circuit, chosen, spreads)
            if min(row.budget_bits for row in plan.steps) >= 0 and plan.predicted_error <= PRECISION:
                yield plan


@pytest.mark.parametrize("coefficients", [(0, 0, 1), (7, -3, 2), (1, 4, 0, -2), (3, 0, 1, 2, 1)])
@pytest.mark.parametrize(("seed", "largest"), [(0, 3), (1, 40), (2, 3000)])
def test_the_plan_found_first_is_the_best_of_all(coefficients: tuple[int, ...], seed: int, largest: int) -> None:
    circuit = tiny_circuit(seed, widths=(4, 3, 2), largest=largest)
    steps = [replace(s, coefficients=coefficients) if isinstance(s, Polynomial) else s for s in circuit.steps]
    circuit = replace(circuit, steps=tuple(steps))
    sample = random_images(circuit, 64)
    assert any(approximate_plans(circuit, (4096, 8192), sample))
    for ring_degree in (4096, 8192):
        found = list(approximate_plans(circuit, (ring_degree,), sample, cost=cost))
        every = list(every_plan(circuit, ring_degree, profile(circuit, sample), step_bits=2))
        assert bool(found) == bool(every)
        if found:
            assert (cost(found[0]), found[0].predicted_error) == min((cost(p), p.predicted_error) for p in every)
            assert [cost(plan) for plan in found] == sorted(map(cost, found))


def test_two_rescales_are_searched_as_well() -> None:
    circuit = tiny_circuit(3, widths=(3, 2, 2, 2), largest=60)
    sample = random_images(circuit, 64)
    found = next(approximate_plans(circuit, (8192,), sample, cost=cost))
    every = every_plan(circuit, 8192, profile(circuit, sample), step_bits=10)  # some of the candidates
    assert (cost(found), found.predicted_error) <= min((cost(plan), plan.predicted_error) for plan in every)
