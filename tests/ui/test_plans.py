import numpy as np
import pytest

from fcnlab.circuit.hops import count_stepwise
from fcnlab.planning.choose import make_plan
from fcnlab.ui.plans import hops_table, plan_sentence
from tests.support.circuits import tiny_circuit
from tests.support.reports import made_up_layer

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
    assert [row[0] for row in plan.proof.rows] == [step.name for step in plan.steps]


def test_operations_are_the_same_table_counted_or_reported():
    counted = count_stepwise(CIRCUIT)
    reported = [made_up_layer(each.name, outputs=each.outputs, operations=vars(each)) for each in counted.layers]
    table = hops_table(counted.layers)
    assert table.html() == hops_table(reported).html()
    assert table.total[-1] == sum(table.total[2:-1]) == counted.total.total
    assert [row[-1] for row in table.rows] == [layer.total for layer in counted.layers]
