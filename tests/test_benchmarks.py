"""The benchmarks run: what they find is printed, never tested."""

import importlib
from pathlib import Path

import pytest

from tests.support.checkpoints import tiny_checkpoint


@pytest.mark.parametrize("section", ["imports", "kernels", "packed"])
def test_a_section_prints_its_table(section: str, tmp_path: Path) -> None:
    module = importlib.import_module(f"tests.benchmarks.{section}")
    title, *rows = list(module.run(network=str(tiny_checkpoint(tmp_path)), repeats=1))
    assert title
    assert rows
