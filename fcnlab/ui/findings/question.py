"""What the questions of lab 07 share: numbers above a figure, and tables below it that are opened on demand."""

from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from fcnlab.findings.networks import Columns
from fcnlab.page import Table
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Folded, Page


class Question(Lab):
    """A question of the paper; a subclass defines `draw` and `tabulate`."""

    def __init__(self, model: LabModel, figure: Any, settings: dict[str, Any]) -> None:
        super().__init__(model, figure, settings)
        self.numbers, self.tables = area(), area()
        self.figure.widget.add_class(f"fcn-{model.name}")
        self.numbers.add_class(f"fcn-{model.name}-numbers")
        self.open([self.numbers, self.figure, self.tables])

    def draw(self, settings: Any) -> Page:
        """Show these settings in the figure; returns the numbers above it."""
        raise NotImplementedError

    def tabulate(self, settings: Any) -> Sequence[Table]:
        """What the settings come to, as tables."""
        raise NotImplementedError

    @override
    def show(self, settings: Any) -> None:
        self.numbers.value = self.draw(settings).live
        self.tables.value = self.facts().live

    @override
    def facts(self) -> Page:
        return Page(Folded("The numbers as tables", *self.tabulate(self.model.settings)))


def tabled(columns: Columns, title: str, about: str = "") -> Table:
    """A table of these columns."""
    return Table(tuple(columns), zip(*columns.values(), strict=True), title=title, about=about)
