"""A private head as lab 06 sees it: trained in a worker, released anew in the kernel, run encrypted in a worker.

The kernel loads torch when the first head comes back, or when a head of a shape that was never measured is counted; it
never loads the encryption library.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fcnlab.data.releases import PRUNED
from fcnlab.inference.report import Report
from fcnlab.transfer.records.outlines import OUTLINES, Outline
from fcnlab.ui.kit.task import Advance, Step

if TYPE_CHECKING:
    from fcnlab.data.releases import PassCost
    from fcnlab.transfer.heads.membership import Membership
    from fcnlab.transfer.heads.privacy import HeadProgress
    from fcnlab.transfer.heads.training import TrainedHead
    from fcnlab.transfer.records.study import Study

PLAIN_CLIPPING: Final = 1.0
PLAIN_FEATURE_BITS: Final = 5
PLAIN_WEIGHT_BITS: Final = 4
Tell = Callable[[Advance], None]


@dataclass(frozen=True)
class Training:
    """Everything a head's training depends on but its seed.

    Attributes:
        study: Name.
        epsilon: The privacy budget; infinity for no privacy.
        clipping: Largest norm of one record's gradient; without effect where epsilon is infinite.
        units: Hidden units; 0 for a linear head.
        feature_bits: Bits of a quantised feature.
    """

    study: str
    epsilon: float
    clipping: float = PLAIN_CLIPPING
    units: int = 0
    feature_bits: int = PLAIN_FEATURE_BITS

    @property
    def outline(self) -> Outline:
        """The study's outline."""
        return OUTLINES[self.study]

    @property
    def is_measured(self) -> bool:
        """Whether the stored tables hold heads of this kind."""
        plain = (self.units, self.feature_bits) == (self.outline.units, PLAIN_FEATURE_BITS)
        return plain and (math.isinf(self.epsilon) or self.clipping == PLAIN_CLIPPING)


@dataclass(frozen=True, eq=False)
class Trained:
    """A head that was trained here, and what its releases are judged by.

    Attributes:
        training: How.
        study: Features and labels, without the extractor.
        head: Real weights, and their guarantee.
    """

    training: Training
    study: "Study"
    head: "TrainedHead"


@dataclass(frozen=True, eq=False)
class Released:
    """A trained head pruned and rounded in one way.

    Attributes:
        head: With its circuit and accuracy.
        cost: Under encryption.
        attack: On it.
        sweep: Accuracy by pruned percent, with the same weight bits.
    """

    head: "TrainedHead"
    cost: "PassCost"
    attack: "Membership"
    sweep: dict[int, float]


@dataclass(frozen=True, eq=False)
class HeadRun:
    """An encrypted run of a released head on the held-out records.

    Attributes:
        training: How the head was trained.
        pruned: Percent.
        weight_bits: Bits of its weights.
        published_hops: By the published convention.
        report: The account.
    """

    training: Training
    pruned: int
    weight_bits: int
    published_hops: int
    report: Report


def train_in_worker(*, training: Training, progress: Tell) -> Trained:
    """The worker's function: features, noise, steps."""
    from fcnlab.transfer.heads.training import train_head
    from fcnlab.transfer.records.studies import load_study

    progress(Step("Reading the records and their public features", 0, 1))
    loaded = load_study(training.study, bits=training.feature_bits, units=training.units)
    without = math.isinf(training.epsilon)
    progress(Step("Gradient steps without noise" if without else "The accountant finds the noise for this ε", 0, 1))

    def tell(where: "HeadProgress") -> None:
        progress(Step(f"Noisy gradient steps, loss {where.loss:.3f}", where.step, where.steps))

    head = train_head(loaded, epsilon=training.epsilon, clipping=training.clipping, progress=tell)
    return Trained(training, replace(loaded, extractor=None), head)


def run_in_worker(*, trained: Trained, pruned: int, weight_bits: int, progress: Tell) -> HeadRun:
    """The worker's function: release, encrypt, evaluate, decrypt, compare."""
    from fcnlab.transfer.costs import count_head
    from fcnlab.transfer.run import infer_head

    progress(Step("The parameters are proven", 0, 1))
    head = release(trained, pruned=pruned, weight_bits=weight_bits)
    hops = count_head(head.released, features=trained.study.features).total
    report = infer_head(trained.study, head, progress=progress).report
    return HeadRun(trained.training, pruned, weight_bits, hops, report)


def release(trained: Trained, *, pruned: int, weight_bits: int) -> "TrainedHead":
    """A trained head pruned and rounded: milliseconds, and its guarantee stays."""
    from fcnlab.transfer.heads.heads import release_of
    from fcnlab.transfer.heads.training import release_trained

    head = trained.head
    way = release_of(pruned=pruned, weight_bits=weight_bits)
    return release_trained(
        trained.study, head.trained, guarantee=head.guarantee, seed=head.seed, release=way, elapsed_s=head.elapsed_s
    )


def judge_release(trained: Trained, *, pruned: int, weight_bits: int) -> Released:
    """Release a head, and find its costs, its leak and what more or less pruning would do.

    Raises:
        PlanError: If no parameters are proven sufficient.
    """
    from fcnlab.transfer.costs import cost_head
    from fcnlab.transfer.heads.training import attack_head

    heads = {share: release(trained, pruned=share, weight_bits=weight_bits) for share in {*PRUNED, pruned}}
    head = heads[pruned]
    cost = cost_head(head.released, features=trained.study.features, images=trained.training.outline.tested)
    return Released(head, cost, attack_head(trained.study, head), {share: heads[share].accuracy for share in PRUNED})


def cost_untrained(training: Training, *, pruned: int, weight_bits: int) -> "PassCost":
    """What a head of this shape and release costs, before one is trained.

    Raises:
        PlanError: If no parameters are proven sufficient.
    """
    from fcnlab.transfer.costs import cost_shape
    from fcnlab.transfer.features.ranges import FeatureRange
    from fcnlab.transfer.heads.heads import HeadShape, release_of

    outline = training.outline
    shape = HeadShape(features=outline.features, classes=len(outline.classes), units=training.units)
    features = FeatureRange(bits=training.feature_bits, reach=outline.reach)
    way = release_of(pruned=pruned, weight_bits=weight_bits)
    return cost_shape(shape, features=features, release=way, images=outline.tested)
