"""Accuracy and leakage over epsilon: what privacy costs a study, with the spread over seeds, as tables on disk."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from fcnlab.data import DATA_ROOT
from fcnlab.errors import DataError
from fcnlab.files import write_whole
from fcnlab.transfer.heads import Release
from fcnlab.transfer.studies import Study
from fcnlab.transfer.training import TrainedHead, attack_heads, train_head

EPSILONS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, math.inf)
SEEDS: Final = 5
TABLES: Final = DATA_ROOT / "tables"


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


def measure_point(study: Study, *, epsilon: float, heads: Sequence[TrainedHead]) -> CurvePoint:
    """Sum up the heads of all seeds at one epsilon."""
    accuracies = [head.accuracy for head in heads]
    leak = attack_heads(study, heads)
    return CurvePoint(
        epsilon=epsilon,
        delta=heads[0].guarantee.delta,
        noise_multiplier=round(float(np.mean([head.guarantee.noise_multiplier for head in heads])), 4),
        seeds=len(heads),
        accuracy=round(float(np.mean(accuracies)), 3),
        accuracy_std=round(float(np.std(accuracies)), 3),
        trained_accuracy=round(float(np.mean([head.trained_accuracy for head in heads])), 3),
        advantage=round(leak.advantage, 4),
        advantage_low=round(leak.low, 4),
        advantage_high=round(leak.high, 4),
        advantage_bound=round(leak.bound, 4),
        train_s=round(float(np.mean([head.elapsed_s for head in heads])), 3),
    )


def measure_curve(
    study: Study,
    *,
    epsilons: Sequence[float] = EPSILONS,
    seeds: int = SEEDS,
    release: Release | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[CurvePoint, ...]:
    """Train `seeds` heads at each epsilon.

    Args:
        study: The private set.
        epsilons: Positive; infinity trains without privacy.
        seeds: Heads for each; seed s holds out fold s modulo 5.
        release: Pruning and rounding.
        progress: Called before each training with what it is, the trainings done and their number.
    """
    points: list[CurvePoint] = []
    for epsilon in epsilons:
        heads = []
        for seed in range(seeds):
            if progress is not None:
                progress(f"epsilon {epsilon:g}, seed {seed}", len(points) * seeds + seed, len(epsilons) * seeds)
            heads.append(train_head(study, epsilon=epsilon, seed=seed, release=release))
        points.append(measure_point(study, epsilon=epsilon, heads=heads))
    return tuple(points)


def describe_curve(points: Sequence[CurvePoint]) -> str:
    """The curve as a table for a terminal."""
    lines = [f"{'epsilon':>8}{'accuracy %':>18}{'unrounded %':>13}{'attack':>9}{'95 % interval':>20}{'bound':>8}"]
    for point in points:
        interval = f"{point.advantage_low:+.3f} to {point.advantage_high:+.3f}"
        lines.append(
            f"{point.epsilon:>8g}{point.accuracy:>10.2f} +- {point.accuracy_std:<4.2f}{point.trained_accuracy:>13.2f}"
            f"{point.advantage:>+9.3f}{interval:>20}{point.advantage_bound:>8.2f}"
        )
    return "\n".join(lines)


def curve_path(study: str, *, folder: Path = TABLES) -> Path:
    """Where the measured curve of a study is kept."""
    return folder / f"transfer-{study}.csv"


def write_curve(points: Sequence[CurvePoint], *, path: Path) -> None:
    """Write a curve as CSV, a line for each epsilon.

    Raises:
        DataError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in fields(CurvePoint)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(point) for point in points)
    write_whole(path, text.getvalue().encode())


def read_curve(study: str, *, folder: Path = TABLES) -> tuple[CurvePoint, ...]:
    """The measured curve of a study, as shipped.

    Raises:
        DataError: If there is none, or it is not a curve.
    """
    path = curve_path(study, folder=folder)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return tuple(parse_point(row) for row in rows)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"The table {path} is missing or not a curve ({error}): measure it with "
            f"`fcnlab transfer --study {study} --curve {path}`."
        ) from error


def parse_point(row: dict[str, str]) -> CurvePoint:
    """A line of the table."""
    values: dict[str, Any] = {column: float(text) for column, text in row.items()}
    return CurvePoint(**values | {"seeds": int(row["seeds"])})
