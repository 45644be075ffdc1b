"""The figure of the cost of a setting: HOPs by layer, accuracy against HOPs, noise by layer, seconds and bytes."""

from collections.abc import Sequence
from typing import Any, Final

import plotly.graph_objects as go

from fcnlab.circuit.hops import HopTable
from fcnlab.data.frontier import Point
from fcnlab.planning.plan import Plan
from fcnlab.plots.accuracy import LOWEST_ACCURACY, accuracy_axis, accuracy_place, accuracy_points
from fcnlab.plots.activations import KINDS, add_kinds
from fcnlab.plots.theme import CROSS, INK, OKABE_ITO, POWERS, ROWS, filled, hover, panels

SOURCES: Final = {
    "published": ("published", OKABE_ITO["vermilion"], "diamond"),
    "shipped": ("shipped networks", OKABE_ITO["blue"], "circle"),
    "trained": ("trained, by table", OKABE_ITO["sky"], "circle-open"),
}
AMOUNTS: Final = ("enc + dec, s", "evaluate, s", "message, MB")
AMOUNT_ROWS: Final = {"ticks": "", "zeroline": False, "showline": False, "range": [2.6, -0.6]}
BAR_COUNT: Final = len(KINDS)


def add_amounts(figure: go.Figure, name: str, colour: str, symbol: str, *, place: str, **more: Any) -> None:
    """Empty markers at `AMOUNTS` in the second row, with their numbers at a place beside them."""
    line = {"width": 3 if symbol == CROSS["symbol"] else 0, "color": INK}
    look = {"mode": "markers+text", "textposition": place, "hoverinfo": "skip"}
    marker = {"color": colour, "symbol": symbol, "size": 12, "line": line}
    figure.add_scatter(name=name, **look, y=list(AMOUNTS), marker=marker, row=2, **more)


def cost_figure(points: Sequence[Point], *, height: int = 690) -> go.Figure:
    """Four panels; the points of the second are there from the start, all else comes with `update_*`."""
    shape = {"rows": 2, "vertical_spacing": 0.17, "horizontal_spacing": 0.17, "row_heights": [0.55, 0.45]}
    above = "HOPs by layer, published convention", "accuracy against HOPs: click a point"
    below = "bits: noise (hatched) and left (plain)", "beside the published system"
    figure = panels(*above, *below, shape=shape, height=height, top=96, legend=1.06)
    add_kinds(figure)
    for source, (label, colour, symbol) in SOURCES.items():
        marker = {"color": colour, "symbol": symbol, "size": 11}
        chosen = [(point.name, point.hops, point.accuracy) for point in points if point.source == source]
        drawn = accuracy_points(chosen)
        figure.add_scatter(**drawn, name=label, marker=marker, showlegend=bool(chosen), row=1, col=2)
    look = {"mode": "markers+text", "textposition": "top center", "marker": CROSS}
    said = hover("this setting<br>%{x:,} HOPs, %{text}")
    figure.add_scatter(name="this setting", **look, hovertemplate=said, row=1, col=2)
    for name, colour, pattern in (("noise", OKABE_ITO["purple"], "/"), ("left", OKABE_ITO["green"], "")):
        said, marker = hover("%{y}: %{x:.1f} bits " + name), filled(colour, pattern)
        bar = {"orientation": "h", "showlegend": False, "hovertemplate": said}
        figure.add_bar(name=name, **bar, marker=marker, row=2, col=1)
    add_amounts(figure, "this setting", INK, "x-thin", place="top center", showlegend=False, col=2)
    red = OKABE_ITO["vermilion"]
    add_amounts(figure, "published", red, "diamond", place="bottom center", showlegend=False, col=2)
    figure.update_layout(barmode="stack", bargap=0.3, margin_l=66)
    figure.update_yaxes(**ROWS, autorange="reversed", col=1)
    figure.update_xaxes(title="HOPs of one pass", exponentformat="none", row=1, col=1)
    figure.update_xaxes(**POWERS, range=[3.9, 8.2], title="HOPs", row=1, col=2)
    figure.update_yaxes(**accuracy_axis(), row=1, col=2)
    figure.update_xaxes(title="bits", row=2, col=1)
    figure.update_xaxes(**POWERS, range=[-1.5, 3.7], row=2, col=2)
    figure.update_yaxes(**AMOUNT_ROWS, row=2, col=2)
    return figure


def update_counts(figure: Any, *, counts: HopTable, trained: HopTable) -> None:
    """Show other HOPs by layer in `cost_figure`, and where the setting stands; its accuracy is not known yet.

    The axis holds the widest layer as trained, and stays while the network does.
    """
    bars, here = figure.data[:BAR_COUNT], figure.data[BAR_COUNT + len(SOURCES)]
    with figure.batch_update():
        for kind, bar in zip(KINDS, bars, strict=True):
            bar.x = [getattr(layer, kind) for layer in counts.layers]
            bar.y = [layer.name for layer in counts.layers]
        figure.layout.xaxis.range = [0, 1.05 * max(layer.total for layer in trained.layers)]
        here.x = [counts.total.total]


def update_estimate(
    figure: Any,
    *,
    accuracy: float | None,
    plan: Plan | None,
    amounts: Sequence[float | None],
    published: Sequence[float],
) -> None:
    """Show accuracy, noise, seconds and bytes.

    Args:
        figure: From `cost_figure`, or a widget around it.
        accuracy: Percent, if it is known; below the axis it stands at its lower end with its number.
        plan: Whose noise is shown; nothing where nothing can be planned.
        amounts: As AMOUNTS, None where unknown.
        published: The same of a published system.
    """
    here, noise, left, ours, theirs = figure.data[BAR_COUNT + len(SOURCES) :]
    with figure.batch_update():
        below = accuracy is not None and accuracy < LOWEST_ACCURACY
        here.y = [accuracy_place(LOWEST_ACCURACY + 1 if accuracy is None or below else accuracy)]
        here.text = ["accuracy: …" if accuracy is None else f"{accuracy:.2f} %{' ↓' if below else ''}"]
        steps = plan.steps if plan is not None else ()
        noise.y = left.y = [step.name for step in steps]
        noise.x = [round(step.noise_bits, 1) for step in steps]
        left.x = [round(step.budget_bits, 1) for step in steps]
        update_amounts((ours, theirs), (amounts, published))


def update_amounts(traces: Sequence[Any], amounts: Sequence[Sequence[float | None]]) -> None:
    """Show seconds and megabytes with three significant digits, inside an update of their figure."""
    for trace, values in zip(traces, amounts, strict=True):
        trace.x, trace.text = list(values), [amount_text(value) for value in values]


def amount_text(value: float | None) -> str:
    """Three significant digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
