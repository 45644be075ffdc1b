"""What the questions of lab 07 share: settings, numbers above a figure, sentences and tables below it."""

from collections.abc import Sequence
from typing import Any

from fcnlab.findings.networks import Columns
from fcnlab.page import Table
from fcnlab.ui.kit.controls import Control
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Folded, Page, told


class Question(Lab):
    """A question of the paper.

    Args:
        name: The function that opens it.
        settings: The defaults.
        controls: One for each field.
        presets: Named settings.
        figure: Built from the tables.
        chosen: Settings that are not the defaults.
    """

    def __init__(
        self,
        name: str,
        settings: Any,
        *,
        controls: Sequence[Control],
        presets: dict[str, Any],
        figure: Any,
        chosen: dict[str, Any],
    ) -> None:
        super().__init__(LabModel(name, settings, controls=controls, presets=presets), figure, chosen)
        self.numbers, self.tables = area(), area()
        self.figure.widget.add_class(f"fcn-{name}")
        self.numbers.add_class(f"fcn-{name}-numbers")
        self.open([self.numbers, self.figure, self.tables])


def tabled(columns: Columns, title: str, about: str = "") -> Table:
    """A table of these columns."""
    return Table(tuple(columns), zip(*columns.values(), strict=True), title=title, about=about)


def answered(sentences: Sequence[str], *tables: Table) -> Page:
    """Sentences, the answer first, above tables that are opened on demand."""
    return Page(told(sentences), Folded("The numbers as tables", *tables))
