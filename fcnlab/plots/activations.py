"""Plotly figures: built once, then updated in place. One theme, colours that everybody can tell apart.

Colour never carries a meaning alone: bars have patterns, lines have dashes, and both have labels. Knows nothing of
widgets; `ui` wraps a figure into one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

OKABE_ITO: Final = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "black": "#222222",
}
"""Source: Okabe and Ito 2008, Color Universal Design."""

KINDS: Final = {
    "pt_ct_adds": ("PT-CT adds", OKABE_ITO["orange"], "/"),
    "ct_ct_adds": ("CT-CT adds", OKABE_ITO["blue"], ""),
    "pt_ct_mults": ("PT-CT mults", OKABE_ITO["green"], "x"),
    "ct_ct_mults": ("CT-CT mults", OKABE_ITO["vermilion"], "\\"),
}
"""The four kinds of homomorphic operation: label, colour and pattern."""

GRID, INK = "#E3E3E3", "#222222"
THEME: Final = go.layout.Template(
    layout={
        "font": {"family": "Inter, Segoe UI, Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "colorway": list(OKABE_ITO.values()),
        "margin": {"l": 60, "r": 24, "t": 48, "b": 44},
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "xaxis": {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": INK, "ticks": "outside", "automargin": True},
        "yaxis": {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": INK, "ticks": "outside", "automargin": True},
    }
)


def pattern_of(shape: str) -> dict[str, Any]:
    """White strokes over the colour."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.75, "size": 7, "solidity": 0.2}


def layers_figure(*, height: int = 330) -> go.Figure:
    """Two panels that share their rows, one row a layer: HOPs by kind on the left, seconds on the right. Empty."""
    figure = make_subplots(
        rows=1, cols=2, shared_yaxes=True, column_widths=[0.62, 0.38], horizontal_spacing=0.04,
        subplot_titles=("homomorphic operations of one pass", "seconds, all passes"),
    )  # fmt: skip
    for label, colour, pattern in KINDS.values():
        figure.add_bar(
            orientation="h", name=label, marker={"color": colour, "pattern": pattern_of(pattern)},
            hovertemplate="%{y}: %{x:,} " + label + "<extra></extra>", row=1, col=1,
        )  # fmt: skip
    figure.add_scatter(mode="text", textposition="middle right", hoverinfo="skip", showlegend=False, row=1, col=1)
    figure.add_bar(
        orientation="h", marker={"color": "#7F7F7F"}, showlegend=False, texttemplate="%{x:.2f} s",
        textposition="outside", cliponaxis=False, hovertemplate="%{y}: %{x:.3f} s<extra></extra>", row=1, col=2,
    )  # fmt: skip
    figure.update_layout(
        template=THEME, height=height, barmode="stack", bargap=0.35, margin={"t": 84, "b": 36},
        legend={"y": 1.14, "traceorder": "normal"},
    )  # fmt: skip
    figure.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False)
    figure.update_yaxes(
        autorange="reversed",
        ticks="",
        ticklabelstandoff=8,
        zeroline=False,
        showticklabels=False,
        showline=False,
        showgrid=False,
    )
    return figure


def update_layers(
    figure: Any, *, names: Sequence[str], counts: Sequence[Mapping[str, int]], seconds: Sequence[float]
) -> None:
    """Show another run.

    Args:
        figure: From `layers_figure`, or a widget around it.
        names: Of the layers, in order.
        counts: Operations of each, by kind.
        seconds: Of each.
    """
    totals = [sum(layer.get(kind, 0) for kind in KINDS) for layer in counts]
    *bars, labels, times = figure.data
    with figure.batch_update():
        for kind, bar in zip(KINDS, bars, strict=True):
            values = [layer.get(kind, 0) for layer in counts]
            bar.x, bar.y, bar.visible = (
                values,
                list(names),
                any(values),
            )  # a kind that does not occur is not in the legend
        labels.x, labels.y, labels.text = totals, list(names), [f" {total:,}" for total in totals]
        times.x, times.y = list(seconds), list(names)
        figure.layout.yaxis.showticklabels = True
        figure.layout.xaxis.range = [0, 1.18 * max(totals)]
        figure.layout.xaxis2.range = [0, 1.35 * max(seconds)]


FIT, OPTIMUM, TARGET = (OKABE_ITO[name] for name in ("blue", "vermilion", "black"))
NAMES: Final = {"fit": "allowed coefficients", "optimum": "real coefficients", "target": "target"}
FLOOR: Final = -1.5  # of the upper left panel, on which a histogram stands
CURVE_STRIDE: Final = 2  # of 401 points: 201 draw the same curve on 500 pixels, and sooner
ERROR_SCALES: Final = (0.002, 0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 100.0)


