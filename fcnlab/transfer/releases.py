"""What the lab of private transfer shows before anything is trained: tables measured once for each study.

One table has the heads of `transfer.curves` released anew, pruned and rounded ever more coarsely: privacy's noise and
sparsity both cost accuracy, and the table holds every pair that was measured. The other says what the encrypted part
would take if the extractor ran under encryption too.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fcnlab.compiler.compile import compile_circuit
from fcnlab.data.releases import (
    EPSILONS,
    PRUNED,
    SEEDS,
    WEIGHT_BITS,
    NetworkCost,
    ReleasePoint,
    networks_path,
    releases_path,
    write_rows,
)
from fcnlab.inference.demonstration import prepare
from fcnlab.planning.choose import make_plan
from fcnlab.planning.plan import Plan
from fcnlab.transfer.costs import square_network
from fcnlab.transfer.head_costs import cost_head, untrained_head
from fcnlab.transfer.heads.heads import release_of
from fcnlab.transfer.heads.training import TrainedHead, attack_heads, release_trained, train_head
from fcnlab.transfer.records.study import FOLDS, Study
from fcnlab.transfer.run import DIGIT_SHAPE, PROJECTED_WEIGHT_BITS, SPARSE_NETWORK, whole_network_hops

Tell = Callable[[str, int, int], None]


def measure_releases(
    study: Study, *, epsilons: Sequence[float] = EPSILONS, seeds: int = SEEDS, progress: Tell | None = None
) -> tuple[ReleasePoint, ...]:
    """Train the heads of the curve, and release each in every way of `PRUNED` and `WEIGHT_BITS`.

    Args:
        study: The private set.
        epsilons: Positive; infinity trains without privacy.
        seeds: Heads for each; seed s holds out fold s modulo 5.
        progress: Called before each training with what it is, the trainings done and their number.
    """
    points: list[ReleasePoint] = []
    for done, epsilon in enumerate(epsilons):
        heads = []
        for seed in range(seeds):
            if progress is not None:
                progress(f"epsilon {epsilon:g}, seed {seed}", done * seeds + seed, len(epsilons) * seeds)
            heads.append(train_head(study, epsilon=epsilon, seed=seed))
        for weight_bits in WEIGHT_BITS:
            points += [measure_release(study, heads, epsilon, pruned, weight_bits) for pruned in PRUNED]
    return tuple(points)


def measure_release(
    study: Study, heads: Sequence[TrainedHead], epsilon: float, pruned: int, weight_bits: int
) -> ReleasePoint:
    """Release the heads of all seeds in one way and sum up."""
    release = release_of(pruned=pruned, weight_bits=weight_bits)
    released = [
        release_trained(study, head.trained, guarantee=head.guarantee, seed=head.seed, release=release)
        for head in heads
    ]
    accuracies = [head.accuracy for head in released]
    leak = attack_heads(study, released)
    images = len(study.folds[heads[0].seed % FOLDS][1])
    cost = cost_head(released[0].released, features=study.features, images=images)
    return ReleasePoint(
        epsilon=epsilon,
        pruned=pruned,
        weight_bits=weight_bits,
        seeds=len(heads),
        accuracy=round(float(np.mean(accuracies)), 3),
        accuracy_std=round(float(np.std(accuracies)), 3),
        advantage=round(leak.advantage, 4),
        advantage_low=round(leak.low, 4),
        advantage_high=round(leak.high, 4),
        hops=cost.hops,
        inputs=cost.inputs,
        upload_bytes=cost.upload_bytes,
        ring_degree=cost.ring_degree,
        passes=cost.passes,
    )


def measure_networks(study: Study) -> tuple[NetworkCost, ...]:
    """What encrypting the images themselves would take; nothing where records are no images or do not compile."""
    network, hops = square_network(study.extractor, untrained_head(study.shape)), whole_network_hops(study)
    if network is None or hops is None:
        return ()
    images = len(study.folds[0][1])
    circuit = compile_circuit(network, name="whole", input_shape=study.input_shape, weight_bits=PROJECTED_WEIGHT_BITS)
    costs = [cost_of("whole", hops.total, make_plan(circuit, images=images))]
    if study.input_shape == DIGIT_SHAPE:
        shipped = prepare(SPARSE_NETWORK)
        plan = make_plan(shipped.circuit, images=images)
        costs.append(cost_of(shipped.card.name, shipped.card.hops["total"], plan))
    return tuple(costs)


def cost_of(network: str, hops: int, plan: Plan) -> NetworkCost:
    """A network's costs from its plan."""
    return NetworkCost(
        network=network,
        hops=hops,
        inputs=len(plan.inputs),
        upload_bytes=plan.upload_bytes,
        ring_degree=plan.parameters.ring_degree,
        passes=plan.parameters.passes,
    )


def write_tables(study: Study, *, folder: Path, progress: Tell | None = None) -> tuple[Path, ...]:
    """Measure and write both tables of a study; returns where they are.

    Raises:
        DataError: If a file cannot be written.
    """
    paths = releases_path(study.outline.name, folder=folder), networks_path(study.outline.name, folder=folder)
    write_rows(ReleasePoint, measure_releases(study, progress=progress), path=paths[0])
    write_rows(NetworkCost, measure_networks(study), path=paths[1])
    return paths
