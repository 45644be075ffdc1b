"""What a lab says, said once: a page of parts, from which the text, the HTML and the live view all come.

The text is what notebooks are compared by: it holds the computed numbers and no timings. Pictures and large numbers are
for the eye alone; a reader of the text finds what they show in sentences and tables.
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import ipywidgets as widgets
from typing_extensions import override

STYLE: Final = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
Kind = Literal["error", "note", "obstacle", "plain", "verdict", "source", "waiting"]
MARKUP: Final[Mapping[Kind, str]] = {
    "error": '<div class="error">{}</div>',
    "obstacle": '<div class="obstacle">{}</div>',
    "note": '<p class="note">{}</p>',
    "plain": "<p>{}</p>",
    "verdict": '<p class="verdict"><b>{}</b></p>',
    "source": '<p class="note"><b>{}</b></p>',
    "waiting": '<p class="note"><i>{}</i></p>',
}


def escape(text: object) -> str:
    """Text made safe for HTML."""
    return html.escape(str(text))


class Part(Protocol):
    """A part of a page."""

    def text(self) -> str:
        """The lines of the part; empty if it has none."""

    def html(self) -> str:
        """The part as HTML; empty if there is nothing to see."""


class Page(Part):
    """Parts below each other, a page among them perhaps; empty ones leave no trace.

    Args:
        parts: From top to bottom; a string is a `Sentence` that notes something, None is nothing.
    """

    def __init__(self, *parts: "Part | str | None") -> None:
        self.parts = tuple(Sentence(part) if isinstance(part, str) else part for part in parts if part is not None)

    @override
    def text(self) -> str:
        return "\n".join(filter(None, (part.text() for part in self.parts)))

    @override
    def html(self) -> str:
        return "".join(part.html() for part in self.parts)

    @property
    def live(self) -> str:
        """The value of an HTML widget: the same HTML in the labs' style."""
        return f'<style>\n{STYLE}</style><div class="fcn">{self.html()}</div>'


class Sentence(Part):
    """A sentence or a few, without markup.

    Args:
        words: What is said; empty for nothing.
        kind: note, plain, verdict (large), source (of the numbers below), waiting, error or obstacle.
        title: Stands out before them.
    """

    def __init__(self, words: str, *, kind: Kind = "note", title: str = "") -> None:
        self.words, self.kind, self.title = words, kind, title

    @override
    def text(self) -> str:
        return self.title + self.words

    @override
    def html(self) -> str:
        title = f"<b>{escape(self.title)}</b>" if self.title else ""
        return MARKUP[self.kind].format(title + escape(self.words)) if self.words else ""


def told(sentences: Sequence[str]) -> Page:
    """The first sentence large, since it is the answer, and the others as notes."""
    first, *rest = sentences
    return Page(Sentence(first, kind="verdict"), *rest)


class Table(Part):
    """Rows under their heads; without rows it leaves no trace, nor does its title.

    Args:
        heads: One for each column.
        rows: Numbers are spelt with separators, None as a dash.
        total: A last row, set apart.
        title: Above the table.
        about: Goes on after the title.
    """

    def __init__(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        total: Sequence[object] | None = None,
        title: str = "",
        about: str = "",
    ) -> None:
        self.heads, self.rows, self.total, self.title, self.about = heads, list(rows), total, title, about

    @override
    def text(self) -> str:
        if not self.rows:
            return ""
        lines = [list(self.heads), *([spell(cell) for cell in row] for row in self._all)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        aligned = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
        content = "\n".join("  ".join(line).rstrip() for line in aligned)
        return f"{self.title}{self.about}\n{content}" if self.title else content

    @override
    def html(self) -> str:
        if not self.rows:
            return ""
        title = f"<p><b>{escape(self.title)}</b>{escape(self.about)}</p>" if self.title else ""
        head = "".join(f"<th>{escape(head)}</th>" for head in self.heads)
        body = ["".join(f"<td>{escape(spell(cell))}</td>" for cell in row) for row in self._all]
        last = "" if self.total is None else f'<tr class="total">{body.pop()}</tr>'
        rows = "".join(f"<tr>{cells}</tr>" for cells in body) + last
        return f'{title}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'

    @property
    def _all(self) -> list[Sequence[object]]:
        return self.rows if self.total is None else [*self.rows, self.total]


def spell(cell: object) -> str:
    """A cell as text: integers with thousands separators, None as a dash."""
    if cell is None:
        return "–"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


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
