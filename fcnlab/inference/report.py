"""The account of an encrypted run: agreement with the oracle, operations, time, bytes, noise, memory."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.hops import COLUMNS, HEADS
from fcnlab.page import Page, Sentence, Shown, Table, counted

STAGES: Final = {
    "keys": ("the client makes its keys", 0.02),
    "encrypt": ("the client encrypts its inputs", 0.70),
    "evaluate": ("the server evaluates", 0.26),
    "decrypt": ("the client decrypts the logits", 0.02),
}
"""What happens in each stage of a run, and its share of a turn's time, roughly: it only moves a bar."""
HOPS = (*COLUMNS, "rotations")  # rotations occur in the packed layout only
RUN = ("network", "scheme", "engine", "images", "batches", "passes")
AGREEMENT = ("accuracy", "reference_accuracy", "mismatched_logits", "mismatched_digits", "logit_error")
BESIDE = ("doublings", "negations", "relinearizations", "mod_switches")


@dataclass(frozen=True)
class Progress:
    """Where an encrypted run stands; as a string, in words.

    Attributes:
        stage: keys, encrypt, evaluate or decrypt.
        detail: The step of the circuit, while evaluating.
        done: Units of the stage done.
        total: Units of the stage in all.
        turn: Which batch and pass, from 1.
        turns: Batches times passes.
    """

    stage: str
    detail: str
    done: int
    total: int
    turn: int
    turns: int

    @property
    def share(self) -> float:
        """The part of the whole run that is done, 0 to 1."""
        shares = {name: share for name, (_, share) in STAGES.items()}
        before = sum(list(shares.values())[: list(shares).index(self.stage)])
        within = before + shares[self.stage] * self.done / max(self.total, 1)
        return min(1.0, (self.turn - 1 + within) / self.turns)

    def __str__(self) -> str:
        turn = f"Pass {self.turn} of {self.turns}: " if self.turns > 1 else ""
        count = f", {self.done:,} of {self.total:,}" if self.total > 1 else ""
        words = f"{turn}{STAGES[self.stage][0]} {self.detail}".rstrip() + count
        return words[0].upper() + words[1:]


