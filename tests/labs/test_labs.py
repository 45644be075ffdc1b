"""Hygiene of the notebooks; `make test` also runs them and compares what they print."""

import re
from pathlib import Path

import nbformat
import pytest

LABS = sorted((Path(__file__).resolve().parents[2] / "labs").glob("*.ipynb"))


@pytest.fixture(params=LABS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_it_is_small_and_holds_no_widget_state(path):
    assert path.stat().st_size < 100_000
    content = path.read_text()
    assert "widget-state" not in content
    assert "widget-view" not in content


def test_it_was_run_from_top_to_bottom(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)


def test_code_cells_are_a_few_lines(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(len(cell.source.splitlines()) <= 4 for cell in cells)


def test_it_has_all_its_parts(path):
    prose = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
    for part in ("Goals", "Background", "Tasks", "Legend", "References"):
        assert part in prose
    assert "<details><summary>Solutions</summary>" in prose
    assert prose.startswith("# ")


def test_outputs_carry_no_timings(path):
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "")
            assert not re.search(r"\d (s|ms|seconds)\b", text)


def test_the_first_lab_leads_to_all_others():
    first, *others = LABS
    prose = "\n".join(cell.source for cell in nbformat.read(first, as_version=4).cells if cell.cell_type == "markdown")
    assert re.findall(r"\]\(([^)]+\.ipynb)\)", prose) == [path.name for path in others]
