"""A study from end to end: private heads over several seeds, each run under encryption on its held-out records.

The client extracts features in the clear, encrypts them, and the server evaluates nothing but the head. Epsilon is that
of one head: the others measure the spread, and are not meant to be released with it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from torch import nn
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops
from fcnlab.compiler.compile import compile_circuit
from fcnlab.cost import load_costs, project
from fcnlab.data.releases import SEEDS
from fcnlab.errors import FcnlabError
from fcnlab.inference.infer import infer
from fcnlab.inference.report import Inference, Progress, Report
from fcnlab.networks.checkpoint import hop_columns, read_model_card
from fcnlab.page import Page, Shown
from fcnlab.planning.choose import make_plan
from fcnlab.transfer.costs import count_head, count_whole_network, square_network
from fcnlab.transfer.heads.guarantee import Guarantee
from fcnlab.transfer.heads.heads import HeadShape, Release
from fcnlab.transfer.heads.membership import Membership
from fcnlab.transfer.heads.privacy import HeadProgress
from fcnlab.transfer.heads.training import TrainedHead, attack_heads, train_head
from fcnlab.transfer.records.study import CLIPPING, FOLDS, Study

PROJECTED_WEIGHT_BITS: Final = 4  # of the whole network that is projected: fewer bits, less work
DIGIT_SHAPE: Final = (1, 28, 28)
SPARSE_NETWORK: Final = "fcn-20k"
"""The shipped network with the layers of the digits' extractor, sparse: to compare with, like for like."""
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class TransferReport(Shown):
    """What came out of a study.

    Attributes:
        study: Name.
        title: In words.
        records: How many there are.
        classes: Their number.
        features: Inputs of the head.
        clipped: Features that lay outside the declared range, of all records.
        skipped: Files left out on request.
        guarantee: What each head spent at most; its noise multiplier is the mean over the heads.
        accuracy: Percent of held-out records right, decrypted; mean over the seeds.
        accuracy_std: Standard deviation over the seeds.
        clear_accuracy: Mean of heads trained without privacy, neither pruned nor rounded, in the clear.
        mismatched_logits: Decrypted logits that differ from the clear circuit's, over all seeds.
        hops: Operations of the first seed's head, published convention, with ``total``.
        whole_network_hops: Those of extractor and head together; the head's where there is no extractor.
        sparse_network_hops: ``total`` of the shipped sparse network, encrypted from its pixels on, to compare with;
            None where records are no digits.
        seconds: Means over the seeds: train, keygen, encrypt, evaluate, decrypt; and ``whole_network``, projected for
            one thread, None where there is no extractor that compiles or the machine is not calibrated.
        upload_bytes: What the client sends in one run.
        download_bytes: What the server sends back.
        private: Membership attack on the private heads.
        clear: The same on the heads without privacy.
        seeds: The heads' seeds.
    """

    study: str
    title: str
    records: int
    classes: int
    features: int
    clipped: int
    skipped: tuple[str, ...]
    guarantee: Guarantee
    accuracy: float
    accuracy_std: float
    clear_accuracy: float
    mismatched_logits: int
    hops: dict[str, int]
    whole_network_hops: dict[str, int]
    sparse_network_hops: int | None
    seconds: dict[str, float | None]
    upload_bytes: int
    download_bytes: int
    private: Membership
    clear: Membership
    seeds: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON; an infinite epsilon or clipping norm becomes null."""
        values = asdict(self)
        membership = {"private": values.pop("private"), "clear": values.pop("clear")}
        promise: dict[str, Any] = values.pop("guarantee")
        promise |= {name: None for name in ("epsilon", "clipping") if not math.isfinite(promise[name])}
        return values | promise | {"membership": membership}

    @override
    def page(self) -> Page:
        seconds = self.seconds
        whole, total = self.whole_network_hops["total"], self.hops["total"]
        compared = f" against {whole:,} for the whole network (1/{whole / total:,.0f})" if whole != total else ""
        if self.sparse_network_hops is not None:
            ratio = self.sparse_network_hops / total
            compared += f" and {self.sparse_network_hops:,} for the shipped sparse network (1/{ratio:,.0f})"
        projected = seconds["whole_network"]
        aside = f"; the whole network would take about {projected:,.0f} s on one thread" if projected else ""
        skipped = f"{len(self.skipped)} unreadable images skipped: {', '.join(self.skipped)}"
        return Page(
            f"{self.title}: {self.records:,} records, {self.classes} classes, {self.features} features, "
            f"{self.clipped:,} of them clipped",
            str(self.guarantee),
            f"accuracy {self.accuracy:.2f} % +- {self.accuracy_std:.2f} over {len(self.seeds)} seeds, decrypted; "
            f"{self.clear_accuracy:.2f} % without privacy, in the clear",
            f"{self.mismatched_logits:,} decrypted logits differ from the clear circuit's",
            f"HOPs {total:,}{compared}",
            f"train {seconds['train']:.2f} s; keys {seconds['keygen']:.2f} s, encrypt {seconds['encrypt']:.2f} s, "
            f"evaluate {seconds['evaluate']:.3f} s, decrypt {seconds['decrypt']:.3f} s{aside}",
            f"sent {self.upload_bytes / 1e6:.1f} MB, received {self.download_bytes / 1e6:.1f} MB",
            f"membership advantage {describe_attack(self.private)}, at most {self.private.bound:.2f} by the guarantee; "
            f"without privacy {describe_attack(self.clear)}",
            skipped if self.skipped else None,
        )


def run_study(
    study: Study,
    *,
    epsilon: float = 2.0,
    delta: float | None = None,
    seeds: int = SEEDS,
    release: Release | None = None,
    clipping: float = CLIPPING,
    batch: int | None = None,
    secure_random: bool = False,
    threads: int | None = None,
    progress: Tell | None = None,
) -> TransferReport:
    """Train private and clear heads, run the private ones under encryption, attack both, and sum up.

    Args:
        study: From `records.studies.load_study`.
        epsilon: To spend in each training; infinity for no privacy.
        delta: As for `train_head`.
        seeds: Heads to train; seed s holds out fold s modulo 5.
        release: Pruning and rounding of the heads.
        clipping: Largest norm of one record's gradient.
        batch: Expected records of a private step.
        secure_random: Noise from the operating system's generator.
        threads: Threads of the server; all cores if not given.
        progress: Called with what is being done, the heads done and their number; an exception it raises stops the run.

    Raises:
        FcnlabError: With one sentence on what to change.
    """
    if seeds < 1:
        raise FcnlabError(f"A study needs 1 seed or more; got {seeds}.")
    tell: Tell = progress or (lambda *_: None)
    heads, clear, runs = [], [], []
    private = partial(train_head, study, epsilon=epsilon, clipping=clipping, batch=batch, secure_random=secure_random)
    for seed in range(seeds):
        tell(f"training, seed {seed}", seed, seeds)
        clear.append(train_head(study, epsilon=math.inf, seed=seed, delta=delta, release=release))

        def step(done: HeadProgress, seed: int = seed) -> None:
            tell(f"training, seed {seed}, step {done.step} of {done.steps}", seed, seeds)

        heads.append(private(seed=seed, delta=delta, release=release, progress=step))
        tell(f"encrypted inference, seed {seed}", seed, seeds)
        runs.append(infer_head(study, heads[-1], threads=threads))
    tell("costs of the whole network", seeds, seeds)
    reports = [run.report for run in runs]
    accuracies = [report.accuracy for report in reports if report.accuracy is not None]
    hops = count_head(heads[0].released, features=study.features)
    return TransferReport(
        study=study.outline.name,
        title=study.outline.title,
        records=len(study.labels),
        classes=len(study.outline.classes),
        features=study.values.shape[1],
        clipped=study.clipped,
        skipped=study.skipped,
        guarantee=replace(
            heads[0].guarantee,
            epsilon=max(head.guarantee.epsilon for head in heads),
            noise_multiplier=float(np.mean([head.guarantee.noise_multiplier for head in heads])),
        ),
        accuracy=round(float(np.mean(accuracies)), 3),
        accuracy_std=round(float(np.std(accuracies)), 3),
        clear_accuracy=round(float(np.mean([head.trained_accuracy for head in clear])), 3),
        mismatched_logits=sum(report.mismatched_logits for report in reports),
        hops=hop_columns(hops),
        whole_network_hops=hop_columns(whole_network_hops(study) or hops),
        sparse_network_hops=sparse_network_hops(study),
        seconds=mean_seconds(heads, reports) | {"whole_network": project_whole_network(study, heads[0])},
        upload_bytes=reports[0].upload_bytes,
        download_bytes=reports[0].download_bytes,
        private=attack_heads(study, heads),
        clear=attack_heads(study, clear),
        seeds=tuple(range(seeds)),
    )


def mean_seconds(heads: Sequence[TrainedHead], reports: Sequence[Report]) -> dict[str, float | None]:
    """Mean seconds of training and of each stage of the encrypted runs."""
    stages = [{"train": head.elapsed_s} | asdict(report.seconds) for head, report in zip(heads, reports, strict=True)]
    return {stage: round(float(np.mean([each[stage] for each in stages])), 4) for stage in stages[0]}


def infer_head(
    study: Study, head: TrainedHead, *, threads: int | None = None, progress: Callable[[Progress], None] | None = None
) -> Inference:
    """Classify the held-out records of a head's fold under encryption (bgv, exact).

    Args:
        study: That the head was trained on.
        head: From `heads.training.train_head`.
        threads: As for `inference.infer`.
        progress: As for `inference.infer`.

    Raises:
        PlanError: If no parameters are proven sufficient.
    """
    rows = study.folds[head.seed % FOLDS][1]
    plan = make_plan(head.circuit, images=len(rows))
    return infer(head.circuit, plan, study.values[rows], labels=study.labels[rows], threads=threads, progress=progress)


def whole_network_hops(study: Study) -> LayerHops | None:
    """HOPs of extractor and head together; None without an extractor."""
    if study.extractor is None:
        return None
    linear = HeadShape(features=study.shape.features, classes=study.shape.classes)
    return count_whole_network(study.extractor, input_shape=study.input_shape, head=linear)


def whole_network(study: Study, head: nn.Sequential) -> Circuit | None:
    """Extractor and head as a circuit, to be planned; None where they do not compile."""
    network, bits = square_network(study.extractor, head), PROJECTED_WEIGHT_BITS
    if network is None:
        return None
    return compile_circuit(network, name="whole network", input_shape=study.input_shape, weight_bits=bits)


def sparse_network_hops(study: Study) -> int | None:
    """HOPs of the shipped sparse network, from its card; None unless the study's records are its kind of images."""
    if study.input_shape != DIGIT_SHAPE:
        return None
    return read_model_card(SPARSE_NETWORK).hops["total"]


def project_whole_network(study: Study, head: TrainedHead) -> float | None:
    """Seconds on one thread that a batch of this study would take with extractor and head under encryption.

    Returns:
        None where there is no extractor that compiles, no parameters hold it, or this machine was never calibrated.
    """
    images = len(study.folds[head.seed % FOLDS][1])
    try:
        costs, circuit = load_costs(), whole_network(study, head.trained)
        if circuit is None:
            return None
        plan = make_plan(circuit, images=images)
    except FcnlabError:
        return None
    return round(project(plan, circuit, images=images, threads=1, costs=costs).total_s, 1)


def describe_attack(membership: Membership) -> str:
    """The advantage with its interval."""
    return f"{membership.advantage:+.3f} ({membership.low:+.3f} to {membership.high:+.3f})"
