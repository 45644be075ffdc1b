"""The figure of private transfer: what privacy and sparsity cost, what leaks, and how much is left to encrypt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.data.releases import EPSILONS, PRUNED, CurvePoint, ReleasePoint
from fcnlab.plots.activations import INK, OKABE_ITO, THEME, pattern_of

INFINITY_PLACE: Final = 4.4
PLACES: Final = {epsilon: math.log2(epsilon) if math.isfinite(epsilon) else INFINITY_PLACE for epsilon in EPSILONS}
"""Where an epsilon stands: by its logarithm, and infinity a gap to the right."""

MEASURED, STRICTEST, NONE, YOURS = (OKABE_ITO[name] for name in ("blue", "vermilion", "black", "green"))
BARS: Final = {"head": MEASURED, "shipped": OKABE_ITO["orange"], "whole": "#8A8A8A"}
TRACES: Final = ("curve", "ring", "yours", "none", "strictest", "chosen", "sparse ring", "sparse yours", "attack",
                 "bound", "attacked yours", "hops", "message")  # fmt: skip


LOWER_PANELS: Final = (("xaxis3", 0.0, 0.43), ("xaxis4", 0.66, 1.0), ("xaxis5", 0.66, 1.0))
"""Where they begin and end: bars need room for their names."""
CROWDED: Final = 90  # its tick would run into the next one's


@dataclass(frozen=True)
class Marks:
    """Points of heads trained in the lab: epsilons, accuracies, advantages."""

    epsilons: Sequence[float] = ()
    accuracies: Sequence[float] = ()
    advantages: Sequence[float] = ()


def spell_epsilon(epsilon: float) -> str:
    """As an axis or a sentence says it."""
    return "∞" if math.isinf(epsilon) else f"{epsilon:g}"


def transfer_figure(*, height: int = 640) -> go.Figure:
    """Five panels, empty; the traces are `TRACES`."""
    figure = make_subplots(
        rows=4, cols=2, vertical_spacing=0.1, horizontal_spacing=0.13, row_heights=[0.26, 0.26, 0.24, 0.24],
        specs=[[{"rowspan": 2}, {"rowspan": 2}], [None, None], [{"rowspan": 2}, {}], [None, {}]],
        subplot_titles=(
            "accuracy by ε, %", "accuracy by % of weights pruned", "membership attack by ε", "encrypted HOPs",
            "kB of a record in a batch",
        ),
    )  # fmt: skip
    ring = {"symbol": "circle-open", "size": 18, "color": INK, "line": {"width": 2}}
    cross = {"symbol": "x", "size": 10, "color": YOURS, "line": {"width": 1, "color": "white"}}
    spread = {"type": "data", "thickness": 1.6, "width": 5}
    measured = {"mode": "lines+markers", "line": {"color": MEASURED, "width": 1.4}, "marker": {"size": 8}}
    percent = "%{y:.2f} %"
    figure.add_scatter(
        name="five heads, mean ± spread", **measured, error_y=spread, row=1, col=1,
        hovertemplate="ε %{customdata}: " + percent + " ± %{error_y.array:.2f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(name="this setting", mode="markers", marker=ring, hoverinfo="skip", row=1, col=1)
    figure.add_scatter(
        name="trained here", mode="markers", marker=cross, row=1, col=1,
        hovertemplate="ε %{customdata}: " + percent + "<extra>trained here</extra>",
    )  # fmt: skip
    for name, colour, dash, symbol in (
        ("no privacy", NONE, "dash", "square"),
        (f"ε = {min(EPSILONS):g}", STRICTEST, "dot", "diamond"),
    ):
        figure.add_scatter(
            name=name, mode="lines+markers", line={"color": colour, "dash": dash, "width": 1.2},
            marker={"symbol": symbol, "size": 7}, row=1, col=2,
            hovertemplate="%{x} % pruned: " + percent + f"<extra>{name}</extra>",
        )  # fmt: skip
    figure.add_scatter(
        **measured, error_y=spread, showlegend=False, row=1, col=2,
        hovertemplate="%{x} % pruned: " + percent + " ± %{error_y.array:.2f}<extra>this ε</extra>",
    )  # fmt: skip
    figure.add_scatter(mode="markers", marker=ring, hoverinfo="skip", showlegend=False, row=1, col=2)
    figure.add_scatter(
        mode="markers", marker=cross, showlegend=False, row=1, col=2,
        hovertemplate="%{x} % pruned: " + percent + "<extra>trained here</extra>",
    )  # fmt: skip
    figure.add_scatter(
        **measured, error_y=spread, showlegend=False, row=3, col=1,
        hovertemplate="ε %{customdata}: %{y:+.3f}<extra>attack, 95 % interval</extra>",
    )  # fmt: skip
    figure.add_scatter(
        name="most that ε allows", mode="lines+markers", row=3, col=1,
        line={"color": OKABE_ITO["purple"], "dash": "dashdot", "width": 1.6}, marker={"symbol": "line-ew-open"},
        hovertemplate="ε %{customdata}: at most %{y:.2f}<extra>any attack</extra>",
    )  # fmt: skip
    figure.add_scatter(
        mode="markers", marker=cross, showlegend=False, row=3, col=1,
        hovertemplate="ε %{customdata}: %{y:+.3f}<extra>trained here</extra>",
    )  # fmt: skip
    bars = {"color": list(BARS.values()), "pattern": pattern_of("") | {"shape": ["", "/", "x"]}}
    for row, template in ((3, "%{x:,.0f}"), (4, "%{x:,.2f}")):
        figure.add_bar(
            orientation="h", showlegend=False, marker=bars, texttemplate=template, textposition="outside",
            cliponaxis=False, textfont={"size": 12}, row=row, col=2,
            hovertemplate="%{y}: " + template + "<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        template=THEME, height=height, bargap=0.28, margin={"t": 104, "r": 16, "l": 48, "b": 48},
        legend={"y": 1.065, "font": {"size": 12}, "traceorder": "normal"},
    )  # fmt: skip
    for title in figure.layout.annotations:
        title.update(font={"size": 14})
    for title, (axis, left, right) in zip(figure.layout.annotations[2:], LOWER_PANELS, strict=True):
        figure.layout[axis].domain, title.x = (left, right), (left + right) / 2
    epsilon_axis = {
        "tickvals": list(PLACES.values()), "ticktext": [spell_epsilon(epsilon) for epsilon in PLACES],
        "range": [-1.5, INFINITY_PLACE + 0.5],
    }  # fmt: skip
    figure.update_xaxes(**epsilon_axis, row=1, col=1)
    figure.update_xaxes(**epsilon_axis, row=3, col=1)
    figure.update_xaxes(
        range=[-6, 101], tickvals=[share for share in PRUNED if share != CROWDED], tickangle=0, row=1, col=2
    )  # fmt: skip
    figure.update_yaxes(range=[-0.16, 1.06], tick0=0, dtick=0.25, row=3, col=1)
    for row, reach in ((3, [1, 8.6]), (4, [-0.7, 3.6])):
        figure.update_xaxes(type="log", range=reach, showticklabels=False, ticks="", showgrid=False, row=row, col=2)
        figure.update_yaxes(range=[len(BARS) - 0.5, -0.5], ticks="", showline=False, showgrid=False, row=row, col=2)
    return figure


def update_curve(figure: Any, *, points: Sequence[CurvePoint], lowest: float) -> None:
    """Show a study's measured curve and attacks; between 8 and infinity nothing is drawn.

    Args:
        figure: From `transfer_figure`, or a widget around it.
        points: One for each epsilon.
        lowest: Percent where the axis of accuracy begins.
    """
    part = parts(figure)
    places = [PLACES[point.epsilon] for point in points]
    names = [spell_epsilon(point.epsilon) for point in points]
    with figure.batch_update():
        for trace, values in (
            (part["curve"], [point.accuracy for point in points]),
            (part["attack"], [point.advantage for point in points]),
            (part["bound"], [point.advantage_bound for point in points]),
        ):
            trace.x, trace.y, trace.customdata = gap(places), gap(values), gap(names)
        part["curve"].error_y.array = gap([point.accuracy_std for point in points])
        part["attack"].error_y.array = gap([point.advantage_high - point.advantage for point in points])
        figure.layout.yaxis.range = [lowest, 100.8]


def update_pruning(
    figure: Any, *, releases: Mapping[float, Sequence[ReleasePoint]], epsilon: float, lowest: float
) -> None:
    """Show accuracy by pruned share: no privacy, the strictest epsilon, and the chosen one with its spread.

    Args:
        figure: From `transfer_figure`, or a widget around it.
        releases: The points of one number of weight bits, by epsilon.
        epsilon: The chosen one.
        lowest: Percent where the axis begins.
    """
    part = parts(figure)
    with figure.batch_update():
        for trace, at in ((part["none"], math.inf), (part["strictest"], min(EPSILONS)), (part["chosen"], epsilon)):
            chosen = releases[at]
            trace.x, trace.y = [point.pruned for point in chosen], [point.accuracy for point in chosen]
        part["chosen"].error_y.array = [point.accuracy_std for point in releases[epsilon]]
        figure.layout.yaxis2.range = [lowest, 101.5]


def update_setting(
    figure: Any,
    *,
    epsilon: float,
    at_curve: float | None,
    pruned: int,
    at_pruning: float | None,
    yours: Marks,
    sweep: Mapping[int, float],
) -> None:
    """Ring the measured points of this setting, if there are any, and mark what was trained here.

    Args:
        figure: From `transfer_figure`, or a widget around it.
        epsilon: Chosen.
        at_curve: Measured accuracy at this epsilon, released as the curve is; None if the setting is another.
        pruned: Percent, chosen.
        at_pruning: Measured accuracy there; None if there is none.
        yours: Heads trained here.
        sweep: Accuracy of the newest of them by pruned percent.
    """
    part = parts(figure)
    with figure.batch_update():
        for ring, place, accuracy in (
            (part["ring"], PLACES[epsilon], at_curve),
            (part["sparse ring"], pruned, at_pruning),
        ):
            ring.x, ring.y = ([place], [accuracy]) if accuracy is not None else ([], [])
        places, names = [PLACES[each] for each in yours.epsilons], [spell_epsilon(each) for each in yours.epsilons]
        for trace, values in ((part["yours"], yours.accuracies), (part["attacked yours"], yours.advantages)):
            trace.x, trace.y, trace.customdata = places, list(values), names
        part["sparse yours"].x, part["sparse yours"].y = list(sweep), list(sweep.values())


def update_bars(figure: Any, *, names: Sequence[str], hops: Sequence[int], message_kb: Sequence[float]) -> None:
    """Show what is encrypted: the head, and the networks that read images themselves.

    Args:
        figure: From `transfer_figure`, or a widget around it.
        names: Label of each bar, in the order of `BARS`; the later ones may be missing.
        hops: Of each.
        message_kb: Of each, for one record of a full batch.
    """
    part = parts(figure)
    with figure.batch_update():
        for trace, values in ((part["hops"], hops), (part["message"], message_kb)):
            trace.x, trace.y = list(values), list(names)


def parts(figure: Any) -> dict[str, Any]:
    """The traces by name."""
    return dict(zip(TRACES, figure.data, strict=True))


def gap(values: Sequence[Any]) -> list[Any]:
    """With nothing before the last one, so that no line leads to infinity."""
    return [*values[:-1], None, values[-1]]
