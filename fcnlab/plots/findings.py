"""The figures of the first three questions; built once from tables, what a control chooses is updated in place."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go

from fcnlab.data.frontier import Point
from fcnlab.data.measured import Row
from fcnlab.data.published import PublishedSystem
from fcnlab.data.releases import ReleasePoint
from fcnlab.findings.ablation import Cost
from fcnlab.findings.changes import signed
from fcnlab.findings.expressiveness import DEGREES, Fits
from fcnlab.findings.networks import TrainedNetwork, pareto_front, spell_bits
from fcnlab.plots.accuracy import accuracy_axis, accuracy_place, accuracy_points
from fcnlab.plots.theme import (
    BARS,
    GREY,
    INK,
    OKABE_ITO,
    POWERS,
    RING,
    ROWS,
    SPREAD,
    WIDE,
    filled,
    hover,
    panels,
    ticks,
)

ACCURACY_AXIS: Final = accuracy_axis(low=55.0, high=99.6, ticks=(60, 80, 90, 95, 98, 99, 99.5))
NEAR: Final = (3.9, 6.0)
"""Powers of ten of HOPs between which networks are drawn; what is published beyond is named at the edge."""
HOP_TICKS: Final = {
    "tickvals": [1e4, 3e4, 1e5, 3e5, 1e6],
    "ticktext": ["10,000", "30,000", "100,000", "300,000", "10⁶"],
}
PRODUCT_TICKS: Final = ticks([5_000, 10_000, 20_000, 40_000, 80_000])
BITS: Final = {
    0: ("black", "star", "longdash"),
    5: ("purple", "pentagon", "dashdot"),
    4: ("blue", "circle", "solid"),
    3: ("green", "square", "dash"),
    2: ("orange", "triangle-up", "dot"),
}
"""Colour, marker and dash of weights by their bits; 0 for real ones."""
COEFFICIENTS: Final = {
    "real": ("real coefficients", "vermilion", "square-open", "dash"),
    "power": ("0 or ±2ᵏ", "blue", "circle", "solid"),
    "powers": ("sums of two ±2ᵏ", "green", "diamond", "dot"),
}
"""Coefficients of a polynomial."""
STAGE_LOOKS: Final = {"pruning": ("blue", ""), "quantization": ("orange", "/"), "approximation": ("green", "x")}
COST_REACH: Final = (-2.6, 1.0)
"""Points of accuracy that the axis of costs shows; a longer bar ends there, with its number."""
CURVE_STRIDE: Final = 2
ERRORS: Final = {"type": "log", "range": [-2.3, 0.3], "dtick": 1, "tickformat": "~g"}


def styled(bits: int) -> tuple[str, str, str]:
    """Colour, marker and dash of weights of so many bits."""
    colour, symbol, dash = BITS.get(bits, ("sky", "x", "longdashdot"))
    return OKABE_ITO[colour], symbol, dash


def head_wide(figure: go.Figure, text: str = "") -> None:
    """A title of the wide panel that may change."""
    place = {"x": 0.5, "y": 1.0, "xref": "x3 domain", "yref": "y3 domain", "yanchor": "bottom", "yshift": 6}
    figure.add_annotation(**place, showarrow=False, font={"size": 14}, text=text)


# --- first question ---------------------------------------------------------------------------------------------------


def reduction_figure(
    networks: Sequence[TrainedNetwork], *, runs: Sequence[Row], published: Collection[PublishedSystem]
) -> go.Figure:
    """Accuracy against HOPs of all trained networks, and measured seconds against HOPs.

    Args:
        networks: All trained settings.
        runs: Measured under encryption, comparable with each other.
        published: The published systems.
    """
    titles = "accuracy against HOPs: click a point", "seconds of a batch against HOPs"
    shape = {"horizontal_spacing": 0.15, "column_widths": [0.55, 0.45]}
    figure = panels(*titles, shape=shape, height=470, top=128, legend=1.1)
    for bits in sorted({each.weight_bits for each in networks}, key=lambda bits: -bits or -math.inf):
        colour, symbol, _ = styled(bits)
        chosen = [(each.name, each.hops, each.accuracy) for each in networks if each.weight_bits == bits]
        marker = {"color": colour, "symbol": symbol, "size": 9}
        figure.add_scatter(**accuracy_points(chosen), name=spell_bits(bits), marker=marker, row=1, col=1)
    front, red = pareto_front(networks), OKABE_ITO["vermilion"]
    known = accuracy_points(((each.method, each.total, each.accuracy) for each in published), said=", published")
    marker = {"color": red, "symbol": "diamond", "size": 11}
    figure.add_scatter(**known, name="published", marker=marker, row=1, col=1)
    x, y = [each.hops for each in front], [accuracy_place(each.accuracy) for each in front]
    stairs = {"mode": "lines", "line": {"color": INK, "width": 1.2, "dash": "dot", "shape": "hv"}}
    figure.add_scatter(name="front", **stairs, hoverinfo="skip", x=x, y=y, row=1, col=1)
    here = [(run.system, run.total, run.inference_s, run.encrypt_decrypt_s) for run in runs]
    there = [(each.method, each.total, each.inference_s, each.encrypt_decrypt_s) for each in published]
    for source, rows, colour, symbol in (
        ("measured here", here, OKABE_ITO["purple"], "hexagon"),
        ("published", there, red, "diamond"),
    ):
        names, hops, *seconds = [list(column) for column in zip(*rows, strict=True)] or [[]] * 4
        for what, values, ending in zip(("evaluate", "encrypt and decrypt"), seconds, ("", "-open"), strict=True):
            marker = {"color": colour, "symbol": symbol + ending, "size": 10}
            said = hover("%{customdata}<br>%{x:,} HOPs, %{y:.3g} s", f"{what}, {source}")
            drawn = {"mode": "markers", "x": hops, "y": values, "customdata": names, "hovertemplate": said}
            figure.add_scatter(**drawn, name=f"{what}, {source}", marker=marker, row=1, col=2)
    for column in (1, 2):
        ring = {"mode": "markers", "marker": RING, "hoverinfo": "skip", "showlegend": column == 1}
        figure.add_scatter(name="chosen", **ring, row=1, col=column)
    figure.update_yaxes(**ACCURACY_AXIS, row=1, col=1)
    figure.update_xaxes(type="log", range=NEAR, **HOP_TICKS, tickangle=0, row=1, col=1)
    figure.update_xaxes(title="HOPs of one pass, published convention", row=1, col=1)
    figure.update_xaxes(**POWERS, range=[3.7, 8.2], title="HOPs: executed, all passes; published", row=1, col=2)
    figure.update_yaxes(type="log", range=[-0.6, 2.8], dtick=1, title="seconds", row=1, col=2)
    beyond = [f"{each.method} {each.accuracy:.2f} %" for each in published if math.log10(each.total) > NEAR[1]]
    if beyond:
        place = {"x": 1, "y": 0.02, "xref": "x domain", "yref": "y domain", "xanchor": "right", "yanchor": "bottom"}
        look = {"showarrow": False, "align": "right", "font": {"size": 12, "color": red}}
        figure.add_annotation(**place, **look, text="<br>".join(["published, far right →", *beyond]))
    return figure


def update_reduction(figure: Any, *, network: TrainedNetwork, run: tuple[int, float] | None) -> None:
    """Ring a network: on the left, and its HOPs and seconds on the right if it was measured."""
    left, right = figure.data[-2:]
    with figure.batch_update():
        left.x, left.y = [network.hops], [accuracy_place(network.accuracy)]
        right.x, right.y = ([run[0]], [run[1]]) if run else ([], [])


# --- second question --------------------------------------------------------------------------------------------------


def expressiveness_figure() -> go.Figure:
    """A function and its polynomials, the error by degree, and the error of all functions; empty."""
    titles = "the function and its polynomials", "largest error by degree", ""
    space = {"horizontal_spacing": 0.12, "vertical_spacing": 0.16}
    figure = panels(*titles, shape=WIDE | space, height=660, top=92, legend=1.07)
    line = {"color": INK, "dash": "dashdot", "width": 1.6}
    figure.add_scatter(name="function", mode="lines", line=line, row=1, col=1)
    for row, col, mode in ((1, 1, "lines"), (1, 2, "lines+markers"), (2, 1, "markers")):
        for label, name, symbol, dash in COEFFICIENTS.values():
            colour = OKABE_ITO[name]
            look: dict[str, Any] = {"name": label, "mode": mode, "showlegend": col == 2}
            look["line"] = {"color": colour, "dash": dash, "width": 2}
            if mode != "lines":
                look["marker"] = {"color": colour, "symbol": symbol, "size": 10}
                look["hovertemplate"] = hover("%{x}: %{y:.4f}", label)
            figure.add_scatter(**look, row=row, col=col)
    figure.add_scatter(name="chosen", mode="markers", marker=RING, hoverinfo="skip", row=1, col=2)
    head_wide(figure, "largest error of every function, at the chosen degree")
    figure.update_xaxes(title="x", row=1, col=1)
    figure.update_xaxes(title="degree", range=[0.6, len(DEGREES) + 0.4], dtick=1, row=1, col=2)
    figure.update_yaxes(**ERRORS, row=1, col=2)
    figure.update_yaxes(**ERRORS, title="largest error", row=2, col=1)
    return figure


def update_expressiveness(figure: Any, *, line: Sequence[Fits], overview: Sequence[Fits], chosen: Fits) -> None:
    """Show a function at a degree.

    Args:
        figure: From `expressiveness_figure`, or a widget around it.
        line: The function at all degrees.
        overview: All functions at the chosen degree.
        chosen: The function at that degree.
    """
    function, *rest, ring = figure.data
    curve = chosen.real.curve
    with figure.batch_update():
        function.x, function.y = curve.x[::CURVE_STRIDE], curve.target[::CURVE_STRIDE]
        for place, kind in enumerate(COEFFICIENTS):
            drawn, by_degree, by_function = rest[place], rest[place + 3], rest[place + 6]
            drawn.x, drawn.y = curve.x[::CURVE_STRIDE], getattr(chosen, kind).curve.fit[::CURVE_STRIDE]
            by_degree.x = [fits.degree for fits in line]
            by_degree.y = [getattr(fits, kind).error for fits in line]
            by_function.x = [fits.target for fits in overview]
            by_function.y = [getattr(fits, kind).error for fits in overview]
        ring.x, ring.y = [chosen.degree], [chosen.power.error]


# --- third question ---------------------------------------------------------------------------------------------------


def ablation_figure(*, bits: Sequence[int], head_bits: Sequence[int], dense: Point | None = None) -> go.Figure:
    """Accuracy by products and bits, what led to one setting, and heads on real data by pruned share; empty.

    Args:
        bits: Weight bits that the table has.
        head_bits: Weight bits of the heads.
        dense: The reference that nothing was taken from, a line: it has another convolution part than the others.
    """
    titles = "MNIST: accuracy by weight products", "points that one choice changes", ""
    space = {"horizontal_spacing": 0.2, "vertical_spacing": 0.17, "column_widths": [0.54, 0.46]}
    figure = panels(*titles, shape=WIDE | space, height=720, top=92, legend=1.06)
    for row, present in ((1, bits), (2, head_bits)):
        for each in present:
            colour, symbol, dash = styled(each)
            line, marker = {"color": colour, "dash": dash, "width": 1.6}, {"symbol": symbol, "size": 8}
            look = {"mode": "lines+markers", "line": line, "marker": marker, "error_y": SPREAD, "meta": row}
            said, shown = hover("%{x}: %{customdata}", spell_bits(each)), row == 1 or each not in bits
            figure.add_scatter(name=spell_bits(each), **look, hovertemplate=said, showlegend=shown, row=row, col=1)
    if dense is not None:
        look = {"mode": "lines", "line": {"color": GREY, "dash": "longdashdot", "width": 1.2}}
        look |= {"x": [1e3, 1e6], "y": [accuracy_place(dense.accuracy)] * 2}
        said = hover(f"{dense.name}: {dense.accuracy:.2f} %")
        figure.add_scatter(name="dense, real weights", **look, hovertemplate=said, row=1, col=1)
    figure.add_scatter(name="chosen", mode="markers", marker=RING, hoverinfo="skip", row=1, col=1)
    figure.add_bar(**BARS, textfont={"size": 12}, hovertemplate=hover("%{y}: %{customdata}"), row=1, col=2)
    head_wide(figure)
    figure.update_yaxes(**ACCURACY_AXIS, row=1, col=1)
    figure.update_xaxes(type="log", range=[3.7, 4.9], **PRODUCT_TICKS, title="weight products an image", row=1, col=1)
    zero = {"zeroline": True, "zerolinecolor": INK}
    figure.update_xaxes(range=list(COST_REACH), title="points of accuracy", **zero, row=1, col=2)
    figure.update_yaxes(**ROWS, autorange="reversed", row=1, col=2)
    figure.update_xaxes(range=[-4, 99], title="% of the weights pruned", row=2, col=1)
    figure.update_yaxes(range=[60, 101], ticksuffix=" %", row=2, col=1)
    return figure


def update_ablation(
    figure: Any, *, lines: Mapping[int, Sequence[TrainedNetwork]], chosen: TrainedNetwork | None, costs: Sequence[Cost]
) -> None:
    """Show the lines of an activation, a setting on them, and what led to it."""
    *traces, ring, bars = figure.data
    by_name = {trace.name: trace for trace in traces if trace.meta == 1}
    drawn = {spell_bits(bits): line for bits, line in lines.items()}
    with figure.batch_update():
        for name, trace in by_name.items():
            line = drawn.get(name, ())
            trace.x, trace.y = [each.products for each in line], [accuracy_place(each.accuracy) for each in line]
            trace.error_y.array = [each.spread for each in line]
            trace.customdata = [f"{each.accuracy:.2f} %" for each in line]
        ring.x = [chosen.products] if chosen else []
        ring.y = [accuracy_place(chosen.accuracy)] if chosen else []
        low, high = COST_REACH
        points = [cost.change.points for cost in costs]
        bars.y = [f"{cost.stage}:<br>{cost.before}<br>to {cost.after}" for cost in costs]
        bars.x = [min(max(each, 0.75 * low), 0.7 * high) for each in points]
        bars.text = [signed(each) for each in points]
        bars.customdata = [str(cost.change) for cost in costs]
        looks = [STAGE_LOOKS[cost.stage] for cost in costs]
        bars.marker = filled([OKABE_ITO[colour] for colour, _ in looks], [pattern for _, pattern in looks])


def update_heads(figure: Any, *, study: str, lines: Mapping[int, Sequence[ReleasePoint]]) -> None:
    """Show the heads of a study."""
    drawn = {spell_bits(bits): line for bits, line in lines.items()}
    with figure.batch_update():
        for trace in figure.data:
            if trace.meta == 2:
                line = drawn.get(trace.name, ())
                trace.x, trace.y = [each.pruned for each in line], [each.accuracy for each in line]
                trace.error_y.array = [each.accuracy_std for each in line]
                trace.customdata = [f"{each.accuracy:.2f} ± {each.accuracy_std:.2f} %" for each in line]
        figure.layout.annotations[-1].text = f"heads on public features, {study}: accuracy by pruned share"