@dataclass(frozen=True, kw_only=True)
class LayerReport:
    """One step of the circuit in one pass of a batch; seconds are sums over all batches and passes.

    Attributes:
        name: The step's.
        outputs: Ciphertexts it gives.
        operations: Homomorphic operations of one pass, by kind, counted by the engine.
        elapsed_s: Seconds in all.
        value_bits: Proven bits of its values.
        noise_bits: Proven bound on its noise.
        budget_bits: Proven noise budget left after it.
        measured_budget_bits: Budget that the secret key showed; None where it was not asked for.
    """

    name: str
    outputs: int
    operations: Mapping[str, int]
    elapsed_s: float
    value_bits: int
    noise_bits: float
    budget_bits: float
    measured_budget_bits: int | None = None

    @property
    def total(self) -> int:
        """HOPs of the step: the four columns and rotations."""
        return sum(self.operations.get(column, 0) for column in HOPS)

    def as_dict(self) -> dict[str, Any]:
        """The layer as JSON."""
        operations = {kind: self.operations.get(kind, 0) for kind in (*HOPS, *BESIDE)}
        return {
            "name": self.name,
            "outputs": self.outputs,
            **operations,
            "total": self.total,
            "seconds": round(self.elapsed_s, 4),
            "value_bits": self.value_bits,
            "noise_bits": round(self.noise_bits, 1),
            "budget_bits": round(self.budget_bits, 1),
            "measured_budget_bits": self.measured_budget_bits,
        }


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Wall-clock seconds by stage, over all batches and passes."""

    keygen: float
    encrypt: float
    evaluate: float
    decrypt: float


@dataclass(frozen=True, kw_only=True)
class Report(Shown):
    """Everything measured in one run.

    Attributes:
        network: Name.
        scheme: bgv, bfv or ckks.
        engine: fused or stepwise.
        images: How many were classified.
        batches: Batches they were split into; each is evaluated once for each plain modulus (`passes`).
        passes: Encrypted evaluations of a batch.
        accuracy: Percent right, encrypted; None without labels.
        reference_accuracy: Percent right, the same circuit in the clear; None without labels.
        mismatched_logits: Logits that differ from the clear circuit: at all in bgv and bfv, by more than the plan's
            bound in ckks.
        mismatched_digits: Images whose predicted digit differs.
        logit_error: Root mean square error of the logits over their spread; 0 where exact.
        layers: One for each step.
        plan: The plan as JSON.
        seconds: By stage.
        upload_bytes: Sent by the client, keys not included.
        download_bytes: Sent back.
        evaluation_key_bytes: Sent once; the batch layout needs no evaluation keys.
        peak_memory_bytes: Largest resident size of this process.
        threads: Threads of the server.
        note: Why the layout is not the one that was asked for; empty otherwise.
    """

    network: str
    scheme: str
    engine: str
    images: int
    batches: int
    passes: int
    accuracy: float | None
    reference_accuracy: float | None
    mismatched_logits: int
    mismatched_digits: int
    logit_error: float
    layers: tuple[LayerReport, ...]
    plan: dict[str, Any] = field(repr=False)
    seconds: Seconds
    upload_bytes: int
    download_bytes: int
    evaluation_key_bytes: int
    peak_memory_bytes: int
    threads: int
    note: str = ""

    @property
    def hops(self) -> dict[str, int]:
        """HOPs of one pass over one batch: four columns and rotations, their total, and what stands beside them."""
        sums = {kind: sum(layer.operations.get(kind, 0) for layer in self.layers) for kind in (*HOPS, *BESIDE)}
        return {**sums, "total": sum(sums[column] for column in HOPS)}

    @property
    def images_per_second(self) -> float:
        """Images over the seconds of encryption, evaluation and decryption."""
        return self.images / (self.seconds.encrypt + self.seconds.evaluate + self.seconds.decrypt)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        sent = {"upload": self.upload_bytes, "download": self.download_bytes}
        return {
            **{name: getattr(self, name) for name in (*RUN, *AGREEMENT)},
            "hops": self.hops,
            "layers": [layer.as_dict() for layer in self.layers],
            "plan": self.plan,
            "seconds": {stage: round(elapsed_s, 4) for stage, elapsed_s in asdict(self.seconds).items()},
            "images_per_second": round(self.images_per_second, 1),
            "bytes": {**sent, "evaluation_keys": self.evaluation_key_bytes},
            **{name: getattr(self, name) for name in ("peak_memory_bytes", "threads", "note")},
        }

    @property
    def verdict(self) -> str:
        """One sentence on agreement with the circuit in the clear; it holds no timings."""
        logits = self.images * self.plan["outputs"]
        if self.scheme == "ckks" and self.mismatched_logits:
            agreement = (
                f"{self.mismatched_logits:,} of {logits:,} logits differ from the clear circuit's by more than the "
                f"{100 * self.plan['error_bound']:.2g} % of their spread that the plan allows"
            )
        elif self.scheme == "ckks":
            same = self.images - self.mismatched_digits
            digits = "digit is" if same == 1 else "digits are"
            agreement = (
                f"{same:,} {digits} the clear circuit's, logits within {100 * self.logit_error:.2g} % of their "
                "spread (root mean square)"
            )
        elif self.mismatched_logits:
            agreement = f"{self.mismatched_logits:,} of {logits:,} logits differ from the clear circuit's"
        else:
            agreement = f"all {logits:,} logits equal the clear circuit's"
        accuracy = "" if self.accuracy is None else f", {self.accuracy:.2f} % right"
        noun = "image" if self.images == 1 else "images"
        return f"{self.images:,} {noun} classified under encryption{accuracy}; {agreement}."

    @override
    def page(self) -> Page:
        seconds, plan, hops = self.seconds, self.plan, self.hops
        digits = 3 if hops["rotations"] else 2  # packed runs take milliseconds
        columns = HOPS if hops["rotations"] else COLUMNS
        rows = [
            [
                layer.name,
                layer.outputs,
                *(layer.operations.get(column, 0) for column in columns),
                layer.total,
                f"{layer.elapsed_s:.{digits}f}",
            ]
            for layer in self.layers
        ]
        heads = ["layer", "outputs", *(HEADS.get(column, column) for column in columns), "HOPs", "seconds"]
        total = ["HOPs of one pass", "", *(hops[column] for column in columns), hops["total"], ""]
        stages = {"encrypt": seconds.encrypt, "evaluate": seconds.evaluate, "decrypt": seconds.decrypt}
        return Page(
            f"{self.network}, {self.scheme}, {plan.get('layout', 'batch')} layout, {self.engine} engine, ring degree "
            f"{plan['ring_degree']}, {plan['security_bits']}-bit security",
            self.note or None,
            Sentence(self.verdict, kind="verdict"),
            Table(heads, rows, total=total),
            f"{counted(self.batches, 'batch')} of {counted(self.passes, 'pass')}: keys {seconds.keygen:.2f} s, "
            + ", ".join(f"{stage} {elapsed_s:.{digits}f} s" for stage, elapsed_s in stages.items())
            + f"; {self.images_per_second:,.{digits - 2}f} images a second",
            f"sent {self.upload_bytes / 1e6:,.1f} MB, received {self.download_bytes / 1e6:,.1f} MB, evaluation keys "
            f"{self.evaluation_key_bytes / 1e6:.1f} MB, peak memory {self.peak_memory_bytes / 2**30:.2f} GiB",
        )


@dataclass(frozen=True, eq=False)
class Inference(Shown):
    """What came out of an encrypted run.

    Attributes:
        logits: Decrypted, shape (images, outputs): integers in bgv and bfv, floats in ckks.
        reference: The same from the circuit in the clear.
        report: The account.
    """

    logits: npt.NDArray[Any]
    reference: npt.NDArray[Any]
    report: Report

    @override
    def page(self) -> Page:
        return self.report.page()

    @property
    def classes(self) -> npt.NDArray[np.int64]:
        """Predicted classes, shape (images,)."""
        return np.asarray(np.argmax(self.logits, axis=1), dtype=np.int64)
