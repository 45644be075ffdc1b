"""From a study to a released head and its circuit: one fold, one epsilon, one seed.

Each head's guarantee is of that head alone. Several heads trained on overlapping records, as for a cross-validation,
measure the spread in-house; whoever released them all would have to add their epsilons up.
"""

import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fcnlab.circuit.circuit import Circuit
from fcnlab.networks.fitting import single_thread
from fcnlab.transfer.heads.guarantee import Guarantee, check_request, choose_delta, no_guarantee
from fcnlab.transfer.heads.heads import Release, compile_head, release_head, train_clear
from fcnlab.transfer.heads.membership import Membership, attack, combine, record_losses
from fcnlab.transfer.heads.privacy import HeadProgress, train_private
from fcnlab.transfer.records.study import CLIPPING, FOLDS, Study, default_settings

Percent = float


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A head of one fold.

    Attributes:
        study: Name.
        seed: Decided weights and noise, and chose the fold.
        trained: With real weights, as training left it.
        released: Pruned, with powers of two.
        circuit: The released head as integers: what runs under encryption.
        guarantee: What all three promise.
        accuracy: Percent of the fold's test records, by the circuit.
        trained_accuracy: Percent by the real weights.
        elapsed_s: Seconds of training.
    """

    study: str
    seed: int
    trained: nn.Sequential
    released: nn.Sequential
    circuit: Circuit
    guarantee: Guarantee
    accuracy: Percent
    trained_accuracy: Percent
    elapsed_s: float

    def __getstate__(self) -> dict[str, Any]:
        """For the way between processes: networks as bytes, since torch would send file handles of a dying worker."""
        return vars(self) | {name: pickle.dumps(getattr(self, name)) for name in ("trained", "released")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {name: pickle.loads(state[name]) for name in ("trained", "released")})


@single_thread()
def train_head(
    study: Study,
    *,
    epsilon: float,
    seed: int = 0,
    release: Release | None = None,
    delta: float | None = None,
    clipping: float = CLIPPING,
    batch: int | None = None,
    secure_random: bool = False,
    progress: Callable[[HeadProgress], None] | None = None,
) -> TrainedHead:
    """Train a head on one fold, release it and compile it.

    Args:
        study: Features, labels and folds.
        epsilon: To spend; infinity trains without privacy.
        seed: Decides weights and noise; fold seed modulo 5 is held out.
        release: Pruning and rounding; all weights and seven exponents if not given.
        delta: As for `train_private`, with N all records of the study, held-out ones included.
        clipping: Largest norm of one record's gradient.
        batch: Expected records of a private step; as `default_settings` has it if not given.
        secure_random: Noise from the operating system, for a head that leaves the house.
        progress: Called after each step; an exception it raises stops the training.

    Raises:
        DataError: If epsilon, delta, the clipping norm or the batch is out of range.
    """
    check_request(epsilon=epsilon, delta=delta, clipping=clipping)
    began = time.perf_counter()
    rows, _ = study.folds[seed % FOLDS]
    inputs, labels = study.tensors(rows)
    delta = choose_delta(delta, count=len(study.labels))
    first = study.shape.build(seed=seed)
    if math.isinf(epsilon):
        trained, guarantee = train_clear(first, inputs, labels), no_guarantee(delta=delta)
    else:
        settings = default_settings(count=len(labels), epsilon=epsilon, clipping=clipping)
        settings = settings if batch is None else replace(settings, batch=batch)
        trained, guarantee = train_private(
            first,
            inputs,
            labels,
            settings=settings,
            epsilon=epsilon,
            delta=delta,
            seed=seed,
            secure_random=secure_random,
            progress=progress,
        )
    return release_trained(
        study, trained, guarantee=guarantee, seed=seed, release=release, elapsed_s=time.perf_counter() - began
    )


def release_trained(
    study: Study,
    trained: nn.Sequential,
    *,
    guarantee: Guarantee,
    seed: int,
    release: Release | None = None,
    elapsed_s: float = 0.0,
) -> TrainedHead:
    """Prune, round, compile and judge a trained head: milliseconds, so that other releases of it can be tried at will.

    Args:
        study: It was trained on.
        trained: Real weights.
        guarantee: What these weights promise; all releases of them share it.
        seed: The seed of its training.
        release: Pruning and rounding; all weights and seven exponents if not given.
        elapsed_s: Seconds of its training.
    """
    held_out = study.folds[seed % FOLDS][1]
    released = release_head(trained, release=release or Release())
    circuit = compile_head(released, features=study.features, name=f"{study.outline.kind} head")
    return TrainedHead(
        study=study.outline.name,
        seed=seed,
        trained=trained,
        released=released,
        circuit=circuit,
        guarantee=guarantee,
        accuracy=percent_right(circuit.evaluate(study.values[held_out]), study.labels[held_out]),
        trained_accuracy=percent_right(head_logits(trained, study, held_out), study.labels[held_out]),
        elapsed_s=elapsed_s,
    )


def attack_head(study: Study, head: TrainedHead) -> Membership:
    """Attack the released head with its own training records against those held out."""
    members, others = study.folds[head.seed % FOLDS]
    losses = [
        record_losses(head.circuit.evaluate(study.values[rows]) * head.circuit.unit, labels=study.labels[rows])
        for rows in (members, others)
    ]
    guarantee = head.guarantee
    return attack(*losses, epsilon=guarantee.epsilon, delta=guarantee.delta, seed=head.seed)


def attack_heads(study: Study, heads: Sequence[TrainedHead]) -> Membership:
    """The mean attack on heads of several seeds; each record counts once, however many heads know it."""
    folds = [study.folds[head.seed % FOLDS] for head in heads]
    members, others = (len(np.unique(np.concatenate(rows))) for rows in zip(*folds, strict=True))
    return combine([attack_head(study, head) for head in heads], members=members, others=others)


def head_logits(head: nn.Sequential, study: Study, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Logits of a torch head for some records, shape (N, classes)."""
    with torch.no_grad():
        return np.asarray(head(study.tensors(rows)[0]).numpy())


def percent_right(logits: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> Percent:
    """Percent of records whose largest logit is at their label."""
    return 100 * float(np.mean(np.argmax(logits, axis=1) == labels))
