"""Plotly figures as widgets."""

from copy import deepcopy
from typing import Any

import plotly.graph_objects as go


class LiveFigure(go.FigureWidget):  # type: ignore[misc]  # plotly has no types
    """A figure as wide as its place, without a tool bar, that a page which is loaded again finds as it is.

    Each one carries five megabytes of script to the browser: make few, and change them in place, within
    ``batch_update``.
    """

    def __init__(self, figure: Any) -> None:
        super().__init__(figure)
        self._config = {"displayModeBar": False, "responsive": True}  # there is no public way

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """The state that a page asks for when it opens, with all that was changed since the figure was made.

        Changes go to open pages as messages; the traits that new pages read are only set when a figure is displayed by
        itself, and the labs' figures never are. They are set here without a message.
        """
        if key is None and "_widget_data" in self._trait_values:
            self._trait_values["_widget_data"] = deepcopy(self._data)
            self._trait_values["_widget_layout"] = deepcopy(self._layout_obj._props)
        return super().get_state(key, drop_defaults)
