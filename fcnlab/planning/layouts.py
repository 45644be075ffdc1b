"""Choosing between the layouts: packed for a few images, a batch for many."""

import math
from typing import Any

import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.signed_digits import count_digits
from fcnlab.errors import PlanError
from fcnlab.planning.choose import TRANSFER_WORK, make_plan, relative_cost
from fcnlab.planning.noise import Scheme
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.packed.planner import PACKED_SCHEMES, make_packed_plan
from fcnlab.planning.plan import Plan

LAYOUTS = ("batch", "packed", "auto")

# In the units of `planner`: additions of one residue, measured.
KEY_SWITCH_WORK, SYMMETRIC_WORK, PRODUCT_WORK = 60, 400, 5


def choose_plan(
    circuit: Circuit,
    *,
    layout: str = "auto",
    scheme: Scheme = "bgv",
    images: int | None = None,
    ring_degree: int | None = None,
    sample: npt.NDArray[Any] | None = None,
) -> tuple[Plan, str]:
    """A plan in the layout that is asked for, or in the cheaper one.

    Args:
        circuit: What will be evaluated.
        layout: batch, packed, or auto: whichever takes less work for these images, transfer included.
        scheme: bgv, bfv or ckks; bfv has no packed layout.
        images: How many will be classified; full batches if not given.
        ring_degree: Ask for this ring.
        sample: ckks: pixels of typical images.

    Returns:
        The plan; and, where packed was asked for and cannot be, one sentence that says why. Empty otherwise.

    Raises:
        PlanError: If the layout is unknown, or no layout holds the circuit.
    """
    if layout not in LAYOUTS:
        raise PlanError(f"Unknown layout {layout!r}; choose one of {', '.join(LAYOUTS)}.")

    def batch() -> Plan:
        return make_plan(circuit, scheme=scheme, images=images, ring_degree=ring_degree, sample=sample)

    if layout == "batch" or (layout == "auto" and (not images or scheme not in PACKED_SCHEMES)):
        return batch(), ""
    try:
        packed = make_packed_plan(circuit, scheme=scheme, ring_degree=ring_degree, sample=sample)
    except PlanError as reason:
        return batch(), f"The batch layout is used: {reason}" if layout == "packed" else ""
    if layout == "packed" or images is None:
        return packed, ""
    try:
        other = batch()
    except PlanError:
        return packed, ""
    return (packed if packed_work(packed, images) < batch_work(circuit, other, images) else other), ""


def batch_work(circuit: Circuit, plan: Plan, images: int) -> float:
    """Work of all images in additions of one residue."""
    digits = {step.name: count_digits(step.weights) for step in circuit.affine_steps}
    return relative_cost(plan, digits, images) * images


def packed_work(plan: PackedPlan, images: int) -> float:
    """Work of all images in additions of one residue: encryption, transfer, key switches and products."""
    chosen = plan.parameters
    top = len(chosen.primes)
    work = float(len(plan.gather) * top * (SYMMETRIC_WORK + TRANSFER_WORK))
    shares = plan.key_switches / len(plan.key_levels)
    work += sum(shares * KEY_SWITCH_WORK * k * (k + 1) + PRODUCT_WORK * 2 * k for k in plan.key_levels)
    return work * chosen.passes * chosen.ring_degree * math.ceil(images / plan.batch_images)


def crossing_images(circuit: Circuit, packed: PackedPlan, batch: Plan) -> int:
    """The fewest images for which the batch layout takes less work than the packed one."""
    low, high = 0, batch.batch_images
    while high - low > 1:
        middle = (low + high) // 2
        cheaper = batch_work(circuit, batch, middle) < packed_work(packed, middle)
        low, high = (low, middle) if cheaper else (middle, high)
    return high
