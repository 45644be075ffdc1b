"""The figure of scale: an image by layout and images in hand, bytes by ring, and heads beside whole networks."""

import math
from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.findings.scaling import IMAGES, Part
from fcnlab.plots.activations import INK, OKABE_ITO, THEME, pattern_of
from fcnlab.plots.findings import finish

LINES: Final = {
    "packed": ("packed, projected here", "green", "dash", 2.2),
    "batch": ("batch, projected here", "blue", "solid", 2.2),
    "measured": ("batch, measured, stored", "sky", "dot", 3.2),
}
PARTS: Final = {"head": ("head alone", "blue", ""), "whole": ("extractor and head", "black", "x")}
OTHER: Final = ("a shipped network on the images", "orange", "/")


def scaling_figure(parts: Sequence[Part], *, height: int = 700) -> go.Figure:
    """Three panels; the heads are there from the start."""
    figure = make_subplots(
        rows=2, cols=2, horizontal_spacing=0.2, vertical_spacing=0.18, specs=[[{}, {}], [{"colspan": 2}, None]],
        column_widths=[0.58, 0.42], row_heights=[0.58, 0.42],
        subplot_titles=("time of an image, by images in hand", "kB of an image, upload full",
                        "HOPs under encryption, by study"),
    )  # fmt: skip
    for label, colour, dash, width in LINES.values():
        figure.add_scatter(
            name=label, mode="lines", line={"color": OKABE_ITO[colour], "dash": dash, "width": width}, row=1, col=1,
            hovertemplate="%{x:,} images: %{y:.3g} s each<extra>" + label + "</extra>",
        )  # fmt: skip
    figure.add_scatter(
        name="images chosen", mode="markers", row=1, col=1, hoverinfo="skip",
        marker={"symbol": "x-thin", "size": 13, "line": {"width": 3, "color": INK}},
    )  # fmt: skip
    figure.add_bar(
        orientation="h", showlegend=False, texttemplate="%{x:,.0f}", textposition="outside", cliponaxis=False,
        hovertemplate="%{y}: %{x:,.1f} kB an image<extra></extra>", row=1, col=2,
    )  # fmt: skip
    studies = list(dict.fromkeys(part.study for part in parts))
    others = sorted({part.part for part in parts} - set(PARTS))
    for part in [*PARTS, *others]:
        label, colour, pattern = PARTS.get(part, OTHER)
        chosen = {each.study: each.hops for each in parts if each.part == part}
        if chosen:
            figure.add_bar(
                name=label if part in PARTS else f"{part} on the images", orientation="h", y=list(chosen),
                x=list(chosen.values()), texttemplate="%{x:,}", textposition="outside", cliponaxis=False,
                marker={"color": OKABE_ITO[colour], "pattern": pattern_of(pattern)}, row=2, col=1,
                hovertemplate="%{y}: %{x:,} HOPs<extra>" + part + "</extra>",
            )  # fmt: skip
    figure.update_layout(template=THEME, barmode="group", bargap=0.3)
    figure.update_xaxes(
        type="log", range=[-0.1, 4.15], tickvals=[1, 10, 100, 1000, 10_000],
        ticktext=["1", "10", "100", "1,000", "10,000"], title={"text": "images in hand", "font": {"size": 12}},
        row=1, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        type="log",
        range=[-3.6, 1.6],
        dtick=1,
        title={"text": "seconds an image", "font": {"size": 12}},
        tickformat="~g",
        row=1,
        col=1,
    )
    figure.update_xaxes(
        type="log", range=[0.7, 4.9], title={"text": "kB", "font": {"size": 12}}, tickvals=[10, 100, 1000],
        ticktext=["10", "100", "1,000"], tickangle=0, row=1, col=2,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", ticks="", showline=False, showgrid=False, row=1, col=2)
    figure.update_xaxes(
        type="log", range=[2, 7.2], dtick=1, exponentformat="power", title={"text": "HOPs", "font": {"size": 12}},
        row=2, col=1,
    )  # fmt: skip
    figure.update_yaxes(
        categoryorder="array", categoryarray=studies[::-1], ticks="", showline=False, showgrid=False, row=2, col=1
    )
    return finish(figure, height=height, legend=1.06)


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
        bars.marker = {
            "color": [OKABE_ITO["green" if layout == "packed" else "blue"] for layout in layouts],
            "pattern": pattern_of("") | {"shape": ["/" if layout == "packed" else "" for layout in layouts]},
        }
