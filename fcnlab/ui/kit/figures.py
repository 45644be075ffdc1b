"""Plotly figures in labs: the whole figure is the state of a widget, and the browser draws whatever it is now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import plotly.graph_objects as go
import traitlets
from plotly.offline import get_plotlyjs


class Script(widgets.Widget):  # type: ignore[misc]  # ipywidgets has no types
    """What the browser runs to draw figures.

    Attributes:
        text: JavaScript.
    """

    text = traitlets.Unicode().tag(sync=True)


@cache
def plotly_script() -> Script:
    """The one that all figures of a kernel share: plotly.js, five megabytes, sent and run once a page."""
    return Script(text=get_plotlyjs())


class Drawing(anywidget.AnyWidget):
    """Where a page shows a figure.

    Attributes:
        figure: All of it, as JSON; a page that comes late or is loaded again finds it as it is.
        script: Model of the script that draws it.
    """

    _esm = Path(__file__).with_name("figures.js")
    figure = traitlets.Unicode().tag(sync=True)
    script = traitlets.Unicode().tag(sync=True)


class LiveFigure(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A figure as wide as its place, without a tool bar, which follows what is changed in `batch_update`.

    Attributes:
        widget: What to show.
    """

    def __init__(self, figure: go.Figure) -> None:
        super().__init__(figure)
        # A figure allows only attributes of plotly's unless they are set past it.
        object.__setattr__(self, "widget", Drawing(figure=self.to_json(), script=plotly_script().model_id))
        object.__setattr__(self, "_depth", 0)

    @contextmanager
    def batch_update(self) -> Iterator[None]:
        """Change traces and layout; pages see it when the outermost batch ends."""
        object.__setattr__(self, "_depth", self._depth + 1)
        try:
            with super().batch_update():
                yield
        finally:
            object.__setattr__(self, "_depth", self._depth - 1)
        if not self._depth:
            self.widget.figure = self.to_json()

    def on_click(self, callback: Callable[[Any, int], None]) -> None:
        """Call with a trace and the index of its point when that is clicked."""

        def clicked(_: Drawing, content: dict[str, int], __: Any) -> None:
            callback(self.data[content["trace"]], content["point"])

        self.widget.on_msg(clicked)
