"""What is known of a study before a record is read: names, sizes, the shape of the head. Knows no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A study in public facts.

    Attributes:
        name: As on the command line.
        title: In words.
        records: How many there are.
        tested: How many of them the first fold holds out.
        features: Inputs of the head.
        classes: Their names, in the order of the logits.
        extractor: Name of the public one; empty where records are features already.
        record: What a guarantee is about; writers of digits have many records each.
        units: Hidden units of the head; 0 for a linear one.
        reach: The reach of the features' declared range.
    """

    name: str
    title: str
    records: int
    tested: int
    features: int
    classes: tuple[str, ...]
    extractor: str
    record: str
    units: int = 0
    reach: float = 4.0

    @property
    def kind(self) -> str:
        """The name without a path or a count, so that it tells nothing of its owner's files."""
        return self.name.partition(":")[0]


OUTLINES: Final[Mapping[str, Outline]] = MappingProxyType(
    {
        outline.name: outline
        for outline in (
            Outline(
                name="uci-digits",
                title="UCI handwritten digits on features of MNIST",
                records=1797,
                tested=355,
                features=64,
                classes=tuple(map(str, range(10))),
                extractor="mnist-features",
                record="an image, not its writer",
            ),
            Outline(
                name="mnist-split",
                title="MNIST's digits 5 to 9 on features of its digits 0 to 4",
                records=34_265,
                tested=4861,
                features=64,
                classes=tuple(map(str, range(5, 10))),
                extractor="mnist-0-4-features",
                record="an image, not its writer",
            ),
            Outline(
                name="breast-cancer",
                title="Breast Cancer Wisconsin, 569 patients",
                records=569,
                tested=124,
                features=30,
                classes=("malignant", "benign"),
                units=8,
                reach=2.0,
                extractor="",
                record="a patient",
            ),
        )
    }
)
"""The three studies by name."""
