"""Measured points on disk: accuracy, leakage and cost of private heads, and what the lab shows before a training.

Frozen dataclasses are the lines of CSV files, columns named and typed by their fields. Knows nothing of torch.
"""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeVar

from fcnlab.data.files import write_whole
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import DataError

TABLES: Final = DATA_ROOT / "tables"
EPSILONS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, math.inf)
SEEDS: Final = 5
PRUNED: Final = (0, 30, 50, 70, 80, 90, 95)
WEIGHT_BITS: Final = (2, 3, 4, 5)
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One epsilon, over all seeds.

    Attributes:
        epsilon: Asked for; infinity is no privacy.
        delta: 1 over the number of records.
        noise_multiplier: Mean over the seeds' training sets.
        seeds: How many heads.
        accuracy: Mean percent right of the released heads (pruned, powers of two) on held-out records.
        accuracy_std: Standard deviation over the seeds.
        trained_accuracy: The same mean before pruning and rounding.
        advantage: Of the membership attack on the released heads.
        advantage_low: Lower end of its 95 % confidence interval.
        advantage_high: Upper end.
        advantage_bound: Largest advantage that the guarantee allows any attack.
        train_s: Mean seconds of one training.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    seeds: int
    accuracy: float
    accuracy_std: float
    trained_accuracy: float
    advantage: float
    advantage_low: float
    advantage_high: float
    advantage_bound: float
    train_s: float

    def as_dict(self) -> dict[str, Any]:
        """The point as JSON; an infinite epsilon becomes null."""
        return asdict(self) | {"epsilon": self.epsilon if math.isfinite(self.epsilon) else None}


@dataclass(frozen=True, kw_only=True)
class ReleasePoint:
    """One epsilon and one way to release, over all seeds.

    Attributes:
        epsilon: Asked for; infinity is no privacy.
        pruned: Percent of each layer's weights that are left out, the smallest.
        weight_bits: Of a power of two with its sign, 2 to 5.
        seeds: How many heads.
        accuracy: Mean percent right on held-out records.
        accuracy_std: Standard deviation over the seeds.
        advantage: Of the membership attack.
        advantage_low: Lower end of its 95 % confidence interval.
        advantage_high: Upper end.
        hops: Of one pass, published convention; of the first seed's head.
        inputs: Features that are read at all, and so encrypted; of the first seed's head.
        upload_bytes: What a client sends for a batch, all passes together; of the first seed's head.
        ring_degree: Of its cheapest proven plan, and so the records of a batch.
        passes: Evaluations of a batch.
    """

    epsilon: float
    pruned: int
    weight_bits: int
    seeds: int
    accuracy: float
    accuracy_std: float
    advantage: float
    advantage_low: float
    advantage_high: float
    hops: int
    inputs: int
    upload_bytes: int
    ring_degree: int
    passes: int


@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """A network that reads images itself, under encryption.

    Attributes:
        network: ``whole``, extractor and head as `transfer.costs` counts them, or the name of a shipped one.
        hops: Of one pass, published convention.
        inputs: Pixels that are encrypted.
        upload_bytes: What a client sends for a batch, all passes together.
        ring_degree: Of the cheapest proven plan, and so the records of a batch.
        passes: Evaluations of a batch.
    """

    network: str
    hops: int
    inputs: int
    upload_bytes: int
    ring_degree: int
    passes: int


def write_rows(kind: type[R], rows: Sequence[R], *, path: Path) -> None:
    """Write a line for each row, after a line of names.

    Args:
        kind: A dataclass whose fields are int, float or str.
        rows: Of that class; none makes a table without lines.
        path: Of the file.

    Raises:
        DataError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in fields(kind)], lineterminator="\n")  # type: ignore[arg-type]
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)  # type: ignore[call-overload]
    write_whole(path, text.getvalue().encode())


def read_rows(kind: type[R], *, path: Path, command: str) -> tuple[R, ...]:
    """Read a table that `write_rows` wrote.

    Args:
        kind: The dataclass of its lines.
        path: Of the file.
        command: Measures it anew.

    Raises:
        DataError: If it is missing or another kind of table.
    """
    columns: dict[str, Callable[[str], Any]] = {column.name: column.type for column in fields(kind)}  # type: ignore
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != list(columns):
                raise ValueError("other columns")
            return tuple(kind(**{name: read(line[name]) for name, read in columns.items()}) for line in reader)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"The table {path} is missing or not such a table ({error}): measure it with `{command}`."
        ) from error


def curve_path(study: str, *, folder: Path = TABLES) -> Path:
    """Where the measured curve of a study is kept."""
    return folder / f"transfer-{study}.csv"


def read_curve(study: str, *, folder: Path = TABLES) -> tuple[CurvePoint, ...]:
    """The measured curve of a study, as shipped.

    Raises:
        DataError: If there is none, or it is not a curve.
    """
    path = curve_path(study, folder=folder)
    return read_rows(CurvePoint, path=path, command=f"fcnlab transfer --study {study} --curve {path}")


def releases_path(study: str, *, folder: Path = TABLES) -> Path:
    """Where the releases of a study are kept."""
    return folder / f"transfer-{study}-releases.csv"


def networks_path(study: str, *, folder: Path = TABLES) -> Path:
    """Where the costs of whole networks are kept."""
    return folder / f"transfer-{study}-networks.csv"


def read_releases(study: str, *, folder: Path = TABLES) -> tuple[ReleasePoint, ...]:
    """The measured releases of a study, as shipped.

    Raises:
        DataError: If there are none, or it is another table.
    """
    return read_rows(ReleasePoint, path=releases_path(study, folder=folder), command=command(study, folder))


def read_networks(study: str, *, folder: Path = TABLES) -> tuple[NetworkCost, ...]:
    """The costs of whole networks for a study, as shipped.

    Raises:
        DataError: If there are none, or it is another table.
    """
    return read_rows(NetworkCost, path=networks_path(study, folder=folder), command=command(study, folder))


def command(study: str, folder: Path) -> str:
    """Writes both tables."""
    return f"fcnlab transfer --study {study} --tables {folder}"
