"""What a packed run costs: the same units, for a program on slots.

Key switches rule: at k data primes each is k^2 + 3 k + 2 transforms in the kernels, and k (k + 1) times a constant in
SEAL. The homomorphic operations come from `packed.program`, the same counts that are tested against the engines.
"""

import math
from collections.abc import Iterator

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops
from fcnlab.cost.units import UnitCosts
from fcnlab.cost.work import Call, StepWork, lifts_plaintexts
from fcnlab.planning.packed.pack import Stage
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.packed.program import count_packed

MEASURED_LEVELS = 13  # log2 of the ring in which transforms are measured


def list_packed_work(plan: PackedPlan, circuit: Circuit, *, engine: str) -> tuple[StepWork, ...]:
    """The work of each step in order, and last what belongs to none: taking the upload in, giving the reply out."""
    program = plan.program(circuit)
    drops = plan.parameters.drops
    table = count_packed(program, drops)
    works = []
    for index, hops in enumerate(table.layers):
        work = StepWork(hops.name, hops)
        primes = len(plan.parameters.primes) - sum(drops[:index])
        stage = None if index % 2 else program.stages[index // 2]
        if engine == "stepwise":
            work.calls += stepwise_calls(hops, primes)
            if lifts_plaintexts(plan.parameters, primes):
                work.calls.append(Call("lift", hops.pt_ct_mults + hops.pt_ct_adds, 2, primes))
        else:
            add_kernels(plan, work, stage, primes)
        works.append(work)
    around = StepWork("", LayerHops(name="", outputs=1))
    first, last = plan.steps[0], plan.steps[-1]
    degree = plan.parameters.ring_degree
    around.residues["mask"] += first.outputs * first.primes * degree
    if engine == "stepwise":
        around.calls.append(Call("load", first.outputs, 2, first.primes))
        around.calls.append(Call("save", 1, 2, last.primes))
    return (*works, around)


def stepwise_calls(hops: LayerHops, primes: int) -> Iterator[Call]:
    """One call of SEAL for each operation."""
    yield Call("multiply_plain", hops.pt_ct_mults, 2, primes)
    yield Call("add", hops.ct_ct_adds, 2, primes)
    yield Call("add_plain", hops.pt_ct_adds, 2, primes)
    yield Call("rotate", hops.rotations, primes + 1, primes)
    yield Call("square", hops.ct_ct_mults, 3, primes)
    yield Call("relinearize", hops.relinearizations, primes + 1, primes)
    for lost in range(hops.mod_switches):
        yield Call("switch", 1, 2, primes - lost)


def add_kernels(plan: PackedPlan, work: StepWork, stage: Stage | None, primes: int) -> None:
    """Residues that each kernel of the fused engine touches."""
    degree, hops = plan.parameters.ring_degree, work.hops
    switches = hops.rotations + hops.relinearizations
    taken_apart = switches - max(len(stage.babies) - 1, 0) if stage else switches
    transforms = taken_apart * (primes + primes**2) + switches * 2 * (primes + 1)
    transforms += sum(2 * (primes - lost) for lost in range(hops.mod_switches))
    work.residues["transform"] += round(transforms * degree * math.log2(degree) / MEASURED_LEVELS)
    work.residues["key_product"] += switches * 2 * primes * (primes + 1) * degree
    work.residues["weigh"] += hops.pt_ct_mults * 2 * primes * degree
    work.residues["add"] += (hops.ct_ct_adds - hops.pt_ct_mults + 1 if stage else 1) * 2 * primes * degree
    work.residues["square"] += hops.ct_ct_mults * 3 * primes * degree


def packed_peak_bytes(plan: PackedPlan, circuit: Circuit, costs: UnitCosts) -> int:
    """Peak resident size: what is loaded, keys as they are made, sent and taken in, and encoded weights."""
    chosen = plan.parameters
    terms = sum(len(stage.terms) for stage in plan.program(circuit).stages)
    weights = terms * len(chosen.primes) * plan.residue_bytes
    return int(costs.general["process_bytes"] + 6 * plan.evaluation_key_bytes + chosen.passes * weights)
