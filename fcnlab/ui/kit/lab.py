"""What the labs share: settings in a frame, a figure, and a page that says what the settings come to."""

import threading
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import traitlets
from typing_extensions import override

from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Display, Markup, Page


def area() -> widgets.HTML:
    """A place for the live view of a page, as wide as the column."""
    return widgets.HTML(layout={"width": "calc(100% - 4px)"})


class Lab(Display, traitlets.HasTraits):
    """Settings, a figure and words; a lab says what follows from what.

    A subclass makes its widgets, calls `open` with them, and defines `show` and `facts`.

    Args:
        model: Settings, controls, presets.
        figure: Drawn once; `show` changes it.
        settings: Those that are not the defaults.

    Raises:
        SettingsError: If a setting is unknown or out of its range.

    Attributes:
        model: The settings.
        figure: What is drawn.
        frame: All of it, once `open` was called.
    """

    frame: Frame

    def __init__(self, model: LabModel, figure: Any, settings: dict[str, Any]) -> None:
        super().__init__()
        self.model = model
        model.change(**settings)
        self.figure = LiveFigure(figure)
        self.drawing = threading.RLock()  # plotly mixes up two batches of changes that overlap

    def open(self, body: Sequence[widgets.Widget | LiveFigure]) -> None:
        """Put these beside the controls, and show the settings now and whenever they change."""
        shown = [part.widget if isinstance(part, LiveFigure) else part for part in body]
        self.frame = Frame(self.model, shown)
        self.widget = self.frame.widget
        self.model.observe(self.update, names="settings")
        self.update()

    def update(self, _: object = None) -> None:
        """Show the settings; what goes wrong is told in the frame."""
        with self.model.guard(), self.drawing:
            self.show(self.model.settings)

    def show(self, settings: Any) -> None:
        """Draw and say what these settings come to."""
        raise NotImplementedError

    def facts(self) -> Page:
        """What the settings come to, for readers without a kernel: constant, no timings."""
        raise NotImplementedError

    @override
    def page(self) -> Page:
        return Page(Markup("", words=self.model.line), self.facts())
