"""Tables on disk: frozen dataclasses as the lines of CSV files and as JSON, columns named and typed by their fields."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args, get_origin

from fcnlab.data.files import write_whole
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import DataError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

TABLES: Final = DATA_ROOT / "tables"
R = TypeVar("R", bound="DataclassInstance")


def write_rows(kind: type[R], rows: Iterable[R], *, path: Path) -> None:
    """Write a line for each row, after a line of names; the older table stays whole until this one is.

    Args:
        kind: A dataclass whose fields are int, float or str.
        rows: Values of that class; none makes a table without lines.
        path: Where the file goes.

    Raises:
        DataError: If the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, [column.name for column in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    write_whole(path, text.getvalue().encode())


def read_rows(kind: type[R], *, path: Path, mend: str) -> tuple[R, ...]:
    """Read a table that `write_rows` wrote.

    Args:
        kind: The dataclass of its lines.
        path: Where the file is.
        mend: What to do without it, such as "measure it with ...".

    Raises:
        DataError: If it is missing or another kind of table.
    """
    columns: dict[str, Callable[[str], Any]] = {column.name: column.type for column in fields(kind)}  # type: ignore[misc]
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != list(columns):
                raise ValueError("other columns")
            return tuple(kind(**{name: read(line[name]) for name, read in columns.items()}) for line in reader)
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"The table {path} is missing or not such a table ({error}): {mend}.") from error


def read_json(kind: type[R], *, path: Path, what: str, mend: str) -> R:
    """Read a dataclass that was written as JSON; errors say what it should have been, and how to mend it.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    try:
        value: R = build(kind, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path} is missing or not {what} ({error}): {mend}.") from error
    return value


def build(kind: Any, value: Any) -> Any:
    """A value of a type from its JSON form: dataclasses from objects, tuples from lists, the rest as it is.

    Args:
        kind: A dataclass, ``tuple[X, ...]``, ``dict[str, X]``, ``X | None``, a Literal, Any, int, float, str or bool.
        value: What the JSON reader gave.

    Raises:
        TypeError: If the value is of another type, or a field is missing or unknown.
    """
    origin, parts = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(value, dict):
        columns = {column.name: column.type for column in fields(kind)}
        if value.keys() <= columns.keys():
            return kind(**{name: build(columns[name], part) for name, part in value.items()})  # type: ignore[operator]
    if origin is tuple and isinstance(value, list):
        return tuple(build(parts[0], part) for part in value)
    if origin is dict and isinstance(value, dict):
        return {name: build(parts[1], part) for name, part in value.items()}
    if origin is UnionType:
        return None if value is None and NoneType in parts else build(parts[0], value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is Any or type(value) is kind or (origin is Literal and value in parts):
        return value
    raise TypeError(f"{str(value)[:40]!r} is no {getattr(kind, '__name__', kind)}")
