"""Encrypted runs of shipped networks, one full batch each or a stated part of it, measured and kept in a table."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import COLUMNS
from fcnlab.cost import Projection, UnitCosts, project
from fcnlab.data.measured import RECONSTRUCTED, Row
from fcnlab.data.mnist import load_mnist
from fcnlab.errors import PlanError
from fcnlab.inference.demonstration import prepare
from fcnlab.inference.infer import infer
from fcnlab.inference.report import Progress, Report
from fcnlab.machine.machine import available_bytes, processor_name, usable_cores
from fcnlab.measuring.portions import MEMORY_SHARE, Portion, choose_portion, comparable_images
from fcnlab.page import counted
from fcnlab.planning.execution import count_executed
from fcnlab.planning.noise import Scheme
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import sample_for

TEST_IMAGES: Final = 10_000


def measure(
    network: str | Path,
    *,
    scheme: Scheme = "bgv",
    engine: str = "fused",
    threads: int | None = None,
    parts: int | None = None,
    costs: UnitCosts | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Row:
    """Classify one full batch of test images under encryption, or run a stated part of a network too large for that.

    Args:
        network: Name of a shipped network or path of a checkpoint.
        scheme: bgv, bfv or ckks.
        engine: fused or stepwise.
        threads: The server's threads; all cores if not given.
        parts: Run one in so many outputs of the widest activation, and extrapolate the seconds; 1 for the whole. If not
            given, as much as `costs` say that this machine can run (`portions`).
        costs: This machine's unit costs; needed for any part but the whole.
        progress: As for `infer`.

    Raises:
        FcnlabError: If the network cannot be encrypted, with the reason.
    """
    circuit = prepare(network).circuit
    threads = threads or usable_cores()
    projector = None
    if costs is not None:
        projector = partial(project_batch, engine=engine, threads=threads, costs=costs)
    elif parts not in (None, 1):
        raise PlanError("Seconds of a part are extrapolated by unit costs; measure them first: fcnlab calibrate.")
    available = available_bytes()
    memory_bytes = None if available is None else int(MEMORY_SHARE * available)
    limits: dict[str, Any] = {"memory_bytes": memory_bytes, "parts": parts, "project": projector}
    portion = choose_portion(circuit, scheme=scheme, sample=sample_for(scheme, circuit), **limits)
    test = load_mnist("test")
    images = min(portion.plan.parameters.slots, len(test.pixels), comparable_images(portion.circuit))
    report = infer(
        portion.circuit,
        portion.plan,
        circuit.quantise(test.pixels[:images]),
        labels=None if portion.words else test.labels[:images],
        engine=engine,
        threads=threads,
        progress=progress,
    ).report
    if not portion.words or projector is None:
        return measured_row(report, portion.plan)
    whole, part = projector(portion.whole_plan, circuit), projector(portion.plan, portion.circuit)
    return extrapolated_row(report, portion, whole=whole, part=part)


def project_batch(plan: Plan, circuit: Circuit, *, engine: str, threads: int, costs: UnitCosts) -> Projection:
    """What one batch will take."""
    return project(plan, circuit, engine=engine, images=plan.parameters.slots, threads=threads, costs=costs)


def measured_row(report: Report, plan: Plan) -> Row:
    """The account of one batch as a row."""
    hops = {kind: report.passes * count for kind, count in report.hops.items()}
    return Row(
        system=report.network,
        kind="measured",
        **{column: hops[column] for column in (*COLUMNS, "total")},
        encrypt_decrypt_s=round(report.seconds.encrypt + report.seconds.decrypt, 3),
        inference_s=round(report.seconds.evaluate, 3),
        accuracy=report.accuracy,
        message_mb=round(report.upload_bytes / 1e6, 1),
        scheme=report.scheme,
        setting=setting_of(report, plan),
        images=report.images,
    )


def extrapolated_row(report: Report, portion: Portion, *, whole: Projection, part: Projection) -> Row:
    """The account of a part as a row of the whole: HOPs and bytes are counted, seconds are extrapolated.

    Every step is scaled by the work that the projections find in it; what belongs to no step, and decryption, are the
    same for the part. Encryption is scaled by the number of ciphertexts.
    """
    counts = count_executed(portion.whole, portion.plan.parameters, engine=report.engine).total
    factors = {all_.name: all_.seconds / some.seconds for all_, some in zip(whole.steps, part.steps, strict=True)}
    around_s = report.seconds.evaluate - sum(layer.elapsed_s for layer in report.layers)
    inference_s = around_s + sum(factors[layer.name] * layer.elapsed_s for layer in report.layers)
    ciphertexts = len(portion.whole_plan.inputs) / len(portion.plan.inputs)
    took = f"{report.seconds.encrypt + report.seconds.evaluate + report.seconds.decrypt:,.0f} s"
    return replace(
        measured_row(report, portion.plan),
        **{column: report.passes * getattr(counts, column) for column in (*COLUMNS, "total")},
        encrypt_decrypt_s=round(ciphertexts * report.seconds.encrypt + report.seconds.decrypt, 3),
        inference_s=round(inference_s, 3),
        message_mb=round(portion.whole_plan.upload_bytes / 1e6, 1),
        setting=f"{setting_of(report, portion.plan)}; {portion.words}, seconds extrapolated from {took}",
    )


def setting_of(report: Report, plan: Plan) -> str:
    """Where and how a row was measured."""
    slots = plan.parameters.slots
    batch = counted(report.images, "image")
    if report.images < min(slots, TEST_IMAGES):
        batch += f" in {slots:,} slots"
    if report.mismatched_digits:  # in bgv and bfv there are none
        batch += f" ({report.mismatched_digits} read otherwise than in the clear)"
    note = ", layers reconstructed" if report.network.startswith(RECONSTRUCTED) else ""
    return (
        f"{report.engine} engine, ring degree {plan.parameters.ring_degree}, {batch}, "
        f"{counted(report.passes, 'pass')}, {counted(report.threads, 'thread')} of {processor_name()}{note}"
    )
