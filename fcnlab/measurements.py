"""Encrypted runs of shipped networks, one full batch each, measured and kept in a table."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

from fcnlab.cost.machine import processor_name, usable_cores
from fcnlab.data import DATA_ROOT, load_mnist, quantise_pixels
from fcnlab.demonstration import plan_for, prepare
from fcnlab.errors import DataError
from fcnlab.files import write_whole
from fcnlab.inference import Progress, infer
from fcnlab.noise import Scheme
from fcnlab.report import COLUMNS, Report

MEASURED: Final = DATA_ROOT / "tables" / "measured.json"
RECONSTRUCTED: Final = "cryptodl"
"""Networks whose layers are not published, and were chosen so that their counts come near, have names that begin so."""

Kind = Literal["published", "counted", "measured"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the comparison; None where nothing is known.

    Attributes:
        system: A published system or a shipped network.
        kind: published, counted or measured.
        pt_ct_adds: Plaintext plus ciphertext.
        ct_ct_adds: Ciphertext plus ciphertext.
        pt_ct_mults: Ciphertext times plaintext.
        ct_ct_mults: Ciphertext times ciphertext.
        total: All HOPs; published ones as printed, measured ones over all passes.
        encrypt_decrypt_s: Seconds to encrypt and decrypt one batch.
        inference_s: Seconds to evaluate it.
        accuracy: Percent.
        message_mb: Megabytes sent for it.
        scheme: Of the encryption.
        setting: Where and how it was measured; what is reconstructed.
        images: Images in the batch.
    """

    system: str
    kind: Kind
    pt_ct_adds: int
    ct_ct_adds: int
    pt_ct_mults: int
    ct_ct_mults: int
    total: int
    encrypt_decrypt_s: float | None = None
    inference_s: float | None = None
    accuracy: float | None = None
    message_mb: float | None = None
    scheme: str | None = None
    setting: str = ""
    images: int | None = None


def measure(
    network: str,
    *,
    scheme: Scheme = "bgv",
    engine: str = "fused",
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Row:
    """Classify one full batch of test images under encryption.

    Raises:
        FcnlabError: If the network cannot be encrypted, with the reason.
    """
    circuit = prepare(network).circuit
    plan = plan_for(circuit, scheme=scheme)
    test = load_mnist("test")
    images = min(plan.parameters.slots, len(test.pixels))
    report = infer(
        circuit,
        plan,
        quantise_pixels(test.pixels[:images], bits=circuit.pixel_bits),
        labels=test.labels[:images],
        engine=engine,
        threads=threads or usable_cores(),
        progress=progress,
    ).report
    return measured_row(report, ring_degree=plan.parameters.ring_degree)


def measured_row(report: Report, *, ring_degree: int) -> Row:
    """The account of one batch as a row."""
    hops = {kind: report.passes * count for kind, count in report.hops.items()}
    note = ", layers reconstructed" if report.network.startswith(RECONSTRUCTED) else ""
    return Row(
        system=report.network,
        kind="measured",
        **{column: hops[column] for column in (*COLUMNS, "total")},
        encrypt_decrypt_s=round(report.seconds.encrypt + report.seconds.decrypt, 3),
        inference_s=round(report.seconds.evaluate, 3),
        accuracy=report.accuracy,
        message_mb=round(report.upload_bytes / 1e6, 1),
        scheme=report.scheme,
        setting=f"{report.engine} engine, ring degree {ring_degree}, {counted(report.images, 'image')}, "
        f"{counted(report.passes, 'pass', 'passes')}, {counted(report.threads, 'thread')} of {processor_name()}{note}",
        images=report.images,
    )


def counted(count: int, one: str, several: str = "") -> str:
    """A number with its noun."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def load_measurements(path: Path = MEASURED) -> tuple[Row, ...]:
    """Stored measurements.

    Raises:
        DataError: If the file is not one.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(Row(**row) for row in values["rows"])
        wrong = [name for row in rows for name, value in asdict(row).items() if not fits(name, value)]
        if wrong or any(row.kind != "measured" for row in rows):
            raise ValueError(f"wrong values for {', '.join(wrong) or 'kind'}")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} is not a table of measurements ({error}): restore it, or run `fcnlab compare --measure`."
        ) from error
    return rows


def fits(name: str, value: Any) -> bool:
    """Whether a stored value has the type of its field."""
    kind = {field.name: str(field.type) for field in fields(Row)}[name]
    if value is None:
        return "None" in kind
    if "float" in kind:
        return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    if "int" in kind:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, str)


def store_measurements(new: Iterable[Row], *, path: Path = MEASURED) -> None:
    """Add measurements to the stored ones; a row of the same network, scheme and engine is replaced.

    Raises:
        DataError: If the file is damaged or cannot be written.
    """

    def key(row: Row) -> tuple[str, str, str]:
        return row.system, row.scheme or "", row.setting.partition(",")[0]

    rows = {key(row): row for row in (*(load_measurements(path) if path.exists() else ()), *new)}
    values = {"rows": [asdict(rows[name]) for name in sorted(rows)]}
    write_whole(path, f"{json.dumps(values, indent=1)}\n".encode())
