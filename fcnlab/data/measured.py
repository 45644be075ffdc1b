"""The table of encrypted runs that were measured: read by whoever compares, written by `measurements`."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

from fcnlab.data.files import write_whole
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import DataError

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
