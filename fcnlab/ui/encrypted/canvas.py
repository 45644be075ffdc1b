"""A sheet to draw a digit on, with its buttons."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets

LABEL = "Drawing area: draw a digit with mouse, finger or pen. Without one, choose a test digit in the controls."
STYLE = ".fcn-sheet { width: 280px; height: 280px; touch-action: none; cursor: crosshair; border-radius: 6px; }"


class Sheet(anywidget.AnyWidget):
    """What is drawn.

    Attributes:
        strokes: Lists of points [x, y], 0 to 1, the one under the pen last.
        down: Whether the pen is on the sheet.
        label: Read aloud in place of the picture.
    """

    _esm = Path(__file__).with_name("canvas.js")
    _css = STYLE
    strokes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    down = traitlets.Bool().tag(sync=True)
    label = traitlets.Unicode(LABEL).tag(sync=True)


class DrawingPad:
    """The sheet with *Undo* and *Clear*.

    Args:
        changed: Called when strokes change.
        down: Called when the pen touches the sheet.
        up: Called when it leaves the sheet.

    Attributes:
        sheet: What is drawn.
        widget: What to show.
    """

    def __init__(self, *, changed: Callable[[], None], down: Callable[[], None], up: Callable[[], None]) -> None:
        self.sheet = Sheet()
        self.undo_button = widgets.Button(description="Undo", layout={"width": "138px"})
        self.clear_button = widgets.Button(description="Clear", layout={"width": "138px"})
        self.undo_button.on_click(lambda _: self.undo())
        self.clear_button.on_click(lambda _: self.clear())
        self._changed, self._down, self._up = changed, down, up
        self.sheet.observe(self._drawn, names="strokes")
        self.sheet.observe(self._moved, names="down")
        self._show_buttons()
        buttons = widgets.HBox([self.undo_button, self.clear_button])
        self.widget = widgets.VBox([self.sheet, buttons], layout={"width": "290px", "flex": "0 0 auto"})

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not self.sheet.strokes

    def undo(self) -> None:
        """Take the last stroke back."""
        self.sheet.strokes = self.sheet.strokes[:-1]

    def clear(self) -> None:
        """Take all strokes back."""
        self.sheet.strokes = []

    def _drawn(self, _: Any) -> None:
        self._show_buttons()
        self._changed()

    def _moved(self, event: Any) -> None:
        (self._down if event.new else self._up)()

    def _show_buttons(self) -> None:
        for button, what in ((self.undo_button, "Take the last stroke back."), (self.clear_button, "Begin anew.")):
            button.disabled = self.is_empty
            button.tooltip = "Nothing is drawn." if self.is_empty else what
