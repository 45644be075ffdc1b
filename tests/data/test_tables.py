import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest

from fcnlab.data.tables import build, read_rows, write_rows
from fcnlab.errors import DataError


@dataclass(frozen=True)
class Row:
    name: str
    count: int
    share: float


def test_rows_come_back_as_they_were(tmp_path) -> None:
    rows = (Row("a, b", 3, 0.1), Row('"', -1, float("inf")))
    path = tmp_path / "rows.csv"
    write_rows(Row, rows, path=path)
    assert path.read_text().splitlines()[0] == "name,count,share"
    assert read_rows(Row, path=path, mend="none") == rows
    write_rows(Row, (), path=path)
    assert read_rows(Row, path=path, mend="none") == ()


@pytest.mark.parametrize("text", ["name,count\na,1\n", "name,count,share\na,one,1\n", "name,count,share\na,1\n", ""])
def test_another_table_is_refused_with_the_command_that_measures_it(tmp_path, text: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"missing or not .*measure it with `fcnlab again`"):
        read_rows(Row, path=path, mend="measure it with `fcnlab again`")


@dataclass(frozen=True)
class Nested:
    rows: tuple[Row, ...]
    counts: dict[str, int]
    kind: Literal["a", "b"]
    anything: Any
    share: float | None = None


NESTED = Nested((Row("a", 1, 0.5),), {"x": 2}, "b", [1, {"y": None}], 0.25)


def test_json_comes_back_as_the_dataclass_that_it_was() -> None:
    assert build(Nested, json.loads(json.dumps(asdict(NESTED)))) == NESTED
    assert build(Nested, {"rows": [], "counts": {}, "kind": "a", "anything": 1}).share is None
    whole = build(Row, {"name": "a", "count": 1, "share": 2})
    assert type(whole.share) is float


@pytest.mark.parametrize(
    "change",
    [
        {"rows": {}},
        {"rows": [1]},
        {"rows": [{"name": "a", "count": 1}]},
        {"rows": [{"name": "a", "count": True, "share": 0.5}]},
        {"rows": [{"name": "a", "count": 1.5, "share": 0.5}]},
        {"counts": {"x": "2"}},
        {"counts": [2]},
        {"kind": "c"},
        {"share": "0.5"},
        {"colour": "blue"},
    ],
)
def test_json_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        build(Nested, json.loads(json.dumps(asdict(NESTED) | change)))
