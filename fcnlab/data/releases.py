"""Measured points of private heads: accuracy, leakage and cost, as the lab shows them before a training. No torch."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from fcnlab.data.tables import TABLES, read_rows
from fcnlab.page import Table

EPSILONS: Final = (0.5, 1.0, 2.0, 4.0, 8.0, math.inf)
SEEDS: Final = 5
PRUNED: Final = (0, 30, 50, 70, 80, 90, 95)
WEIGHT_BITS: Final = (2, 3, 4, 5)


@dataclass(frozen=True, kw_only=True)
class PassCost:
    """What one pass over a batch takes under encryption.

    Attributes:
        hops: Operations of the pass, published convention.
        inputs: Features or pixels that are read at all, and so encrypted.
        upload_bytes: What a client sends for a batch, all passes together.
        ring_degree: The ring degree of the cheapest proven plan, and so the records of a batch.
        passes: Evaluations of a batch, one for each plain modulus.
    """

    hops: int
    inputs: int
    upload_bytes: int
    ring_degree: int
    passes: int


@dataclass(frozen=True, kw_only=True)
class NetworkCost(PassCost):
    """A network that reads images itself, under encryption.

    Attributes:
        network: ``whole``, extractor and head as `transfer.costs` counts them, or the name of a shipped one.
    """

    network: str


@dataclass(frozen=True, kw_only=True)
class HeadsPoint:
    """Heads of one epsilon, over all seeds.

    Attributes:
        epsilon: What was asked for; infinity is no privacy.
        seeds: How many heads.
        accuracy: Mean percent right of the released heads (pruned, powers of two) on held-out records.
        accuracy_std: Standard deviation over the seeds.
        advantage: What the membership attack gains on the released heads.
        advantage_low: Lower end of its 95 % confidence interval.
        advantage_high: Upper end.
    """

    epsilon: float
    seeds: int
    accuracy: float
    accuracy_std: float
    advantage: float
    advantage_low: float
    advantage_high: float


@dataclass(frozen=True, kw_only=True)
class CurvePoint(HeadsPoint):
    """One epsilon, its heads released in the usual way.

    Attributes:
        delta: A hundredth of 1 over the number of records.
        noise_multiplier: Mean over the seeds' training sets.
        trained_accuracy: Mean percent right before pruning and rounding.
        advantage_bound: Largest advantage that the guarantee allows any attack.
        train_s: Mean seconds of one training.
    """

    delta: float
    noise_multiplier: float
    trained_accuracy: float
    advantage_bound: float
    train_s: float

    def as_dict(self) -> dict[str, Any]:
        """The point as JSON; an infinite epsilon becomes null."""
        return asdict(self) | {"epsilon": self.epsilon if math.isfinite(self.epsilon) else None}


@dataclass(frozen=True, kw_only=True)
class ReleasePoint(PassCost, HeadsPoint):
    """One epsilon and one way to release; costs are those of the first seed's head.

    Attributes:
        pruned: Percent of each layer's weights that are left out, the smallest.
        weight_bits: Bits of a power of two with its sign, 2 to 5.
    """

    pruned: int
    weight_bits: int


def spell_epsilon(epsilon: float) -> str:
    """The epsilon as an axis, a table or a sentence says it."""
    return "∞" if math.isinf(epsilon) else f"{epsilon:g}"


def curve_table(points: Iterable[CurvePoint]) -> Table:
    """A measured curve, epsilon by epsilon."""
    heads = ("ε", "noise", "accuracy %", "±", "before release %", "attack", "95 % interval", "at most")
    rows = []
    for point in points:
        percents = [f"{each:.2f}" for each in (point.accuracy, point.accuracy_std, point.trained_accuracy)]
        noise, most = f"{point.noise_multiplier:.2f}", f"{point.advantage_bound:.2f}"
        low, attack, high = (f"{each:+.3f}" for each in (point.advantage_low, point.advantage, point.advantage_high))
        rows.append([spell_epsilon(point.epsilon), noise, *percents, attack, f"{low} to {high}", most])
    return Table(heads, rows)


def table_path(study: str, *, table: Literal["curve", "releases", "networks"], folder: Path = TABLES) -> Path:
    """Where a measured table of a study is kept."""
    return folder / f"transfer-{study}{'' if table == 'curve' else f'-{table}'}.csv"


def read_curve(study: str, *, folder: Path = TABLES) -> tuple[CurvePoint, ...]:
    """The measured curve of a study, as shipped.

    Raises:
        DataError: If there is none, or it is not a curve.
    """
    path = table_path(study, table="curve", folder=folder)
    return read_rows(CurvePoint, path=path, mend=f"measure it with `fcnlab transfer --study {study} --curve {path}`")


def read_releases(study: str, *, folder: Path = TABLES) -> tuple[ReleasePoint, ...]:
    """The measured releases of a study, as shipped.

    Raises:
        DataError: If there are none, or it is another table.
    """
    path = table_path(study, table="releases", folder=folder)
    return read_rows(
        ReleasePoint, path=path, mend=f"measure it with `fcnlab transfer --study {study} --tables {folder}`"
    )


def read_networks(study: str, *, folder: Path = TABLES) -> tuple[NetworkCost, ...]:
    """The costs of whole networks for a study, as shipped.

    Raises:
        DataError: If there are none, or it is another table.
    """
    path = table_path(study, table="networks", folder=folder)
    return read_rows(
        NetworkCost, path=path, mend=f"measure it with `fcnlab transfer --study {study} --tables {folder}`"
    )
