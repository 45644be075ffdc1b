"""The doctor finds a healthy machine healthy, and names each breakage with its remedy."""

import importlib.metadata
import json
import signal
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fcnlab.cli import doctor
from fcnlab.cli.doctor import Check
from fcnlab.data import mnist
from fcnlab.errors import DataError
from fcnlab.networks import checkpoint


def only(checks: list[Check], name: str) -> Check:
    (found,) = [check for check in checks if check.name == name]
    return found


def test_what_these_tests_run_on_is_healthy() -> None:
    checks = doctor.diagnose()
    for name in ("Python", "numpy", "torch", "Pyfhel", "imports", "encryption", "MNIST"):
        assert only(checks, name).ok, only(checks, name)
    for name in ("C++ compiler", "jupyterlab", "cores", "memory", "disk"):
        assert only(checks, name).found
    assert all(check.mend for check in checks if not check.ok)


@pytest.mark.parametrize(("line", "found"), [("numpy>=99", "needs >=99"), ("a-package-nobody-has>=1", "not installed")])
def test_a_package_missing_or_too_old_is_reinstalled(line: str, found: str) -> None:
    check = doctor.examine_package(Requirement(line))
    assert not check.ok
    assert check.found.endswith(found)
    assert "bootstrap.py --into-current" in check.mend


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("pass", ""),
        ("import a_module_nobody_has", "ModuleNotFoundError: No module named 'a_module_nobody_has'"),
        (f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})", "the process died with signal 9"),
    ],
)
def test_a_crash_in_a_part_does_not_reach_the_doctor(code: str, failure: str) -> None:
    assert doctor.run_python(code) == failure


def test_a_part_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PROBE_TIMEOUT_S", 0.2)
    assert doctor.run_python("import time; time.sleep(60)") == "no answer within 0.2 s"


def test_a_broken_pyfhel_is_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "run_python", lambda code: "ImportError: libgomp.so.1")
    (check,) = doctor.examine_pyfhel()
    assert not check.ok
    assert check.found == "ImportError: libgomp.so.1"
    assert "bootstrap.py" in check.mend


def test_missing_images_are_restored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(mnist, "DATA_ROOT", tmp_path)
    (check,) = doctor.examine_mnist()
    assert not check.ok
    assert "missing" in check.found
    assert "git checkout" in check.mend


def test_networks_missing_or_altered_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "available_networks", lambda: ())
    (check,) = doctor.examine_networks()
    assert not check.ok

    def refuse(name: str) -> None:
        raise DataError(f"{name} is altered.")

    monkeypatch.setattr(checkpoint, "available_networks", lambda: ("sparse",))
    monkeypatch.setattr(checkpoint, "load_checkpoint", refuse)
    (check,) = doctor.examine_networks()
    assert (check.name, check.ok, check.found) == ("network sparse", False, "sparse is altered.")


def test_jupyterlab_is_optional_but_its_extensions_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    paths = pytest.importorskip("jupyter_core.paths")
    monkeypatch.setattr(paths, "jupyter_path", lambda *parts: [str(tmp_path)])
    missing = [check for check in doctor.examine_jupyterlab() if not check.ok]
    assert [check.name for check in missing] == ["jupyterlab-manager", "anywidget"]

    def version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    (check,) = doctor.examine_jupyterlab()
    assert check.ok
    assert "make lab" in check.mend


def test_without_a_compiler_there_is_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    (check,) = doctor.examine_compiler()
    assert check.ok
    assert "g++" in check.mend


def test_too_little_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_bytes", lambda: 2**30)
    check = only(list(doctor.examine_machine()), "memory")
    assert (check.ok, check.found) == (False, "1.0 GiB free, 4 needed")


def test_an_unforeseen_failure_becomes_a_check() -> None:
    def examine_nothing() -> None:
        raise OSError("disk on fire")

    (check,) = doctor.safely(examine_nothing)
    assert (check.name, check.ok, check.found) == ("nothing", False, "OSError: disk on fire")


def test_checks_are_shown_as_text_and_json() -> None:
    checks = [Check("a", True, "1.0"), Check("long", True, "none", "get one"), Check("b", False, "gone", "fetch it")]
    assert doctor.render_checks(checks).splitlines() == [
        "ok    a     1.0",
        "note  long  none",
        "            -> get one",
        "FAIL  b     gone",
        "            -> fetch it",
        "",
        "1 of 3 checks failed.",
    ]
    assert doctor.render_checks(checks[:2]).endswith("Everything works.")
    described = json.loads(json.dumps(doctor.describe_checks(checks)))
    assert described["ok"] is False
    assert described["checks"][0] == {"name": "a", "ok": True, "found": "1.0", "mend": ""}
