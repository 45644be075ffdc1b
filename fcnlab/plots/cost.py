"""The figure of the cost of a setting: HOPs by layer, accuracy against HOPs, noise by layer, seconds and bytes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.data.frontier import Point
from fcnlab.plots.activations import INK, KINDS, OKABE_ITO, THEME, pattern_of

LOWEST_ACCURACY, HIGHEST_ACCURACY = 80.0, 99.7
ACCURACY_TICKS: Final = (80, 90, 95, 98, 99, 99.5)
SOURCES: Final = {
    "published": ("published", OKABE_ITO["vermilion"], "diamond"),
    "shipped": ("shipped networks", OKABE_ITO["blue"], "circle"),
    "trained": ("trained, by table", OKABE_ITO["sky"], "circle-open"),
}
AMOUNTS: Final = ("enc + dec, s", "evaluate, s", "message, MB")
BAR_COUNT: Final = len(KINDS)


def cost_figure(points: Sequence[Point], *, height: int = 690) -> go.Figure:
    """Four panels; the points of the second are there from the start, all else comes with `update_*`."""
    figure = make_subplots(
        rows=2, cols=2, vertical_spacing=0.17, horizontal_spacing=0.17, row_heights=[0.55, 0.45],
        subplot_titles=(
            "HOPs by layer, published convention", "accuracy against HOPs: click a point",
            "bits: noise (hatched) and left (plain)", "beside the published system",
        ),
    )  # fmt: skip
    for label, colour, pattern in KINDS.values():
        figure.add_bar(
            orientation="h", name=label, marker={"color": colour, "pattern": pattern_of(pattern)},
            hovertemplate="%{y}: %{x:,} " + label + "<extra></extra>", row=1, col=1,
        )  # fmt: skip
    for source, (label, colour, symbol) in SOURCES.items():
        chosen = [point for point in points if point.source == source]
        figure.add_scatter(
            mode="markers", name=label, marker={"color": colour, "symbol": symbol, "size": 11},
            x=[point.hops for point in chosen], y=[accuracy_place(point.accuracy) for point in chosen],
            text=[f"{point.accuracy:.2f} %" for point in chosen], customdata=[point.name for point in chosen],
            hovertemplate="%{customdata}<br>%{x:,} HOPs, %{text}<extra></extra>", showlegend=bool(chosen),
            row=1, col=2,
        )  # fmt: skip
    figure.add_scatter(
        mode="markers+text", name="this setting", textposition="top center",
        marker={"symbol": "x-thin", "size": 13, "color": INK, "line": {"width": 3, "color": INK}},
        hovertemplate="this setting<br>%{x:,} HOPs, %{text}<extra></extra>", row=1, col=2,
    )  # fmt: skip
    for name, colour, pattern in (("noise", OKABE_ITO["purple"], "/"), ("left", OKABE_ITO["green"], "")):
        figure.add_bar(
            orientation="h", name=name, marker={"color": colour, "pattern": pattern_of(pattern)}, showlegend=False,
            hovertemplate="%{y}: %{x:.1f} bits " + name + "<extra></extra>", row=2, col=1,
        )  # fmt: skip
    for name, colour, symbol, place, width in (
        ("this setting", INK, "x-thin", "top center", 3),
        ("published", OKABE_ITO["vermilion"], "diamond", "bottom center", 0),
    ):
        figure.add_scatter(
            mode="markers+text", name=name, textposition=place, y=list(AMOUNTS), showlegend=False,
            marker={"color": colour, "symbol": symbol, "size": 12, "line": {"width": width, "color": INK}},
            hoverinfo="skip", row=2, col=2,
        )  # fmt: skip
    figure.update_layout(
        template=THEME, height=height, barmode="stack", bargap=0.3, margin={"t": 96, "l": 66, "r": 18},
        legend={"y": 1.06, "font": {"size": 12}, "traceorder": "normal"},
    )  # fmt: skip
    for title in figure.layout.annotations:
        title.update(font={"size": 14})
    figure.update_yaxes(autorange="reversed", ticks="", showgrid=False, zeroline=False, showline=False, col=1)
    figure.update_xaxes(
        title={"text": "HOPs of one pass", "standoff": 4, "font": {"size": 12}}, row=1, col=1, exponentformat="none"
    )
    figure.update_xaxes(
        type="log", range=[3.9, 8.2], dtick=1, exponentformat="power",
        title={"text": "HOPs", "standoff": 4, "font": {"size": 12}}, row=1,
        col=2,
    )  # fmt: skip
    figure.update_yaxes(
        range=[math.log10(each) for each in map(accuracy_place, (LOWEST_ACCURACY, HIGHEST_ACCURACY))], type="log",
        tickvals=list(map(accuracy_place, ACCURACY_TICKS)), ticktext=[f"{tick} %" for tick in ACCURACY_TICKS],
        row=1, col=2,
    )  # fmt: skip
    figure.update_xaxes(title={"text": "bits", "standoff": 4, "font": {"size": 12}}, row=2, col=1)
    figure.update_xaxes(type="log", range=[-1.5, 3.7], dtick=1, exponentformat="power", row=2, col=2)
    figure.update_yaxes(ticks="", showgrid=True, zeroline=False, showline=False, range=[2.6, -0.6], row=2, col=2)
    return figure


def update_counts(
    figure: Any, *, names: Sequence[str], counts: Sequence[Mapping[str, int]], widest: int, total: int
) -> None:
    """Show other HOPs by layer, and where the setting stands; its accuracy is not known yet.

    Args:
        figure: From `cost_figure`.
        names: Of the layers.
        counts: Operations of each, by kind.
        widest: Most HOPs of a layer as trained: the axis stays while the network does.
        total: HOPs of one pass.
    """
    bars, here = figure.data[:BAR_COUNT], figure.data[BAR_COUNT + len(SOURCES)]
    with figure.batch_update():
        for kind, bar in zip(KINDS, bars, strict=True):
            bar.x, bar.y = [layer[kind] for layer in counts], list(names)
        figure.layout.xaxis.range = [0, 1.05 * widest]
        here.x = [total]


def update_estimate(
    figure: Any,
    *,
    accuracy: float | None,
    names: Sequence[str],
    noise_bits: Sequence[float],
    budget_bits: Sequence[float],
    amounts: Sequence[float | None],
    published: Sequence[float],
) -> None:
    """Show accuracy, noise, seconds and bytes; empty sequences where nothing can be planned.

    Args:
        figure: From `cost_figure`.
        accuracy: Percent, if it is known; below the axis it stands at its lower end with its number.
        names: Of the planned steps.
        noise_bits: Of each, bound.
        budget_bits: Left of each.
        amounts: As AMOUNTS, None where unknown.
        published: The same of a published system.
    """
    here, noise, left, ours, theirs = figure.data[BAR_COUNT + len(SOURCES) :]
    with figure.batch_update():
        below = accuracy is not None and accuracy < LOWEST_ACCURACY
        here.y = [accuracy_place(LOWEST_ACCURACY + 1 if accuracy is None or below else accuracy)]
        here.text = ["accuracy: …" if accuracy is None else f"{accuracy:.2f} %{' ↓' if below else ''}"]
        noise.x, noise.y = list(noise_bits), list(names)
        left.x, left.y = list(budget_bits), list(names)
        for trace, values in ((ours, amounts), (theirs, published)):
            trace.x = list(values)
            trace.text = [amount_text(value) for value in values]


def accuracy_place(accuracy: float) -> float:
    """Where an accuracy stands on its axis: the error in percent, which the axis has logarithmic and upside down."""
    return max(100 - accuracy, 0.01)


def amount_text(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
