"""Choosing a plan: the cheapest parameters that are proven sufficient at 128-bit security, or a reasoned refusal."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.integers import SUM_BITS, sum_bits
from fcnlab.circuit.signed_digits import count_digits
from fcnlab.errors import PlanError
from fcnlab.planning.batch.approximate import PRECISION, approximate_plans, typical_pixels
from fcnlab.planning.batch.exact import exact_plans, prove_exact
from fcnlab.planning.batch.proofs import profile, prove_approximate
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import MODULUS_BITS, RINGS, SCHEMES, SECURITY_BITS, SMALLEST_PRIME_BITS, Parameters
from fcnlab.planning.plan import Plan, step_sizes

MOST_POLYNOMIALS = 16  # of a ciphertext; SEAL_CIPHERTEXT_SIZE_MAX

# Work per residue in units of one addition (0.2 ns), measured; transfer at a gigabit a second. Only for ranking.
SQUARE_WORK, SWITCH_WORK, ENCRYPT_WORK, TRANSFER_WORK = 1.5, 70, 550, 320


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
    if ring_degree is not None and ring_degree not in RINGS:
        raise PlanError(f"Ring degree {ring_degree} is not available; choose one of {', '.join(map(str, RINGS))}.")
    if images is not None and images < 1:
        raise PlanError(f"A plan is made for 1 image or more; got {images}.")
    check_supported(circuit)
    rings = (ring_degree,) if ring_degree else RINGS
    digits = {step.name: count_digits(step.weights) for step in circuit.affine_steps}

    def cost(plan: Plan) -> float:
        too_large = most_bytes is not None and plan.held_bytes > most_bytes
        return math.inf if too_large else relative_cost(plan, digits, images)

    if scheme == "ckks":
        found = next(approximate_plans(circuit, rings, sample, cost=cost), None)
    else:
        found = min(exact_plans(circuit, rings, scheme), key=cost, default=None)
    if found is None or cost(found) == math.inf:
        within = f" within {most_bytes / 2**30:.1f} GiB of ciphertexts" if most_bytes is not None else ""
        raise PlanError(explain_refusal(circuit, scheme, rings, within=within))
    return found


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
        problems.append("the first step is not affine")
    if problems:
        raise PlanError(f"{circuit.name} cannot be encrypted: " + "; ".join(problems) + ".")


def relative_cost(plan: Plan, digits: dict[str, int], images: int | None) -> float:
    """Work per image in additions of one residue: what ranks the candidates."""
    chosen = plan.parameters
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
