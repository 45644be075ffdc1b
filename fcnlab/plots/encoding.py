"""The figure of the encodings: product cost by ring, and the noise budget that operations leave."""

from typing import Any, Final

import plotly.graph_objects as go

from fcnlab.data.encodings import EncodingStudy
from fcnlab.plots.theme import BARS, INK, OKABE_ITO, ROWS, hover, panels, ticks

CURVES: Final = {
    "dense": ("dense", OKABE_ITO["vermilion"], "diamond", "dash"),
    "constant": ("constant", OKABE_ITO["blue"], "circle", "solid"),
    "monomial": ("monomial", OKABE_ITO["green"], "square", "dot"),
}
RING_TICKS: Final = (2048, 4096, 8192, 16384, 32768)


def encoding_figure(*, height: int = 430) -> go.Figure:
    """Two panels, empty."""
    titles = "microseconds of a product, by ring", "noise budget left, bits (bfv)"
    shape = {"horizontal_spacing": 0.24, "column_widths": [0.55, 0.45]}
    figure = panels(*titles, shape=shape, height=height, top=84, legend=1.1)
    for label, colour, symbol, dash in CURVES.values():
        line, marker = {"color": colour, "dash": dash, "width": 2}, {"symbol": symbol, "size": 9}
        said = hover("n = %{x}: %{y:.1f} µs", label)
        figure.add_scatter(name=label, mode="lines+markers", line=line, marker=marker, hovertemplate=said, row=1, col=1)
    figure.add_scatter(name="O(n)", mode="lines", line={"color": "#999999", "width": 1}, hoverinfo="skip", row=1, col=1)
    left = BARS | {"texttemplate": "%{x}", "hovertemplate": hover("%{y}: %{x} bits left")}
    figure.add_bar(**left, marker={"color": OKABE_ITO["purple"]}, row=1, col=2)
    figure.update_layout(bargap=0.35)
    figure.update_xaxes(type="log", **ticks(RING_TICKS), range=[3.2, 4.63], title="ring degree n", row=1, col=1)
    figure.update_yaxes(type="log", range=[0.6, 3.7], dtick=1, row=1, col=1)
    figure.update_xaxes(range=[0, 180], title="bits", row=1, col=2)
    figure.update_yaxes(**ROWS, autorange="reversed", row=1, col=2)
    figure.add_vline(x=8192, line={"color": INK, "width": 1, "dash": "dot"}, row=1, col=1)
    return figure


def update_encodings(figure: Any, *, study: EncodingStudy, scheme: str, ring_degree: int) -> None:
    """Show a scheme and mark a ring; the guide of O(n) goes through the constant in the smallest ring."""
    *curves, guide, bars = figure.data
    with figure.batch_update():
        for encoding, trace in zip(CURVES, curves, strict=True):
            trace.x, trace.y = study.curve(scheme, encoding)
        rings, amounts = study.curve(scheme, "constant")
        guide.x, guide.y = rings, [amounts[0] * ring / rings[0] for ring in rings]
        bars.y = [row.operation for row in study.noise]
        bars.x = [row.budget_bits for row in study.noise]
        figure.layout.shapes[0].x0 = figure.layout.shapes[0].x1 = ring_degree
