"""What privacy costs a study: accuracy, leakage and encryption of private heads, measured once, as tables on disk.

The curve holds accuracy and leakage over epsilon, with the spread over seeds. The table of releases has the same heads
released anew, pruned and rounded ever more coarsely: privacy's noise and sparsity both cost accuracy, and the table
holds every pair that was measured. The table of networks says what the encrypted part would take if the extractor ran
under encryption too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fcnlab.data.releases import EPSILONS, PRUNED, SEEDS, WEIGHT_BITS, CurvePoint, NetworkCost, ReleasePoint, table_path
from fcnlab.data.tables import write_rows
from fcnlab.inference.demonstration import prepare
from fcnlab.planning.choose import make_plan
from fcnlab.transfer.costs import cost_head, cost_of, untrained_head
from fcnlab.transfer.heads.heads import Release, release_of
from fcnlab.transfer.heads.membership import Membership
from fcnlab.transfer.heads.training import TrainedHead, attack_heads, release_trained, train_head
from fcnlab.transfer.records.study import FOLDS, Study
from fcnlab.transfer.run import DIGIT_SHAPE, SPARSE_NETWORK, Tell, whole_network, whole_network_hops


def train_heads(
    study: Study, *, epsilons: Sequence[float], seeds: int, release: Release | None = None, progress: Tell | None = None
) -> Iterator[tuple[float, list[TrainedHead]]]:
    """Train `seeds` heads at each epsilon, and give them epsilon by epsilon.

    Args:
        study: The private set.
        epsilons: Positive; infinity trains without privacy.
        seeds: Heads for each; seed s holds out fold s modulo 5.
        release: Pruning and rounding.
        progress: Called before each training with what it is, the trainings done and their number.
    """
    for done, epsilon in enumerate(epsilons):
        heads = []
        for seed in range(seeds):
            if progress is not None:
                progress(f"epsilon {epsilon:g}, seed {seed}", done * seeds + seed, len(epsilons) * seeds)
            heads.append(train_head(study, epsilon=epsilon, seed=seed, release=release))
        yield epsilon, heads


def measure_curve(
    study: Study,
    *,
    epsilons: Sequence[float] = EPSILONS,
    seeds: int = SEEDS,
    release: Release | None = None,
    progress: Tell | None = None,
) -> tuple[CurvePoint, ...]:
    """Accuracy and leakage at each epsilon; arguments are those of `train_heads`."""
    trained = train_heads(study, epsilons=epsilons, seeds=seeds, release=release, progress=progress)
    return tuple(measure_point(study, epsilon=epsilon, heads=heads) for epsilon, heads in trained)


def measure_point(study: Study, *, epsilon: float, heads: Sequence[TrainedHead]) -> CurvePoint:
    """Sum up the heads of all seeds at one epsilon."""
    leak = attack_heads(study, heads)
    return CurvePoint(
        **spread(heads, leak=leak),
        epsilon=epsilon,
        delta=heads[0].guarantee.delta,
        noise_multiplier=round(float(np.mean([head.guarantee.noise_multiplier for head in heads])), 4),
        trained_accuracy=round(float(np.mean([head.trained_accuracy for head in heads])), 3),
        advantage_bound=round(leak.bound, 4),
        train_s=round(float(np.mean([head.elapsed_s for head in heads])), 3),
    )


def measure_releases(
    study: Study, *, epsilons: Sequence[float] = EPSILONS, seeds: int = SEEDS, progress: Tell | None = None
) -> tuple[ReleasePoint, ...]:
    """Release the heads of the curve in every way of `PRUNED` and `WEIGHT_BITS`; arguments as for `train_heads`."""
    return tuple(
        measure_release(study, heads, epsilon=epsilon, pruned=pruned, weight_bits=weight_bits)
        for epsilon, heads in train_heads(study, epsilons=epsilons, seeds=seeds, progress=progress)
        for weight_bits in WEIGHT_BITS
        for pruned in PRUNED
    )


def measure_release(
    study: Study, heads: Sequence[TrainedHead], *, epsilon: float, pruned: int, weight_bits: int
) -> ReleasePoint:
    """Release the heads of all seeds in one way and sum up."""
    release = release_of(pruned=pruned, weight_bits=weight_bits)
    released = [
        release_trained(study, head.trained, guarantee=head.guarantee, seed=head.seed, release=release)
        for head in heads
    ]
    images = len(study.folds[heads[0].seed % FOLDS][1])
    cost = cost_head(released[0].released, features=study.features, images=images)
    figures = spread(released, leak=attack_heads(study, released)) | asdict(cost)
    return ReleasePoint(**figures, epsilon=epsilon, pruned=pruned, weight_bits=weight_bits)


def spread(heads: Sequence[TrainedHead], *, leak: Membership) -> dict[str, Any]:
    """The columns that both tables have: mean accuracy and its spread over the seeds, and the attack."""
    accuracies = [head.accuracy for head in heads]
    return {
        "seeds": len(heads),
        "accuracy": round(float(np.mean(accuracies)), 3),
        "accuracy_std": round(float(np.std(accuracies)), 3),
        "advantage": round(leak.advantage, 4),
        "advantage_low": round(leak.low, 4),
        "advantage_high": round(leak.high, 4),
    }


def measure_networks(study: Study) -> tuple[NetworkCost, ...]:
    """What encrypting the images themselves would take; nothing where records are no images or do not compile."""
    circuit, hops = whole_network(study, untrained_head(study.shape)), whole_network_hops(study)
    if circuit is None or hops is None:
        return ()
    counted = {"whole": (circuit, hops.total)}
    if study.input_shape == DIGIT_SHAPE:
        shipped = prepare(SPARSE_NETWORK)
        counted[shipped.card.name] = shipped.circuit, shipped.card.hops["total"]
    images = len(study.folds[0][1])
    return tuple(
        NetworkCost(network=name, **asdict(cost_of(make_plan(circuit, images=images), hops=total)))
        for name, (circuit, total) in counted.items()
    )


def write_tables(study: Study, *, folder: Path, progress: Tell | None = None) -> tuple[Path, ...]:
    """Measure and write both tables of a study; returns where they are.

    Raises:
        DataError: If a file cannot be written.
    """
    name = study.outline.name
    paths = table_path(name, table="releases", folder=folder), table_path(name, table="networks", folder=folder)
    write_rows(ReleasePoint, measure_releases(study, progress=progress), path=paths[0])
    write_rows(NetworkCost, measure_networks(study), path=paths[1])
    return paths


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
