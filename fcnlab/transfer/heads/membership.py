"""A membership-inference attack by a loss threshold: what a released head tells of who was in its training set.

The attacker knows the released weights and a person's record, and says "member" where the loss is small. The threshold
is chosen on one half of the people and judged on the other, and the other way round, so that chance is not mistaken
for a leak.

Source: Yeom, Giacomelli, Fredrikson and Jha 2018, "Privacy risk in machine learning", for the attack and its advantage.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.errors import DataError

Reals = npt.NDArray[np.floating[Any]]
NORMAL_95: Final = 1.96
SMALLEST_GROUP: Final = 4


@dataclass(frozen=True, kw_only=True)
class Membership:
    """How well the attack does.

    Attributes:
        advantage: True minus false positive rate: 0 for guessing, 1 for certainty; chance may bring it below 0.
        low: Lower end of its 95 % confidence interval.
        high: Upper end.
        bound: Largest advantage of any attack that the guarantee allows; 1 without privacy.
        hit: True positive rate: members that are called members.
        alarm: False positive rate: others that are called members.
    """

    advantage: float
    low: float
    high: float
    bound: float
    hit: float
    alarm: float


def attack(members: Reals, others: Reals, *, epsilon: float, delta: float, seed: int = 0) -> Membership:
    """Attack by a threshold on the loss.

    Args:
        members: Losses of training records, at least 4.
        others: Losses of records from the same source that were not in the training set, at least 4.
        epsilon: The guarantee's epsilon, for the bound.
        delta: The guarantee's delta.
        seed: Decides the halves.

    Raises:
        DataError: If there are too few records to halve.
    """
    if min(len(members), len(others)) < SMALLEST_GROUP:
        raise DataError(f"The attack halves both groups: it needs {SMALLEST_GROUP} records in each.")
    rng = np.random.default_rng(seed)
    inside, outside = halve(members, rng), halve(others, rng)
    caught = mistaken = 0
    for known, judged in ((0, 1), (1, 0)):
        threshold = best_threshold(inside[known], outside[known])
        caught += int(np.count_nonzero(inside[judged] <= threshold))
        mistaken += int(np.count_nonzero(outside[judged] <= threshold))
    return judge(
        hit=caught / len(members),
        alarm=mistaken / len(others),
        members=len(members),
        others=len(others),
        bound=advantage_bound(epsilon=epsilon, delta=delta),
    )


def judge(*, hit: float, alarm: float, members: int, others: int, bound: float) -> Membership:
    """The advantage of an attack and its interval, from the rates over so many different people."""
    half = NORMAL_95 * math.sqrt(hit * (1 - hit) / members + alarm * (1 - alarm) / others)
    return Membership(
        advantage=hit - alarm, low=hit - alarm - half, high=hit - alarm + half, bound=bound, hit=hit, alarm=alarm
    )


def combine(attacks: Sequence[Membership], *, members: int, others: int) -> Membership:
    """The mean of attacks on several heads.

    Heads share records, so more heads do not make the interval narrower, only more people do: a record that several
    heads were attacked with counts once.

    Args:
        attacks: On heads of the same kind.
        members: How many different records were members of some head's training set.
        others: How many different records were outsiders of some head's.
    """
    return judge(
        hit=float(np.mean([each.hit for each in attacks])),
        alarm=float(np.mean([each.alarm for each in attacks])),
        members=members,
        others=others,
        bound=max(each.bound for each in attacks),
    )


def halve(values: Reals, rng: np.random.Generator) -> tuple[Reals, Reals]:
    """Two random halves."""
    order = rng.permutation(len(values))
    return values[order[::2]], values[order[1::2]]


def best_threshold(members: Reals, others: Reals) -> float:
    """The loss at or below which "member" has the largest advantage; below all losses if none is better than chance."""
    candidates = np.unique(np.concatenate([members, others]))
    hits = np.searchsorted(np.sort(members), candidates, side="right") / len(members)
    alarms = np.searchsorted(np.sort(others), candidates, side="right") / len(others)
    best = int(np.argmax(hits - alarms))
    return float(candidates[best]) if hits[best] > alarms[best] else float(candidates[0]) - 1


def advantage_bound(*, epsilon: float, delta: float) -> float:
    """The largest advantage that (epsilon, delta)-differential privacy allows any attack.

    Source: Kairouz, Oh and Viswanath 2015, "The composition theorem for differential privacy", theorem 2.1: the corner
    of the region hit <= e^epsilon alarm + delta, 1 - alarm <= e^epsilon (1 - hit) + delta.
    """
    other = math.exp(-epsilon)  # of a large epsilon the exponential itself would overflow
    return min((1 - other + 2 * delta * other) / (1 + other), 1.0)


def record_losses(logits: Reals, *, labels: npt.NDArray[np.int64]) -> Reals:
    """Cross-entropy of each record, from logits of shape (N, classes)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels])
