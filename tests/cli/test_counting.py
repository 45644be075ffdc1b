"""Tests of the verbs that count, project and compare."""

from pathlib import Path

import pytest

from fcnlab.approximation.fit import polynomial_text
from fcnlab.cli import OK, REFUSED
from fcnlab.cost.units import save_costs
from fcnlab.measuring import calibration
from tests.support.command import run, run_json
from tests.support.costs import made_up

COUNTS = {"pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults"}


@pytest.fixture(autouse=True)
def _calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    save_costs(made_up())


@pytest.mark.parametrize("convention", ["published", "stepwise", "fused", "executed"])
def test_hops_as_json_has_the_promised_shape(capsys, network: str, convention: str) -> None:
    values = run_json(capsys, "hops", "--network", network, "--convention", convention)
    assert {"network", "convention", "layers", "total"} <= set(values)
    assert (values["network"], values["convention"]) == ("tiny", convention)
    for layer in values["layers"]:
        assert COUNTS | {"name", "outputs"} <= set(layer)
    for column in COUNTS:
        assert values["total"][column] == sum(layer[column] for layer in values["layers"])


def test_hops_of_an_engine_says_which(capsys, network: str) -> None:
    values = run_json(capsys, "hops", "--network", network, "--convention", "executed", "--engine", "stepwise")
    assert (values["engine"], values["scheme"]) == ("stepwise", "bgv")
    status, out, _ = run(capsys, "hops", "--network", network)
    assert status == OK
    assert "conv1" in out
    assert out.splitlines()[-1].startswith("total")


@pytest.mark.parametrize("engine", ["fused", "stepwise"])
def test_cost_as_json(capsys, network: str, engine: str) -> None:
    values = run_json(capsys, "cost", "--network", network, "--images", "10", "--engine", engine, "--threads", "1")
    assert set(values["seconds"]) == {"keygen", "encrypt", "evaluate", "decrypt", "total"}
    assert set(values["bytes"]) == {"upload", "download", "evaluation_keys"}
    assert (values["network"], values["engine"], values["images"], values["threads"]) == ("tiny", engine, 10, 1)
    assert all(type(step["hops"]) is int for step in values["steps"])
    assert values["peak_memory_bytes"] > 0


def test_cost_of_a_full_batch_as_text(capsys, network: str) -> None:
    status, out, err = run(capsys, "cost", "--network", network, "--scheme", "ckks", "--ring", "8192")
    assert (status, err) == (OK, "")
    assert "4,096 images" in out
    assert "on this machine" in out


def test_cost_measures_the_machine_first_where_nothing_is_known(capsys, network: str, monkeypatch, tmp_path) -> None:
    for path in (tmp_path / "fcnlab").iterdir():
        path.unlink()

    def calibrate(*, report):
        report("kernels", 0, 2)
        report("done", 2, 2)
        return made_up()

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    status, _, err = run(capsys, "cost", "--network", network)
    assert status == OK
    assert "kernels" in err


def test_calibrate_prints_every_unit(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "calibrate", lambda *, report: made_up())
    values = run_json(capsys, "calibrate")
    assert set(values) == {"layout", "machine", "kernels", "general", "seal"}
    status, out, _ = run(capsys, "calibrate")
    assert status == OK
    assert "kept in" in out


def test_approximate_as_json_has_the_promised_shape(capsys) -> None:
    values = run_json(capsys, "approximate", "--function", "swish", "--degree", "2", "--interval", "-4", "4")
    asked = {"function", "degree", "interval", "norm"}
    found = {"coefficients", "exponents", "max_error", "rms_error", "lower_bound", "hops", "depth"}
    assert set(values) == asked | found
    assert values["exponents"] == [-3, -1, -3]
    assert values["max_error"] == pytest.approx(0.1969, abs=1e-4)


def test_approximate_on_points_gives_the_digits_of_printed_tables(capsys) -> None:
    values = run_json(capsys, "approximate", "--coefficients", "real", "--points", "2001")
    assert [f"{value:.8f}" for value in values["coefficients"]] == ["0.15361373", "0.50000000", "0.12050345"]


def test_approximate_as_text(capsys) -> None:
    status, out, _ = run(capsys, "approximate", "--coefficients", "real", "--norm", "l2")
    assert status == OK
    assert out.startswith("swish on -4 to 4: ")


@pytest.mark.parametrize(
    ("coefficients", "text"),
    [((0.125, 0.5, -0.25), "0.125 + 0.5 x - 0.25 x^2"), ((0, -1, 0, 2), "-1 x + 2 x^3"), ((0.0,), "0")],
)
def test_polynomials_are_written_as_by_hand(coefficients, text) -> None:
    assert polynomial_text(coefficients) == text


def test_compare_shows_all_kinds(capsys) -> None:
    rows = run_json(capsys, "compare")["rows"]
    assert {"published", "counted"} <= {row["kind"] for row in rows}
    status, out, _ = run(capsys, "compare")
    assert status == OK
    assert "Faster CryptoNets" in out


def test_compare_measures_on_request(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fcnlab.data import measured
    from fcnlab.measuring import runs
    from tests.data.test_measured import ROW

    asked, stored = [], []
    monkeypatch.setattr(runs, "measure", lambda network, **options: asked.append((network, options)) or ROW)
    monkeypatch.setattr(measured, "store_measurements", lambda rows: stored.extend(rows))
    run_json(capsys, "compare", "--measure", "--network", "fcn-20k", "--scheme", "ckks", "--threads", "1")
    ((name, options),) = asked
    assert name == "fcn-20k"
    assert (options["scheme"], options["engine"], options["threads"]) == ("ckks", "fused", 1)
    assert stored == [ROW]


def test_compare_goes_on_where_a_network_cannot_be_measured(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fcnlab.data import measured
    from fcnlab.errors import PlanError
    from fcnlab.measuring import runs
    from fcnlab.networks.checkpoint import available_networks
    from tests.data.test_measured import ROW

    def measure(network: str, **options: object) -> object:
        if network == "cryptonets":
            raise PlanError("It does not fit.")
        return ROW

    stored = []
    monkeypatch.setattr(runs, "measure", measure)
    monkeypatch.setattr(measured, "store_measurements", lambda rows: stored.extend(rows))
    status, _, err = run(capsys, "compare", "--measure")
    assert status == OK
    assert "cryptonets is left out: It does not fit." in err
    assert len(stored) == len(available_networks()) - 1
    status, _, err = run(capsys, "compare", "--measure", "--network", "cryptonets")
    assert status != OK
    assert "It does not fit." in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("hops", "--convention", "best"), "Unknown convention"),
        (("hops", "--convention", "executed", "--engine", "warp"), "Unknown engine"),
        (("hops", "--network", "nobody"), "Unknown network"),
        (("cost", "--engine", "warp"), "Unknown engine"),
        (("cost", "--scheme", "rsa"), "Unknown scheme"),
        (("approximate", "--function", "nope"), "no target function"),
        (("approximate", "--interval", "4", "-4"), "reversed"),
        (("approximate", "--degree", "9"), "degree"),
        (("approximate", "--points", "2001"), "--coefficients real"),
        (("compare", "--measure", "--network", "nobody"), "Unknown network"),
    ],
)
def test_what_cannot_be_met_is_refused_in_a_sentence(capsys, arguments: tuple[str, ...], message: str) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (REFUSED, "")
    assert message in err
    assert len(err.splitlines()) == 1
