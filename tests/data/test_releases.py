from dataclasses import dataclass

import pytest

from fcnlab.data.releases import read_networks, read_rows, write_rows
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
    assert read_rows(Row, path=path, command="none") == rows
    write_rows(Row, (), path=path)
    assert read_rows(Row, path=path, command="none") == ()


@pytest.mark.parametrize("text", ["name,count\na,1\n", "name,count,share\na,one,1\n", "name,count,share\na,1\n", ""])
def test_another_table_is_refused_with_the_command_that_measures_it(tmp_path, text: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"missing or not .*measure it with `fcnlab again`"):
        read_rows(Row, path=path, command="fcnlab again")


def test_a_missing_table_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"uci-digits --tables"):
        read_networks("uci-digits", folder=tmp_path)
