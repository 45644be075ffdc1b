"""Plotly figures as widgets."""

from typing import Any

import plotly.graph_objects as go


def live_figure(figure: go.Figure) -> Any:
    """A FigureWidget that is as wide as its place and has no tool bar.

    Each one carries five megabytes of script to the browser: make few, and change them in place.
    """
    widget = go.FigureWidget(figure)
    widget._config = {"displayModeBar": False, "responsive": True}  # the widget's own trait; there is no public way
    return widget
