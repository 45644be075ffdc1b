"""Choosing a packed plan: the smallest ring that holds the circuit, or a reasoned refusal."""

from typing import Any

import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import PlanError
from fcnlab.planning.batch.approximate import PRECISION
from fcnlab.planning.noise import Scheme
from fcnlab.planning.packed.approximate import approximate_plans
from fcnlab.planning.packed.exact import exact_plans
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.parameters import RINGS, SECURITY_BITS

PACKED_SCHEMES: tuple[Scheme, ...] = ("bgv", "ckks")


def make_packed_plan(
    circuit: Circuit, *, scheme: Scheme = "ckks", ring_degree: int | None = None, sample: npt.NDArray[Any] | None = None
) -> PackedPlan:
    """Choose parameters for single images that are proven sufficient at 128-bit security.

    Args:
        circuit: What will be evaluated: affine steps with one or two squares between them.
        scheme: ckks (approximate) or bgv (exact, two images an upload).
        ring_degree: Ask for this ring; otherwise the smallest that holds the circuit.
        sample: ckks: pixels of typical images, from which the size of the error is predicted; the proof against
            overflow never depends on it.

    Raises:
        PlanError: If the layout cannot hold the circuit, with the reason; the batch layout may.
    """
    if scheme not in PACKED_SCHEMES:
        raise PlanError(f"The packed layout runs in {' and '.join(PACKED_SCHEMES)}, not in {scheme}; choose one.")
    if ring_degree is not None and ring_degree not in RINGS:
        raise PlanError(f"Ring degree {ring_degree} is not available; choose one of {', '.join(map(str, RINGS))}.")
    rings = (ring_degree,) if ring_degree else RINGS
    reason: PlanError | None = None
    for degree in rings:
        try:
            program = pack(circuit, slots=degree // 2)
        except PlanError as refusal:
            reason = refusal
            continue
        if scheme == "ckks":
            plans = approximate_plans(program, circuit, degree, sample)
        else:
            plans = exact_plans(program, circuit, degree)
        found = next(plans, None)
        if found is not None:
            return found
        reason = None
    bits = max(interval.bits for interval in circuit.ranges)
    precisely = f", precise to {100 * PRECISION:.2g} % of the logits' spread" if scheme == "ckks" else ""
    raise reason or PlanError(
        f"No ring of degree {', '.join(map(str, rings))} holds {circuit.name} packed in {scheme}{precisely} at "
        f"{SECURITY_BITS}-bit security: its values have up to {bits} bits. Use the batch layout, fewer pixel or weight "
        "bits, or a larger ring."
    )
