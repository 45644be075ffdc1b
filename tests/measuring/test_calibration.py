"""No timings; how lines are laid and when stored costs are trusted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.cost.units import KERNELS, SEAL, load_costs, save_costs
from fcnlab.measuring import calibration, sessions
from fcnlab.measuring.calibration import costs_of_this_machine, fit_line, measure_seal
from fcnlab.measuring.kernels import measure_kernels
from fcnlab.planning.parameters import SCHEMES
from tests.support.costs import made_up

AMOUNTS = st.floats(0.01, 10)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_a_line_through_exact_points_is_found(fixed: float, per_prime: float, per_part: float) -> None:
    points = [
        (parts, primes, fixed + primes * (per_prime + per_part * parts)) for parts, primes in ((2, 2), (2, 4), (3, 4))
    ]
    line = fit_line(points)
    for parts, primes, seconds in points:
        assert line.seconds(parts=parts, primes=primes) == pytest.approx(seconds, rel=1e-3)


@given(st.lists(AMOUNTS, min_size=3, max_size=3))
def test_a_fitted_line_never_falls(seconds: list[float]) -> None:
    line = fit_line(list(zip((2, 2, 3), (2, 4, 4), seconds, strict=True)))
    assert min(line.fixed, line.per_prime, line.per_part) >= 0
    assert line.seconds(parts=3, primes=4) > 0


def test_what_does_not_depend_on_the_size_has_no_part_in_it() -> None:
    line = fit_line([(2, 2, 1.0), (2, 4, 2.0)])
    assert line.per_part == 0
    assert line.seconds(parts=9, primes=4) == pytest.approx(2.0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_unit_is_measured(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "REPEATS", 1)
    monkeypatch.setattr(sessions, "REPEATS", 1)
    lines = measure_seal(scheme, 4096)  # type: ignore[arg-type]
    assert set(lines) == set(SEAL)
    assert {unit for unit, line in lines.items() if line.seconds(parts=2, primes=2) == 0} == (
        set() if scheme == "bgv" else {"lift"}
    )


def test_every_kernel_is_measured() -> None:
    kernels, general = measure_kernels(lambda work: work() is None or 1.0)  # each piece of work is done once
    assert set(kernels) == set(KERNELS)
    assert set(general) == {"digit_s", "block_s", "fresh_byte_s"}


def test_stored_costs_are_used_and_damaged_ones_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls: list[Callable[..., None] | None] = []

    def measure(*, report: Callable[..., None] | None = None) -> object:
        calls.append(report)
        save_costs(made_up(kernel=9.0))
        return load_costs()

    monkeypatch.setattr(calibration, "calibrate", measure)
    path = save_costs(made_up())
    assert costs_of_this_machine().kernels["load"] == 2.0
    path.write_text("{")
    assert costs_of_this_machine().kernels["load"] == 9.0
    assert costs_of_this_machine().kernels["load"] == 9.0
    assert len(calls) == 1
