"""Packed plans: proven, refused with a reason, and honest about what they predict."""

import numpy as np
import pytest

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.errors import PlanError
from fcnlab.planning.choose import batch_work, choose_plan, crossing_images, make_packed_plan, make_plan, packed_work
from fcnlab.planning.packed.exact import permuted_roots
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.parameters import MODULUS_BITS
from tests.support.circuits import affine, tiny_circuit

CIRCUIT = tiny_circuit(3, widths=(400, 12, 6, 3))


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_a_plan_is_proven_and_within_the_standard(scheme: str) -> None:
    plan = make_packed_plan(CIRCUIT, scheme=scheme)  # type: ignore[arg-type]
    assert min(step.budget_bits for step in plan.steps) >= 0
    assert plan.parameters.modulus_bits <= MODULUS_BITS[plan.parameters.ring_degree]
    assert plan.layout == plan.as_dict()["layout"] == "packed"
    assert [step.name for step in plan.steps[1:]] == [step.name for step in CIRCUIT.steps]
    assert plan.as_dict()["key_switches"] == plan.key_switches > len(plan.rotations)
    assert all(len(line) <= 120 for line in str(plan).splitlines())
    program = pack(CIRCUIT, slots=plan.gather.shape[1])
    steps = {step for stage in program.stages for step in stage.rotations}
    assert [step for step, _ in plan.rotations] == sorted(steps)
    assert plan.fingerprint == make_packed_plan(CIRCUIT, scheme=scheme).fingerprint  # type: ignore[arg-type]


def test_keys_are_for_the_primes_that_are_left_when_they_are_used() -> None:
    plan = make_packed_plan(CIRCUIT, scheme="ckks")
    program = pack(CIRCUIT, slots=plan.gather.shape[1])
    levels = [row.primes for row in plan.steps[1::2]]
    assert levels == sorted(set(levels), reverse=True)
    for step, primes in plan.rotations:
        assert primes == max(
            level for level, stage in zip(levels, program.stages, strict=True) if step in stage.rotations
        )
    assert plan.relinearization == plan.steps[2].primes


def test_roots_change_places_as_an_automorphism_does() -> None:
    degree, step = 16, 3
    rng = np.random.default_rng(0)
    coefficients = rng.integers(-9, 9, size=degree)
    moved = np.zeros(degree)
    for power, value in enumerate(coefficients):
        exponent = power * pow(3, step, 2 * degree) % (2 * degree)
        moved[exponent % degree] += value if exponent < degree else -value
    roots = np.exp(1j * np.pi * (2 * np.arange(degree // 2) + 1) / degree)
    before, after = (np.abs(np.polynomial.Polynomial(values)(roots)) for values in (coefficients, moved))
    assert np.allclose(after, before[permuted_roots(degree, step)])


def test_what_has_no_packed_plan_is_refused_with_the_reason() -> None:
    with pytest.raises(PlanError, match="runs in bgv and ckks, not in bfv"):
        make_packed_plan(CIRCUIT, scheme="bfv")
    with pytest.raises(PlanError, match="Ring degree 5000 is not available"):
        make_packed_plan(CIRCUIT, ring_degree=5000)
    with pytest.raises(PlanError, match=r"No ring of degree 4096 holds tiny packed in bgv .* Use the batch layout"):
        make_packed_plan(CIRCUIT, scheme="bgv", ring_degree=4096)


def test_the_layout_follows_the_number_of_images() -> None:
    few, note = choose_plan(CIRCUIT, scheme="bgv", images=1)
    many, _ = choose_plan(CIRCUIT, scheme="bgv", images=10_000)
    assert (few.layout, many.layout, note) == ("packed", "batch", "")
    assert isinstance(few, PackedPlan)
    crossing = crossing_images(CIRCUIT, few, many)
    assert packed_work(few, crossing - 1) <= batch_work(CIRCUIT, many, crossing - 1)
    assert batch_work(CIRCUIT, many, crossing) < packed_work(few, crossing)
    assert choose_plan(CIRCUIT, scheme="bfv", images=1)[0].layout == "batch"
    assert choose_plan(CIRCUIT, scheme="bgv")[0].layout == "batch"
    assert choose_plan(CIRCUIT, scheme="bgv", layout="batch", images=1)[0].layout == "batch"


def test_what_cannot_be_packed_goes_by_batch_and_says_why() -> None:
    cubic = Circuit("cubic", (2,), 2, (affine(np.eye(2)), Polynomial("act", 2, (0, 0, 0, 1)), affine(np.eye(2))))
    plan, note = choose_plan(cubic, layout="packed", scheme="bgv", images=1)
    assert plan.fingerprint == make_plan(cubic, images=1).fingerprint
    assert note.startswith("The batch layout is used: The packed layout takes squares; act of cubic")
    with pytest.raises(PlanError, match="Unknown layout 'wide'; choose one of batch, packed, auto"):
        choose_plan(cubic, layout="wide")
