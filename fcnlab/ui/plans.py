"""A plan in words, operations as a table; light, so that a lab may show them without loading what made them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fcnlab.circuit.hops import COLUMNS, HEADS, LayerHops
from fcnlab.inference.report import LayerReport
from fcnlab.page import Table


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


def hops_table(layers: Sequence[LayerHops | LayerReport]) -> Table:
    """Operations by layer, counted or reported, and those of a pass."""
    counts = [layer.operations if isinstance(layer, LayerReport) else vars(layer) for layer in layers]
    figures = [[each.get(kind, 0) for kind in COLUMNS] for each in counts]
    rows = [[layer.name, layer.outputs, *each, layer.total] for layer, each in zip(layers, figures, strict=True)]
    total = ["one pass", None, *map(sum, zip(*figures, strict=True)), sum(layer.total for layer in layers)]
    return Table(("layer", "outputs", *(HEADS[kind] for kind in COLUMNS), "HOPs"), rows, total=total)
