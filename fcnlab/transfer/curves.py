"""Accuracy and leakage over epsilon: what privacy costs a study, with the spread over seeds, as tables on disk."""

from collections.abc import Callable, Sequence

import numpy as np

from fcnlab.data.releases import EPSILONS, SEEDS, CurvePoint
from fcnlab.transfer.heads.heads import Release
from fcnlab.transfer.heads.training import TrainedHead, attack_heads, train_head
from fcnlab.transfer.records.study import Study


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
