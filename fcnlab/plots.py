"""Plotly figures: built once, then updated in place. One theme, colours that everybody can tell apart.

Colour never carries a meaning alone: bars have patterns, lines have dashes, and both have labels. Knows nothing of
widgets; `ui` wraps a figure into one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
