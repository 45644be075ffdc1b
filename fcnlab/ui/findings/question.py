"""What the questions of lab 07 share: settings, a figure, numbers above it and tables below it."""

import threading
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from fcnlab.ui.kit.controls import Control
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.views import Display, View


class Question(Display):
    """What the questions share: settings, a figure, numbers above it and tables below.

    Args:
        name: The function that opens it.
        settings: Of the default.
        controls: One for each field.
        presets: Named settings.
        figure: Built from the tables.
        chosen: Settings that are not the defaults.
    """

    def __init__(
        self, name: str, settings: Any, *, controls: Sequence[Control], presets: dict[str, Any], figure: Any,
        chosen: dict[str, Any],
    ) -> None:  # fmt: skip
        self.model = LabModel(name, settings, controls=controls, presets=presets)
        self.model.change(**chosen)
        self.figure = LiveFigure(figure)
        self.figure.add_class(f"fcn-{name}")
        self.numbers = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self.numbers.add_class(f"fcn-{name}-numbers")
        self.tables = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self._drawing = threading.RLock()  # plotly mixes up two batches of changes that overlap
        self.frame = Frame(self.model, [self.numbers, self.figure, self.tables])
        self.model.observe(self._update, names="settings")
        self._update()
        self._view = View(self.frame.widget, text=self._text, markup=self._markup)

    def _update(self, _: object = None) -> None:
        with self.model.guard(), self._drawing:
            self._show(self.model.settings)

    def _show(self, settings: Any) -> None:
        raise NotImplementedError

    def _text(self) -> str:
        raise NotImplementedError

    def _markup(self) -> str:
        raise NotImplementedError
