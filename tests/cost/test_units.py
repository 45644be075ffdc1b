"""Unit costs: lines, and files that come back whole or not at all."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.cost import load_costs
from fcnlab.cost.units import Line, costs_path, parse_costs, save_costs
from fcnlab.errors import DataError
from fcnlab.machine.machine import cache_folder, machine_digest, machine_name
from fcnlab.planning.parameters import SCHEMES
from tests.support.costs import made_up


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(SCHEMES))
def test_lines_and_rings_are_monotone(parts: int, primes: int, scheme: str) -> None:
    costs = made_up()

    def seconds(ring_degree: int, *, parts: int = parts, primes: int = primes) -> float:
        return costs.seal_seconds("add", scheme=scheme, ring_degree=ring_degree, parts=parts, primes=primes)

    assert seconds(8192) < seconds(8192, parts=parts + 1)
    assert seconds(8192) < seconds(8192, primes=primes + 1)
    assert seconds(16384) == Line(5.0, 7.0, 11.0).seconds(parts=parts, primes=primes)
    assert seconds(32768) == pytest.approx(seconds(16384) * 2 * 15 / 14)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_costs_come_back_from_their_file(tmp_path: Path) -> None:
    costs = made_up()
    path = save_costs(costs)
    assert path.parent == cache_folder() == tmp_path / "fcnlab"
    assert load_costs().as_dict() == costs.as_dict()
    assert "bgv" in str(costs)


def test_machines_and_versions_have_files_of_their_own() -> None:
    machine = machine_name()
    assert {"processor", "python", "fcnlab", "Pyfhel", "numba"} <= set(machine)
    assert machine_digest(machine) != machine_digest(machine | {"Pyfhel": "4.0"})


def drop_unit(values: dict[str, Any]) -> None:
    del values["kernels"]["load"]


def add_scheme(values: dict[str, Any]) -> None:
    values["seal"]["tfhe"] = values["seal"]["bgv"]


def make_negative(values: dict[str, Any]) -> None:
    values["seal"]["bgv"]["4096"]["add"]["fixed"] = -1


def make_infinite(values: dict[str, Any]) -> None:
    values["general"]["block_s"] = float("inf")


def make_text(values: dict[str, Any]) -> None:
    values["kernels"]["load"] = "fast"


def make_old(values: dict[str, Any]) -> None:
    values["layout"] = 0


def move(values: dict[str, Any]) -> None:
    values["machine"]["processor"] = "another"


def forget_the_machine(values: dict[str, Any]) -> None:
    values["machine"] = []


@pytest.mark.parametrize(
    "damage", [drop_unit, add_scheme, make_negative, make_infinite, make_text, make_old, move, forget_the_machine]
)
def test_damaged_or_stale_files_are_refused(damage: Callable[[dict[str, Any]], None]) -> None:
    values = made_up().as_dict()
    damage(values)
    path = costs_path(machine_name())
    path.parent.mkdir()
    path.write_text(json.dumps(values))
    with pytest.raises(DataError, match="fcnlab calibrate"):
        load_costs()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"layout": 1}'])
def test_what_is_no_costs_file_is_refused(content: bytes | None) -> None:
    path = costs_path(machine_name())
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    with pytest.raises(DataError, match="fcnlab calibrate"):
        load_costs()


def test_parsing_checks_every_line() -> None:
    values: Mapping[str, Any] = made_up().as_dict()
    assert parse_costs(values).as_dict() == values
    values["seal"]["ckks"]["8192"]["square"]["slope"] = 1
    with pytest.raises(DataError, match="slope"):
        parse_costs(values)
