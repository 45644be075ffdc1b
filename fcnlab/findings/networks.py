"""Rows of the table of trained networks, those that differ in the seed alone put together."""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from fcnlab.data.trained import SEED_MARK, TrainedPoint, load_trained

Columns = Mapping[str, Sequence[object]]
"""A table: the cells of each column by its head."""
SEED: Final = re.compile(rf"{SEED_MARK}\d+")
SWEEP: Final = "sweep"
ROUNDING: Final = re.compile(r"-(\d+-bits|real|pruned)$")
BUDGET: Final = re.compile(r"(?<=-)\d{4,}(?=-|$)")


@dataclass(frozen=True)
class TrainedNetwork:
    """One setting, trained with one seed or several.

    Attributes:
        name: Name of the setting, which its rows have with their seeds.
        rows: One for each seed, by seed.
    """

    name: str
    rows: tuple[TrainedPoint, ...]

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return len(self.rows)

    @property
    def activation(self) -> str:
        """Name of the activation."""
        return self.rows[0].activation

    @property
    def weight_bits(self) -> int:
        """Bits that name a weight; 0 for real weights."""
        return self.rows[0].weight_bits

    @property
    def budget(self) -> int:
        """Weight products that the network was pruned to, as its name says; 0 if that names none."""
        named = BUDGET.search(self.name)
        return int(named[0]) if named else 0

    @property
    def base(self) -> tuple[int, int, str]:
        """What networks of one sweep share: maps, units and activation."""
        return self.rows[0].maps, self.rows[0].units, self.activation

    @property
    def in_sweep(self) -> bool:
        """Whether it belongs to a sweep over budgets and bits."""
        return self.family == SWEEP

    @property
    def family(self) -> str:
        """``sweep``, or the name without what says how its weights were rounded."""
        return SWEEP if self.name.startswith(SWEEP) else ROUNDING.sub("", self.name)

    @property
    def products(self) -> int:
        """Weight products per image, mean over the seeds."""
        return round(statistics.mean(row.products for row in self.rows))

    @property
    def hops(self) -> int:
        """HOPs of one pass by the published convention, mean over the seeds."""
        return round(statistics.mean(row.hops_total for row in self.rows))

    @property
    def executed(self) -> int:
        """HOPs of one pass as the fused engine performs them, mean over the seeds."""
        return round(statistics.mean(row.hops_executed_fused for row in self.rows))

    @property
    def range_bits(self) -> int:
        """Bits of the widest value, over all seeds."""
        return max(row.range_bits for row in self.rows)

    @cached_property
    def accuracy(self) -> float:
        """Percent on the test images, mean over the seeds."""
        return statistics.mean(row.accuracy_test for row in self.rows)

    @cached_property
    def spread(self) -> float:
        """Standard deviation over the seeds, in points; 0 for one seed, whose spread is not known."""
        return statistics.stdev(row.accuracy_test for row in self.rows) if self.seeds > 1 else 0.0


def group_networks(rows: Iterable[TrainedPoint]) -> tuple[TrainedNetwork, ...]:
    """The settings of a table, fewest HOPs first."""
    groups: dict[str, list[TrainedPoint]] = {}
    for row in rows:
        groups.setdefault(SEED.sub("", row.name), []).append(row)
    networks = [TrainedNetwork(name, tuple(sorted(group, key=lambda row: row.seed))) for name, group in groups.items()]
    return tuple(sorted(networks, key=lambda network: (network.hops, network.name)))


def load_networks() -> tuple[TrainedNetwork, ...]:
    """The settings of the shipped table.

    Raises:
        DataError: If it is damaged.
    """
    return group_networks(load_trained())


def rounded(networks: Iterable[TrainedNetwork]) -> tuple[TrainedNetwork, ...]:
    """Those whose weights are powers of two; the others are a step on the way, and were not made to be encrypted."""
    return tuple(network for network in networks if network.weight_bits)


def pareto_front(networks: Iterable[TrainedNetwork]) -> tuple[TrainedNetwork, ...]:
    """Those of powers of two that no other one beats: fewest HOPs first, each more accurate than all before it."""
    front: list[TrainedNetwork] = []
    for network in sorted(rounded(networks), key=lambda network: (network.hops, -network.accuracy)):
        if not front or network.accuracy > front[-1].accuracy:
            front.append(network)
    return tuple(front)


def cheapest(networks: Iterable[TrainedNetwork], *, accuracy: float) -> TrainedNetwork | None:
    """The network of powers of two with fewest HOPs that is at least this accurate; None if there is none."""
    return min(
        (each for each in rounded(networks) if each.accuracy >= accuracy), key=lambda each: each.hops, default=None
    )


def spell_accuracy(network: TrainedNetwork) -> str:
    """Percent, with its spread and the number of seeds where there are several."""
    if network.seeds == 1:
        return f"{network.accuracy:.2f} %"
    return f"{network.accuracy:.2f} ± {network.spread:.2f} % ({network.seeds} seeds)"


def describe_table(networks: Sequence[TrainedNetwork]) -> str:
    """What the table holds, in one sentence."""
    if not networks:
        return "The table of trained networks is empty: fcnlab sweep fills it."
    rows = sum(network.seeds for network in networks)
    several = sum(network.seeds > 1 for network in networks)
    activations = sorted({network.activation for network in networks})
    seeds = f"{several} of them with several seeds" if several else "each with one seed"
    return (
        f"The table has {counted(rows, 'trained network')} of {counted(len(networks), 'setting')}, {seeds}; "
        f"activations {', '.join(activations)}; weights of {spell_widths(networks)}."
    )


def spell_widths(networks: Iterable[TrainedNetwork]) -> str:
    """All numbers of weight bits that occur."""
    bits = sorted({network.weight_bits for network in networks}, reverse=True)
    *more, last = [str(each) for each in bits if each] or [""]
    words = f"{' or '.join(filter(None, (', '.join(more), last)))} bits" if last else ""
    return " or ".join(filter(None, (words, "real numbers" if 0 in bits else "")))


def spell_bits(bits: int) -> str:
    """The width of a weight."""
    return f"{bits} bits" if bits else "real weights"


def counted(count: int, one: str) -> str:
    """A number with its noun."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


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
