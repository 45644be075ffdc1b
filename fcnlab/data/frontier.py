"""Accuracy against HOPs: the published systems, the shipped networks and the table of trained ones, as points."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from fcnlab.data.mnist import DATA_ROOT
from fcnlab.data.published import published_systems
from fcnlab.data.trained import load_trained
from fcnlab.errors import DataError

Source = Literal["published", "shipped", "trained"]
MOST_PRODUCTS: Final = 10_000_000
"""Weight products of the largest network that a lab can change and evaluate while a hand waits."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A system with its accuracy and its cost.

    Attributes:
        name: Unique.
        source: published, shipped (with weights) or trained (its row alone).
        hops: Operations of one pass, published convention.
        accuracy: Percent on the 10,000 test images.
        products: Weight products per image; 0 if not known.
        weight_bits: Bits that name a weight; 0 for real weights or if not known.
    """

    name: str
    source: Source
    hops: int
    accuracy: float
    products: int = 0
    weight_bits: int = 0


@cache
def points() -> tuple[Point, ...]:
    """All points: published, then shipped, then trained."""
    published = (
        Point(name=system.method, source="published", hops=system.total, accuracy=system.accuracy)
        for system in published_systems().values()
    )
    shipped = shipped_points()
    names = {point.name for point in shipped}
    trained = [point for point in trained_points() if point.name not in names]
    return (*published, *shipped, *trained)


def shipped_points(folder: Path = DATA_ROOT / "models") -> tuple[Point, ...]:
    """The networks of a folder that labs can follow, by their cards; reading them takes no torch."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
            hops, accuracy = card["hops"]["total"], card["accuracy"]
            found.append(Point(source="shipped", hops=hops, accuracy=accuracy, **pick(card)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"The model card {path} is damaged ({error}): restore it or train anew.") from error
    return tuple(point for point in found if point.products <= MOST_PRODUCTS)


def trained_points() -> tuple[Point, ...]:
    """The rows of the table of trained networks; none if there is no table yet."""
    return tuple(
        Point(source="trained", hops=row.hops_total, accuracy=row.accuracy_test, **pick(vars(row)))
        for row in load_trained()
    )


def pick(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a card, a row and a point call alike."""
    return {name: values[name] for name in ("name", "products", "weight_bits")}


def nearest_trained(*, products: int, weight_bits: int = 0) -> Point | None:
    """The trained network, shipped or from the table, whose products are nearest by ratio; None if there is none.

    Args:
        products: Weight products per image.
        weight_bits: Prefer networks of this many bits where products are equally near; 0 for no preference.
    """
    trained = [point for point in points() if point.products]

    def distance(point: Point) -> tuple[float, int]:
        larger, smaller = max(point.products, products, 1), max(min(point.products, products), 1)
        return larger / smaller, abs(point.weight_bits - weight_bits)

    return min(trained, key=distance, default=None)


def cheapest(*, accuracy: float) -> Point | None:
    """The shipped network of fewest HOPs that is at least this accurate."""
    good = [point for point in points() if point.source == "shipped" and point.accuracy >= accuracy]
    return min(good, key=lambda point: point.hops, default=None)
