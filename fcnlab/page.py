"""What is said of a thing, said once: a page of parts, from which the text of a terminal and HTML both come.

Results that a caller sees are pages too: `Shown` gives them their text, and notebooks their tables.
"""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, Protocol

from typing_extensions import override

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


class Shown:
    """What prints as its page, and shows as one in a notebook."""

    def page(self) -> Page:
        """What is said of it."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.page().text()

    def _repr_html_(self) -> str:
        return self.page().html()


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 image``, ``1,000 images``, ``2 batches``."""
    plural = "" if count == 1 else "es" if noun.endswith(("s", "ch")) else "s"
    return f"{count:,} {noun}{plural}"
