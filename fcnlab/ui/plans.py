"""A plan in words and as a table; light, so that a lab may show a plan without loading what made it."""

from collections.abc import Mapping
from typing import Any, Final

from fcnlab.page import Table
from fcnlab.planning.plan import Plan

PROOF_HEADS: Final = ("step", "ciphertexts", "polynomials", "value bits", "noise bits", "bits left", "primes")


def plan_sentence(plan: Mapping[str, Any], *, inputs: str = "pixels") -> str:
    """The parameters in one sentence.

    Args:
        plan: As `Plan.as_dict` gives it.
        inputs: What is encrypted.
    """
    *primes, special = plan["prime_bits"]
    if plan["plain_modulus_bits"]:
        moduli = f"plain moduli of {' and '.join(map(str, plan['plain_modulus_bits']))} bits"
    else:
        moduli = f"expected error of a logit {100 * plan['predicted_error']:.2g} % of the logits' spread"
    return (
        f"Plan: {plan['scheme']}, ring degree {plan['ring_degree']:,}, primes of {', '.join(map(str, primes))} bits "
        f"(and {special} for keys), {plan['security_bits']}-bit security, {moduli}; {plan['encrypted_pixels']} "
        f"encrypted {inputs}, {plan['layout']} layout."
    )


def proof_table(plan: Plan) -> Table:
    """The proof, a row a step."""
    rows: list[list[object]] = []
    for step in plan.steps:
        primes = f"{step.primes} → {step.primes - step.drops}" if step.drops else str(step.primes)
        bits = (step.value_bits, f"{step.noise_bits:.1f}", f"{step.budget_bits:.1f}")
        rows.append([step.name, step.outputs, step.size, *bits, primes])
    return Table(PROOF_HEADS, rows)
