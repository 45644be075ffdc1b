"""On tiny networks: shared stages, one row at a time, and resumption after an interrupt."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fcnlab.cli import OK, REFUSED, main
from fcnlab.data.mnist import load_mnist
from fcnlab.data.trained import TrainedPoint, load_trained
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture
from fcnlab.networks.checkpoint import load_checkpoint
from fcnlab.training import distillation, sweep
from fcnlab.training.recipes import TeacherRecipe
from fcnlab.training.sweep import (
    ALL_POINTS,
    BASE,
    SweepPoint,
    SweepProgress,
    make_base,
    point_command,
    point_name,
    split_budget,
)

MNIST = cache(load_mnist)
TINY = replace(
    BASE,
    name="tiny",
    architecture=Architecture(kind="faster-cryptonets", activation="swish-aq-2", maps=2, units=8, pixel_bits=3),
    dense_epochs=1,
    teacher=TeacherRecipe(epochs=1, lessons=1, images=512),
)
BUDGETS = (3_000, 1_500)
DENSE = 2 * 4_096 + 338 * 8 + 80


@pytest.fixture(autouse=True)
def _small_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two budgets, few epochs, and one reading of MNIST."""
    values = {"BUDGETS": BUDGETS, "PRUNE_EPOCHS": 1, "QUANTISE_EPOCHS": 1, "CALIBRATE_EPOCHS": 1, "LOGIT_BASE": 30}
    for name, value in values.items():
        monkeypatch.setattr(sweep, name, value)
    for module in ("distillation", "train"):
        monkeypatch.setattr(f"fcnlab.training.{module}.load_mnist", MNIST)


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with the lessons of the tiny teacher."""
    work = tmp_path_factory.mktemp("work")
    distillation.prepare_lessons(TINY.teacher, work=work, tell=lambda *_: None)
    return work


def fresh_work(lessons: Path, target: Path) -> Path:
    """A work folder with the teacher's lessons and nothing else."""
    (teacher,) = lessons.glob("teacher-*")
    (target / teacher.name).symlink_to(teacher)
    return target


def run(folder: Path, *points: str, **options: Any) -> tuple[TrainedPoint, ...]:
    """Sweep in a folder."""
    chosen = [SweepPoint.parse(point) for point in points]
    return sweep.sweep(chosen, base=TINY, table=folder / "frontier.csv", work=folder, **options)


def stop_after(count: int) -> Callable[[SweepProgress], None]:
    """A progress callback that interrupts at its `count`-th call."""
    calls = []

    def progress(step: SweepProgress) -> None:
        calls.append(step)
        if len(calls) == count:
            raise KeyboardInterrupt

    return progress


def test_rows_describe_the_checkpoints(lessons: Path, tmp_path: Path) -> None:
    steps: list[SweepProgress] = []
    rows = run(fresh_work(lessons, tmp_path), "1500x2", "3000x3", progress=steps.append)
    assert [row.name for row in rows] == ["tiny-3000-3-bits", "tiny-1500-2-bits"]
    assert load_trained(tmp_path / "frontier.csv") == rows
    for row, budget in zip(rows, BUDGETS, strict=True):
        card = load_checkpoint(row.name, folder=tmp_path / "sweep").card
        assert row.executed_products <= row.products == card.products <= budget
        assert (row.weight_bits, row.hops_total, row.accuracy_test) == (
            card.weight_bits,
            card.hops["total"],
            round(card.accuracy, 2),
        )
        assert row.prune_ratio == pytest.approx(1 - row.products / DENSE, abs=1e-4)
        assert row.command == card.command == f"fcnlab sweep --points {budget}x{row.weight_bits} --maps 2 --units 8"
    assert [step.phase for step in steps] == ["dense", *["prune", "quantise", "calibrate"] * 2]
    assert [step.epochs_done for step in steps] == list(range(1, 8))
    assert {step.epochs for step in steps} == {7}
    assert steps[-1].remaining_s == 0 < steps[0].remaining_s


def test_a_row_does_not_depend_on_the_session_it_was_made_in(lessons: Path, tmp_path: Path) -> None:
    for name in ("at-once", "stopped"):
        (tmp_path / name).mkdir()
    whole = run(fresh_work(lessons, tmp_path / "at-once"), "3000x2", "1500x2")
    folder = fresh_work(lessons, tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        run(folder, "3000x2", "1500x2", progress=stop_after(6))
    assert [row.name for row in load_trained(folder / "frontier.csv")] == ["tiny-3000-2-bits"]
    steps: list[SweepProgress] = []
    resumed = run(folder, "3000x2", "1500x2", progress=steps.append)
    assert [step.phase for step in steps] == ["quantise", "calibrate"]
    assert [replace(row, minutes=0) for row in resumed] == [replace(row, minutes=0) for row in whole]
    again: list[SweepProgress] = []
    assert run(folder, "3000x2", "1500x2", progress=again.append) == resumed
    assert not again
    run(folder, "3000x2", progress=again.append, resume=False)
    assert [step.phase for step in again] == ["dense", "prune", "quantise", "calibrate"]


def test_a_base_is_named_by_what_it_differs_in() -> None:
    assert make_base() == BASE
    base = make_base(maps=8, seed=3)
    assert (base.name, base.seed, base.architecture.maps) == ("sweep-maps-8-seed-3", 3, 8)
    point = SweepPoint.parse("3000x3")
    assert point_name(point, base=base) == "sweep-maps-8-seed-3-3000-3-bits"
    assert point_command(point, base=base) == "fcnlab sweep --points 3000x3 --maps 8 --seed 3"


@pytest.mark.parametrize("text", ["20000", "x3", "2e4x3", "20000x3x4", "20001x3", "20000x7"])
def test_a_point_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="such as 20000x3"):
        SweepPoint.parse(text)


def test_the_grid_spans_the_sliders() -> None:
    assert len(ALL_POINTS) >= 12
    for point in ALL_POINTS:
        budgets = split_budget(point.products)
        assert sum(budgets.values()) == point.products
        assert all(0 < budgets[name] <= layer for name, layer in {"conv1": 20_480, "fc1": 84_500, "fc2": 1_000}.items())


def test_the_command_trains_nothing_that_the_table_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--json"]) == OK
    rows = json.loads(capsys.readouterr().out)["points"]
    assert {row["command"] for row in rows} >= {f"fcnlab sweep --points {point}" for point in ALL_POINTS}
    assert main(["sweep"]) == OK
    assert "sweep-20000-3-bits" in capsys.readouterr().out


def test_the_command_refuses_a_point_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--points", "3000x3,7x7"]) == REFUSED
    assert "7x7 is no point of the sweep" in capsys.readouterr().err
