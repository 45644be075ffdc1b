"""The figures of the four questions; each is built once from tables, and what a control chooses is updated in place."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.data.releases import ReleasePoint
from fcnlab.findings.ablation import Cost, spell_bits
from fcnlab.findings.expressiveness import DEGREES, Fits
from fcnlab.findings.networks import TrainedNetwork
from fcnlab.findings.reduction import Reduction
from fcnlab.plots.activations import INK, OKABE_ITO, THEME, pattern_of
from fcnlab.plots.cost import accuracy_place

ACCURACY_TICKS: Final = (60, 80, 90, 95, 98, 99, 99.5)
ACCURACY_RANGE: Final = (55.0, 99.6)
NEAR: Final = (3.9, 6.0)
"""Powers of ten of HOPs between which networks are drawn; what is published beyond is named at the edge."""
BITS: Final = {
    0: ("black", "star", "longdash"), 5: ("purple", "pentagon", "dashdot"), 4: ("blue", "circle", "solid"),
    3: ("green", "square", "dash"), 2: ("orange", "triangle-up", "dot"),
}  # fmt: skip
"""Colour, marker and dash of weights by their bits; 0 for real ones."""
KINDS: Final = {
    "real": ("real coefficients", "vermilion", "square-open", "dash"),
    "power": ("0 or ±2ᵏ", "blue", "circle", "solid"),
    "powers": ("sums of two ±2ᵏ", "green", "diamond", "dot"),
}
"""Coefficients of a polynomial."""
STAGES: Final = {"pruning": ("blue", ""), "quantization": ("orange", "/"), "approximation": ("green", "x")}
COST_REACH: Final = (-2.6, 1.0)
"""Points of accuracy that the axis of costs shows; a longer bar ends there, with its number."""
CURVE_STRIDE: Final = 2
RING: Final = {"symbol": "circle-open", "size": 19, "color": INK, "line": {"width": 2.5}}


def styled(bits: int) -> tuple[str, str, str]:
    """Colour, marker and dash of weights of so many bits."""
    colour, symbol, dash = BITS.get(bits, ("sky", "x", "longdashdot"))
    return OKABE_ITO[colour], symbol, dash


def accuracy_axis(figure: Any, *, row: int, col: int) -> None:
    """The error in percent, logarithmic and upside down, with accuracies at its ticks."""
    figure.update_yaxes(
        type="log", range=[math.log10(accuracy_place(each)) for each in ACCURACY_RANGE], row=row, col=col,
        tickvals=[accuracy_place(tick) for tick in ACCURACY_TICKS], ticktext=[f"{tick} %" for tick in ACCURACY_TICKS],
    )  # fmt: skip


def finish(figure: Any, *, height: int, legend: float, top: int = 92) -> Any:
    """The theme, and titles of one size."""
    figure.update_layout(
        template=THEME, height=height, margin={"t": top, "r": 18, "b": 50},
        legend={"y": legend, "font": {"size": 12}, "traceorder": "normal"},
    )  # fmt: skip
    figure.update_xaxes(title_font_size=12, tickfont_size=12)
    figure.update_yaxes(title_font_size=12, tickfont_size=12)
    for title in figure.layout.annotations:
        title.update(font={"size": 14})
    return figure


# --- first question ---------------------------------------------------------------------------------------------------


def reduction_figure(facts: Reduction, *, height: int = 470) -> go.Figure:
    """Accuracy against HOPs of all trained networks, and measured seconds against HOPs."""
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.15, column_widths=[0.55, 0.45],
        subplot_titles=("accuracy against HOPs: click a point", "seconds of a batch against HOPs"),
    )  # fmt: skip
    for bits in sorted({each.weight_bits for each in facts.networks}, key=lambda bits: -bits or -math.inf):
        chosen = [each for each in facts.networks if each.weight_bits == bits]
        colour, symbol, _ = styled(bits)
        figure.add_scatter(
            mode="markers", name=spell_bits(bits), marker={"color": colour, "symbol": symbol, "size": 9},
            x=[each.hops for each in chosen], y=[accuracy_place(each.accuracy) for each in chosen],
            text=[f"{each.accuracy:.2f} %" for each in chosen], customdata=[each.name for each in chosen],
            hovertemplate="%{customdata}<br>%{x:,} HOPs, %{text}<extra></extra>", row=1, col=1,
        )  # fmt: skip
    published = list(facts.published.values())
    vermilion = OKABE_ITO["vermilion"]
    figure.add_scatter(
        mode="markers", name="published", marker={"color": vermilion, "symbol": "diamond", "size": 11},
        x=[each.total for each in published], y=[accuracy_place(each.accuracy) for each in published],
        text=[f"{each.accuracy:.2f} %" for each in published], customdata=[each.method for each in published],
        hovertemplate="%{customdata}, published<br>%{x:,} HOPs, %{text}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(
        mode="lines", name="front", line={"color": INK, "width": 1.2, "dash": "dot", "shape": "hv"}, hoverinfo="skip",
        x=[each.hops for each in facts.front], y=[accuracy_place(each.accuracy) for each in facts.front], row=1, col=1,
    )  # fmt: skip
    runs = facts.runs
    for name, colour, symbol, hops, seconds, systems in (
        ("evaluate, measured here", OKABE_ITO["purple"], "hexagon", [run.total for run in runs],
         [run.inference_s for run in runs], [run.system for run in runs]),
        ("encrypt and decrypt, measured here", OKABE_ITO["purple"], "hexagon-open", [run.total for run in runs],
         [run.encrypt_decrypt_s for run in runs], [run.system for run in runs]),
        ("evaluate, published", vermilion, "diamond", [each.total for each in published],
         [each.inference_s for each in published], [each.method for each in published]),
        ("encrypt and decrypt, published", vermilion, "diamond-open", [each.total for each in published],
         [each.encrypt_decrypt_s for each in published], [each.method for each in published]),
    ):  # fmt: skip
        figure.add_scatter(
            mode="markers", name=name, marker={"color": colour, "symbol": symbol, "size": 10}, x=hops, y=seconds,
            customdata=systems, hovertemplate="%{customdata}<br>%{x:,} HOPs, %{y:.3g} s<extra>" + name + "</extra>",
            row=1, col=2,
        )  # fmt: skip
    for column in (1, 2):
        figure.add_scatter(
            mode="markers", name="chosen", marker=RING, hoverinfo="skip", showlegend=column == 1, row=1, col=column
        )
    accuracy_axis(figure, row=1, col=1)
    for column, title in ((1, "HOPs of one pass, published convention"), (2, "HOPs: executed, all passes; published")):
        figure.update_xaxes(
            type="log", range=[3.7, 8.2], dtick=1, exponentformat="power", row=1, col=column, title=title
        )
    figure.update_xaxes(
        range=NEAR, tickvals=[1e4, 3e4, 1e5, 3e5, 1e6], tickangle=0, row=1, col=1,
        ticktext=["10,000", "30,000", "100,000", "300,000", "10⁶"],
    )  # fmt: skip
    figure.update_yaxes(type="log", range=[-0.6, 2.8], dtick=1, title="seconds", row=1, col=2)
    finish(figure, height=height, legend=1.1, top=128)
    beyond = [f"{each.method} {each.accuracy:.2f} %" for each in published if math.log10(each.total) > NEAR[1]]
    if beyond:
        figure.add_annotation(
            x=1, y=0.02, xref="x domain", yref="y domain", xanchor="right", yanchor="bottom", showarrow=False,
            align="right", font={"size": 12, "color": vermilion}, text="<br>".join(["published, far right →", *beyond]),
        )  # fmt: skip
    return figure


def update_reduction(figure: Any, *, network: TrainedNetwork, run: tuple[int, float] | None) -> None:
    """Ring a network: on the left, and its HOPs and seconds on the right if it was measured."""
    left, right = figure.data[-2:]
    with figure.batch_update():
        left.x, left.y = [network.hops], [accuracy_place(network.accuracy)]
        right.x, right.y = ([run[0]], [run[1]]) if run else ([], [])


# --- second question --------------------------------------------------------------------------------------------------


def expressiveness_figure(*, height: int = 660) -> go.Figure:
    """A function and its polynomials, the error by degree, and the error of all functions; empty."""
    figure = make_subplots(
        rows=2, cols=2, horizontal_spacing=0.12, vertical_spacing=0.16, specs=[[{}, {}], [{"colspan": 2}, None]],
        subplot_titles=("the function and its polynomials", "largest error by degree", ""),
    )  # fmt: skip
    figure.add_scatter(
        name="function", mode="lines", line={"color": INK, "dash": "dashdot", "width": 1.6}, row=1, col=1
    )
    for label, colour, _, dash in KINDS.values():
        line = {"color": OKABE_ITO[colour], "dash": dash, "width": 2}
        figure.add_scatter(name=label, mode="lines", line=line, showlegend=False, row=1, col=1)
    for row, column in ((1, 2), (2, 1)):
        for label, colour, symbol, dash in KINDS.values():
            figure.add_scatter(
                name=label, mode="lines+markers" if row == 1 else "markers", showlegend=row == 1, row=row, col=column,
                line={"color": OKABE_ITO[colour], "dash": dash, "width": 2},
                marker={"color": OKABE_ITO[colour], "symbol": symbol, "size": 10},
                hovertemplate="%{x}: %{y:.4f}<extra>" + label + "</extra>",
            )  # fmt: skip
    figure.add_scatter(name="chosen", mode="markers", marker=RING, hoverinfo="skip", row=1, col=2)
    figure.add_annotation(
        x=0.5, y=1.0, xref="x3 domain", yref="y3 domain", yanchor="bottom", yshift=6, showarrow=False,
        text="largest error of every function, at the chosen degree",
    )  # fmt: skip
    figure.update_xaxes(title="x", row=1, col=1)
    figure.update_xaxes(title="degree", range=[0.6, len(DEGREES) + 0.4], dtick=1, row=1, col=2)
    figure.update_yaxes(type="log", range=[-2.3, 0.3], dtick=1, tickformat="~g", row=1, col=2)
    figure.update_yaxes(type="log", range=[-2.3, 0.3], dtick=1, tickformat="~g", title="largest error", row=2, col=1)
    return finish(figure, height=height, legend=1.07)


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
        for place, kind in enumerate(KINDS):
            drawn, by_degree, by_function = rest[place], rest[place + 3], rest[place + 6]
            drawn.x, drawn.y = curve.x[::CURVE_STRIDE], getattr(chosen, kind).curve.fit[::CURVE_STRIDE]
            by_degree.x = [fits.degree for fits in line]
            by_degree.y = [getattr(fits, kind).error for fits in line]
            by_function.x = [fits.target for fits in overview]
            by_function.y = [getattr(fits, kind).error for fits in overview]
        ring.x, ring.y = [chosen.degree], [chosen.power.error]


# --- third question ---------------------------------------------------------------------------------------------------


def ablation_figure(*, bits: Sequence[int], head_bits: Sequence[int], height: int = 720) -> go.Figure:
    """Accuracy by products and bits, what led to one setting, and heads on real data by pruned share; empty.

    Args:
        bits: Weight bits that the table has.
        head_bits: Weight bits of the heads.
        height: In pixels.
    """
    figure = make_subplots(
        rows=2, cols=2, horizontal_spacing=0.2, vertical_spacing=0.17, specs=[[{}, {}], [{"colspan": 2}, None]],
        column_widths=[0.54, 0.46],
        subplot_titles=("MNIST: accuracy by weight products", "points that one choice changes", ""),
    )  # fmt: skip
    spread = {"type": "data", "thickness": 1.4, "width": 4}
    for row, present in ((1, bits), (2, head_bits)):
        for each in present:
            colour, symbol, dash = styled(each)
            figure.add_scatter(
                name=spell_bits(each), mode="lines+markers", error_y=spread, row=row, col=1, showlegend=row == 1
                or each not in bits, line={"color": colour, "dash": dash, "width": 1.6}, meta=row,
                marker={"symbol": symbol, "size": 8},
                hovertemplate="%{x}: %{customdata}<extra>" + spell_bits(each) + "</extra>",
            )  # fmt: skip
    figure.add_scatter(
        name="dense, real weights", mode="lines", line={"color": "#8A8A8A", "dash": "longdashdot", "width": 1.2},
        hovertemplate="%{customdata}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    figure.add_scatter(name="chosen", mode="markers", marker=RING, hoverinfo="skip", row=1, col=1)
    figure.add_bar(
        orientation="h", showlegend=False, textposition="outside", cliponaxis=False, textfont={"size": 12},
        hovertemplate="%{y}: %{customdata}<extra></extra>", row=1, col=2,
    )  # fmt: skip
    figure.add_annotation(
        x=0.5, y=1.0, xref="x3 domain", yref="y3 domain", yanchor="bottom", yshift=6, showarrow=False, text=""
    )
    accuracy_axis(figure, row=1, col=1)
    figure.update_xaxes(
        type="log", tickvals=[5e3, 1e4, 2e4, 4e4, 8e4], ticktext=["5,000", "10,000", "20,000", "40,000", "80,000"],
        range=[3.7, 4.9], title={"text": "weight products an image", "font": {"size": 12}}, row=1, col=1,
    )  # fmt: skip
    figure.update_xaxes(
        range=list(COST_REACH), title={"text": "points of accuracy", "font": {"size": 12}}, zeroline=True,
        zerolinecolor=INK, row=1, col=2,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", ticks="", showline=False, showgrid=False, row=1, col=2)
    figure.update_xaxes(range=[-4, 99], title={"text": "% of the weights pruned", "font": {"size": 12}}, row=2, col=1)
    figure.update_yaxes(range=[60, 101], ticksuffix=" %", row=2, col=1)
    return finish(figure, height=height, legend=1.06)


def update_ablation(
    figure: Any, *, lines: Mapping[int, Sequence[TrainedNetwork]], chosen: TrainedNetwork | None, costs: Sequence[Cost]
) -> None:
    """Show the lines of an activation, a setting on them, and what led to it."""
    *traces, _, ring, bars = figure.data
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
        bars.text = [f"{each:+.2f}".replace("-", "−") for each in points]
        bars.customdata = [str(cost.change) for cost in costs]
        bars.marker = {
            "color": [OKABE_ITO[STAGES[cost.stage][0]] for cost in costs],
            "pattern": pattern_of("") | {"shape": [STAGES[cost.stage][1] for cost in costs]},
        }


def update_dense(figure: Any, *, name: str, accuracy: float) -> None:
    """Show the accuracy of the dense reference as a line."""
    dense = figure.data[-3]
    with figure.batch_update():
        dense.x, dense.y = [1e3, 1e6], [accuracy_place(accuracy)] * 2
        dense.customdata = [f"{name}: {accuracy:.2f} %"] * 2


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
