"""The figure of sparsity: weights before and after, accuracy against HOPs, HOPs by layer beside the dense network."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.data.frontier import Point
from fcnlab.plots.activations import INK, OKABE_ITO, THEME, pattern_of
from fcnlab.plots.cost import ACCURACY_TICKS, HIGHEST_ACCURACY, LOWEST_ACCURACY, accuracy_place

BINS: Final = 48


def sparsity_figure(points: Sequence[Point], *, height: int = 640) -> go.Figure:
    """Three panels; the trained points are there from the start."""
    figure = make_subplots(
        rows=2, cols=2, vertical_spacing=0.17, horizontal_spacing=0.14, row_heights=[0.52, 0.48],
        specs=[[{}, {}], [{"colspan": 2}, None]],
        subplot_titles=(
            "weights of the layer, before and after", "accuracy against HOPs",
            "HOPs by layer, published convention; grey: CryptoNets, dense",
        ),
    )  # fmt: skip
    before, after = {"color": "#BBBBBB"}, {"color": OKABE_ITO["blue"], "pattern": pattern_of("/")}
    figure.add_scatter(
        name="as trained", mode="lines", line={"shape": "hvh", "color": "#8A8A8A", "width": 1.5}, fill="tozeroy",
        fillcolor="rgba(140, 140, 140, 0.22)", hovertemplate="%{x:.3f}: %{y:,}<extra>as trained</extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_bar(
        name="this setting", marker=after, hovertemplate="%{x:.3f}: %{y:,}<extra>this setting</extra>", row=1, col=1
    )
    for name, chosen, colour, symbol in (
        ("published", [point for point in points if point.source == "published"], OKABE_ITO["vermilion"], "diamond"),
        ("trained", [point for point in points if point.source != "published"], OKABE_ITO["sky"], "circle"),
    ):
        figure.add_scatter(
            mode="markers", name=name, marker={"color": colour, "symbol": symbol, "size": 10},
            x=[point.hops for point in chosen], y=[accuracy_place(point.accuracy) for point in chosen],
            text=[f"{point.accuracy:.2f} %" for point in chosen], customdata=[point.name for point in chosen],
            hovertemplate="%{customdata}<br>%{x:,} HOPs, %{text}<extra></extra>", row=1, col=2,
        )  # fmt: skip
    figure.add_scatter(
        name="nearest trained", mode="markers", hoverinfo="skip", row=1, col=2,
        marker={"symbol": "circle-open", "size": 18, "color": OKABE_ITO["green"], "line": {"width": 3}},
    )  # fmt: skip
    figure.add_scatter(
        name="as it stands", mode="markers+text", textposition="middle right", hoverinfo="skip", row=1, col=2,
        marker={"symbol": "x-thin", "size": 13, "line": {"width": 3, "color": INK}},
    )  # fmt: skip
    figure.add_bar(
        name="CryptoNets, dense", marker=before, showlegend=False, row=2, col=1,
        hovertemplate="%{x}: %{y:,}<extra>CryptoNets, dense</extra>",
    )  # fmt: skip
    figure.add_bar(
        name="this setting", marker=after, showlegend=False, texttemplate="%{y:,}", textposition="outside",
        textangle=0, constraintext="none", textfont={"size": 11}, cliponaxis=False, row=2, col=1,
        hovertemplate="%{x}: %{y:,}<extra>now</extra>",
    )  # fmt: skip
    figure.update_layout(
        template=THEME, height=height, barmode="group", bargap=0.12, margin={"t": 96, "r": 18},
        legend={"y": 1.07, "font": {"size": 12}, "traceorder": "normal"},
    )  # fmt: skip
    for title in figure.layout.annotations:
        title.update(font={"size": 14})
    figure.update_yaxes(type="log", range=[0, 5.2], dtick=1, exponentformat="power", row=1, col=1)
    figure.update_xaxes(
        type="log", range=[4.0, 8.2], dtick=1, exponentformat="power", title={"text": "HOPs", "font": {"size": 12}},
        row=1, col=2,
    )  # fmt: skip
    figure.update_yaxes(
        range=[math.log10(each) for each in map(accuracy_place, (LOWEST_ACCURACY, HIGHEST_ACCURACY))], type="log",
        tickvals=list(map(accuracy_place, ACCURACY_TICKS)), ticktext=[f"{tick} %" for tick in ACCURACY_TICKS],
        row=1, col=2,
    )  # fmt: skip
    return figure


def update_weights(figure: Any, *, before: npt.NDArray[Any], after: npt.NDArray[Any]) -> None:
    """Show the nonzero weights of a layer; the bins are those of the trained weights."""
    reach = float(np.abs(before).max()) * 1.05 or 1.0
    edges = np.linspace(-reach, reach, BINS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    with figure.batch_update():
        for trace, weights in zip(figure.data[:2], (before, after), strict=True):
            counts, _ = np.histogram(weights[weights != 0], bins=edges)
            trace.x, trace.y = centres, counts
        figure.layout.xaxis.range = [-reach, reach]


def update_layers(figure: Any, *, ours: Mapping[str, int], dense: Mapping[str, int], widest: int) -> None:
    """Show HOPs by layer beside the dense network's; the axis holds `widest`, and stays while the network does."""
    theirs, here = figure.data[-2:]
    with figure.batch_update():
        theirs.x, theirs.y = list(dense), list(dense.values())
        here.x, here.y = list(ours), list(ours.values())
        figure.layout.yaxis3.range = [0, 1.13 * widest]


def update_place(figure: Any, *, hops: int, accuracy: float | None, nearest: Point | None) -> None:
    """Show where the setting stands, and the nearest trained network."""
    ring, here = figure.data[4:6]
    known = accuracy is not None and accuracy >= LOWEST_ACCURACY
    with figure.batch_update():
        here.x = [hops]
        here.y = [accuracy_place(accuracy if accuracy is not None and known else LOWEST_ACCURACY + 3)]
        here.text = ["…" if accuracy is None else f"{accuracy:.2f} %{'' if known else ' ↓'}"]
        ring.x = [nearest.hops] if nearest else []
        ring.y = [accuracy_place(nearest.accuracy)] if nearest else []
