"""Images of one's own and a stored private head: features in the clear, the head under encryption, class names back.

This is the client and the server of the private-transfer scheme, one after the other. The client computes the features
of each image and quantises them with the declared range of the head's card, counting what it has to clip.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fcnlab.errors import DataError
from fcnlab.inference.infer import infer
from fcnlab.inference.report import Progress, Report
from fcnlab.planning.choose import make_plan
from fcnlab.transfer.features.colour import extract_colour, load_colour_extractor
from fcnlab.transfer.heads.cards import HeadCard, load_head
from fcnlab.transfer.heads.heads import compile_head
from fcnlab.transfer.records.photographs import SUFFIXES, UNREAD, list_images, read_images

COLOUR_STUDIES: Final = ("folder", "cifar10")


@dataclass(frozen=True, eq=False)
class ImagePredictions:
    """What a head read from encrypted features.

    Attributes:
        card: The head's card.
        files: The images.
        classes: Name of the class of each.
        skipped: Files that could not be read and were left out on request.
        clipped: Features outside the declared range, of all images.
        report: The account of the encrypted run.
    """

    card: HeadCard
    files: tuple[str, ...]
    classes: tuple[str, ...]
    skipped: tuple[str, ...]
    clipped: int
    report: Report

    def as_dict(self) -> dict[str, Any]:
        """The predictions as JSON."""
        return {
            "head": self.card.name,
            "study": self.card.study,
            "epsilon": self.card.guarantee.epsilon,
            "delta": self.card.guarantee.delta,
            "predictions": [{"file": file, "class": name} for file, name in zip(self.files, self.classes, strict=True)],
            "skipped": list(self.skipped),
            "features": len(self.files) * self.card.shape.features,
            "clipped": self.clipped,
            "mismatched_logits": self.report.mismatched_logits,
            "hops": self.report.hops,
            "seconds": asdict(self.report.seconds),
        }

    def __str__(self) -> str:
        card, width = self.card, max(map(len, self.files))
        lines = [f"{file:<{width}}  {name}" for file, name in zip(self.files, self.classes, strict=True)]
        lines += [
            "",
            self.report.verdict,
            f"clipped to the declared range, -{card.features.reach:g} to {card.features.reach:g}: {self.clipped:,} of "
            f"{len(self.files) * card.shape.features:,} features",
            f"{card.name} was trained with {card.guarantee}",
        ]
        if self.skipped:
            lines.append(f"{len(self.skipped)} unreadable images skipped: {', '.join(self.skipped)}")
        return "\n".join(lines)


def predict_images(
    head: str | Path,
    images: str | Path,
    *,
    skip_unreadable: bool = False,
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ImagePredictions:
    """Classify images under encryption (bgv, exact).

    Args:
        head: A .safetensors file that ``fcnlab train folder:PATH --private`` wrote, with its card.
        images: An image, or a folder; its images are taken, and those below it.
        skip_unreadable: Leave out images that cannot be read, instead of refusing them all.
        threads: As for `inference.infer`.
        progress: As for `inference.infer`.

    Raises:
        DataError: If the head or the images cannot be used, or the extra is not installed.
        PlanError: If no parameters are proven sufficient.
    """
    network, card = load_head(head)
    if card.study not in COLOUR_STUDIES:
        raise DataError(
            f"{card.name} was trained on {card.study}, not on colour images: give a head that `fcnlab train "
            "folder:PATH --private` made."
        )
    load_colour_extractor()  # first: whether the extra is installed is known at once
    root = Path(images)
    found = find_images(root)
    read, broken = read_images(found, root=root, skip_unreadable=skip_unreadable)
    if not read:
        raise DataError(f"None of the {len(found)} images of {root} can be read: give at least one that can.")
    quantised = card.features.quantise(extract_colour(np.stack(list(read.values()))))
    circuit = compile_head(network, features=card.features, name=card.name)
    plan = make_plan(circuit, images=len(read))
    inference = infer(circuit, plan, quantised.values, threads=threads, progress=progress)
    return ImagePredictions(
        card=card,
        files=tuple(map(str, read)),
        classes=tuple(card.classes[index] for index in inference.classes),
        skipped=tuple(map(str, broken)),
        clipped=quantised.clipped,
        report=inference.report,
    )


def find_images(root: Path) -> list[Path]:
    """An image itself, or all images of a folder and below, in order.

    Raises:
        DataError: If there are none.
    """
    single = [root] if root.exists() and root.suffix.lower() in SUFFIXES | UNREAD else []
    found = list_images(root, below=True) if root.is_dir() else single
    if not found:
        raise DataError(f"There is no image at {root}: give a file, or a folder, with {', '.join(sorted(SUFFIXES))}.")
    return found
