"""What one choice costs in accuracy: pairs of trained networks that are alike in all else, seed included."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from fcnlab.findings.networks import TrainedNetwork, swept


class Choices(NamedTuple):
    """What a network is made by, named as in `TrainedNetwork` and in the rows of its seeds."""

    family: str
    maps: int
    units: int
    activation: str
    budget: int
    weight_bits: int
    seed: int


@dataclass(frozen=True)
class Change:
    """The change of accuracy from one choice to another.

    Attributes:
        points: Mean over the pairs; negative for a loss.
        spread: Standard deviation over the pairs; 0 for one pair, where it is not known.
        low: Points of the pair that loses most.
        high: Points of the pair that loses least.
        pairs: Number of pairs.
    """

    points: float
    spread: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        if self.pairs == 1:
            return f"{signed(self.points)} points (1 pair)"
        return f"{signed(self.points)} ± {self.spread:.2f} points ({self.pairs} pairs)"


def accuracies_of(networks: Iterable[TrainedNetwork]) -> dict[Choices, float]:
    """Percent on the test images of every network."""
    return {
        Choices(network.family, *network.base, network.budget, network.weight_bits, row.seed): row.accuracy_test
        for network in networks
        for row in network.rows
    }


def find_change(
    networks: Iterable[TrainedNetwork], choice: str, *, before: Any, after: Any, **held: Any
) -> Change | None:
    """What it changes to go from one value of a choice to another with all else the same.

    Args:
        networks: All of them.
        choice: A field of `Choices`.
        before: Value that is left.
        after: Value that is taken.
        held: Values of other choices that are looked at alone.

    Returns:
        The change over all pairs that there are; None if there is none.
    """
    known, left = accuracies_of(networks), held | {choice: before}
    starts = [each for each in known if all(getattr(each, name) == value for name, value in left.items())]
    pairs = [(start, start._replace(**{choice: after})) for start in starts]
    changes = [known[end] - known[start] for start, end in pairs if end in known]
    if not changes:
        return None
    spread = statistics.stdev(changes) if len(changes) > 1 else 0.0
    return Change(statistics.mean(changes), spread, min(changes), max(changes), len(changes))


def values_of(networks: Iterable[TrainedNetwork], choice: str) -> tuple[Any, ...]:
    """All values of a choice in the sweep, ascending."""
    return tuple(sorted({getattr(choices, choice) for choices in accuracies_of(swept(networks))}))


def usual_activation(networks: Iterable[TrainedNetwork]) -> str:
    """The activation that most networks of the sweep have; empty without a sweep."""
    used = [choices.activation for choices in accuracies_of(swept(networks))]
    return max(sorted(set(used)), key=used.count, default="")


def usual_bits(networks: Iterable[TrainedNetwork]) -> int:
    """The most weight bits of the sweep, at which other choices are compared; 0 without a sweep of powers of two.

    With few bits the accuracy scatters by many points, which would drown what another choice changes.
    """
    return max(values_of(networks, "weight_bits"), default=0)


def signed(points: float) -> str:
    """Two decimals, with a proper minus."""
    return f"{points:+.2f}".replace("-", "−")
