"""The parts of the setup that can be tested without installing anything."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bootstrap


@pytest.fixture
def clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pretended clone with a .venv that looks complete; returns its folder."""
    for name in ("pyproject.toml", "bootstrap.py"):
        (tmp_path / name).write_text(name)
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "STAMP", venv / "fcnlab-setup.json")
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a setup would do, instead of doing it."""
    done: list[str] = []
    monkeypatch.setattr(bootstrap, "run", lambda label, command, **rest: done.append(label))
    monkeypatch.setattr(
        bootstrap, "install", lambda python, *, extras, keep_torch: done.append(",".join(sorted(extras)))
    )
    return done


def test_a_second_setup_has_nothing_to_do(clone: Path, calls: list[str]) -> None:
    bootstrap.prepare_venv({"lab"})
    bootstrap.prepare_venv({"lab"})
    bootstrap.prepare_venv(set())
    assert calls == ["lab"]


def test_extras_add_up_and_a_change_of_pyproject_is_noticed(clone: Path, calls: list[str]) -> None:
    bootstrap.prepare_venv({"lab"})
    bootstrap.prepare_venv({"test"})
    (clone / "pyproject.toml").write_text("changed")
    bootstrap.prepare_venv(set())
    assert calls == ["lab", "lab,test", "lab,test"]


def test_a_moved_clone_gets_a_new_venv(clone: Path, calls: list[str]) -> None:
    bootstrap.prepare_venv(set())
    stamp = json.loads(bootstrap.STAMP.read_text())
    bootstrap.STAMP.write_text(json.dumps({**stamp, "root": "elsewhere"}))
    bootstrap.prepare_venv(set())
    assert calls == ["", "Creating .venv", ""]


def test_a_venv_without_a_working_python_is_made_again(clone: Path, calls: list[str]) -> None:
    bootstrap.prepare_venv(set())
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("a python that was uninstalled")
    bootstrap.prepare_venv(set())
    assert calls == ["", "Creating .venv", ""]


def test_an_interrupted_setup_leaves_no_stamp(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(python: str, *, extras: set[str], keep_torch: bool) -> None:
        raise KeyboardInterrupt

    bootstrap.STAMP.write_text("half a sta")
    monkeypatch.setattr(bootstrap, "install", interrupt)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.prepare_venv(set())
    assert not bootstrap.STAMP.exists()


def test_the_download_options_of_pyfhel_are_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(
        "  SEAL_USE_MSGSL = 'ON'  # GSL\n\tSEAL_USE_ZLIB\t= 'ON'\nSEAL_USE_ZSTD='ON'\nSEAL_USE_INTRIN = 'ON'\n"
    )
    bootstrap.turn_off_downloads(path)
    assert path.read_text().count("'OFF'") == 3
    assert "SEAL_USE_INTRIN = 'ON'" in path.read_text()
    with pytest.raises(bootstrap.SetupError, match="found 0"):
        bootstrap.turn_off_downloads(path)


def test_a_kept_wheel_is_found_for_this_python_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert bootstrap.find_wheel() is None
    folder = bootstrap.wheel_directory()
    bootstrap.write_atomically(folder / f"pyfhel-{bootstrap.PYFHEL_VERSION}-cp27-cp27m-any.whl", b"")
    assert bootstrap.find_wheel() is None
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheel = folder / f"pyfhel-{bootstrap.PYFHEL_VERSION}-{tag}-{tag}-any.whl"
    bootstrap.write_atomically(wheel, b"")
    assert bootstrap.find_wheel() == wheel


def test_what_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setattr(bootstrap, "may_apt", lambda: False)
    with pytest.raises(bootstrap.SetupError, match=r"to build Pyfhel: a C\+\+ compiler, make\..*g\+\+ make"):
        bootstrap.require(bootstrap.missing_for_build(), reason="to build Pyfhel")


def test_as_root_on_debian_what_is_missing_is_installed(monkeypatch: pytest.MonkeyPatch, calls: list[str]) -> None:
    monkeypatch.setattr(bootstrap, "may_apt", lambda: True)
    bootstrap.require({"make": "make"}, reason="to build Pyfhel")
    assert calls == ["Updating apt's lists", "Installing make"]


def test_a_failing_command_shows_its_last_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = "print(*range(100), sep='\\n'); raise SystemExit(3)"
    with pytest.raises(bootstrap.SetupError, match=r"Trying: failed, .*setup\.log\. Try tea\.$"):
        bootstrap.run("Trying", [sys.executable, "-c", code], hint="Try tea.")
    shown = capsys.readouterr().out
    assert "  | 99" in shown
    assert "  | 74" not in shown
    assert "\n74\n" in (tmp_path / "fcnlab" / "setup.log").read_text()


def test_help_needs_nothing() -> None:
    environment = {"PATH": os.environ["PATH"]}
    command = [sys.executable, str(Path(bootstrap.__file__)), "--help"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "--into-current" in done.stdout
