"""Private heads on disk: released weights as safetensors, with a card that states the guarantee.

Only what is released is written: weights that were pruned and rounded after a private training. Nothing of the records
is stored, and neither is a seed, from which the noise could be guessed.
"""

import math
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from torch import nn

from fcnlab.data.mnist import DATA_ROOT
from fcnlab.defaults import __version__
from fcnlab.errors import DataError
from fcnlab.networks.storage import load_network, save_network
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.guarantee import SEEDED, Guarantee
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.heads.training import TrainedHead
from fcnlab.transfer.records.study import Study

HEADS: Final = DATA_ROOT / "heads"
COVERED: Final = "the weights in this file and everything computed from them"
NOT_COVERED: Final = "the accuracy on this card, measured on held-out records of the same source"


@dataclass(frozen=True, kw_only=True)
class HeadCard:
    """What is known of a private head.

    Attributes:
        name: The files' name.
        study: The study it was trained on.
        classes: Names of the classes, in the order of the logits.
        shape: Rebuilds the head.
        features: Range and bits of its inputs.
        guarantee: What its weights promise.
        covers: What the guarantee covers.
        does_not_cover: What it does not cover.
        accuracy: Percent of held-out records.
        records: Size of the training set.
        command: Makes a head like it.
        version: The version of fcnlab.
    """

    name: str
    study: str
    classes: tuple[str, ...]
    shape: HeadShape
    features: FeatureRange
    guarantee: Guarantee
    covers: str = COVERED
    does_not_cover: str = NOT_COVERED
    accuracy: float
    records: int
    command: str
    version: str = __version__


def make_card(study: Study, head: TrainedHead, *, command: str) -> HeadCard:
    """The card of a trained head, named after its study."""
    return HeadCard(
        name=f"{study.outline.kind}-head",
        study=study.outline.kind,
        classes=study.outline.classes,
        shape=study.shape,
        features=study.features,
        guarantee=head.guarantee,
        accuracy=round(head.accuracy, 2),
        records=len(study.folds[head.seed % len(study.folds)][0]),
        command=command,
    )


def save_head(head: nn.Sequential, card: HeadCard, *, folder: Path = HEADS) -> Path:
    """Write ``<name>.safetensors`` and its card, ``<name>.json``; returns the path of the weights.

    A head that is there already stays, since its privacy is spent: the new one is then called ``<name>-2``, and so on.

    Raises:
        DataError: If the head was trained without privacy or with noise from a seed, or a file cannot be written.
    """
    if not math.isfinite(card.guarantee.epsilon):
        raise DataError("A head trained without privacy is not stored as a private one: give a finite epsilon.")
    if not card.guarantee.secure_random:
        raise DataError(f"A head is not stored as a private one with {SEEDED}: train it with `fcnlab train --private`.")
    names = (f"{card.name}-{number}" if number > 1 else card.name for number in count(1))
    paths = (folder / f"{name}.safetensors" for name in names)
    path = next(path for path in paths if not (path.exists() or path.with_suffix(".json").exists()))
    save_network(path, head, card=asdict(replace(card, name=path.stem)))
    return path


def load_head(path: str | Path) -> tuple[nn.Sequential, HeadCard]:
    """Load a private head and its card, checked.

    Raises:
        DataError: If a file is missing or altered, or the weights are not the card's.
    """
    head, card = load_network(
        Path(path), card=HeadCard, build_network=lambda card: card.shape.build(), mend="train the head anew"
    )
    return head.requires_grad_(False), card
