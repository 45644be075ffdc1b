"""Seconds, bytes and memory of an encrypted run, before anything runs.

Seconds are those of a machine with nothing else to do. Nothing here knows SEAL: unit costs come from a file.
"""

import math
from itertools import pairwise

from fcnlab.circuit.circuit import Circuit
from fcnlab.cost.account import ProjectedStep, Projection
from fcnlab.cost.packed import list_packed_work, packed_encrypt_seconds, packed_keygen_seconds, packed_peak_bytes
from fcnlab.cost.units import UnitCosts
from fcnlab.cost.work import BLOCK, ENGINES, StepWork, ciphertext_bytes, list_work, local_runs
from fcnlab.errors import FcnlabError, PlanError
from fcnlab.machine.machine import usable_cores
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan, PlannedStep, circuit_fingerprint

__all__ = ["ProjectedStep", "Projection", "project"]

WORD = 8  # bytes of a residue, and of a pixel


def project(
    plan: Plan, circuit: Circuit, *, engine: str = "fused", images: int, threads: int = 1, costs: UnitCosts
) -> Projection:
    """Project the cost of `inference.infer` with the same arguments.

    Args:
        plan: Of this circuit.
        circuit: The network.
        engine: fused or stepwise.
        images: How many to classify, at least 1.
        threads: Threads of the server; more than there are cores bring nothing.
        costs: Of this machine.

    Raises:
        PlanError: If the plan is not this circuit's.
        FcnlabError: If the engine is unknown, or there is no image or no thread.
    """
    if isinstance(plan, PackedPlan):
        return project_packed(plan, circuit, engine=engine, images=images, threads=threads, costs=costs)
    if [row.name for row in plan.steps[1:]] != [step.name for step in circuit.steps]:
        raise PlanError(f"The plan was made for {plan.network}, not for {circuit.name}; plan again.")
    if images < 1 or threads < 1:
        raise FcnlabError(f"A run needs at least 1 image and 1 thread; got {images} and {threads}.")
    chosen = plan.parameters
    batches = math.ceil(images / chosen.slots)
    turns = batches * chosen.passes
    *steps, around = list_work(plan, circuit, engine=engine)
    seconds = [turns * work_seconds(work, plan, costs, threads) for work in steps]
    key_bytes = 2 * (len(chosen.primes) + 1) * plan.residue_bytes
    return Projection(
        network=plan.network,
        scheme=chosen.scheme,
        ring_degree=chosen.ring_degree,
        engine=engine,
        images=images,
        batches=batches,
        passes=chosen.passes,
        threads=threads,
        keygen_s=chosen.passes * call_seconds("keys", plan, costs, plan.steps[0]),
        encrypt_s=encrypt_seconds(plan, costs, batches=batches),
        evaluate_s=sum(seconds) + turns * work_seconds(around, plan, costs, threads),
        decrypt_s=turns * decrypt_seconds(plan, costs),
        steps=tuple(
            ProjectedStep(name=work.name, hops=work.hops, seconds=elapsed_s)
            for work, elapsed_s in zip(steps, seconds, strict=True)
        ),
        upload_bytes=batches * plan.upload_bytes,
        download_bytes=batches * plan.download_bytes,
        public_key_bytes=chosen.passes * key_bytes,
        peak_memory_bytes=peak_bytes(plan, circuit, costs, engine=engine, images=images, threads=threads),
    )


