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
from fcnlab.he.engines.fused import warm_up
from fcnlab.he.server import Server, check_engine
from fcnlab.inference.report import Inference, LayerReport, Progress, Report, Seconds
from fcnlab.machine.machine import peak_resident_bytes
from fcnlab.planning.noise import check_noise
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import logit_spread


@dataclass(frozen=True, eq=False, kw_only=True)
class Parties:
    """Client and server of one plan, keys made and exchanged; from `meet`.

    Attributes:
        client: Has the secret keys.
        server: Has what is public.
        keygen_s: Seconds it took to make the keys.
    """

    client: Client
    server: Server
    keygen_s: float

    @property
    def evaluation_key_bytes(self) -> int:
        """Bytes of keys that were sent; none in the batch layout."""
        return len(self.client.keys)


def meet(circuit: Circuit, plan: Plan, *, engine: str = "fused", threads: int | None = None) -> Parties:
    """Make keys and hand over those that the server needs: all that can be done before there is an image.

    Raises:
        FcnlabError: If the engine is unknown, or the plan is not this circuit's.
    """
    check_engine(engine)
    warm_up()
    began = time.perf_counter()
    client = Client(plan)
    keygen_s = time.perf_counter() - began
    server = Server(circuit, plan, client.keys, engine=engine, threads=threads or os.cpu_count() or 1)
    return Parties(client=client, server=server, keygen_s=keygen_s)


def infer(
    circuit: Circuit,
    plan: Plan,
    images: npt.NDArray[Any],
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

        >>> import fcnlab
        >>> from fcnlab.data.mnist import load_mnist
        >>> circuit = fcnlab.compile(fcnlab.load("fcn-12k"))
        >>> images = load_mnist("test").pixels[:3]
        >>> result = fcnlab.infer(circuit, fcnlab.plan(circuit, images=3), images)
        >>> result.classes
        array([7, 2, 1])

    Args:
        circuit: The network.
        plan: Made for this circuit; its layout is the run's.
        images: uint8, shape (N, height, width) or (N, ...), which the circuit quantises; or integers of another type
            from 0 to its `pixel_max`, taken as they are. They are split into batches as needed.
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
    quantised = circuit.quantise(images) if np.asarray(images).dtype == np.uint8 else images
    pixels = circuit.check_pixels(quantised)
    check_engine(engine)
    if not len(pixels):
        raise CircuitError("There are no images to classify; give at least one.")
    if labels is not None and np.shape(labels) != (len(pixels),):
        raise FcnlabError(f"There are {len(pixels)} images and labels of shape {np.shape(labels)}; give one for each.")
    if observe_noise:
        check_noise(plan.parameters.scheme)
    threads = (threads or os.cpu_count() or 1) if plan.threaded else 1
    passes, slots = plan.parameters.passes, plan.batch_images
    batches = math.ceil(len(pixels) / slots)
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
        budgets[step] = client.noise_budget_bits(ciphertext)

    def tell_encrypted(stage: Callable[..., Progress], done: int) -> None:
        tell(stage("encrypt", "", done, plan.steps[0].outputs))

    def tell_evaluated(stage: Callable[..., Progress], step: str, done: int, total: int) -> None:
        tell(stage("evaluate", step, done, total))

    for batch in range(batches):
        columns = pixels[batch * slots : (batch + 1) * slots]
        decrypted = []
        for index in range(passes):
            stage = partial(Progress, turn=batch * passes + index + 1, turns=turns)
            began = time.perf_counter()
            upload = client.encrypt(columns, index=index, report=partial(tell_encrypted, stage))
            encrypted = time.perf_counter()
            evaluation = server.evaluate(
                upload,
                index=index,
                report=partial(tell_evaluated, stage),
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
    reference = circuit.evaluate(pixels)
    report = Report(
        network=circuit.name,
        scheme=plan.parameters.scheme,
        engine=engine,
        images=len(pixels),
        batches=batches,
        passes=passes,
        accuracy=accuracy_percent(result, labels),
        reference_accuracy=accuracy_percent(reference, labels),
        **compare_logits(result, reference, bound=plan.logit_bound),
        layers=layer_reports(plan, accounts, budgets),
        plan=plan.as_dict(),
        seconds=Seconds(keygen=parties.keygen_s, **stopwatch),
        upload_bytes=upload_bytes,
        download_bytes=download_bytes,
        evaluation_key_bytes=parties.evaluation_key_bytes,
        peak_memory_bytes=peak_resident_bytes(),
        threads=threads,
    )
    return Inference(result, reference, report)


def accuracy_percent(logits: npt.NDArray[Any], labels: npt.NDArray[Any] | None) -> float | None:
    """Percent of images whose largest logit is at their label."""
    if labels is None:
        return None
    return round(100 * float(np.mean(np.argmax(logits, axis=1) == labels)), 4)


def compare_logits(logits: npt.NDArray[Any], reference: npt.NDArray[Any], *, bound: float) -> dict[str, Any]:
    """How far encrypted logits are from the clear ones: mismatched_logits, mismatched_digits, logit_error.

    Args:
        logits: Decrypted, shape (images, outputs).
        reference: The clear ones.
        bound: What the plan allows (`Plan.logit_bound`): a logit that is further off, or no number, is mismatched.
    """
    digits = int(np.sum(np.argmax(logits, axis=1) != np.argmax(reference, axis=1)))
    clear = reference if bound == 0 else reference.astype(np.float64)
    errors = np.abs(logits - clear)
    wrong = int(np.sum(~np.asarray(errors <= bound, dtype=np.bool_)))
    error = float(np.sqrt(np.mean(errors**2))) / logit_spread(clear) if bound else 0.0
    return {"mismatched_logits": wrong, "mismatched_digits": digits, "logit_error": error}


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
