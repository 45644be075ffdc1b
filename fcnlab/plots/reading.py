"""The figure of an encrypted reading: logits, seconds and bytes, and what the server saw as a histogram."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from fcnlab.plots.cost import AMOUNT_ROWS, add_amounts, update_amounts
from fcnlab.plots.theme import INK, OKABE_ITO, POWERS, filled, hover, panels, ticks

BINS: Final = 32
LEAST_PERCENT: Final = 0.05
BLUE: Final = OKABE_ITO["blue"]
AMOUNTS_OF: Final = {
    "measured": (BLUE, "circle", "top center"),
    "projected": (INK, "x-thin", "bottom center"),
    "published": (OKABE_ITO["vermilion"], "diamond", "middle left"),
}


def reading_figure(*, height: int = 620) -> go.Figure:
    """Three panels, empty."""
    below = "seconds and megabytes", "how frequent a grey is"
    shape = {"specs": [[{"colspan": 2}, None], [{}, {}]], "column_widths": [0.55, 0.45]}
    space = {"rows": 2, "vertical_spacing": 0.22, "horizontal_spacing": 0.15}
    title = "logits of each digit, in the clear and under encryption"
    figure = panels(title, *below, shape=shape | space, height=height, top=88, legend=1.08)
    for name, colour, pattern in (("in the clear", OKABE_ITO["orange"], "/"), ("encrypted", BLUE, "")):
        said, marker = hover("digit %{x}: %{y:.4f} " + name), filled(colour, pattern)
        figure.add_bar(name=name, marker=marker, hovertemplate=said, row=1, col=1)
    for name, (colour, symbol, place) in AMOUNTS_OF.items():
        font = {"size": 11, "color": colour}
        add_amounts(figure, name, colour, symbol, place=place, textfont=font, col=1)
    said = "greys around %{x}: %{y:.2f} % of the "
    marker = filled("#9A9A9A", "x")
    figure.add_bar(name="pixels", marker=marker, hovertemplate=hover(said + "pixels"), row=2, col=2)
    steps = {"mode": "lines+markers", "line": {"color": BLUE, "width": 1.5, "shape": "hvh"}, "marker": {"size": 4}}
    figure.add_scatter(name="ciphertext", **steps, hovertemplate=hover(said + "residues"), row=2, col=2)
    figure.update_layout(bargap=0.3)
    figure.update_xaxes(tickvals=list(range(10)), range=[-0.6, 9.6], title="digit", row=1, col=1)
    figure.update_yaxes(range=[-1, 1], row=1, col=1)
    figure.update_xaxes(**POWERS, range=[-3.4, 3.6], tickfont={"size": 11}, row=2, col=1)
    figure.update_yaxes(**AMOUNT_ROWS, row=2, col=1)
    figure.update_xaxes(range=[-4, 260], tickvals=[0, 64, 128, 192, 255], title="grey value", row=2, col=2)
    figure.update_yaxes(type="log", range=[-1.3, 2.05], **ticks([0.1, 1, 10, 100], "{} %"), row=2, col=2)
    return figure


def update_reading(
    figure: Any,
    *,
    clear: Sequence[float],
    encrypted: Sequence[float] | None,
    amounts: Sequence[Sequence[float | None]],
    pixels: npt.NDArray[np.uint8] | None,
    residues: npt.NDArray[np.uint8] | None,
) -> None:
    """Show a reading, or before there is one what is known without it.

    Args:
        figure: From `reading_figure`, or a widget around it.
        clear: Logits in the clear, empty if there is no image.
        encrypted: Decrypted logits, None before a run.
        amounts: As AMOUNTS, None where unknown: measured, projected and those of a published system.
        pixels: Grey values of the image, None without one.
        residues: Grey values of a ciphertext, None before a run.
    """
    bars, markers, histogram = figure.data[:2], figure.data[2:5], figure.data[5:]
    logits = [*clear, *(encrypted if encrypted is not None else ())]
    with figure.batch_update():
        for bar, values in zip(bars, (clear, encrypted or ()), strict=True):
            bar.x, bar.y = list(range(len(values))), list(values)
        if logits:
            low, high = min(*logits, 0), max(*logits, 0)
            margin = 0.08 * (high - low)
            figure.layout.yaxis.range = [low - margin, high + margin]
        update_amounts(markers, amounts)
        for trace, greys in zip(histogram, (pixels, residues), strict=True):
            trace.x, trace.y = grey_histogram(greys) if greys is not None else ([], [])


def grey_histogram(greys: npt.NDArray[np.uint8]) -> tuple[list[float], list[float]]:
    """Middles of equal intervals of 0 to 255, and percent of the values in each; nothing is drawn below the axis."""
    width = 256 // BINS
    counts = np.bincount(greys.ravel() // width, minlength=BINS)
    percent = 100 * counts / greys.size
    middles = [width * index + (width - 1) / 2 for index in range(BINS)]
    return middles, [float(max(each, LEAST_PERCENT)) for each in percent]
