"""Rows of the table of trained networks, those that differ in the seed alone put together."""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fcnlab.data.trained import SEED_MARK, TrainedPoint, load_trained

Columns = Mapping[str, Sequence[object]]
"""A table: the cells of each column by its head."""
SEED: Final = re.compile(rf"{SEED_MARK}\d+")
SWEEP: Final = "sweep"
ROUNDING: Final = re.compile(r"-(\d+-bits|real|pruned)$")
BUDGET: Final = re.compile(r"(?<=-)\d{4,}(?=-|$)")


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """One setting, trained with one seed or several; products, HOPs and accuracy are means over the seeds.

    Attributes:
        name: Name of the setting, which its rows have with their seeds.
        rows: One for each seed, by seed.
        family: ``sweep``, or the name without what says how its weights were rounded.
        base: What networks of one sweep share: maps, units and activation.
        budget: Weight products that it was pruned to, as its name says; 0 if that names none.
        weight_bits: Bits that name a weight; 0 for real weights.
        products: Weight products per image.
        hops: HOPs of one pass by the published convention.
        executed: HOPs of one pass as the fused engine performs them.
        range_bits: Bits of the widest value, over all seeds.
        accuracy: Percent on the test images.
        spread: Standard deviation of the accuracy, in points; 0 for one seed, whose spread is not known.
    """

    name: str
    rows: tuple[TrainedPoint, ...]
    family: str
    base: tuple[int, int, str]
    budget: int
    weight_bits: int
    products: int
    hops: int
    executed: int
    range_bits: int
    accuracy: float
    spread: float

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.rows)

    @property
    def activation(self) -> str:
        """Name of the activation."""
        return self.base[-1]


def join_seeds(name: str, rows: Iterable[TrainedPoint]) -> TrainedNetwork:
    """The network of a setting."""
    first, *others = ordered = tuple(sorted(rows, key=lambda row: row.seed))
    named, accuracies = BUDGET.search(name), [row.accuracy_test for row in ordered]
    return TrainedNetwork(
        name=name,
        rows=ordered,
        family=SWEEP if name.startswith(SWEEP) else ROUNDING.sub("", name),
        base=(first.maps, first.units, first.activation),
        budget=int(named[0]) if named else 0,
        weight_bits=first.weight_bits,
        products=round(statistics.mean(row.products for row in ordered)),
        hops=round(statistics.mean(row.hops_total for row in ordered)),
        executed=round(statistics.mean(row.hops_executed_fused for row in ordered)),
        range_bits=max(row.range_bits for row in ordered),
        accuracy=statistics.mean(accuracies),
        spread=statistics.stdev(accuracies) if others else 0.0,
    )


def group_networks(rows: Iterable[TrainedPoint]) -> tuple[TrainedNetwork, ...]:
    """The settings of a table, fewest HOPs first."""
    groups: dict[str, list[TrainedPoint]] = {}
    for row in rows:
        groups.setdefault(SEED.sub("", row.name), []).append(row)
    networks = [join_seeds(name, group) for name, group in groups.items()]
    return tuple(sorted(networks, key=lambda network: (network.hops, network.name)))


def load_networks() -> tuple[TrainedNetwork, ...]:
    """The settings of the shipped table.

    Raises:
        DataError: If it is damaged.
    """
    return group_networks(load_trained())


def swept(networks: Iterable[TrainedNetwork]) -> tuple[TrainedNetwork, ...]:
    """Those of a sweep over budgets and bits."""
    return tuple(network for network in networks if network.family == SWEEP)


def pareto_front(networks: Iterable[TrainedNetwork]) -> tuple[TrainedNetwork, ...]:
    """Those of powers of two that no other one beats: fewest HOPs first, each more accurate than all before it.

    Real weights are a step on the way, and were not made to be encrypted.
    """
    rounded = [network for network in networks if network.weight_bits]
    front: list[TrainedNetwork] = []
    for network in sorted(rounded, key=lambda network: (network.hops, -network.accuracy)):
        if not front or network.accuracy > front[-1].accuracy:
            front.append(network)
    return tuple(front)


def cheapest(networks: Iterable[TrainedNetwork], *, accuracy: float) -> TrainedNetwork | None:
    """The network of powers of two with fewest HOPs that is at least this accurate; None if there is none."""
    good = [each for each in networks if each.weight_bits and each.accuracy >= accuracy]
    return min(good, key=lambda each: each.hops, default=None)


def spell_accuracy(network: TrainedNetwork) -> str:
    """Percent, with its spread and the number of seeds where there are several."""
    if network.seeds == 1:
        return f"{network.accuracy:.2f} %"
    return f"{network.accuracy:.2f} ± {network.spread:.2f} % ({network.seeds} seeds)"


def spell_bits(bits: int) -> str:
    """The width of a weight."""
    return f"{bits} bits" if bits else "real weights"


def network_columns(networks: Sequence[TrainedNetwork]) -> Columns:
    """A table of networks."""
    return {
        "network": [each.name for each in networks],
        "products": [each.products for each in networks],
        "bits": [str(each.weight_bits) for each in networks],
        "HOPs": [each.hops for each in networks],
        "executed": [each.executed for each in networks],
        "widest bits": [each.range_bits for each in networks],
        "accuracy %": [f"{each.accuracy:.2f}" for each in networks],
        "± over seeds": [f"{each.spread:.2f}" if each.seeds > 1 else None for each in networks],
        "seeds": [each.seeds for each in networks],
    }
