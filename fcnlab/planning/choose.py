"""Choosing a plan: the cheapest parameters that are proven sufficient at 128-bit security, or a reasoned refusal.

The packed layout is for a few images, a batch for many; where either would do, counted work decides.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.integers import SUM_BITS, sum_bits
from fcnlab.errors import PlanError
from fcnlab.planning.batch.approximate import PRECISION, approximate_plans, typical_pixels
from fcnlab.planning.batch.exact import exact_plans, prove_exact
from fcnlab.planning.batch.proofs import profile, prove_approximate
from fcnlab.planning.execution import step_sizes
from fcnlab.planning.noise import Scheme
from fcnlab.planning.packed.approximate import approximate_plans as packed_approximate_plans
from fcnlab.planning.packed.exact import exact_plans as packed_exact_plans
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.parameters import MODULUS_BITS, RINGS, SCHEMES, SECURITY_BITS, SMALLEST_PRIME_BITS, Parameters
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import sample_for

MOST_POLYNOMIALS = 16  # of a ciphertext; SEAL_CIPHERTEXT_SIZE_MAX

# Work per residue in units of one addition (0.2 ns), measured; transfer at a gigabit a second. Only for ranking.
SQUARE_WORK, SWITCH_WORK, ENCRYPT_WORK, TRANSFER_WORK = 1.5, 70, 550, 320
KEY_SWITCH_WORK, SYMMETRIC_WORK, PRODUCT_WORK = 60, 400, 5  # of the packed layout

LAYOUTS = ("batch", "packed", "auto")
PACKED_SCHEMES: tuple[Scheme, ...] = ("bgv", "ckks")


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
        sample: ckks: pixels of typical images; training images of digits if not given, where the circuit reads such.

    Returns:
        The plan; and, where packed was asked for and cannot be, one sentence that says why. Empty otherwise.

    Raises:
        PlanError: If the layout is unknown, or no layout holds the circuit.
    """
    if layout not in LAYOUTS:
        raise PlanError(f"Unknown layout {layout!r}; choose one of {', '.join(LAYOUTS)}.")

    sample = sample_for(scheme, circuit) if sample is None else sample

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


