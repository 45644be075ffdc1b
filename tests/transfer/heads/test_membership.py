import math

import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.transfer.heads.membership import advantage_bound, attack, best_threshold, combine, record_losses

RNG = np.random.default_rng(0)


def test_members_with_smaller_losses_are_all_found() -> None:
    result = attack(RNG.uniform(0, 1, 100), RNG.uniform(2, 3, 60), epsilon=math.inf, delta=0.01)
    assert result.advantage > 0.9
    assert result.bound == 1


def test_chance_is_not_taken_for_a_leak() -> None:
    results = [
        attack(RNG.normal(size=200), RNG.normal(size=200), epsilon=2.0, delta=0.01, seed=seed) for seed in range(40)
    ]
    assert abs(np.mean([each.advantage for each in results])) < 0.03
    assert np.mean([each.low <= 0 <= each.high for each in results]) > 0.85


def test_more_people_narrow_the_interval_and_more_heads_do_not() -> None:
    results = [
        attack(RNG.normal(size=200), RNG.normal(size=200), epsilon=2.0, delta=0.01, seed=seed) for seed in range(40)
    ]
    same, more = (combine(results, members=count, others=count) for count in (200, 800))
    assert same.advantage == pytest.approx(np.mean([each.advantage for each in results]))
    assert same.high - same.low > 0.95 * np.mean([each.high - each.low for each in results])
    assert same.high - same.low == pytest.approx(2 * (more.high - more.low))


def test_the_bound_is_the_corner_of_the_privacy_region() -> None:
    epsilon, delta = 1.5, 0.01
    alarms = np.linspace(0, 1, 100_001)
    hits = np.minimum(math.exp(epsilon) * alarms + delta, 1 - math.exp(-epsilon) * (1 - delta - alarms))
    assert advantage_bound(epsilon=epsilon, delta=delta) == pytest.approx((hits - alarms).max(), abs=1e-4)
    assert advantage_bound(epsilon=0.0, delta=0.0) == 0
    assert advantage_bound(epsilon=10_000.0, delta=0.0) == advantage_bound(epsilon=math.inf, delta=0.01) == 1


def test_losses_are_cross_entropies() -> None:
    logits = np.array([[1000.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    losses = record_losses(logits, labels=np.array([1, 0, 1]))
    assert losses == pytest.approx([1000.0, math.log(2), math.log1p(math.exp(-5))])


def test_a_useless_threshold_accuses_nobody() -> None:
    threshold = best_threshold(np.array([3.0, 4.0]), np.array([1.0, 2.0]))
    assert threshold < 1.0


def test_too_few_records_are_refused() -> None:
    with pytest.raises(DataError, match="4 records"):
        attack(np.zeros(3), np.zeros(9), epsilon=1.0, delta=0.1)
