"""Private heads on disk: released weights as safetensors, with a card that states the guarantee.

Only what is released is written: weights that were pruned and rounded after a private training. Nothing of the records
is stored, and neither is a seed, from which the noise could be guessed.
"""

from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from torch import nn

from fcnlab.data.defaults import __version__
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import DataError
from fcnlab.networks.storage import load_network, save_network
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.guarantee import (
    ACCOUNTANT,
    LARGEST_EPSILON,
    LOOSE_ACCOUNTANT,
    SEEDED,
    Guarantee,
    check_request,
)
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.heads.training import TrainedHead
from fcnlab.transfer.records.study import Study

LONGEST_TEXT: Final = 1000
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

    Raises:
        DataError: If a field is out of its range, or the head is not private.
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

    def __post_init__(self) -> None:
        promise = self.guarantee
        if not promise.epsilon <= LARGEST_EPSILON:
            raise DataError("A head trained without privacy is not stored as a private one: give a finite epsilon.")
        if not promise.secure_random:
            raise DataError(
                f"A head is not stored as a private one with {SEEDED}: train it with `fcnlab train --private`."
            )
        check_request(epsilon=promise.epsilon, delta=promise.delta, clipping=promise.clipping)
        texts = (self.name, self.study, *self.classes, self.covers, self.does_not_cover, self.command, self.version)
        fits = {
            "classes": len(set(self.classes)) == len(self.classes) == self.shape.classes,
            "accountant": promise.accountant in (ACCOUNTANT, LOOSE_ACCOUNTANT),
            "noise_multiplier": 0 < promise.noise_multiplier < float("inf"),
            "sample_rate": 0 < promise.sample_rate <= 1,
            "steps": promise.steps >= 1,
            "accuracy": 0 <= self.accuracy <= 100,
            "records": self.records >= 1,
            "texts": all(len(text) <= LONGEST_TEXT and text.isprintable() for text in texts),
        }
        if wrong := [name for name, right in fits.items() if not right]:
            raise DataError(f"This is no card of a private head, by its {', '.join(wrong)}: train the head anew.")


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
        DataError: If a file cannot be written.
    """
    names = (f"{card.name}-{number}" if number > 1 else card.name for number in count(1))
    paths = (folder / f"{name}.safetensors" for name in names)
    path = next(path for path in paths if not (path.exists() or path.with_suffix(".json").exists()))
    card = replace(card, name=path.stem)
    save_network(path, head, card=asdict(card))
    return path


def load_head(path: str | Path) -> tuple[nn.Sequential, HeadCard]:
    """Load a private head and its card, checked.

    Raises:
        DataError: If a file is missing, or anything in card or weights was altered.
    """
    head, card = load_network(
        Path(path), card=HeadCard, build_network=lambda card: card.shape.build(), mend="train the head anew"
    )
    return head.requires_grad_(False), card
