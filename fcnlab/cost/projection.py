"""Seconds, bytes and memory of an encrypted run, before anything runs.

Seconds are those of a machine with nothing else to do. Nothing here knows SEAL: unit costs come from a file.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import COLUMNS, HEADS, LayerHops
from fcnlab.cost.packed import list_packed_work, packed_peak_bytes
from fcnlab.cost.units import UnitCosts
from fcnlab.cost.work import StepWork, ciphertext_bytes, list_work
from fcnlab.errors import FcnlabError
from fcnlab.machine.machine import usable_cores
from fcnlab.page import Page, Shown, Table, counted
from fcnlab.planning.execution import BLOCK, ENGINES, local_runs
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan
from fcnlab.planning.proof import PlannedStep

WORD = 8  # bytes of a residue, and of a pixel


@dataclass(frozen=True, kw_only=True)
class ProjectedStep:
    """One step of the circuit.

    Attributes:
        name: The step's name.
        hops: Its operations in one pass of one batch.
        seconds: Over all batches and passes.
    """

    name: str
    hops: LayerHops
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Projection(Shown):
    """What a run will cost.

    Attributes:
        network: The circuit's name.
        scheme: bgv, bfv or ckks.
        ring_degree: The plan's.
        engine: fused or stepwise.
        images: How many are classified.
        batches: Batches they are split into; each is evaluated once for each plain modulus (`passes`).
        passes: Encrypted evaluations of a batch.
        threads: Threads of the server.
        keygen_s: Seconds to make keys, all passes.
        encrypt_s: Seconds to encrypt, over all batches and passes.
        evaluate_s: Seconds to evaluate, over all batches and passes.
        decrypt_s: Seconds to decrypt, over all batches and passes.
        steps: What `evaluate_s` is made of, but for taking uploads in and giving replies out.
        upload_bytes: Ciphertexts sent, over all batches and passes.
        download_bytes: Ciphertexts sent back.
        evaluation_key_bytes: Relinearization and rotation keys, sent once; 0 in the batch layout.
        layout: batch or packed.
        peak_memory_bytes: Largest resident size of the process.
    """

    network: str
    scheme: str
    ring_degree: int
    engine: str
    images: int
    batches: int
    passes: int
    threads: int
    keygen_s: float
    encrypt_s: float
    evaluate_s: float
    decrypt_s: float
    steps: tuple[ProjectedStep, ...]
    upload_bytes: int
    download_bytes: int
    peak_memory_bytes: int
    evaluation_key_bytes: int = 0
    layout: str = "batch"

    @property
    def total_s(self) -> float:
        """Seconds of the whole run."""
        return self.keygen_s + self.encrypt_s + self.evaluate_s + self.decrypt_s

    def as_dict(self) -> dict[str, Any]:
        """The projection as JSON."""
        plain = ("network", "layout", "scheme", "ring_degree", "engine", "images", "batches", "passes", "threads")
        stages = ("keygen", "encrypt", "evaluate", "decrypt", "total")
        return {
            **{name: getattr(self, name) for name in plain},
            "seconds": {stage: round(getattr(self, f"{stage}_s"), 4) for stage in stages},
            "steps": [
                {"name": step.name, "hops": step.hops.total, "seconds": round(step.seconds, 4)} for step in self.steps
            ],
            "bytes": {
                "upload": self.upload_bytes,
                "download": self.download_bytes,
                "evaluation_keys": self.evaluation_key_bytes,
            },
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    @override
    def page(self) -> Page:
        digits = 2 if self.layout == "batch" else 3  # packed runs take milliseconds
        columns = [*COLUMNS, *(["rotations"] if self.layout == "packed" else [])]
        rows = [
            [step.name, *(getattr(step.hops, column) for column in columns), f"{step.seconds:.{digits}f}"]
            for step in self.steps
        ]
        stages = {"encrypt": self.encrypt_s, "evaluate": self.evaluate_s, "decrypt": self.decrypt_s}
        return Page(
            f"{self.network} in {self.scheme}, {self.layout} layout, ring degree {self.ring_degree}, {self.engine} "
            f"engine, {counted(self.images, 'image')}, {counted(self.threads, 'thread')}",
            f"about {self.total_s:.{digits - 1}f} s on this machine when nothing else runs",
            Table(["step", *(HEADS.get(column, column) for column in columns), "seconds"], rows),
            f"{counted(self.batches, 'batch')} of {counted(self.passes, 'pass')}: keys {self.keygen_s:.2f} s, "
            + ", ".join(f"{stage} {seconds:.{digits}f} s" for stage, seconds in stages.items()),
            f"send {self.upload_bytes / 1e6:,.1f} MB, receive {self.download_bytes / 1e6:,.1f} MB, keys "
            f"{self.evaluation_key_bytes / 1e6:.1f} MB, peak memory {self.peak_memory_bytes / 2**30:.2f} GiB",
        )


def project(
    plan: Plan, circuit: Circuit, *, engine: str = "fused", images: int, threads: int = 1, costs: UnitCosts
) -> Projection:
    """Project the cost of `inference.infer` with the same arguments.

    Args:
        plan: A plan of this circuit, in either layout.
        circuit: The network.
        engine: fused or stepwise.
        images: How many to classify, at least 1.
        threads: Threads of the server; more than there are cores bring nothing, and the packed layout uses one.
        costs: Unit costs of this machine.

    Raises:
        PlanError: If the plan is not this circuit's.
        FcnlabError: If the engine is unknown, or there is no image or no thread.
    """
    plan.check_circuit(circuit)
    if engine not in ENGINES:
        raise FcnlabError(f"Unknown engine {engine!r}; choose one of {', '.join(ENGINES)}.")
    if images < 1 or threads < 1:
        raise FcnlabError(f"A run needs at least 1 image and 1 thread; got {images} and {threads}.")
    chosen, first = plan.parameters, plan.steps[0]
    batches = math.ceil(images / plan.batch_images)
    turns = batches * chosen.passes
    fill_s = 0.0  # first use of the memory of an upload, which counts where it is large
    if isinstance(plan, PackedPlan):
        *steps, around = list_packed_work(plan, circuit, engine=engine)
        peak_bytes = packed_peak_bytes(plan, circuit, costs)
    else:
        *steps, around = list_work(plan, circuit, engine=engine)
        peak_bytes = batch_peak_bytes(plan, circuit, costs, engine=engine, images=images, threads=threads)
        fill_s = batches * costs.general["fresh_byte_s"] * plan.upload_bytes
    used = threads if plan.threaded else 1
    seconds = [turns * work_seconds(work, plan, costs, used) for work in steps]
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
        keygen_s=keygen_seconds(plan, costs),
        encrypt_s=turns * first.outputs * call_seconds("encrypt", plan, costs, first) + fill_s,
        evaluate_s=sum(seconds) + turns * work_seconds(around, plan, costs, used),
        decrypt_s=turns * decrypt_seconds(plan, costs),
        steps=tuple(
            ProjectedStep(name=work.name, hops=work.hops, seconds=elapsed_s)
            for work, elapsed_s in zip(steps, seconds, strict=True)
        ),
        upload_bytes=batches * plan.upload_bytes,
        download_bytes=batches * plan.download_bytes,
        evaluation_key_bytes=plan.evaluation_key_bytes,
        peak_memory_bytes=peak_bytes,
    )


def keygen_seconds(plan: Plan, costs: UnitCosts) -> float:
    """Seconds to make all keys, all passes."""
    chosen = plan.parameters
    keys = sum(
        costs.seal_seconds(
            "evaluation_key", scheme=chosen.scheme, ring_degree=chosen.ring_degree, parts=primes + 1, primes=primes
        )
        for primes in plan.key_levels
    )
    return chosen.passes * (call_seconds("keys", plan, costs, plan.steps[0]) + keys)


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


def decrypt_seconds(plan: Plan, costs: UnitCosts) -> float:
    """Seconds to decrypt one reply."""
    last = plan.steps[-1]
    each = sum(call_seconds(unit, plan, costs, last, drops=last.drops) for unit in ("load", "decrypt"))
    return last.outputs * each


def batch_peak_bytes(plan: Plan, circuit: Circuit, costs: UnitCosts, *, engine: str, images: int, threads: int) -> int:
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
    ends = {run[-1] for run in local_runs(circuit, plan.parameters)}
    for index, row in enumerate(plan.steps[1:]):
        written = ciphertext_bytes(plan, row)
        if index in ends:
            results.append(written)
        if row.drops or (index not in ends and plan.parameters.scheme == "bfv"):
            results.append(2 * written)  # each ciphertext by itself, then all of them together
    return results
