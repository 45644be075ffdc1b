import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.errors import PlanError
from fcnlab.he.context import open_context
from fcnlab.planning.choose import make_plan
from fcnlab.planning.parameters import MODULUS_BITS, RINGS, SCHEMES, log_product
from tests.support.circuits import affine, tiny_circuit


@settings(max_examples=20)
@given(
    seed=st.integers(0, 2**32),
    scheme=st.sampled_from(["bgv", "bfv"]),
    squares=st.integers(0, 2),
    largest=st.sampled_from([1, 7, 500]),
    images=st.sampled_from([None, 1, 10_000]),
)
def test_seal_accepts_every_plan_at_128_bits(seed, scheme, squares, largest, images) -> None:
    circuit = tiny_circuit(seed, widths=(4, *[3] * squares, 2), largest=largest)
    plan = make_plan(circuit, scheme=scheme, images=images)
    chosen = plan.parameters
    assert chosen.scheme == scheme
    assert chosen.modulus_bits <= MODULUS_BITS[chosen.ring_degree]
    for index in range(chosen.passes):
        open_context(chosen, index)  # with sec=128, which SEAL enforces


def test_seal_accepts_ckks_plans_at_128_bits() -> None:
    plan = make_plan(tiny_circuit(3, widths=(4, 3, 2)), scheme="ckks", ring_degree=4096)
    assert plan.parameters.slots == 2048
    open_context(plan.parameters, 0)


def test_the_cheapest_ring_depends_on_the_number_of_images() -> None:
    circuit = tiny_circuit(1, widths=(5, 3, 2))
    one, many = make_plan(circuit, images=1), make_plan(circuit, images=100_000)
    assert one.parameters.ring_degree <= many.parameters.ring_degree
    assert one.parameters.ring_degree == 4096


@pytest.mark.parametrize("ring_degree", RINGS)
def test_a_ring_that_is_asked_for_is_taken(ring_degree) -> None:
    assert make_plan(tiny_circuit(1, widths=(3, 2)), ring_degree=ring_degree).parameters.ring_degree == ring_degree


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_values_of_a_few_bits_are_no_obstacle(scheme) -> None:
    circuit = Circuit("small", (2,), 1, (affine([[1, -1]]),))
    plan = make_plan(circuit, scheme=scheme)
    assert plan.parameters.ring_degree == 4096
    assert plan.parameters.passes == 1


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"scheme": "rsa"}, "Unknown scheme 'rsa'; choose one of bgv, bfv, ckks"),
        ({"ring_degree": 1024}, "Ring degree 1024 is not available; choose one of 4096"),
        ({"images": 0}, "1 image or more; got 0"),
        ({"images": -3}, "1 image or more; got -3"),
    ],
)
def test_unknown_options_are_refused_with_what_is_allowed(options, match) -> None:
    with pytest.raises(PlanError, match=match):
        make_plan(tiny_circuit(), **options)


def test_every_reason_is_given_at_once() -> None:
    wide = affine([[1 << 45, 0], [1, 1]], name="wide")
    empty = affine([[0, 0], [1, 1]], name="empty")
    steps = (Polynomial("first", 2), wide, empty, *[Polynomial(f"square{i}", 2) for i in range(4)])
    with pytest.raises(PlanError) as caught:
        make_plan(Circuit("broken", (2,), 2, steps))
    message = str(caught.value)
    assert "broken cannot be encrypted" in message
    assert "row 0 of empty has no weight" in message
    assert re.search(r"the rows of wide sum to 46 bits of weights \(at most 41", message)
    assert re.search(r"square\d", message)
    assert "the first step is not affine" in message
    with pytest.raises(PlanError, match="the first step is not affine"):
        make_plan(Circuit("nothing", (2,), 2, ()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_circuit_that_no_ring_holds_is_refused_with_step_bits_and_remedies(scheme) -> None:
    circuit = tiny_circuit(0, widths=(3, 3, 3, 3, 2), largest=1 << 38)
    with pytest.raises(PlanError) as caught:
        make_plan(circuit, scheme=scheme, ring_degree=32768)
    message = str(caught.value)
    assert f"step 'fc4' has values of {circuit.ranges[-1].bits} bits" in message
    assert "881 bits at 128-bit security" in message
    assert "fewer pixel bits (now 2)" in message
    assert "larger ring" not in message
    assert ("spread" in message) == (scheme == "ckks")
    with pytest.raises(PlanError, match="or a larger ring"):
        make_plan(circuit, scheme=scheme, ring_degree=4096)


def test_wide_weights_that_wrap_int64_are_seen() -> None:
    circuit = Circuit("wraps", (40,), 1, (affine(np.full((1, 40), 1 << 60)),))
    with pytest.raises(PlanError, match="bits of weights"):
        make_plan(circuit)


def test_plans_are_the_same_every_time() -> None:
    first, second = (make_plan(tiny_circuit(2), images=100) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert first.steps == second.steps
    assert log_product(first.parameters.primes) < first.parameters.modulus_bits
