"""What a cell shows: a live widget, and for readers without a kernel a table and a text that never change.

The text carries the computed numbers and no timings, so that two runs of a notebook can be compared strictly.
"""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

STYLE = """<style>
.fcn { font-family: var(--jp-ui-font-family, system-ui, sans-serif); font-size: 14px; line-height: 1.45;
  color: var(--jp-ui-font-color1, #222); }
.widget-html:has(.fcn), .widget-html-content:has(.fcn) { width: 100%; min-width: 0; }
.fcn table { border-collapse: collapse; margin: 6px 0; font-variant-numeric: tabular-nums; }
.fcn th, .fcn td { padding: 3px 9px; text-align: right; border: 0; white-space: nowrap; }
.fcn th:first-child, .fcn td:first-child { text-align: left; padding-left: 2px; }
.fcn thead th { font-weight: 600; white-space: normal; border-bottom: 1.5px solid currentColor;
  vertical-align: bottom; }
.fcn tbody tr:nth-child(even) { background: rgba(127, 127, 127, .08); }
.fcn tbody tr.total { border-top: 1.5px solid currentColor; font-weight: 600; background: none; }
.fcn .scroll { overflow-x: auto; }
.fcn .verdict { font-size: 16px; margin: 2px 0 8px; }
.fcn .verdict b { font-weight: 600; }
.fcn .tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 8px 0 10px; }
.fcn .tile { border: 1px solid rgba(127, 127, 127, .35); border-radius: 6px; padding: 7px 14px; min-width: 110px; }
.fcn .tile b { display: block; font-size: 19px; font-weight: 600; font-variant-numeric: tabular-nums; }
.fcn .tile span { font-size: 12.5px; opacity: .8; }
.fcn .note { font-size: 13px; opacity: .85; margin: 4px 0; max-width: 62em; }
.fcn .error { border-left: 4px solid #D55E00; padding: 4px 12px; margin: 6px 0; max-width: 62em; }
.fcn .digits { display: flex; flex-wrap: wrap; gap: 8px; margin: 6px 0; }
.fcn .digit { text-align: center; width: 62px; font-size: 13px; }
.fcn .digit img { width: 56px; height: 56px; image-rendering: pixelated; border-radius: 4px; display: block;
  margin: 0 auto 2px; }
.fcn .digit b { font-size: 17px; }
.fcn .wrong { color: #D55E00; }
</style>"""


class View:
    """One thing a lab shows.

    Args:
        widget: For a live kernel.
        text: Gives the constant text; also what `repr` says.
        markup: Gives HTML for readers without a kernel, constant too.
    """

    def __init__(self, widget: widgets.Widget, *, text: Callable[[], str], markup: Callable[[], str]) -> None:
        self.widget, self._text, self._markup = widget, text, markup

    def __repr__(self) -> str:
        return self._text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        live = self.widget._repr_mimebundle_()
        return {**live, "text/html": self._markup(), "text/plain": self._text()}


class Display:
    """What a lab inherits to be shown as its view, which it keeps in `_view`."""

    _view: View

    def __repr__(self) -> str:
        return repr(self._view)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._view._repr_mimebundle_()


def block(content: str) -> str:
    """HTML for a widget, in the labs' style."""
    return f'{STYLE}<div class="fcn">{content}</div>'


def escape(text: object) -> str:
    """Text made safe for HTML."""
    return html.escape(str(text))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, total: Sequence[object] | None = None) -> str:
    """An HTML table: first column left, the others right, numbers with thousands separators; a last row of totals."""

    def row(cells: Sequence[object], kind: str = "") -> str:
        inner = "".join(f"<td>{escape(spell(cell))}</td>" for cell in cells)
        return f"<tr{kind}>{inner}</tr>"

    head = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(map(row, rows)) + (row(total, ' class="total"') if total is not None else "")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def text_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The same as plain text, columns aligned."""
    lines = [list(heads), *([spell(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def spell(cell: object) -> str:
    """A cell as text: integers with thousands separators, None as a dash."""
    if cell is None:
        return "–"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def tiles(figures: Mapping[str, str]) -> str:
    """Large numbers side by side: label to value."""
    inner = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(label)}</span></div>'
        for label, value in figures.items()
    )
    return f'<div class="tiles">{inner}</div>'
