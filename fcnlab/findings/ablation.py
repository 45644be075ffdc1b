"""Third question: what pruning, quantization and approximation each cost in accuracy, one taken away at a time."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from fcnlab.data.frontier import Point, points
from fcnlab.data.measured import RECONSTRUCTED
from fcnlab.data.releases import ReleasePoint, read_releases
from fcnlab.data.tables import TABLES
from fcnlab.findings.changes import Change, find_change, signed, usual_activation, usual_bits, values_of
from fcnlab.findings.networks import SWEEP, Columns, TrainedNetwork, spell_accuracy, spell_bits, swept

STAGES: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "budget": ("pruning", "{:,} products".format),
    "weight_bits": ("quantization", spell_bits),
    "activation": ("approximation", str),
}
"""The stage that a choice belongs to, and how its values are spelled."""
Step = tuple[str, Any, Any, Mapping[str, Any]]
"""A choice, its value before and after, and the values of other choices that are looked at alone."""


@dataclass(frozen=True)
class Cost:
    """What one choice changes.

    Attributes:
        stage: pruning, quantization or approximation.
        before: What is left.
        after: What is taken.
        change: The change of accuracy.
    """

    stage: str
    before: str
    after: str
    change: Change


def accuracy_lines(networks: Sequence[TrainedNetwork], activation: str) -> dict[int, tuple[TrainedNetwork, ...]]:
    """The sweep with an activation, of its most usual maps and units: by weight bits, fewest products first."""
    chosen = [each for each in swept(networks) if each.activation == activation]
    bases = [each.base for each in chosen]
    usual = max(sorted(set(bases)), key=bases.count, default=None)
    usual_ones = [each for each in chosen if each.base == usual]
    usual_ones.sort(key=lambda each: (-each.weight_bits or -math.inf, each.products))
    return {bits: tuple(line) for bits, line in groupby(usual_ones, key=lambda each: each.weight_bits)}


def starting_bits(networks: Sequence[TrainedNetwork], **held: Any) -> list[int]:
    """What quantization is counted from: real weights (0) where there are pairs with them, and the most bits."""
    bits = [each for each in values_of(networks, "weight_bits") if each]
    with_real = any(find_change(networks, "weight_bits", before=0, after=each, **held) for each in bits)
    return [0] * with_real + bits[-1:]


def costs_at(networks: Sequence[TrainedNetwork], *, activation: str, budget: int, weight_bits: int) -> list[Cost]:
    """What led to one setting, and what another activation would change in it.

    Args:
        networks: The table.
        activation: Activation of the setting.
        budget: Weight products that it was pruned to.
        weight_bits: Weight bits of the setting.
    """
    at = {"family": SWEEP, "activation": activation, "budget": budget, "weight_bits": weight_bits}
    rest = {choice: {name: value for name, value in at.items() if name != choice} for choice in STAGES}
    steps = [("budget", most, budget) for most in values_of(networks, "budget")[-1:]]
    steps += [("weight_bits", bits, weight_bits) for bits in starting_bits(networks, **rest["weight_bits"])]
    steps += [("activation", activation, other) for other in values_of(networks, "activation")]
    return find_costs(networks, [(*step, rest[step[0]]) for step in steps])


def costs_over_all(networks: Sequence[TrainedNetwork]) -> list[Cost]:
    """Every choice over all pairs that the table has; pruning and approximation with the most bits."""
    budgets, held = values_of(networks, "budget"), {"weight_bits": usual_bits(networks)}
    fewer = [bits for bits in reversed(values_of(networks, "weight_bits")) if bits]
    steps: list[Step] = [("budget", budgets[-1], budget, held) for budget in reversed(budgets)]
    steps += [("weight_bits", start, bits, {}) for start in starting_bits(networks) for bits in fewer]
    usual = usual_activation(networks)
    steps += [("activation", usual, other, held) for other in values_of(networks, "activation")]
    return find_costs(networks, steps)


def find_costs(networks: Sequence[TrainedNetwork], steps: Iterable[Step]) -> list[Cost]:
    """The costs of steps that change something, as far as the table has pairs of them."""
    costs = []
    for choice, before, after, held in steps:
        change = find_change(networks, choice, before=before, after=after, **held)
        stage, spell = STAGES[choice]
        if change is not None and before != after:
            costs.append(Cost(stage, spell(before), spell(after), change))
    return costs


def find_dense() -> Point | None:
    """The shipped network of real weights with most products whose layers are published; None without one."""
    real = [point for point in points() if point.source == "shipped" and not point.weight_bits]
    published = [point for point in real if not point.name.startswith(RECONSTRUCTED)]
    return max(published, key=lambda point: point.products, default=None)


# --- heads on real data -----------------------------------------------------------------------------------------------


def study_names() -> tuple[str, ...]:
    """The studies whose releases are stored."""
    paths = sorted(TABLES.glob("transfer-*-releases.csv"))
    return tuple(path.stem.removeprefix("transfer-").removesuffix("-releases") for path in paths)


def head_lines(study: str) -> dict[int, tuple[ReleasePoint, ...]]:
    """Releases of a study's heads without privacy, by weight bits, least pruned first.

    Raises:
        DataError: If there are none.
    """
    points = [point for point in read_releases(study) if math.isinf(point.epsilon)]
    points.sort(key=lambda point: (-point.weight_bits, point.pruned))
    return {bits: tuple(line) for bits, line in groupby(points, key=lambda point: point.weight_bits)}


# --- tables -----------------------------------------------------------------------------------------------------------


def change_columns(costs: Sequence[Cost]) -> Columns:
    """What choices cost."""
    changes = [cost.change for cost in costs]
    return {
        "choice": [cost.stage for cost in costs],
        "from": [cost.before for cost in costs],
        "to": [cost.after for cost in costs],
        "points": [signed(change.points) for change in changes],
        "±": [f"{change.spread:.2f}" if change.pairs > 1 else None for change in changes],
        "worst": [signed(change.low) for change in changes],
        "best": [signed(change.high) for change in changes],
        "pairs": [change.pairs for change in changes],
    }


def grid_columns(lines: Mapping[int, Sequence[TrainedNetwork]]) -> Columns:
    """Accuracy by budget and bits: a row a budget, most products first, a column for each number of bits."""
    budgets = sorted({network.budget for line in lines.values() for network in line}, reverse=True)
    columns: dict[str, Sequence[object]] = {"products": [f"{budget:,}" for budget in budgets]}
    for bits, line in lines.items():
        spelled = {network.budget: spell_accuracy(network) for network in line}
        columns[spell_bits(bits)] = [spelled.get(budget) for budget in budgets]
    return columns
