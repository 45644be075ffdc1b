"""The figure of the encodings: product cost by ring, and the noise budget that operations leave."""

from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.data.encodings import EncodingStudy
from fcnlab.plots.activations import INK, OKABE_ITO, THEME

CURVES: Final = {
    "dense": ("dense", OKABE_ITO["vermilion"], "diamond", "dash"),
    "constant": ("constant", OKABE_ITO["blue"], "circle", "solid"),
    "monomial": ("monomial", OKABE_ITO["green"], "square", "dot"),
}
RING_TICKS: Final = (2048, 4096, 8192, 16384, 32768)


def encoding_figure(*, height: int = 430) -> go.Figure:
    """Two panels, empty."""
    figure = make_subplots(
        rows=1, cols=2, horizontal_spacing=0.24, column_widths=[0.55, 0.45],
        subplot_titles=("microseconds of a product, by ring", "noise budget left, bits (bfv)"),
    )  # fmt: skip
    for label, colour, symbol, dash in CURVES.values():
        figure.add_scatter(
            name=label, mode="lines+markers", line={"color": colour, "dash": dash, "width": 2},
            marker={"symbol": symbol, "size": 9}, row=1, col=1,
            hovertemplate="n = %{x}: %{y:.1f} µs<extra>" + label + "</extra>",
        )  # fmt: skip
    figure.add_scatter(name="O(n)", mode="lines", line={"color": "#999999", "width": 1}, hoverinfo="skip", row=1, col=1)
    figure.add_bar(
        orientation="h", showlegend=False, marker={"color": OKABE_ITO["purple"]}, texttemplate="%{x}",
        textposition="outside", cliponaxis=False, hovertemplate="%{y}: %{x} bits left<extra></extra>", row=1, col=2,
    )  # fmt: skip
    figure.update_layout(template=THEME, height=height, bargap=0.35, margin={"t": 84}, legend={"y": 1.1})
    figure.update_xaxes(
        type="log", tickvals=list(RING_TICKS), ticktext=[f"{ring:,}" for ring in RING_TICKS], range=[3.2, 4.63],
        title={"text": "ring degree n", "font": {"size": 12}}, row=1, col=1,
    )  # fmt: skip
    figure.update_yaxes(type="log", range=[0.6, 3.7], dtick=1, row=1, col=1)
    figure.update_xaxes(range=[0, 180], title={"text": "bits", "font": {"size": 12}}, row=1, col=2)
    figure.update_yaxes(autorange="reversed", ticks="", showline=False, showgrid=False, row=1, col=2)
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
