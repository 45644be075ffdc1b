"""What an engine does for one pass of one batch, in the units whose costs are known.

The homomorphic operations come from `hops`, the same counts that are tested against the engines; beside them stands the
work that is no operation on ciphertexts: reading and writing residues, the way into SEAL and back, encoding.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from typing_extensions import override

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.hops import LayerHops
from fcnlab.circuit.polynomials import CountingOperations, Operand, Operation, apply_polynomial
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.planning.execution import BLOCK, are_aligned, count_executed, local_runs
from fcnlab.planning.parameters import Parameters
from fcnlab.planning.plan import Plan
from fcnlab.planning.proof import PlannedStep

EIGHT = 8  # additions that a kernel performs at once


@dataclass(frozen=True)
class Call:
    """Operations of SEAL of one kind: parts are polynomials, or for a square the products of polynomials it needs."""

    unit: str
    count: int
    parts: int
    primes: int


@dataclass
class StepWork:
    """The work of one step.

    Attributes:
        name: The step's name; empty for what belongs to none.
        hops: Homomorphic operations.
        residues: Residues that each kernel touches, by its name.
        calls: Operations of SEAL.
        digits: Digits of weights that are made into a program.
        blocks: Blocks taken through the step.
        fresh_bytes: Memory used for the first time.
    """

    name: str
    hops: LayerHops
    residues: Counter[str] = field(default_factory=Counter)
    calls: list[Call] = field(default_factory=list)
    digits: int = 0
    blocks: int = 0
    fresh_bytes: int = 0


def list_work(plan: Plan, circuit: Circuit, *, engine: str) -> tuple[StepWork, ...]:
    """The work of each step in order, and last what belongs to none: taking the upload in, giving the reply out."""
    table = count_executed(circuit, plan.parameters, engine=engine)
    steps = tuple(StepWork(hops.name, hops) for hops in table.layers)
    around = StepWork("", LayerHops(name="", outputs=plan.outputs), fresh_bytes=plan.download_bytes)
    around.fresh_bytes //= plan.parameters.passes
    rows = list(zip(circuit.steps, steps, plan.steps[:-1], plan.steps[1:], strict=True))
    for step, work, before, row in rows:
        if engine == "stepwise":
            add_stepwise(plan, step, work, before, row)
        else:
            add_fused(plan, step, work, before, row)
    first, last = plan.steps[0], plan.steps[-1]
    around.residues["mask"] += first.outputs * first.primes * plan.parameters.ring_degree
    around.fresh_bytes += first.outputs * first.primes * plan.residue_bytes
    if engine == "stepwise":
        around.calls.append(Call("load", first.outputs, first.size, first.primes))
        around.calls.append(Call("save", last.outputs, last.size, last.primes - last.drops))
        around.fresh_bytes += ciphertext_bytes(plan, first)
    else:
        for indices in local_runs(circuit, plan.parameters):
            _, opening, before, row = rows[indices[0]]
            opening.residues["load"] += before.outputs * before.size * row.primes * plan.parameters.ring_degree
            _, closing, _, row = rows[indices[-1]]
            closing.residues["store"] += row.outputs * row.size * row.primes * plan.parameters.ring_degree
    return (*steps, around)


def add_fused(plan: Plan, step: Step, work: StepWork, before: PlannedStep, row: PlannedStep) -> None:
    """Kernels for what is local to a coefficient, SEAL for what is not."""
    residues = row.primes * plan.parameters.ring_degree
    if isinstance(step, Affine):
        digits = signed_digits(step.weights)
        work.digits = len(digits.columns)
        lengths = digits.runs[np.concatenate([[True], digits.runs[:-1] == 1])[: work.digits]]
        eights = int(np.sum(lengths // EIGHT)) * EIGHT
        doubled = np.count_nonzero(digits.doublings) + np.count_nonzero(digits.last_doublings)
        singles = work.digits - eights
        amounts = {"add_eight": eights, "add_one": singles, "double": int(doubled), "reduce": step.outputs}
        for kernel, rows in amounts.items():
            work.residues[kernel] += rows * row.size * residues
    elif plan.parameters.scheme != "bfv":
        dropped = len(plan.parameters.primes) - row.primes
        counting = CountingOperations(aligned=are_aligned(plan.parameters, dropped=dropped))
        apply_polynomial(step.coefficients, Operand(before.size), counting)
        for operation, count in counting.counts.items():
            work.residues[operation.unit] += count * operation.parts * step.outputs * residues
    else:
        work.calls.append(Call("load", step.outputs, before.size, row.primes))
        add_activation(plan, step, work, before, row)
        work.calls.append(Call("save", step.outputs, row.size, row.primes))
        work.fresh_bytes += ciphertext_bytes(plan, row)
    if isinstance(step, Affine) or plan.parameters.scheme != "bfv":
        work.blocks += row.primes * max(plan.parameters.ring_degree // BLOCK, 1)
    if row.drops:
        work.calls.append(Call("load", step.outputs, row.size, row.primes))
        work.calls.append(Call("save", step.outputs, row.size, row.primes - row.drops))
        add_switches(work, row)
        work.fresh_bytes += ciphertext_bytes(plan, row)


def add_stepwise(plan: Plan, step: Step, work: StepWork, before: PlannedStep, row: PlannedStep) -> None:
    """One call of SEAL for each operation; plaintexts are encoded once for each weight, and for each bias."""
    hops = work.hops
    if isinstance(step, Affine):
        weights = 0 if step.pooling else len(np.unique(np.abs(step.weights.data)))
        amounts = {
            "multiply_plain": hops.pt_ct_mults,
            "add": hops.ct_ct_adds,
            "negate": rows_without_positive(step),
            "copy": step.outputs if step.pooling else 0,
            "encode": weights + hops.pt_ct_adds,
            "add_plain": hops.pt_ct_adds,
        }
        work.calls += [Call(unit, count, row.size, row.primes) for unit, count in amounts.items() if count]
    else:
        add_activation(plan, step, work, before, row)
    if lifts_plaintexts(plan.parameters, row.primes):
        lifted = sum(call.count for call in work.calls if call.unit in ("multiply_plain", "add_plain"))
        work.calls.append(Call("lift", lifted, row.size, row.primes))
    work.fresh_bytes += ciphertext_bytes(plan, row)
    add_switches(work, row)


def lifts_plaintexts(parameters: Parameters, primes: int) -> bool:
    """Whether SEAL lifts plaintexts the slow way for ciphertexts of so many primes."""
    return parameters.scheme == "bgv" and max(parameters.plain_moduli) > min(parameters.primes[:primes])


def add_activation(plan: Plan, step: Polynomial, work: StepWork, before: PlannedStep, row: PlannedStep) -> None:
    """An activation by SEAL."""
    chosen = plan.parameters
    counting = SealCounting(chosen.scheme, aligned=are_aligned(chosen, dropped=len(chosen.primes) - row.primes))
    apply_polynomial(step.coefficients, Operand(before.size), counting)
    for operation, count in counting.counts.items():
        work.calls.append(Call(operation.unit, count * step.outputs, operation.parts, row.primes))


class SealCounting(CountingOperations):
    """As `he.engines.seal` carries them out: sums begin with a copy, and constants are encoded each time.

    Args:
        scheme: bgv, bfv or ckks.
        aligned: See `CountingOperations`.
    """

    def __init__(self, scheme: str, *, aligned: bool) -> None:
        super().__init__(aligned=aligned)
        self._scheme = scheme

    @override
    def scale(self, a: Operand, factor: int, /, *, like: Operand | None = None) -> Operand:
        if like is not None and self._scheme == "bgv":  # the correction factor is changed on the way through bytes
            self.counts[Operation("save", like.size)] += 1
            self.counts[Operation("save", a.size)] += 2
            self.counts[Operation("load", a.size)] += 1
        if factor < 0:
            self.counts[Operation("negate", a.size)] += 1
        return super().scale(a, factor, like=like)

    @override
    def add(self, a: Operand, b: Operand, /) -> Operand:
        self.counts[Operation("copy", a.size)] += 1
        return super().add(a, b)

    @override
    def add_constant(self, a: Operand, constant: int, /) -> Operand:
        self.counts[Operation("copy", a.size)] += 1
        self.counts[Operation("encode", a.size)] += 1
        return super().add_constant(a, constant)


def add_switches(work: StepWork, row: PlannedStep) -> None:
    """Dropping primes one by one."""
    for level in range(row.drops):
        work.calls.append(Call("switch", row.outputs, row.size, row.primes - level))


def rows_without_positive(step: Affine) -> int:
    """Outputs whose sum begins with a negative weight, which is negated first."""
    positive = np.logical_or.reduceat(np.append(step.weights.data > 0, False), step.weights.indptr[:-1])
    return int(np.count_nonzero((np.diff(step.weights.indptr) > 0) & ~positive))


def ciphertext_bytes(plan: Plan, row: PlannedStep) -> int:
    """Bytes of a step's results, before primes are dropped."""
    return row.outputs * row.size * row.primes * plan.residue_bytes
