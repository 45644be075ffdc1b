"""Encrypted inference from pixels to logits: client and server in one process, with the whole account.

The two sides meet in bytes only, as they would over a network.
"""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import CircuitError, FcnlabError
from fcnlab.he.client import Client
from fcnlab.he.engines.engine import Account
from fcnlab.he.packed_client import PackedClient
from fcnlab.he.packed_server import PackedServer
from fcnlab.he.server import Server, engine_named
from fcnlab.inference.report import LayerReport, Progress, Report, Seconds
from fcnlab.machine.memory import peak_resident_bytes
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan

CKKS_TOLERANCE = 0.02  # of the logits' spread: beyond it a logit counts as mismatched


@dataclass(frozen=True, eq=False)
class Inference:
    """What came out of an encrypted run.

    Attributes:
        logits: Decrypted, shape (images, outputs): integers in bgv and bfv, floats in ckks.
        reference: The same from the circuit in the clear.
        report: The account.
    """

    logits: npt.NDArray[Any]
    reference: npt.NDArray[Any]
    report: Report

    @property
    def digits(self) -> npt.NDArray[np.int64]:
        """Predicted classes, shape (images,)."""
        return np.asarray(np.argmax(self.logits, axis=1), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Parties:
    """Client and server of one plan, keys made and exchanged; from `meet`.

    Attributes:
        client: With the secret keys.
        server: With the public ones.
        public_key_bytes: What was sent.
        keygen_s: Seconds it took to make the keys.
        evaluation_key_bytes: What was sent for the packed layout.
    """

    client: Client | PackedClient
    server: Server | PackedServer
    public_key_bytes: int
    keygen_s: float
    evaluation_key_bytes: int = 0


def meet(circuit: Circuit, plan: Plan, *, engine: str = "fused", threads: int | None = None) -> Parties:
    """Make keys and exchange the public ones: all that can be done before there is an image.

    Raises:
        FcnlabError: If the engine is unknown, or the plan is not this circuit's.
    """
    engine_named(engine)
    threads = threads or os.cpu_count() or 1
    began = time.perf_counter()
    if isinstance(plan, PackedPlan):
        packed = PackedClient(plan)
        messages = [packed.keys_message(index) for index in range(plan.parameters.passes)]
        keygen_s = time.perf_counter() - began
        packed_server = PackedServer(circuit, plan, messages, engine=engine, threads=threads)
        return Parties(packed, packed_server, 0, keygen_s, sum(map(len, messages)))
    client = Client(plan)
    public_keys = [client.public_key(index) for index in range(plan.parameters.passes)]
    keygen_s = time.perf_counter() - began
    server = Server(circuit, plan, public_keys, engine=engine, threads=threads)
    return Parties(client, server, sum(map(len, public_keys)), keygen_s)


def infer(
    circuit: Circuit,
    plan: Plan,
    pixels: npt.NDArray[Any],
    *,
    labels: npt.NDArray[Any] | None = None,
    engine: str = "fused",
    threads: int | None = None,
    observe_noise: bool = False,
    progress: Callable[[Progress], None] | None = None,
    parties: Parties | None = None,
    overhear: Callable[[memoryview], None] | None = None,
) -> Inference:
    """Classify images under encryption and compare every logit with the circuit in the clear.

    Args:
        circuit: The network.
        plan: `planner.make_plan` of this circuit, or `layouts.choose_plan`; its layout is the run's.
        pixels: Integers from 0 to the circuit's pixel_max, shape (N, ...); split into batches as needed.
        labels: Classes, shape (N,), for the accuracy.
        engine: fused or stepwise.
        threads: Threads of the server; all cores if not given. The packed layout uses one.
        observe_noise: bfv: read the noise budget after each layer (of its first ciphertext, in the first pass).
        progress: Called often; an exception it raises stops the run, and nothing is kept.
        parties: `meet` with the same circuit, plan, engine and threads, if that was done beforehand.
        overhear: Called with each upload, all that the server is given; it must not keep the view.

    Raises:
        CircuitError: If there are no images, or pixels are out of range or of the wrong shape.
        FcnlabError: If the engine is unknown, labels are missing, or noise is to be observed outside bfv.
    """
    images = circuit.check_pixels(pixels)
    engine_named(engine)
    if not len(images):
        raise CircuitError("There are no images to classify; give at least one.")
    if labels is not None and np.shape(labels) != (len(images),):
        raise FcnlabError(f"There are {len(images)} images and labels of shape {np.shape(labels)}; give one for each.")
    if observe_noise and plan.parameters.scheme != "bfv":
        raise FcnlabError(f"Noise can be measured in bfv only, not in {plan.parameters.scheme}; its plan gives bounds.")
    threads = 1 if isinstance(plan, PackedPlan) else threads or os.cpu_count() or 1
    passes, slots = plan.parameters.passes, plan.batch_images
    batches = math.ceil(len(images) / slots)
    turns = batches * passes
    tell = progress or (lambda _: None)

    tell(Progress("keys", "", 0, 1, 1, turns))
    parties = parties or meet(circuit, plan, engine=engine, threads=threads)
    client, server = parties.client, parties.server
    tell(Progress("keys", "", 1, 1, 1, turns))

    stopwatch = {"encrypt": 0.0, "evaluate": 0.0, "decrypt": 0.0}
    upload_bytes = download_bytes = 0
    accounts: list[tuple[Account, ...]] = []
    budgets: dict[str, int] = {}
    logits: list[npt.NDArray[Any]] = []

    def observe(step: str, ciphertext: bytes) -> None:
        if isinstance(client, Client):
            budgets[step] = client.noise_budget_bits(ciphertext)

    for batch in range(batches):
        columns = images[batch * slots : (batch + 1) * slots]
        decrypted = []
        for index in range(passes):
            stage = partial(Progress, turn=batch * passes + index + 1, turns=turns)
            began = time.perf_counter()
            upload = client.encrypt(columns, index=index, report=encryption_report(tell, stage, plan.steps[0].outputs))
            encrypted = time.perf_counter()
            evaluation = server.evaluate(
                upload,
                index=index,
                report=evaluation_report(tell, stage),
                observe=observe if observe_noise and not accounts else None,
            )
            evaluated = time.perf_counter()
            decrypted.append(client.decrypt(evaluation.reply, index=index))
            tell(stage("decrypt", "", 1, 1))
            stopwatch["encrypt"] += encrypted - began
            stopwatch["evaluate"] += evaluated - encrypted
            stopwatch["decrypt"] += time.perf_counter() - evaluated
            upload_bytes += len(upload)
            download_bytes += len(evaluation.reply)
            accounts.append(evaluation.accounts)
            if overhear is not None:
                overhear(memoryview(upload).toreadonly())
            del upload  # hundreds of megabytes: gone before the next is made
        logits.append(client.combine(decrypted))

    result = np.concatenate(logits)
    reference = circuit.evaluate(images)
    report = Report(
        network=circuit.name,
        scheme=plan.parameters.scheme,
        engine=engine,
        images=len(images),
        batches=batches,
        passes=passes,
        accuracy=accuracy_percent(result, labels),
        reference_accuracy=accuracy_percent(reference, labels),
        **compare_logits(result, reference, exact=plan.parameters.scheme != "ckks"),
        layers=layer_reports(plan, accounts, budgets),
        plan=plan.as_dict(),
        seconds=Seconds(keygen=parties.keygen_s, **stopwatch),
        upload_bytes=upload_bytes,
        download_bytes=download_bytes,
        public_key_bytes=parties.public_key_bytes,
        evaluation_key_bytes=parties.evaluation_key_bytes,
        peak_memory_bytes=peak_resident_bytes(),
        threads=threads,
    )
    return Inference(result, reference, report)


def encryption_report(
    tell: Callable[[Progress], None], stage: Callable[..., Progress], total: int
) -> Callable[[int], None]:
    """Turn the client's count of ciphertexts into progress."""
    return lambda done: tell(stage("encrypt", "", done, total))


def evaluation_report(
    tell: Callable[[Progress], None], stage: Callable[..., Progress]
) -> Callable[[str, int, int], None]:
    """Turn the server's count of operations into progress."""
    return lambda step, done, total: tell(stage("evaluate", step, done, total))


def accuracy_percent(logits: npt.NDArray[Any], labels: npt.NDArray[Any] | None) -> float | None:
    """Percent of images whose largest logit is at their label."""
    if labels is None:
        return None
    return round(100 * float(np.mean(np.argmax(logits, axis=1) == labels)), 4)


def compare_logits(logits: npt.NDArray[Any], reference: npt.NDArray[Any], *, exact: bool) -> dict[str, Any]:
    """How far encrypted logits are from the clear ones: mismatched_logits, mismatched_digits, logit_error."""
    digits = int(np.sum(np.argmax(logits, axis=1) != np.argmax(reference, axis=1)))
    if exact:
        return {
            "mismatched_logits": int(np.sum(logits != reference)), "mismatched_digits": digits, "logit_error": 0.0,
        }  # fmt: skip
    clear = reference.astype(np.float64)
    spread = float(np.sqrt(np.mean(np.var(clear, axis=1)))) or 1.0
    errors = np.abs(logits - clear) / spread
    return {
        "mismatched_logits": int(np.sum(errors > CKKS_TOLERANCE)),
        "mismatched_digits": digits,
        "logit_error": float(np.sqrt(np.mean(errors**2))),
    }


def layer_reports(plan: Plan, accounts: list[tuple[Account, ...]], budgets: dict[str, int]) -> tuple[LayerReport, ...]:
    """Put measured accounts beside what the plan proved."""
    return tuple(
        LayerReport(
            name=planned.name,
            outputs=planned.outputs,
            operations=dict(account.operations),
            elapsed_s=sum(each[index].elapsed_s for each in accounts),
            value_bits=planned.value_bits,
            noise_bits=planned.noise_bits,
            budget_bits=planned.budget_bits,
            measured_budget_bits=budgets.get(planned.name),
        )
        for index, (planned, account) in enumerate(zip(plan.steps[1:], accounts[0], strict=True))
    )
