"""Figures of a run by layer, and of an activation with its polynomials."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from fcnlab.approximation import Approximation, HistogramNorm
from fcnlab.approximation.norms import Norm
from fcnlab.inference.report import LayerReport
from fcnlab.plots.theme import BARS, OKABE_ITO, RING, ROWS, filled, hover, panels

KINDS: Final = {
    "pt_ct_adds": ("PT-CT adds", OKABE_ITO["orange"], "/"),
    "ct_ct_adds": ("CT-CT adds", OKABE_ITO["blue"], ""),
    "pt_ct_mults": ("PT-CT mults", OKABE_ITO["green"], "x"),
    "ct_ct_mults": ("CT-CT mults", OKABE_ITO["vermilion"], "\\"),
}
"""The four kinds of homomorphic operation: label, colour and pattern."""


def add_kinds(figure: go.Figure) -> None:
    """HOPs by kind, in the first panel."""
    for label, colour, pattern in KINDS.values():
        said, marker = hover("%{y}: %{x:,} " + label), filled(colour, pattern)
        figure.add_bar(orientation="h", name=label, marker=marker, hovertemplate=said, row=1, col=1)


def layers_figure(*, height: int = 330) -> go.Figure:
    """Two panels that share their rows, one row a layer: HOPs by kind on the left, seconds on the right. Empty."""
    shape = {"shared_yaxes": True, "column_widths": [0.62, 0.38], "horizontal_spacing": 0.04}
    titles = "homomorphic operations of one pass", "seconds, all passes"
    figure = panels(*titles, shape=shape, height=height, top=84, legend=1.14)
    add_kinds(figure)
    figure.add_scatter(mode="text", textposition="middle right", hoverinfo="skip", showlegend=False, row=1, col=1)
    times = BARS | {"texttemplate": "%{x:.2f} s", "hovertemplate": hover("%{y}: %{x:.3f} s")}
    figure.add_bar(**times, marker={"color": "#7F7F7F"}, row=1, col=2)
    figure.update_layout(barmode="stack", bargap=0.35, margin_b=36)
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False)
    figure.update_yaxes(**ROWS, autorange="reversed", ticklabelstandoff=8, showticklabels=False)
    return figure


def update_layers(figure: Any, *, layers: Sequence[LayerReport]) -> None:
    """Show another run in `layers_figure`."""
    names, seconds = [layer.name for layer in layers], [layer.elapsed_s for layer in layers]
    totals = [sum(layer.operations.get(kind, 0) for kind in KINDS) for layer in layers]
    *bars, labels, times = figure.data
    with figure.batch_update():
        for kind, bar in zip(KINDS, bars, strict=True):
            values = [layer.operations.get(kind, 0) for layer in layers]
            bar.x, bar.y = values, names
            bar.visible = any(values)  # a kind that does not occur is not in the legend
        labels.x, labels.y, labels.text = totals, names, [f" {total:,}" for total in totals]
        times.x, times.y = seconds, names
        figure.layout.yaxis.showticklabels = True
        figure.layout.xaxis.range = [0, 1.18 * max(totals)]
        figure.layout.xaxis2.range = [0, 1.35 * max(seconds)]


FIT, OPTIMUM, TARGET = (OKABE_ITO[name] for name in ("blue", "vermilion", "black"))
NAMES: Final = {"fit": "allowed coefficients", "optimum": "real coefficients", "target": "target"}
FLOOR: Final = -1.5  # of the upper left panel, on which a histogram stands
CURVE_STRIDE: Final = 2  # of 401 points: 201 draw the same curve on 500 pixels, and sooner
ERROR_SCALES: Final = (0.002, 0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)
ERRORS: Final = {"type": "log", "dtick": 1, "tickformat": "~g"}


def activation_figure(*, degrees: int, reach: float, height: int = 600) -> go.Figure:
    """Four panels of an activation and its polynomials; empty.

    Above, the target with the fit and the real optimum, and their errors with the places of the largest. Below, the
    error of every degree, and the same errors against the HOPs they cost.

    Args:
        degrees: Highest degree shown below.
        reach: The axis of x goes from -reach to reach.
        height: Height in pixels.
    """
    shape = {"rows": 2, "vertical_spacing": 0.17, "horizontal_spacing": 0.11, "row_heights": [0.56, 0.44]}
    above = "target and polynomial", "error: target minus polynomial"
    below = "error by degree", "error by HOPs of one value"
    figure = panels(*above, *below, shape=shape, height=height, top=76, legend=1.075)
    line, dashed = {"color": FIT, "width": 2.5}, {"color": OPTIMUM, "width": 1.8, "dash": "dash"}
    figure.add_scatter(name=NAMES["target"], line={"color": TARGET, "width": 1.8, "dash": "dot"}, row=1, col=1)
    figure.add_scatter(name=NAMES["fit"], line=line, row=1, col=1)
    figure.add_scatter(name=NAMES["optimum"], line=dashed, row=1, col=1)
    figure.add_scatter(line=line, showlegend=False, row=1, col=2)
    figure.add_scatter(line=dashed, showlegend=False, row=1, col=2)
    diamond = {"color": FIT, "size": 9, "symbol": "diamond"}
    figure.add_scatter(name="largest error", mode="markers", marker=diamond, row=1, col=2)
    for col in (1, 2):
        for style, symbol in ((line, "circle"), (dashed, "square-open")):
            look = {"mode": "lines+markers", "line": style, "marker": {"symbol": symbol, "size": 8}}
            figure.add_scatter(**look, showlegend=False, row=2, col=col)
        figure.add_scatter(name="chosen degree", mode="markers", marker=RING, showlegend=col == 1, row=2, col=col)
    area = {"mode": "lines", "line": {"width": 0}, "fill": "toself", "fillcolor": "rgba(127, 127, 127, .4)"}
    figure.add_scatter(name="values of the layer", **area, hoverinfo="skip", visible=False, row=1, col=1)
    figure.update_xaxes(title="x", range=[-reach, reach], row=1)
    figure.update_yaxes(range=[FLOOR, reach], row=1, col=1)
    figure.update_yaxes(range=[-1, 1], row=1, col=2)
    figure.update_yaxes(**ERRORS, range=[-4, 1], row=2)
    figure.update_xaxes(title="degree", range=[0.5, degrees + 0.5], dtick=1, row=2, col=1)
    figure.update_xaxes(title="HOPs", range=[0, 2.5 * degrees], row=2, col=2)
    return figure


def update_activation_curves(figure: Any, *, fit: Approximation, optimum: Approximation) -> None:
    """Show another fit in the upper panels of `activation_figure`, beside the optimum of real coefficients."""
    *curves, summits = figure.data[:6]
    curve, reference = fit.curve, optimum.curve
    scale = next((s for s in ERROR_SCALES if s > 1.05 * max(fit.max_error, optimum.max_error)), ERROR_SCALES[-1])
    with figure.batch_update():
        drawn = curve.target, curve.fit, reference.fit, curve.error, reference.error
        for trace, values in zip(curves, drawn, strict=True):
            trace.x, trace.y = curve.x[::CURVE_STRIDE], values[::CURVE_STRIDE]
        places = np.array(fit.max_error_at)
        summits.x, summits.y = places, fit.problem.target(places) - fit(places)
        figure.layout.yaxis2.range = [-scale, scale]


def update_activation_weight(figure: Any, *, norm: Norm) -> None:
    """Show the histogram that weighs the mean square in `activation_figure`, as high as 1 where it is highest."""
    outline, weighs = figure.data[12], isinstance(norm, HistogramNorm)
    if not outline.visible and not weighs:
        return  # even an update that changes nothing is a message, and a redraw
    with figure.batch_update():
        outline.visible = weighs
        if isinstance(norm, HistogramNorm):
            heights, edges = FLOOR + np.array(norm.counts) / max(norm.counts), norm.edges
            outline.x = [edges[0], *np.repeat(edges, 2)[1:-1], edges[-1]]
            outline.y = [FLOOR, *np.repeat(heights, 2), FLOOR]


def update_activation_sweep(
    figure: Any, *, fits: Sequence[Approximation], optima: Sequence[Approximation], degree: int
) -> None:
    """Show the errors of degree 1, 2, ... in the lower panels of `activation_figure`, the chosen degree marked."""
    chosen = [fit for fit in fits if fit.problem.degree == degree]
    with figure.batch_update():
        for place, found in enumerate((fits, optima, chosen)):
            by_degree, by_hops, errors = figure.data[6 + place], figure.data[9 + place], [each.error for each in found]
            by_degree.x, by_degree.y = [int(each.problem.degree) for each in found], errors
            by_hops.x, by_hops.y = [int(each.cost.total) for each in found], errors
