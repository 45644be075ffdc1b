"""The figure of scale: an image by layout and images in hand, bytes by ring, and heads beside whole networks."""

import math
from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from fcnlab.findings.scaling import IMAGES, Part
from fcnlab.plots.theme import BARS, CROSS, OKABE_ITO, POWERS, ROWS, WIDE, filled, hover, panels, ticks

LINES: Final = {
    "packed": ("packed, projected here", "green", "dash", 2.2),
    "batch": ("batch, projected here", "blue", "solid", 2.2),
    "measured": ("batch, measured, stored", "sky", "dot", 3.2),
}
PARTS: Final = {"head": ("head alone", "blue", ""), "whole": ("extractor and head", "black", "x")}
LAYOUTS: Final = {"batch": ("blue", ""), "packed": ("green", "/")}


def scaling_figure(parts: Sequence[Part]) -> go.Figure:
    """Three panels; the heads are there from the start."""
    above = "time of an image, by images in hand", "kB of an image, upload full"
    shape = WIDE | {"horizontal_spacing": 0.2, "vertical_spacing": 0.18}
    sizes = {"column_widths": [0.58, 0.42], "row_heights": [0.58, 0.42]}
    below = "HOPs under encryption, by study"
    figure = panels(*above, below, shape=shape | sizes, height=700, top=92, legend=1.06)
    for label, colour, dash, width in LINES.values():
        line = {"color": OKABE_ITO[colour], "dash": dash, "width": width}
        said = hover("%{x:,} images: %{y:.3g} s each", label)
        figure.add_scatter(name=label, mode="lines", line=line, hovertemplate=said, row=1, col=1)
    figure.add_scatter(name="images chosen", mode="markers", marker=CROSS, hoverinfo="skip", row=1, col=1)
    said = hover("%{y}: %{x:,.1f} kB an image")
    figure.add_bar(**BARS, texttemplate="%{x:,.0f}", hovertemplate=said, row=1, col=2)
    studies = list(dict.fromkeys(part.study for part in parts))
    for part in [*PARTS, *sorted({part.part for part in parts} - set(PARTS))]:
        label, colour, pattern = PARTS.get(part, (f"{part} on the images", "orange", "/"))
        chosen = {each.study: each.hops for each in parts if each.part == part}
        if chosen:
            drawn = BARS | {"x": list(chosen.values()), "y": list(chosen), "marker": filled(OKABE_ITO[colour], pattern)}
            drawn |= {"texttemplate": "%{x:,}", "hovertemplate": hover("%{y}: %{x:,} HOPs", part), "showlegend": True}
            figure.add_bar(name=label, **drawn, row=2, col=1)
    figure.update_layout(barmode="group", bargap=0.3)
    hands, kilobytes = ticks([1, 10, 100, 1000, 10_000]), ticks([10, 100, 1000])
    figure.update_xaxes(type="log", range=[-0.1, 4.15], **hands, title="images in hand", row=1, col=1)
    seconds = {"title": "seconds an image", "dtick": 1, "tickformat": "~g"}
    figure.update_yaxes(type="log", range=[-3.6, 1.6], **seconds, row=1, col=1)
    figure.update_xaxes(type="log", range=[0.7, 4.9], **kilobytes, tickangle=0, title="kB", row=1, col=2)
    figure.update_yaxes(**ROWS, autorange="reversed", row=1, col=2)
    figure.update_xaxes(**POWERS, range=[2, 7.2], title="HOPs", row=2, col=1)
    figure.update_yaxes(**ROWS, categoryorder="array", categoryarray=studies[::-1], row=2, col=1)
    return figure


def update_seconds(
    figure: Any, *, packed: Sequence[float], batch: Sequence[float], measured: Sequence[float], images: int
) -> None:
    """Show seconds an image at `IMAGES`; empty sequences where nothing is known, which the legend leaves out too."""
    *lines, cross = figure.data[:4]
    known = [values for values in (packed, batch, measured) if values]
    with figure.batch_update():
        for line, values in zip(lines, (packed, batch, measured), strict=True):
            line.x, line.y, line.visible = (list(IMAGES), list(values), True) if values else ([], [], False)
        cross.x = [images] if known else []
        cross.y = [min(interpolate(values, images) for values in known)] if known else []


def interpolate(values: Sequence[float], images: int) -> float:
    """The value at the nearest drawn number of images, by ratio."""
    nearest = min(range(len(IMAGES)), key=lambda index: abs(math.log(IMAGES[index] / images)))
    return values[nearest]


def update_messages(figure: Any, *, names: Sequence[str], kilobytes: Sequence[float], layouts: Sequence[str]) -> None:
    """Show what an image sends, by layout and ring."""
    bars = figure.data[4]
    with figure.batch_update():
        bars.y, bars.x = list(names), list(kilobytes)
        looks = [LAYOUTS[layout] for layout in layouts]
        bars.marker = filled([OKABE_ITO[colour] for colour, _ in looks], [pattern for _, pattern in looks])
