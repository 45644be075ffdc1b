"""The parts of the setup that can be tested without installing anything."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import bootstrap


@pytest.fixture
def clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pretended clone with a .venv that looks complete; returns its folder."""
    for name in ("pyproject.toml", "bootstrap.py", "constraints.txt"):
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


PYFHEL_OPTIONS = """[cpplibraries]
  [cpplibraries.SEAL]
  mode = 'cmake'              # standard/cmake
  lib_type = 'static'         # static/shared
    BUILD_SHARED_LIBS ='OFF'     # ON/OFF
    SEAL_USE_MSGSL = 'ON'  # GSL
    SEAL_USE_ZLIB\t= 'ON'
    SEAL_USE_ZSTD='ON'
    SEAL_USE_INTRIN = 'ON'
  [cpplibraries.Afhel]
  lib_type = 'shared'
"""


def test_pyfhel_is_built_without_downloads_and_with_one_seal(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(PYFHEL_OPTIONS)
    bootstrap.adapt_build(path)
    values = tomllib.loads(path.read_text())["cpplibraries"]["SEAL"]
    assert values["lib_type"] == "shared"
    assert (
        values["BUILD_SHARED_LIBS"] == values["CMAKE_PLATFORM_NO_VERSIONED_SONAME"] == values["SEAL_USE_INTRIN"] == "ON"
    )
    assert [values[f"SEAL_USE_{name}"] for name in ("MSGSL", "ZLIB", "ZSTD")] == ["OFF"] * 3
    with pytest.raises(bootstrap.SetupError, match="found 0"):
        bootstrap.adapt_build(path)


def test_every_package_is_pinned_with_hashes_and_knows_its_groups() -> None:
    groups = {"build", "images", "lab", "test"}
    base, everything = bootstrap.locked({"base"}), bootstrap.locked({"base", *groups})
    blocks = [
        re.match(r"(\S+)==(\S+).*--hash=sha256:", block, re.DOTALL) for block in re.split(r"\n(?=\S)", everything)
    ]
    assert all(blocks)
    pinned = {block[1]: block[2] for block in blocks if block}
    assert "numpy==" in base
    assert "jupyterlab==" not in base
    project = tomllib.loads((bootstrap.ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + [
        line for name, extra in project["optional-dependencies"].items() if name in groups for line in extra
    ]
    for requirement in map(Requirement, lines):
        if (name := requirement.name.lower()) not in ("torch", "pyfhel"):
            assert requirement.specifier.contains(pinned[name]), requirement


def test_a_kept_wheel_is_found_for_this_python_and_build_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FCNLAB_WHEELS", raising=False)
    assert bootstrap.find_wheel() is None
    folder = bootstrap.wheel_directory()
    version, build = bootstrap.PYFHEL_VERSION, bootstrap.PYFHEL_BUILD
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for other in (f"{version}-{build}-cp27-cp27m", f"{version}-{tag}-{tag}"):
        bootstrap.write_atomically(folder / f"pyfhel-{other}-any.whl", b"")
    assert bootstrap.find_wheel() is None
    wheel = folder / f"pyfhel-{version}-{build}-{tag}-{tag}-any.whl"
    bootstrap.write_atomically(wheel, b"")
    assert bootstrap.find_wheel() == wheel
    monkeypatch.setenv("FCNLAB_WHEELS", str(tmp_path / "elsewhere"))
    assert bootstrap.find_wheel() is None


def test_seal_is_there_once() -> None:
    """Linked into several modules, its memory pool would be destroyed by each of them when a process ends."""
    folder = Path(importlib.util.find_spec("Pyfhel").submodule_search_locations[0])
    pool = b"N4seal4util16global_variables18global_memory_poolE"
    owners = [path.name for path in folder.glob("*.so") if pool in defined(path)]
    assert owners == ["libseal.so"]


def defined(library: Path) -> bytes:
    """Names of the symbols that a library defines."""
    if shutil.which("nm") is None:
        pytest.skip("nm, of binutils, lists the symbols")
    return subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, check=True).stdout


def test_processes_end_with_their_own_status() -> None:
    code = "import sys, Pyfhel; he = Pyfhel.Pyfhel(); sys.exit(int(sys.argv[1]))"
    for first in range(0, 200, 4):
        commands = [[sys.executable, "-c", code, str(status)] for status in range(first, first + 4)]
        started = [subprocess.Popen(command, stderr=subprocess.PIPE) for command in commands]
        for status, process in enumerate(started, start=first):
            _, error = process.communicate()
            assert (process.returncode, error) == (status, b"")


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
