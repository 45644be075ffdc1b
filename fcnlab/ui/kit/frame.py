"""The frame that labs share: presets, controls, a settings line and a status line, beside what they control."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import ipywidgets as widgets

from fcnlab.page import Sentence
from fcnlab.ui.kit.controls import Control, looks
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page

LINE_HELP: Final = "Copy this line to keep the settings; paste one and press Enter to restore them."


class Frame:
    """Controls on the left, the lab's own widgets on the right, below each other where the page is narrow.

    Args:
        model: The lab's.
        body: What the controls change.

    Attributes:
        widget: All of it.
        line: The box with the settings line.
        status: Shows `model.problem`.
        buttons: By description: one for each preset, and ``Reset``.
    """

    def __init__(self, model: LabModel, body: Sequence[widgets.Widget]) -> None:
        self._model = model
        self.buttons = {name: self._button(name, partial(self._use, name)) for name in model.presets}
        self.buttons["Reset"] = self._button("Reset", model.reset)
        self.line = widgets.Text(value=model.line, continuous_update=False, **looks("settings", LINE_HELP))
        self.line.observe(lambda event: self._restore(event.new), names="value")
        self.status = widgets.HTML(layout={"width": "100%"})
        model.observe(self._show_line, names="settings")
        model.observe(self._show_problem, names="problem")

        presets = widgets.HBox(list(self.buttons.values()), layout={"flex_flow": "row wrap"})
        controls = [presets, *(self._control(control) for control in model.controls), self.line, self.status]
        left = widgets.VBox(controls, layout={"flex": "1 1 330px", "max_width": "480px", "min_width": "300px"})
        right = widgets.VBox(list(body), layout={"flex": "3 1 560px", "min_width": "320px"})
        self.widget = widgets.HBox([left, right], layout={"flex_flow": "row wrap", "align_items": "flex-start"})
        self.widget.layout.grid_gap = "8px 18px"

    def _button(self, name: str, action: Callable[[], None]) -> widgets.Button:
        button = widgets.Button(description=name, layout={"width": "auto"})
        button.on_click(lambda _: action())
        return button

    def _use(self, preset: str) -> None:
        self._model.settings = self._model.presets[preset]

    def _control(self, control: Control) -> widgets.Widget:
        model = self._model

        def change(value: object) -> None:
            if value != getattr(model.settings, control.name):
                with model.guard():
                    model.change(**{control.name: value})

        widget, move = control.build(getattr(model.settings, control.name), change)
        model.observe(lambda event: move(getattr(event.new, control.name)), names="settings")
        return widget

    def _restore(self, line: str) -> None:
        if line != self._model.line:
            with self._model.guard():
                self._model.restore(line)

    def _show_line(self, _: object) -> None:
        self.line.value = self._model.line

    def _show_problem(self, _: object) -> None:
        problem = self._model.problem
        self.status.value = Page(Sentence(problem, kind="error")).live if problem else ""
