"""The figure of an encrypted reading: logits, seconds and bytes, and what the server saw as a histogram."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from fcnlab.plots.activations import INK, OKABE_ITO, THEME, pattern_of
from fcnlab.plots.cost import AMOUNTS, amount_text

BINS: Final = 32
LEAST_PERCENT: Final = 0.05
SMALL: Final = {"size": 12}


def reading_figure(*, height: int = 620) -> go.Figure:
    """Three panels, empty."""
    figure = make_subplots(
        rows=2, cols=2, specs=[[{"colspan": 2}, None], [{}, {}]], vertical_spacing=0.22, horizontal_spacing=0.15,
        row_heights=[0.5, 0.5], column_widths=[0.55, 0.45],
        subplot_titles=(
            "logits of each digit, in the clear and under encryption", "seconds and megabytes",
            "how frequent a grey is",
        ),
    )  # fmt: skip
    for name, colour, pattern in (("in the clear", OKABE_ITO["orange"], "/"), ("encrypted", OKABE_ITO["blue"], "")):
        figure.add_bar(
            name=name, marker={"color": colour, "pattern": pattern_of(pattern)},
            hovertemplate="digit %{x}: %{y:.4f} " + name + "<extra></extra>", row=1, col=1,
        )  # fmt: skip
    for name, colour, symbol, place, width in (
        ("measured", OKABE_ITO["blue"], "circle", "top center", 0),
        ("projected", INK, "x-thin", "bottom center", 3),
        ("published", OKABE_ITO["vermilion"], "diamond", "middle left", 0),
    ):
        figure.add_scatter(
            mode="markers+text", name=name, y=list(AMOUNTS), textposition=place, hoverinfo="skip",
            marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": width, "color": INK}},
            textfont={"size": 11, "color": colour}, row=2, col=1,
        )  # fmt: skip
    figure.add_bar(
        name="pixels", marker={"color": "#9A9A9A", "pattern": pattern_of("x")}, row=2, col=2,
        hovertemplate="greys around %{x}: %{y:.2f} % of the pixels<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        name="ciphertext", mode="lines+markers", line={"color": OKABE_ITO["blue"], "width": 1.5, "shape": "hvh"},
        marker={"size": 4}, hovertemplate="greys around %{x}: %{y:.2f} % of the residues<extra></extra>", row=2, col=2,
    )  # fmt: skip
    figure.update_layout(template=THEME, height=height, bargap=0.3, margin={"t": 88, "r": 18}, legend={"y": 1.08})
    for title in figure.layout.annotations:
        title.update(font={"size": 14})
    figure.update_xaxes(
        tickvals=list(range(10)), range=[-0.6, 9.6], title={"text": "digit", "standoff": 4, "font": SMALL}, row=1, col=1
    )
    figure.update_yaxes(range=[-1, 1], row=1, col=1)
    figure.update_xaxes(
        type="log", range=[-3.4, 3.6], dtick=1, exponentformat="power", tickfont={"size": 11}, row=2, col=1
    )
    figure.update_yaxes(ticks="", zeroline=False, showline=False, range=[2.6, -0.6], row=2, col=1)
    figure.update_xaxes(
        range=[-4, 260], tickvals=[0, 64, 128, 192, 255],
        title={"text": "grey value", "standoff": 4, "font": SMALL}, row=2, col=2,
    )  # fmt: skip
    figure.update_yaxes(
        type="log", range=[-1.3, 2.05], tickvals=[0.1, 1, 10, 100], ticktext=["0.1 %", "1 %", "10 %", "100 %"],
        row=2, col=2,
    )  # fmt: skip
    return figure


def update_reading(
    figure: Any,
    *,
    clear: Sequence[float],
    encrypted: Sequence[float] | None,
    measured: Sequence[float | None],
    projected: Sequence[float | None],
    published: Sequence[float | None],
    pixels: npt.NDArray[np.uint8] | None,
    residues: npt.NDArray[np.uint8] | None,
) -> None:
    """Show a reading, or before there is one what is known without it.

    Args:
        figure: From `reading_figure`, or a widget around it.
        clear: Logits in the clear, empty if there is no image.
        encrypted: Decrypted logits, None before a run.
        measured: As AMOUNTS, None where unknown.
        projected: The same before the run.
        published: The same of a published system.
        pixels: Grey values of the image, None without one.
        residues: Grey values of a ciphertext, None before a run.
    """
    bars, amounts, histogram = figure.data[:2], figure.data[2:5], figure.data[5:]
    logits = [*clear, *(encrypted if encrypted is not None else ())]
    with figure.batch_update():
        for bar, values in zip(bars, (clear, encrypted or ()), strict=True):
            bar.x, bar.y = list(range(len(values))), list(values)
        if logits:
            low, high = min(*logits, 0), max(*logits, 0)
            margin = 0.08 * (high - low)
            figure.layout.yaxis.range = [low - margin, high + margin]
        for trace, known in zip(amounts, (measured, projected, published), strict=True):
            trace.x = list(known)
            trace.text = [amount_text(value) for value in known]
        for trace, greys in zip(histogram, (pixels, residues), strict=True):
            trace.x, trace.y = grey_histogram(greys) if greys is not None else ([], [])


def grey_histogram(greys: npt.NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Middles of equal intervals of 0 to 255, and percent of the values in each; nothing is drawn below the axis."""
    width = 256 // BINS
    counts = np.bincount(greys.ravel() // width, minlength=BINS)
    percent = 100 * counts / greys.size
    middles = [width * index + (width - 1) / 2 for index in range(BINS)]
    return middles, [float(max(each, LEAST_PERCENT)) for each in percent]
