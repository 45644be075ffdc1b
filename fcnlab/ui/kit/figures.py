"""Plotly figures as widgets."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go
import traitlets


@contextmanager
def hidden(module: str) -> Iterator[None]:
    """For what is imported inside, an optional module is not there; nothing happens if it has been loaded already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # an import of it fails now
    try:
        yield
    finally:
        del sys.modules[module]


# Widgets of plotly import nbformat, that jsonschema, and that a grammar of addresses, compiled on import: 1.3 s of each
# kernel's start, for a check of a format that no notebook has.
with hidden("rfc3987_syntax"):
    FigureWidget: Any = go.FigureWidget  # plotly imports what it needs when it is asked for


class Script(widgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """What the browser runs to draw figures.

    Attributes:
        text: A module of JavaScript.
    """

    text = traitlets.Unicode().tag(sync=True)


@cache
def plotly_script() -> Script:
    """The one that all figures of a kernel share: plotly's own, five megabytes, sent and run once a page."""
    return Script(text=str(FigureWidget._esm))  # there is no public way


class LiveFigure(FigureWidget):  # type: ignore[misc]  # plotly has no types
    """A figure as wide as its place, without a tool bar, that a page which is loaded again finds as it is.

    Plotly would send its script with each figure. On a busy machine four of those take a browser longer than the two
    seconds after which anywidget gives a figure up, and its picture would stand still for good.
    """

    _esm = Path(__file__).with_name("figures.js")
    _script = traitlets.Unicode().tag(sync=True)

    def __init__(self, figure: Any) -> None:
        super().__init__(figure)
        self._config = {"displayModeBar": False, "responsive": True}  # there is no public way

    @traitlets.default("_script")
    def _share_script(self) -> str:
        return str(plotly_script().model_id)  # known to the browser before the figure, which asks for it at once

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """The state that a page asks for when it opens, with all that was changed since the figure was made.

        Changes go to open pages as messages; the traits that new pages read are only set when a figure is displayed by
        itself, and the labs' figures never are. They are set here without a message.
        """
        if key is None and "_widget_data" in self._trait_values:
            self._trait_values["_widget_data"] = deepcopy(self._data)
            self._trait_values["_widget_layout"] = deepcopy(self._layout_obj._props)
        return super().get_state(key, drop_defaults)
