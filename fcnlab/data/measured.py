"""The table of encrypted runs that were measured: read by whoever compares, written by `measuring.runs`."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from fcnlab.data.files import write_whole
from fcnlab.data.tables import TABLES, read_json

MEASURED: Final = TABLES / "measured.json"
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
        scheme: The encryption's name.
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


@dataclass(frozen=True)
class Measurements:
    """What the file holds: measured rows alone, no figure of which is negative."""

    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if row.kind != "measured" or any(
                value < 0 for value in vars(row).values() if isinstance(value, int | float)
            ):
                raise ValueError(f"{row.system} was not measured, or has a negative figure")


def load_measurements(path: Path = MEASURED) -> tuple[Row, ...]:
    """Stored measurements.

    Raises:
        DataError: If the file is not one.
    """
    mend = "restore it, or run `fcnlab compare --measure`"
    return read_json(Measurements, path=path, what="a table of measurements", mend=mend).rows


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
