"""The figure of sparsity: weights before and after, accuracy against HOPs, HOPs by layer beside the dense network."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from fcnlab.circuit.hops import HopTable
from fcnlab.data.frontier import Point
from fcnlab.plots.accuracy import LOWEST_ACCURACY, accuracy_axis, accuracy_place, accuracy_points
from fcnlab.plots.theme import CROSS, GREY, OKABE_ITO, POWERS, RING, WIDE, filled, hover, panels

BINS: Final = 48
WEIGHTS: Final = "%{x:.3f}: %{y:,}"


def sparsity_figure(points: Sequence[Point], *, height: int = 640) -> go.Figure:
    """Three panels; the trained points are there from the start."""
    above = "weights of the layer, before and after", "accuracy against HOPs"
    below = "HOPs by layer, published convention; grey: CryptoNets, dense"
    shape = WIDE | {"row_heights": [0.52, 0.48]}
    space = {"vertical_spacing": 0.17, "horizontal_spacing": 0.14}
    figure = panels(*above, below, shape=shape | space, height=height, top=96, legend=1.07)
    after = filled(OKABE_ITO["blue"], "/")
    steps = {"mode": "lines", "line": {"shape": "hvh", "color": GREY, "width": 1.5}}
    area = {"fill": "tozeroy", "fillcolor": "rgba(140, 140, 140, 0.22)", "hovertemplate": hover(WEIGHTS, "as trained")}
    figure.add_scatter(name="as trained", **steps, **area, row=1, col=1)
    figure.add_bar(name="this setting", marker=after, hovertemplate=hover(WEIGHTS, "this setting"), row=1, col=1)
    for name, colour, symbol in (("published", "vermilion", "diamond"), ("trained", "sky", "circle")):
        chosen = [point for point in points if (point.source == "published") == (name == "published")]
        drawn = accuracy_points((point.name, point.hops, point.accuracy) for point in chosen)
        marker = {"color": OKABE_ITO[colour], "symbol": symbol, "size": 10}
        figure.add_scatter(**drawn, name=name, marker=marker, row=1, col=2)
    ring = RING | {"color": OKABE_ITO["green"]}
    figure.add_scatter(name="nearest trained", mode="markers", hoverinfo="skip", marker=ring, row=1, col=2)
    look = {"mode": "markers+text", "textposition": "middle right", "marker": CROSS}
    figure.add_scatter(name="as it stands", **look, hoverinfo="skip", row=1, col=2)
    dense, said = {"color": "#BBBBBB"}, hover("%{x}: %{y:,}", "CryptoNets, dense")
    figure.add_bar(name="CryptoNets, dense", marker=dense, showlegend=False, hovertemplate=said, row=2, col=1)
    text = {"texttemplate": "%{y:,}", "textposition": "outside", "textangle": 0, "constraintext": "none"}
    bar = {"marker": after, "showlegend": False, "cliponaxis": False, "hovertemplate": hover("%{x}: %{y:,}", "now")}
    figure.add_bar(name="this setting", **text, **bar, textfont={"size": 11}, row=2, col=1)
    figure.update_layout(barmode="group", bargap=0.12)
    figure.update_yaxes(**POWERS, range=[0, 5.2], row=1, col=1)
    figure.update_xaxes(**POWERS, range=[4.0, 8.2], title="HOPs", row=1, col=2)
    figure.update_yaxes(**accuracy_axis(), row=1, col=2)
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


def update_layers(figure: Any, *, ours: HopTable, trained: HopTable, dense: HopTable) -> None:
    """Show HOPs by layer beside the dense network's; the axis holds both as trained, and stays with the network."""
    with figure.batch_update():
        for bars, counts in zip(figure.data[-2:], (dense, ours), strict=True):
            bars.x, bars.y = [layer.name for layer in counts.layers], [layer.total for layer in counts.layers]
        figure.layout.yaxis3.range = [0, 1.13 * max(layer.total for layer in (*dense.layers, *trained.layers))]


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
