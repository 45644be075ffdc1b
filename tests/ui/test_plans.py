import numpy as np
import pytest

from fcnlab.planning.choose import make_plan
from fcnlab.ui.plans import PROOF_HEADS, plan_sentence, proof_table
from tests.support.circuits import tiny_circuit

CIRCUIT = tiny_circuit(1, widths=(4, 2, 3))


@pytest.mark.parametrize("scheme", ["bgv", "bfv", "ckks"])
def test_a_plan_in_words_and_as_a_table(scheme):
    sample = np.random.default_rng(0).integers(0, CIRCUIT.pixel_max + 1, size=(64, CIRCUIT.inputs))
    plan = make_plan(CIRCUIT, scheme=scheme, images=1, sample=sample if scheme == "ckks" else None)
    chosen = plan.parameters
    words = plan_sentence(plan.as_dict(), inputs="features")
    assert f"Plan: {scheme}, ring degree {chosen.ring_degree:,}, primes of " in words
    assert ("expected error" in words) == (scheme == "ckks")
    assert words.endswith(f"{len(plan.inputs)} encrypted features, batch layout.")
    table = proof_table(plan)
    assert [row[0] for row in table.rows] == [step.name for step in plan.steps]
    assert {len(row) for row in table.rows} == {len(PROOF_HEADS)}
