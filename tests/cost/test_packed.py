"""The work of a packed run is the counted operations."""

from collections import Counter

from fcnlab.cost.packed import list_packed_work
from fcnlab.planning.choose import make_packed_plan
from tests.support.circuits import tiny_circuit


def test_stepwise_calls_are_the_projected_operations() -> None:
    circuit = tiny_circuit(3, widths=(20, 12, 6, 3))
    plan = make_packed_plan(circuit, scheme="ckks")
    *steps, _ = list_packed_work(plan, circuit, engine="stepwise")
    for work in steps:
        counted = Counter[str]()
        for call in work.calls:
            counted[call.unit] += call.count
        hops = work.hops
        assert counted["rotate"] == hops.rotations
        assert counted["relinearize"] == counted["square"] == hops.ct_ct_mults
        assert (counted["multiply_plain"], counted["add"]) == (hops.pt_ct_mults, hops.ct_ct_adds)
        assert counted["switch"] == hops.mod_switches
