"""What a lab says, said once: a page of parts, from which the text, the HTML and the live view all come.

The text is what notebooks are compared by: it holds the computed numbers and no timings. Pictures and large numbers are
for the eye alone; a reader of the text finds what they show in sentences and tables.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import ipywidgets as widgets
from typing_extensions import override

from fcnlab import page
from fcnlab.page import Part, Sentence, escape

STYLE: Final = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


class Page(page.Page):
    """A page that a widget can show."""

    @property
    def live(self) -> str:
        """The value of an HTML widget: the same HTML in the labs' style."""
        return f'<style>\n{STYLE}</style><div class="fcn">{self.html()}</div>'


class Tiles(Part):
    """Large numbers side by side, for the eye alone: they may be timings.

    Args:
        figures: Value of each label.
    """

    def __init__(self, figures: Mapping[str, str]) -> None:
        self.figures = figures

    @override
    def text(self) -> str:
        return ""

    @override
    def html(self) -> str:
        cells = (f"<b>{escape(value)}</b><span>{escape(label)}</span>" for label, value in self.figures.items())
        inner = "".join(f'<div class="tile">{cell}</div>' for cell in cells)
        return f'<div class="tiles">{inner}</div>'


class Markup(Part):
    """What needs HTML of its own, a picture or a formula.

    Args:
        markup: Safe HTML.
        words: What the text says instead; nothing if not given.
    """

    def __init__(self, markup: str, *, words: str = "") -> None:
        self.markup, self.words = markup, words

    @override
    def text(self) -> str:
        return self.words

    @override
    def html(self) -> str:
        return self.markup


class Folded(Page):
    """Parts that are opened on demand; the text has them all.

    Args:
        title: What to click.
        parts: The same as a page's.
    """

    def __init__(self, title: str, *parts: Part | str | None) -> None:
        super().__init__(*parts)
        self.title = title

    @override
    def html(self) -> str:
        return f"<details><summary><b>{escape(self.title)}</b></summary>{super().html()}</details>"


class Stale(Page):
    """Parts that answer an earlier question: pale, until they are replaced.

    Args:
        why: Said above them.
        parts: The same as a page's.
    """

    def __init__(self, why: str, *parts: Part | str | None) -> None:
        super().__init__(*parts)
        self.why = why

    @override
    def html(self) -> str:
        said = Sentence(self.why, kind="waiting").html()
        return f'{said}<div class="stale" style="opacity: .45">{super().html()}</div>'


class Display:
    """What a cell shows: its `widget` to a live kernel, its page to readers without one.

    Attributes:
        widget: For a live kernel.
    """

    widget: widgets.Widget

    def page(self) -> Page:
        """What is said; the text is also what `repr` says."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.page().text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        page = self.page()
        return {**self.widget._repr_mimebundle_(), "text/html": page.html(), "text/plain": page.text()}


class View(Display):
    """A part of a lab in a cell of its own.

    Args:
        widget: For a live kernel.
        say: Gives the page.
    """

    def __init__(self, widget: widgets.Widget, say: Callable[[], Page]) -> None:
        self.widget, self._say = widget, say

    @override
    def page(self) -> Page:
        return self._say()
