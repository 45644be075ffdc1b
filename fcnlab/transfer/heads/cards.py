"""Private heads on disk: released weights as safetensors, with a card that states the guarantee.

Only what is released is written: weights that were pruned and rounded after a private training. Nothing of the records
is stored, and neither is a seed, from which the noise could be guessed.
"""

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from torch import nn

from fcnlab.data.files import write_whole
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.defaults import __version__
from fcnlab.errors import DataError
from fcnlab.networks.storage import load_tensors, pack_tensors
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.guarantee import Guarantee
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
        name: Of the files.
        study: It was trained on.
        classes: Names of the classes, in the order of the logits.
        shape: Rebuilds the head.
        features: Range and bits of its inputs.
        guarantee: What its weights promise.
        covers: Of the guarantee.
        does_not_cover: Of the guarantee.
        accuracy: Percent of held-out records.
        records: Size of the training set.
        command: Makes a head like it.
        version: Of fcnlab.
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
        name=f"{study.outline.name.partition(':')[0]}-head",
        study=study.outline.name.partition(":")[0],
        classes=study.outline.classes,
        shape=study.shape,
        features=study.features,
        guarantee=head.guarantee,
        accuracy=round(head.accuracy, 2),
        records=len(study.folds[head.seed % len(study.folds)][0]),
        command=command,
    )


def save_head(head: nn.Sequential, card: HeadCard, *, folder: Path = HEADS) -> Path:
    """Write ``<name>.safetensors``, and last ``<name>.json`` with its checksum; returns the path of the weights.

    Raises:
        DataError: If the head was trained without privacy, or a file cannot be written.
    """
    if not math.isfinite(card.guarantee.epsilon):
        raise DataError("A head trained without privacy is not stored as a private one: give a finite epsilon.")
    content = pack_tensors(head.state_dict())
    path = folder / f"{card.name}.safetensors"
    text = json.dumps(asdict(card) | {"sha256": hashlib.sha256(content).hexdigest()}, indent=2)
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), f"{text}\n".encode())
    return path


def load_head(path: str | Path) -> tuple[nn.Sequential, HeadCard]:
    """Load a private head and its card, checked.

    Raises:
        DataError: If a file is missing or altered, or the weights are not the card's.
    """
    weights = Path(path)
    tensors, _ = load_tensors(weights)
    try:
        values: dict[str, Any] = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
        digest = values.pop("sha256")
        card = HeadCard(
            **values
            | {
                "classes": tuple(values["classes"]),
                "shape": HeadShape(**values["shape"]),
                "features": FeatureRange(**values["features"]),
                "guarantee": Guarantee(**values["guarantee"]),
            }
        )
        head = card.shape.build()
        head.load_state_dict(tensors)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise DataError(
            f"The card of {weights} is missing or does not fit it ({error}): train the head anew."
        ) from error
    if hashlib.sha256(weights.read_bytes()).hexdigest() != digest:
        raise DataError(f"{weights} is not the file its card describes (its sha256 differs): train the head anew.")
    return head.requires_grad_(False).eval(), card