def project_packed(
    plan: PackedPlan, circuit: Circuit, *, engine: str, images: int, threads: int, costs: UnitCosts
) -> Projection:
    """The same for a packed plan; all of it is done on one thread."""
    if plan.circuit != circuit_fingerprint(circuit):
        raise PlanError(f"The plan was made for {plan.network}, not for {circuit.name}; plan again.")
    if images < 1 or threads < 1:
        raise FcnlabError(f"A run needs at least 1 image and 1 thread; got {images} and {threads}.")
    if engine not in ENGINES:
        raise FcnlabError(f"Unknown engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    chosen = plan.parameters
    batches = math.ceil(images / plan.batch_images)
    turns = batches * chosen.passes
    *steps, around = list_packed_work(plan, circuit, engine=engine)
    seconds = [turns * work_seconds(work, plan, costs, 1) for work in steps]
    return Projection(
        network=plan.network,
        layout=plan.layout,
        scheme=chosen.scheme,
        ring_degree=chosen.ring_degree,
        engine=engine,
        images=images,
        batches=batches,
        passes=chosen.passes,
        threads=threads,
        keygen_s=packed_keygen_seconds(plan, costs),
        encrypt_s=turns * packed_encrypt_seconds(plan, costs),
        evaluate_s=sum(seconds) + turns * work_seconds(around, plan, costs, 1),
        decrypt_s=turns * decrypt_seconds(plan, costs),
        steps=tuple(
            ProjectedStep(name=work.name, hops=work.hops, seconds=elapsed_s)
            for work, elapsed_s in zip(steps, seconds, strict=True)
        ),
        upload_bytes=batches * plan.upload_bytes,
        download_bytes=batches * plan.download_bytes,
        public_key_bytes=0,
        evaluation_key_bytes=plan.evaluation_key_bytes,
        peak_memory_bytes=packed_peak_bytes(plan, pack(circuit, slots=plan.gather.shape[1]), costs),
    )


def call_seconds(unit: str, plan: Plan, costs: UnitCosts, row: PlannedStep, *, drops: int = 0) -> float:
    """Seconds of one operation of SEAL on a ciphertext of a planned step."""
    return costs.seal_seconds(
        unit,
        scheme=plan.parameters.scheme,
        ring_degree=plan.parameters.ring_degree,
        parts=row.size,
        primes=row.primes - drops,
    )


def work_seconds(work: StepWork, plan: Plan, costs: UnitCosts, threads: int) -> float:
    """Seconds of one step in one pass: kernels share out over threads, SEAL and the masks' digests stay on one."""
    chosen, general = plan.parameters, costs.general
    seconds = {kernel: costs.kernels[kernel] * residues for kernel, residues in work.residues.items()}
    alone = seconds.pop("mask", 0.0)
    kernels = sum(seconds.values()) + general["block_s"] * work.blocks
    alone += general["digit_s"] * work.digits + general["fresh_byte_s"] * work.fresh_bytes
    for call in work.calls:
        alone += call.count * costs.seal_seconds(
            call.unit, scheme=chosen.scheme, ring_degree=chosen.ring_degree, parts=call.parts, primes=call.primes
        )
    return kernels / min(threads, usable_cores()) + alone


def encrypt_seconds(plan: Plan, costs: UnitCosts, *, batches: int) -> float:
    """Seconds to encrypt all batches and passes, on one thread."""
    fresh = plan.steps[0]
    each = call_seconds("encrypt", plan, costs, fresh)
    filling = costs.general["fresh_byte_s"] * plan.upload_bytes
    return batches * (plan.parameters.passes * fresh.outputs * each + filling)


def decrypt_seconds(plan: Plan, costs: UnitCosts) -> float:
    """Seconds to decrypt one reply."""
    last = plan.steps[-1]
    each = sum(call_seconds(unit, plan, costs, last, drops=last.drops) for unit in ("load", "decrypt"))
    return last.outputs * each


def peak_bytes(plan: Plan, circuit: Circuit, costs: UnitCosts, *, engine: str, images: int, threads: int) -> int:
    """Peak resident size: what is loaded, the images, the upload, and the largest step with what it reads."""
    general = costs.general
    upload = ciphertext_bytes(plan, plan.steps[0])
    if engine == "stepwise":  # SEAL holds the upload a second time, and each layer until the next is done
        held = [0, *(ciphertext_bytes(plan, row) for row in plan.steps[1:])]
        work = upload + max(map(sum, pairwise(held)))
    else:
        results = [0, *fused_results(plan, circuit)]
        width = BLOCK * WORD * min(threads, usable_cores())
        blocks = max(
            width * (before.outputs * before.size + row.outputs * row.size) for before, row in pairwise(plan.steps)
        )
        work = blocks + max(map(sum, pairwise(results)))
        upload = upload // 2 + plan.mask_bytes
    pixels = 2 * images * circuit.inputs * WORD
    return int(general["process_bytes"] + pixels + upload + work)


def fused_results(plan: Plan, circuit: Circuit) -> list[int]:
    """Bytes of what the fused engine writes back, in order: after each run of local steps and each way through SEAL."""
    results = []
    ends = {run[-1] for run in local_runs(plan, circuit)}
    for index, row in enumerate(plan.steps[1:]):
        written = ciphertext_bytes(plan, row)
        if index in ends:
            results.append(written)
        if row.drops or (index not in ends and plan.parameters.scheme == "bfv"):
            results.append(2 * written)  # each ciphertext by itself, then all of them together
    return results
