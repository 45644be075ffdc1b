"""The figure of private transfer: what privacy and sparsity cost, what leaks, and how much is left to encrypt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import plotly.graph_objects as go

from fcnlab.data.releases import EPSILONS, PRUNED, CurvePoint, ReleasePoint, spell_epsilon
from fcnlab.plots.theme import BARS, GREY, OKABE_ITO, RING, ROWS, SPREAD, filled, hover, panels

INFINITY_PLACE: Final = 4.4
PLACES: Final = {epsilon: math.log2(epsilon) if math.isfinite(epsilon) else INFINITY_PLACE for epsilon in EPSILONS}
"""Where an epsilon stands: by its logarithm, and infinity a gap to the right."""

MEASURED, STRICTEST, NONE, YOURS = (OKABE_ITO[name] for name in ("blue", "vermilion", "black", "green"))
COLOURS: Final = {"head": MEASURED, "shipped": OKABE_ITO["orange"], "whole": GREY}
"""Bars of what is encrypted."""
ACCURACY_TRACES: Final = ("curve", "ring", "yours", "none", "strictest", "chosen", "sparse ring", "sparse yours")
TRACES: Final = (*ACCURACY_TRACES, "attack", "bound", "attacked yours", "hops", "message")
LOWER_PANELS: Final = (("xaxis3", 0.0, 0.43), ("xaxis4", 0.66, 1.0), ("xaxis5", 0.66, 1.0))
"""Where they begin and end: bars need room for their names."""
CROWDED: Final = 90  # its tick would run into the next one's
CROSS: Final = {"symbol": "x", "size": 10, "color": YOURS, "line": {"width": 1, "color": "white"}}
LINE: Final = {"mode": "lines+markers", "line": {"color": MEASURED, "width": 1.4}, "marker": {"size": 8}}
PERCENT: Final = "%{y:.2f} %"


@dataclass(frozen=True)
class Marks:
    """Points of heads trained in the lab: epsilons, accuracies, advantages."""

    epsilons: Sequence[float] = ()
    accuracies: Sequence[float] = ()
    advantages: Sequence[float] = ()


def transfer_figure(*, height: int = 640) -> go.Figure:
    """Five panels, empty; the traces are `TRACES`."""
    above = "accuracy by ε, %", "accuracy by % of weights pruned"
    below = "membership attack by ε", "encrypted HOPs", "kB of a record in a batch"
    specs = [[{"rowspan": 2}, {"rowspan": 2}], [None, None], [{"rowspan": 2}, {}], [None, {}]]
    shape: dict[str, Any] = {"rows": 4, "specs": specs, "row_heights": [0.26, 0.26, 0.24, 0.24]}
    shape |= {"vertical_spacing": 0.1, "horizontal_spacing": 0.13}
    figure = panels(*above, *below, shape=shape, height=height, top=104, legend=1.065)
    mine, hidden = {"mode": "markers", "marker": CROSS}, {"showlegend": False}
    ring = {"mode": "markers", "marker": RING, "hoverinfo": "skip"}
    measured, epsilon, share = LINE | {"error_y": SPREAD}, "ε %{customdata}: ", "%{x} % pruned: "
    spread = PERCENT + " ± %{error_y.array:.2f}"
    said = hover(epsilon + spread)
    figure.add_scatter(name="five heads, mean ± spread", **measured, hovertemplate=said, row=1, col=1)
    figure.add_scatter(name="this setting", **ring, row=1, col=1)
    said = hover(epsilon + PERCENT, "trained here")
    figure.add_scatter(name="trained here", **mine, hovertemplate=said, row=1, col=1)
    strictest = f"ε = {min(EPSILONS):g}"
    for name, *look in (("no privacy", NONE, "dash", "square"), (strictest, STRICTEST, "dot", "diamond")):
        colour, dash, symbol = look
        line, marker = {"color": colour, "dash": dash, "width": 1.2}, {"symbol": symbol, "size": 7}
        drawn = LINE | {"line": line, "marker": marker, "hovertemplate": hover(share + PERCENT, name)}
        figure.add_scatter(name=name, **drawn, row=1, col=2)
    figure.add_scatter(**measured, **hidden, hovertemplate=hover(share + spread, "this ε"), row=1, col=2)
    figure.add_scatter(**ring, **hidden, row=1, col=2)
    figure.add_scatter(**mine, **hidden, hovertemplate=hover(share + PERCENT, "trained here"), row=1, col=2)
    said = hover(epsilon + "%{y:+.3f}", "attack, 95 % interval")
    figure.add_scatter(**measured, **hidden, hovertemplate=said, row=3, col=1)
    line = {"color": OKABE_ITO["purple"], "dash": "dashdot", "width": 1.6}
    bound = {"mode": "lines+markers", "line": line, "marker": {"symbol": "line-ew-open"}}
    said = hover(epsilon + "at most %{y:.2f}", "any attack")
    figure.add_scatter(name="most that ε allows", **bound, hovertemplate=said, row=3, col=1)
    said = hover(epsilon + "%{y:+.3f}", "trained here")
    figure.add_scatter(**mine, **hidden, hovertemplate=said, row=3, col=1)
    bars = BARS | {"marker": filled(list(COLOURS.values()), ["", "/", "x"]), "textfont": {"size": 12}}
    for row, number in ((3, "%{x:,.0f}"), (4, "%{x:,.2f}")):
        figure.add_bar(**bars, texttemplate=number, hovertemplate=hover("%{y}: " + number), row=row, col=2)
    figure.update_layout(bargap=0.28, margin_l=48)
    for title, (axis, left, right) in zip(figure.layout.annotations[2:], LOWER_PANELS, strict=True):
        figure.layout[axis].domain, title.x = (left, right), (left + right) / 2
    for row in (1, 3):
        names, span = [spell_epsilon(each) for each in PLACES], [-1.5, INFINITY_PLACE + 0.5]
        figure.update_xaxes(tickvals=list(PLACES.values()), ticktext=names, range=span, row=row, col=1)
    shares = [share for share in PRUNED if share != CROWDED]
    figure.update_xaxes(range=[-6, 101], tickvals=shares, tickangle=0, row=1, col=2)
    figure.update_yaxes(range=[-0.16, 1.06], tick0=0, dtick=0.25, row=3, col=1)
    for row, reach in ((3, [1, 8.6]), (4, [-0.7, 3.6])):
        figure.update_xaxes(type="log", range=reach, showticklabels=False, ticks="", showgrid=False, row=row, col=2)
        figure.update_yaxes(**ROWS, range=[len(COLOURS) - 0.5, -0.5], row=row, col=2)
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
        names: Label of each bar, in the order of `COLOURS`; the later ones may be missing.
        hops: One pass of each.
        message_kb: Upload of each for one record of a full batch.
    """
    part = parts(figure)
    with figure.batch_update():
        for trace, values in ((part["hops"], hops), (part["message"], message_kb)):
            trace.x, trace.y = list(values), list(names)


def parts(figure: Any) -> dict[str, Any]:
    """The traces by name."""
    return dict(zip(TRACES, figure.data, strict=True))


def gap(values: Sequence[Any]) -> list[Any]:
    """The values with nothing before the last one, so that no line leads to infinity."""
    return [*values[:-1], None, values[-1]]
