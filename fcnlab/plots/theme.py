"""What all figures share: one theme, colours that everybody can tell apart, and the looks that panels repeat.

Colour never carries a meaning alone: bars have patterns, lines have dashes, and both have labels. Figures are built
once, then updated in place; they know nothing of widgets, `ui` wraps one.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
from plotly.subplots import make_subplots

OKABE_ITO: Final = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "black": "#222222",
}
"""Source: Okabe and Ito 2008, Color Universal Design."""

GRID, INK, GREY = "#E3E3E3", "#222222", "#8A8A8A"
FONT: Final = {"family": "Inter, Segoe UI, Helvetica, Arial, sans-serif", "size": 13, "color": INK}
SMALL: Final = {"font": {"size": 12}}
LINE_COLOURS: Final = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": INK}
AXIS: Final = LINE_COLOURS | {"ticks": "outside", "tickfont": {"size": 12}, "automargin": True}
LEGEND: Final = {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom", "traceorder": "normal"}
LAYOUT: Final = {
    "font": FONT,
    "paper_bgcolor": "white",
    "plot_bgcolor": "white",
    "colorway": list(OKABE_ITO.values()),
    "margin": {"l": 60, "r": 18, "t": 48, "b": 48},
    "hovermode": "closest",
    "legend": LEGEND | SMALL,
    "xaxis": AXIS | {"title": SMALL | {"standoff": 4}},
    "yaxis": AXIS | {"title": SMALL},
}
THEME: Final = go.layout.Template(layout=LAYOUT)

RING: Final = {"symbol": "circle-open", "size": 18, "color": INK, "line": {"width": 2.5}}
"""The marker around what is chosen."""
CROSS: Final = {"symbol": "x-thin", "size": 13, "line": {"width": 3, "color": INK}}
"""The marker of the setting as it stands."""
ROWS: Final = {"ticks": "", "showline": False, "showgrid": False, "zeroline": False}
"""An axis of names, beside which bars lie."""
POWERS: Final = {"type": "log", "dtick": 1, "exponentformat": "power"}
"""A logarithmic axis with powers of ten at its ticks."""
BARS: Final = {"orientation": "h", "showlegend": False, "textposition": "outside", "cliponaxis": False}
"""Bars that lie, with their numbers at the end."""
SPREAD: Final = {"type": "data", "thickness": 1.5, "width": 4}
"""Error bars; their lengths come with the values."""
WIDE: Final[dict[str, Any]] = {"rows": 2, "specs": [[{}, {}], [{"colspan": 2}, None]]}
"""Two panels above a wide one."""


def panels(*titles: str, shape: Mapping[str, Any], height: int, top: int, legend: float) -> go.Figure:
    """Empty panels, two in a row.

    Args:
        titles: One for each panel, row by row.
        shape: Rows, sizes and spaces, as `make_subplots` takes them.
        height: Height in pixels.
        top: Pixels above the panels, for titles and legend.
        legend: Where the legend begins, as a share of the height of the panels.
    """
    figure = make_subplots(**{"cols": 2, **shape}, subplot_titles=titles)
    figure.update_annotations(font_size=14)
    return figure.update_layout(template=THEME, height=height, margin_t=top, legend_y=legend)


def pattern_of(shape: str | Sequence[str]) -> dict[str, Any]:
    """White strokes over the colour; a shape, or one for each bar."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.75, "size": 7, "solidity": 0.2}


def filled(colour: str | Sequence[str], shape: str | Sequence[str] = "") -> dict[str, Any]:
    """The marker of bars: colour and pattern."""
    return {"color": colour, "pattern": pattern_of(shape)}


def hover(text: str, aside: str = "") -> str:
    """What a pointer is told, and beside it."""
    return f"{text}<extra>{aside}</extra>"


def ticks(values: Iterable[float], spelled: str = "{:,}") -> dict[str, Any]:
    """Ticks at these values of an axis alone."""
    return {"tickvals": list(values), "ticktext": [spelled.format(value) for value in values]}
