"""An installed package stands alone: its networks, tables and images come with it, wherever it is called from."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.timeout(300)  # kernels are compiled anew where they are installed


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", minversion="77")
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "target"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("data", "fcnlab"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*pip, "--no-build-isolation", "--no-index", "--target", target, source], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return target


def run_from(folder: Path, installed: Path, *command: str | Path) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "FCNLAB_DATA"}
    environment["PYTHONPATH"] = str(installed)
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=250
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_installed_package_classifies_an_image(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "fcnlab"
    values = json.loads(run_from(tmp_path, installed, command, "infer", "--images", "1", "--json"))
    assert (values["images"], values["mismatched_logits"]) == (1, 0)


def test_an_installed_package_compares_its_networks(installed: Path, tmp_path: Path) -> None:
    rows = json.loads(run_from(tmp_path, installed, installed / "bin" / "fcnlab", "compare", "--json"))["rows"]
    assert {row["kind"] for row in rows} == {"published", "counted", "measured"}


def test_its_data_are_those_of_the_repository(installed: Path, tmp_path: Path) -> None:
    code = "import fcnlab.data.mnist as mnist; print(mnist.DATA_ROOT)"
    roots = [Path(run_from(tmp_path, path, "-c", code).strip()) for path in (ROOT, installed)]
    assert roots == [ROOT / "data", installed / "fcnlab" / "share"]
    ours, theirs = (sorted(path.relative_to(root) for path in root.rglob("*")) for root in roots)
    assert ours == theirs