def activation_figure(*, degrees: int, reach: float, height: int = 600) -> go.Figure:
    """Four panels of an activation and its polynomials; empty.

    Above, the target with the fit and the real optimum, and their errors with the places of the largest. Below, the
    error of every degree, and the same errors against the HOPs they cost.

    Args:
        degrees: Highest degree shown below.
        reach: The axis of x goes from -reach to reach.
        height: In pixels.
    """
    figure = make_subplots(
        rows=2, cols=2, vertical_spacing=0.17, horizontal_spacing=0.11, row_heights=[0.56, 0.44],
        subplot_titles=(
            "target and polynomial", "error: target minus polynomial", "error by degree", "error by HOPs of one value"
        ),
    )  # fmt: skip
    line, dashed = {"color": FIT, "width": 2.5}, {"color": OPTIMUM, "width": 1.8, "dash": "dash"}
    figure.add_scatter(name=NAMES["target"], line={"color": TARGET, "width": 1.8, "dash": "dot"}, row=1, col=1)
    figure.add_scatter(name=NAMES["fit"], line=line, row=1, col=1)
    figure.add_scatter(name=NAMES["optimum"], line=dashed, row=1, col=1)
    figure.add_scatter(line=line, showlegend=False, row=1, col=2)
    figure.add_scatter(line=dashed, showlegend=False, row=1, col=2)
    figure.add_scatter(
        name="largest error", mode="markers", marker={"color": FIT, "size": 9, "symbol": "diamond"}, row=1, col=2
    )
    for column in (1, 2):
        for style, symbol in ((line, "circle"), (dashed, "square-open")):
            figure.add_scatter(
                mode="lines+markers", line=style, marker={"symbol": symbol, "size": 8}, showlegend=False, row=2,
                col=column,
            )  # fmt: skip
        figure.add_scatter(
            name="chosen degree", mode="markers", showlegend=column == 1, row=2, col=column,
            marker={"symbol": "circle-open", "size": 17, "color": INK, "line": {"width": 2}},
        )  # fmt: skip
    figure.add_scatter(
        name="values of the layer", mode="lines", line={"width": 0}, fill="toself", fillcolor="rgba(127, 127, 127, .4)",
        hoverinfo="skip", visible=False, row=1, col=1,
    )  # fmt: skip
    figure.update_layout(template=THEME, height=height, margin={"t": 76}, legend={"y": 1.075})
    figure.update_xaxes(title={"text": "x", "standoff": 4}, range=[-reach, reach], row=1)
    figure.update_yaxes(range=[FLOOR, reach], row=1, col=1)
    figure.update_yaxes(range=[-1, 1], row=1, col=2)
    figure.update_yaxes(type="log", range=[-4, 1], dtick=1, tickformat="~g", row=2)
    figure.update_xaxes(title={"text": "degree", "standoff": 4}, range=[0.5, degrees + 0.5], dtick=1, row=2, col=1)
    figure.update_xaxes(title={"text": "HOPs", "standoff": 4}, range=[0, 2.5 * degrees], row=2, col=2)
    return figure


def update_activation_curves(figure: Any, *, fit: Any, optimum: Any) -> None:
    """Show another fit in the upper panels of `activation_figure`.

    Args:
        figure: The figure, or a widget around it.
        fit: An `Approximation` with the allowed coefficients.
        optimum: The same with real ones.
    """
    target, polynomial, best, error, best_error, summits = figure.data[:6]
    curve, reference = fit.curve, optimum.curve
    scale = next((s for s in ERROR_SCALES if s > 1.05 * max(fit.max_error, optimum.max_error)), ERROR_SCALES[-1])
    with figure.batch_update():
        target.x, target.y = curve.x[::CURVE_STRIDE], curve.target[::CURVE_STRIDE]
        polynomial.x, polynomial.y = curve.x[::CURVE_STRIDE], curve.fit[::CURVE_STRIDE]
        best.x, best.y = curve.x[::CURVE_STRIDE], reference.fit[::CURVE_STRIDE]
        error.x, error.y = curve.x[::CURVE_STRIDE], curve.error[::CURVE_STRIDE]
        best_error.x, best_error.y = curve.x[::CURVE_STRIDE], reference.error[::CURVE_STRIDE]
        places = np.array(fit.max_error_at)
        summits.x, summits.y = places, fit.problem.target(places) - fit(places)
        figure.layout.yaxis2.range = [-scale, scale]


def update_activation_weight(figure: Any, *, counts: Sequence[float], edges: Sequence[float]) -> None:
    """Show the histogram that weighs the mean square in `activation_figure`, as high as 1 where it is highest.

    Args:
        figure: The figure, or a widget around it.
        counts: Of each bin; none hides it.
        edges: Ends of the bins, one more.
    """
    outline = figure.data[12]
    if not outline.visible and not len(counts):
        return  # even an update that changes nothing is a message, and a redraw
    with figure.batch_update():
        outline.visible = len(counts) > 0
        if len(counts):
            heights = FLOOR + np.array(counts) / max(counts)
            outline.x = [edges[0], *np.repeat(edges, 2)[1:-1], edges[-1]]
            outline.y = [FLOOR, *np.repeat(heights, 2), FLOOR]


def update_activation_sweep(figure: Any, *, fits: Sequence[Any], optima: Sequence[Any], degree: int) -> None:
    """Show the errors of every degree in the lower panels of `activation_figure`.

    Args:
        figure: The figure, or a widget around it.
        fits: `Approximation` of degree 1, 2, ... with the allowed coefficients.
        optima: The same with real ones.
        degree: The chosen one, marked if it is among them.
    """
    by_degree, by_hops = figure.data[6:9], figure.data[9:12]
    chosen = [fit for fit in fits if fit.problem.degree == degree]
    with figure.batch_update():
        for traces, place in ((by_degree, degree_of), (by_hops, hops_of)):
            for trace, found in zip(traces, (fits, optima, chosen), strict=True):
                trace.x, trace.y = [place(each) for each in found], [each.error for each in found]


def degree_of(fit: Any) -> int:
    """The degree that was asked for."""
    return int(fit.problem.degree)


def hops_of(fit: Any) -> int:
    """HOPs of one value."""
    return int(fit.cost.total)
