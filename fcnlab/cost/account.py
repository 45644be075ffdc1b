"""What a projection says of a run, and how it is shown."""

from dataclasses import dataclass
from typing import Any

from fcnlab.circuit.hops import LayerHops


@dataclass(frozen=True, kw_only=True)
class ProjectedStep:
    """One step of the circuit.

    Attributes:
        name: Of the step.
        hops: Its operations in one pass of one batch.
        seconds: Over all batches and passes.
    """

    name: str
    hops: LayerHops
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Projection:
    """What a run will cost.

    Attributes:
        network: Name.
        scheme: bgv, bfv or ckks.
        ring_degree: Of the plan.
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
        public_key_bytes: Sent once.
        evaluation_key_bytes: Sent once, for the packed layout.
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
    public_key_bytes: int
    peak_memory_bytes: int
    evaluation_key_bytes: int = 0
    layout: str = "batch"

    @property
    def total_s(self) -> float:
        """Seconds of the whole run."""
        return self.keygen_s + self.encrypt_s + self.evaluate_s + self.decrypt_s

    def as_dict(self) -> dict[str, Any]:
        """The projection as JSON."""
        stages = {
            "keygen": self.keygen_s, "encrypt": self.encrypt_s, "evaluate": self.evaluate_s, "decrypt": self.decrypt_s,
            "total": self.total_s,
        }  # fmt: skip
        plain = ("network", "layout", "scheme", "ring_degree", "engine", "images", "batches", "passes", "threads")
        return {
            **{name: getattr(self, name) for name in plain},
            "seconds": {stage: round(seconds, 4) for stage, seconds in stages.items()},
            "steps": [
                {"name": step.name, "hops": step.hops.total, "seconds": round(step.seconds, 4)} for step in self.steps
            ],
            "bytes": {
                "upload": self.upload_bytes,
                "download": self.download_bytes,
                "public_keys": self.public_key_bytes,
                "evaluation_keys": self.evaluation_key_bytes,
            },
            "peak_memory_bytes": self.peak_memory_bytes,
        }

    def __str__(self) -> str:
        return describe(self)


def describe(projection: Projection) -> str:
    """The projection as a table."""
    chosen = projection
    digits = 2 if chosen.layout == "batch" else 3  # packed runs take milliseconds
    keys = (chosen.public_key_bytes + chosen.evaluation_key_bytes) / 1e6

    def rotations(content: int | str) -> str:
        return f"{content:>11}" if chosen.layout == "packed" else ""

    lines = [
        f"{chosen.network} in {chosen.scheme}, {chosen.layout} layout, ring degree {chosen.ring_degree}, "
        f"{chosen.engine} engine, {chosen.images:,} image{'s' if chosen.images > 1 else ''}, {chosen.threads} "
        f"thread{'s' if chosen.threads > 1 else ''}",
        f"about {chosen.total_s:.{digits - 1}f} s on this machine when nothing else runs",
        "",
        f"{'step':<26}{'PT-CT adds':>12}{'CT-CT adds':>12}{'PT-CT mults':>13}{'CT-CT mults':>13}"
        f"{rotations('rotations')}{'seconds':>10}",
    ]
    for step in chosen.steps:
        hops = step.hops
        lines.append(
            f"{step.name:<26.26}{hops.pt_ct_adds:>12,}{hops.ct_ct_adds:>12,}{hops.pt_ct_mults:>13,}"
            f"{hops.ct_ct_mults:>13,}{rotations(hops.rotations)}{step.seconds:>10.{digits}f}"
        )
    lines += [
        "",
        f"{chosen.batches} batch{'es' if chosen.batches > 1 else ''} of {chosen.passes} "
        f"pass{'es' if chosen.passes > 1 else ''}: keys {chosen.keygen_s:.2f} s, encrypt "
        f"{chosen.encrypt_s:.{digits}f} s, evaluate {chosen.evaluate_s:.{digits}f} s, decrypt "
        f"{chosen.decrypt_s:.{digits}f} s",
        f"send {chosen.upload_bytes / 1e6:,.1f} MB, receive {chosen.download_bytes / 1e6:,.1f} MB, keys {keys:.1f} MB, "
        f"peak memory {chosen.peak_memory_bytes / 2**30:.2f} GiB",
    ]
    return "\n".join(lines)
