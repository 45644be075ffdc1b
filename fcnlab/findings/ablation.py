"""Third question: what pruning, quantization and approximation each cost in accuracy, one taken away at a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fcnlab.data.frontier import Point, points
from fcnlab.data.measured import RECONSTRUCTED
from fcnlab.data.releases import ReleasePoint, read_releases
from fcnlab.data.tables import TABLES
from fcnlab.findings.changes import Change, find_change, signed, usual_activation, usual_bits, values_of
from fcnlab.findings.networks import SWEEP, TrainedNetwork, cheapest, spell_accuracy, standard_error

CHANGE_HEADS: Final = ("choice", "from", "to", "points", "±", "worst", "best", "pairs")
BARELY: Final = 2  # standard errors of a test set


@dataclass(frozen=True)
class Cost:
    """What one choice changes.

    Attributes:
        stage: pruning, quantization or approximation.
        before: What is left.
        after: What is taken.
        change: Of the accuracy.
    """

    stage: str
    before: str
    after: str
    change: Change


def accuracy_lines(networks: Sequence[TrainedNetwork], activation: str) -> dict[int, tuple[TrainedNetwork, ...]]:
    """The sweep with an activation, of its most usual maps and units: by weight bits, fewest products first."""
    chosen = [each for each in networks if each.in_sweep and each.activation == activation]
    bases = [each.base for each in chosen]
    usual = max(sorted(set(bases)), key=bases.count, default=None)
    lines: dict[int, list[TrainedNetwork]] = {}
    for each in sorted(chosen, key=lambda network: network.products):
        if each.base == usual:
            lines.setdefault(each.weight_bits, []).append(each)
    return {bits: tuple(lines[bits]) for bits in sorted(lines, key=lambda bits: -bits or -math.inf)}


def starting_bits(networks: Sequence[TrainedNetwork], **held: Any) -> list[int]:
    """What quantization is counted from: real weights (0) where there are pairs with them, and the most bits."""
    bits = [each for each in values_of(networks, "weight_bits") if each]
    with_real = any(find_change(networks, "weight_bits", before=0, after=each, **held) for each in bits)
    return [0] * with_real + bits[-1:]


def costs_at(networks: Sequence[TrainedNetwork], *, activation: str, budget: int, weight_bits: int) -> list[Cost]:
    """What led to one setting, and what another activation would change in it.

    Args:
        networks: The table.
        activation: Of the setting.
        budget: Weight products that it was pruned to.
        weight_bits: Of the setting.
    """
    at = {"family": SWEEP, "activation": activation, "budget": budget, "weight_bits": weight_bits}
    costs = []
    for most in values_of(networks, "budget")[-1:]:
        costs += find_costs(networks, "budget", before=most, after=budget, **without(at, "budget"))
    rest = without(at, "weight_bits")
    for bits in starting_bits(networks, **rest):
        costs += find_costs(networks, "weight_bits", before=bits, after=weight_bits, **rest)
    rest = without(at, "activation")
    for other in values_of(networks, "activation"):
        costs += find_costs(networks, "activation", before=activation, after=other, **rest)
    return costs


def costs_over_all(networks: Sequence[TrainedNetwork]) -> list[Cost]:
    """Every choice over all pairs that the table has; pruning and approximation with the most bits."""
    budgets, most_bits = values_of(networks, "budget"), usual_bits(networks)
    costs = []
    for budget in reversed(budgets):
        costs += find_costs(networks, "budget", before=budgets[-1], after=budget, weight_bits=most_bits)
    for start in starting_bits(networks):
        for each in reversed(values_of(networks, "weight_bits")):
            costs += find_costs(networks, "weight_bits", before=start, after=each) if each else []
    usual = usual_activation(networks)
    for other in values_of(networks, "activation"):
        costs += find_costs(networks, "activation", before=usual, after=other, weight_bits=most_bits)
    return costs


def find_costs(networks: Sequence[TrainedNetwork], choice: str, *, before: Any, after: Any, **held: Any) -> list[Cost]:
    """The cost of one choice; none where nothing changes or no pairs are there."""
    change = find_change(networks, choice, before=before, after=after, **held)
    stage, spell = STAGES[choice]
    return [] if change is None or before == after else [Cost(stage, spell(before), spell(after), change)]


def without(choices: Mapping[str, Any], name: str) -> dict[str, Any]:
    """All choices but one."""
    return {key: value for key, value in choices.items() if key != name}


def spell_bits(bits: int) -> str:
    """Of a weight."""
    return f"{bits} bits" if bits else "real weights"


STAGES: Final[dict[str, tuple[str, Callable[[Any], str]]]] = {
    "budget": ("pruning", "{:,} products".format),
    "weight_bits": ("quantization", spell_bits),
    "activation": ("approximation", str),
}
"""The stage that a choice belongs to, and how its values are spelled."""


# --- heads on real data -----------------------------------------------------------------------------------------------


def study_names() -> tuple[str, ...]:
    """The studies whose releases are stored."""
    prefix, suffix = "transfer-", "-releases.csv"
    paths = sorted(TABLES.glob(f"{prefix}*{suffix}"))
    return tuple(path.name.removeprefix(prefix).removesuffix(suffix) for path in paths)


def head_lines(study: str, *, epsilon: float = math.inf) -> dict[int, tuple[ReleasePoint, ...]]:
    """Releases of a study's heads by weight bits, least pruned first.

    Raises:
        DataError: If there are none.
    """
    lines: dict[int, list[ReleasePoint]] = {}
    for point in sorted(read_releases(study), key=lambda point: (-point.weight_bits, point.pruned)):
        if point.epsilon == epsilon:
            lines.setdefault(point.weight_bits, []).append(point)
    return {bits: tuple(line) for bits, line in lines.items()}


def head_sentence(study: str) -> str:
    """How far a head may be pruned and rounded."""
    lines = head_lines(study)
    if not lines:
        return f"Of {study} no heads without privacy are stored."
    whole = lines[max(lines)][0]
    enough = [point for line in lines.values() for point in line if point.accuracy >= whole.accuracy - 1]
    least = min(enough, key=lambda point: (point.hops, point.weight_bits))
    return (
        f"{study}, heads without privacy, {whole.seeds} seeds: {whole.accuracy:.2f} % with {whole.weight_bits} bits "
        f"and {whole.pruned} % pruned; within a point of that still {least.accuracy:.2f} % with {least.weight_bits} "
        f"bits and {least.pruned} % pruned, {whole.hops / least.hops:.1f} times fewer HOPs."
    )


# --- words ------------------------------------------------------------------------------------------------------------


def cost_sentence(networks: Sequence[TrainedNetwork], *, activation: str, budget: int, weight_bits: int) -> str:
    """One setting, step by step."""
    costs = costs_at(networks, activation=activation, budget=budget, weight_bits=weight_bits)
    place = f"{activation} at {budget:,} products and {spell_bits(weight_bits)}"
    if not costs:
        return f"{place}: the table has nothing to compare this setting with."
    steps = [f"{cost.stage} ({cost.before} to {cost.after}) {cost.change}" for cost in costs]
    return f"{place}: {'; '.join(steps)}."


def stage_sentence(networks: Sequence[TrainedNetwork], stage: str) -> str:
    """One stage over all pairs; what is missing is said."""
    costs = [cost for cost in costs_over_all(networks) if cost.stage == stage]
    if not costs:
        return f"{stage.capitalize()}: the table has no pairs that differ in it alone."
    starts = dict.fromkeys(cost.before for cost in costs)
    words = [
        f"from {start}: " + "; ".join(f"{cost.after} {cost.change}" for cost in costs if cost.before == start)
        for start in starts
    ]
    at = "" if stage == "quantization" else f" with {usual_bits(networks)} bits"
    return f"{stage.capitalize()}{at}, {'. Also '.join(words)}."


def dense_sentence(dense: Point | None) -> str:
    """The reference that nothing was taken from."""
    if dense is None:
        return ""
    return (
        f"Reference: {dense.name}, dense and with real weights, {dense.products:,} products, {dense.accuracy:.2f} %; "
        "it has another convolution part, so that it is drawn beside the others and not subtracted from them."
    )


def find_dense() -> Point | None:
    """The shipped network of real weights with most products whose layers are published; None without one."""
    real = [
        point for point in points()
        if point.source == "shipped" and not point.weight_bits and not point.name.startswith(RECONSTRUCTED)
    ]  # fmt: skip
    return max(real, key=lambda point: point.products, default=None)


def noise_sentence(networks: Sequence[TrainedNetwork]) -> str:
    """What differences mean."""
    best = max((each.accuracy for each in networks), default=99.0)
    error = standard_error(best)
    return (
        f"An accuracy near {best:.1f} % on 10,000 images has a standard error of {error:.2f} points, so that a "
        f"difference below {BARELY * error:.1f} points between two networks may be chance."
    )


def answer(networks: Sequence[TrainedNetwork]) -> str:
    """The third question in two or three sentences."""
    costs = costs_over_all(networks)
    found = []
    for stage in ("pruning", "quantization", "approximation"):
        here = [cost for cost in costs if cost.stage == stage]
        if not here:
            found.append(f"{stage}: not in the table yet")
            continue
        here = [cost for cost in here if cost.before == here[0].before]
        mild, hard = max(here, key=points_of), min(here, key=points_of)
        words = f"{mild.before} to {mild.after} {signed(mild.change.points)}"
        if hard is not mild:
            words += f", to {hard.after} {signed(hard.change.points)}"
        found.append(f"{stage} {words}")
    kept = cheapest(networks, accuracy=99.0)
    end = "" if kept is None else f" Together: {kept.name}, {spell_accuracy(kept)} at {kept.hops:,} HOPs."
    return f"Mean change of accuracy in points: {'; '.join(found)}.{end}"


def points_of(cost: Cost) -> float:
    """The mean change."""
    return cost.change.points


def sentences(
    networks: Sequence[TrainedNetwork], *, activation: str, budget: int, weight_bits: int, study: str
) -> list[str]:
    """Everything of one choice."""
    return [
        answer(networks),
        cost_sentence(networks, activation=activation, budget=budget, weight_bits=weight_bits),
        *(stage_sentence(networks, stage) for stage in ("pruning", "quantization", "approximation")),
        *filter(None, [dense_sentence(find_dense())]),
        noise_sentence(networks),
        *([head_sentence(study)] if study else []),
    ]  # fmt: skip


def change_rows(costs: Sequence[Cost]) -> list[list[object]]:
    """As CHANGE_HEADS."""
    return [
        [
            cost.stage, cost.before, cost.after, signed(cost.change.points),
            f"{cost.change.spread:.2f}" if cost.change.pairs > 1 else None, signed(cost.change.low),
            signed(cost.change.high), cost.change.pairs,
        ]
        for cost in costs
    ]  # fmt: skip


def grid_rows(lines: dict[int, tuple[TrainedNetwork, ...]]) -> list[list[object]]:
    """Accuracy by budget and bits: a row a budget, most products first, a column for each number of bits."""
    budgets = sorted({network.budget for line in lines.values() for network in line}, reverse=True)
    by_place = {(network.budget, bits): network for bits, line in lines.items() for network in line}
    return [
        [
            f"{budget:,}",
            *(spell_accuracy(by_place[budget, bits]) if (budget, bits) in by_place else None for bits in lines),
        ]
        for budget in budgets
    ]  # fmt: skip
