"""Accuracy against HOPs, as several figures draw it: the axis is the error, logarithmic and upside down."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fcnlab.plots.theme import hover

LOWEST_ACCURACY, HIGHEST_ACCURACY = 80.0, 99.7
ACCURACY_TICKS: Final = (80, 90, 95, 98, 99, 99.5)


def accuracy_place(accuracy: float) -> float:
    """Where an accuracy stands on its axis: the error in percent."""
    return max(100 - accuracy, 0.01)


def accuracy_axis(
    *, low: float = LOWEST_ACCURACY, high: float = HIGHEST_ACCURACY, ticks: Sequence[float] = ACCURACY_TICKS
) -> dict[str, Any]:
    """The axis from one accuracy to another, with accuracies at its ticks."""
    span = [math.log10(accuracy_place(accuracy)) for accuracy in (low, high)]
    places, names = [accuracy_place(tick) for tick in ticks], [f"{tick} %" for tick in ticks]
    return {"type": "log", "range": span, "tickvals": places, "ticktext": names}


def accuracy_points(networks: Iterable[tuple[str, int, float]], *, said: str = "") -> dict[str, Any]:
    """A trace of networks.

    Args:
        networks: Name, HOPs and percent of each.
        said: Follows a name under the pointer.
    """
    names, hops, accuracies = [list(column) for column in zip(*networks, strict=True)] or ([], [], [])
    return {
        "mode": "markers",
        "x": hops,
        "y": [accuracy_place(accuracy) for accuracy in accuracies],
        "text": [f"{accuracy:.2f} %" for accuracy in accuracies],
        "customdata": names,
        "hovertemplate": hover(f"%{{customdata}}{said}<br>%{{x:,}} HOPs, %{{text}}"),
    }