def make_plan(
    circuit: Circuit,
    *,
    scheme: Scheme = "bgv",
    images: int | None = None,
    ring_degree: int | None = None,
    sample: npt.NDArray[Any] | None = None,
    most_bytes: int | None = None,
) -> Plan:
    """Choose the cheapest parameters that are proven sufficient at 128-bit security.

    Args:
        circuit: What will be evaluated.
        scheme: bgv, bfv (both exact) or ckks (approximate, half the slots, smallest rings).
        images: How many images will be classified: the plan is the cheapest for these. Full batches if not given.
        ring_degree: Ask for this ring; otherwise any of 4096 to 32768.
        sample: ckks: pixels of typical images, shape (N, inputs), from which the size of the error is predicted;
            uniform random pixels if not given. The proof against overflow never depends on it.
        most_bytes: Memory for ciphertexts, as `Plan.held_bytes` counts it; plans that hold more are not considered.

    Raises:
        PlanError: If no ring holds the circuit, naming the step that asks for most and what would help.
    """
    if scheme not in SCHEMES:
        raise PlanError(f"Unknown scheme {scheme!r}; choose one of {', '.join(SCHEMES)}.")
    rings = rings_asked(ring_degree)
    if images is not None and images < 1:
        raise PlanError(f"A plan is made for 1 image or more; got {images}.")
    check_supported(circuit)

    def cost(plan: Plan) -> float:
        too_large = most_bytes is not None and plan.held_bytes > most_bytes
        return math.inf if too_large else relative_cost(plan, circuit, images)

    if scheme == "ckks":
        found = next(approximate_plans(circuit, rings, sample, cost=cost), None)
    else:
        found = min(exact_plans(circuit, rings, scheme), key=cost, default=None)
    if found is None or cost(found) == math.inf:
        within = f" within {most_bytes / 2**30:.1f} GiB of ciphertexts" if most_bytes is not None else ""
        raise PlanError(explain_refusal(circuit, scheme, rings, within=within))
    return found


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
    rings = rings_asked(ring_degree)
    reason: PlanError | None = None
    for degree in rings:
        try:
            program = pack(circuit, slots=degree // 2)
        except PlanError as refusal:
            reason = refusal
            continue
        if scheme == "ckks":
            plans = packed_approximate_plans(program, circuit, degree, sample)
        else:
            plans = packed_exact_plans(program, circuit, degree)
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


def rings_asked(ring_degree: int | None) -> tuple[int, ...]:
    """The ring that is asked for, or all of them."""
    if ring_degree is None:
        return RINGS
    if ring_degree not in RINGS:
        raise PlanError(f"Ring degree {ring_degree} is not available; choose one of {', '.join(map(str, RINGS))}.")
    return (ring_degree,)


def prove(circuit: Circuit, parameters: Parameters, *, sample: npt.NDArray[Any] | None = None) -> Plan:
    """The plan of a circuit with parameters that were chosen for another, such as the whole that it is a part of.

    Args:
        circuit: What will be evaluated.
        parameters: From a plan of a circuit with the same steps.
        sample: As for `make_plan`.

    Raises:
        PlanError: If they do not suffice for this circuit.
    """
    check_supported(circuit)
    if len(parameters.drops) != len(circuit.steps):
        raise PlanError(f"Parameters for {len(parameters.drops)} steps do not fit {len(circuit.steps)}; plan anew.")
    if parameters.scheme == "ckks":
        plan = prove_approximate(circuit, parameters, profile(circuit, typical_pixels(circuit, sample)))
    else:
        plan = prove_exact(circuit, parameters)
    plan.check_circuit(circuit)
    holds = parameters.scheme == "ckks" or plan.steps[-1].value_bits <= math.log2(math.prod(parameters.plain_moduli))
    if not holds or min(step.budget_bits for step in plan.steps) < 0 or plan.predicted_error > PRECISION:
        raise PlanError(f"These parameters do not suffice for {circuit.name}; plan anew.")
    return plan


def check_supported(circuit: Circuit) -> None:
    """Refuse what no engine evaluates, all reasons at once."""
    problems = [
        f"row {np.flatnonzero(np.diff(step.weights.indptr) == 0)[0]} of {step.name} has no weight "
        "(compile with merge=True)"
        for step in circuit.affine_steps
        if not np.diff(step.weights.indptr).all()
    ]
    problems += [
        f"the rows of {step.name} sum to {sum_bits(step.weights) - 1} bits of weights (at most "
        f"{SUM_BITS - SMALLEST_PRIME_BITS - 1}; compile with fewer weight bits)"
        for step in circuit.affine_steps
        if SUM_BITS - sum_bits(step.weights) < SMALLEST_PRIME_BITS
    ]
    problems += [
        f"{step.name} would give ciphertexts of {size} polynomials, and SEAL's longest have {MOST_POLYNOMIALS} "
        "(use fewer activations, or of lower degree)"
        for step, before, size in step_sizes(circuit)
        if before <= MOST_POLYNOMIALS < size
    ]
    if not circuit.steps or not isinstance(circuit.steps[0], Affine):
        problems.append("the first step is not affine (begin the network with a convolution or a linear layer)")
    if problems:
        raise PlanError(f"{circuit.name} cannot be encrypted: " + "; ".join(problems) + ".")


def relative_cost(plan: Plan, circuit: Circuit, images: int | None) -> float:
    """Work per image in additions of one residue: what ranks the candidates."""
    chosen, digits = plan.parameters, {step.name: step.digits for step in circuit.affine_steps}
    primes = len(chosen.primes)
    work = float(len(plan.inputs) * (ENCRYPT_WORK * (primes + 1) + TRANSFER_WORK * 2 * primes))
    for step in plan.steps[1:]:
        residues = step.size * step.primes
        work += digits.get(step.name, 0) * residues or SQUARE_WORK * step.outputs * step.size * residues
        work += SWITCH_WORK * step.outputs * residues * step.drops
    images = images or chosen.slots
    return work * chosen.passes * chosen.ring_degree * math.ceil(images / chosen.slots) / images


def explain_refusal(circuit: Circuit, scheme: Scheme, rings: Sequence[int], *, within: str = "") -> str:
    """Say which step asks for how many bits, and what would help."""
    squares = sum(isinstance(step, Polynomial) for step in circuit.steps)
    widest = max(range(len(circuit.steps)), key=lambda index: circuit.ranges[index].bits)
    allowed = max(MODULUS_BITS[degree] for degree in rings)
    precisely = f", precise to {100 * PRECISION:.2g} % of the logits' spread" if scheme == "ckks" else ""
    return (
        f"No ring of degree {', '.join(map(str, rings))} holds {circuit.name} in {scheme}{precisely}{within}: after "
        f"{squares} multiplications step {circuit.steps[widest].name!r} has values of {circuit.ranges[widest].bits} "
        f"bits, and the modulus may have {allowed} bits at {SECURITY_BITS}-bit security. What helps: fewer pixel bits "
        f"(now {circuit.pixel_bits}), weights with fewer exponents, fewer weights per unit, fewer activations"
        + (", or a larger ring." if max(rings) < max(RINGS) else ".")
    )


def batch_work(circuit: Circuit, plan: Plan, images: int) -> float:
    """Work of all images in additions of one residue."""
    return relative_cost(plan, circuit, images) * images


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
