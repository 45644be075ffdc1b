"""Running a verb in this process."""

import json
from typing import Any

import pytest

from fcnlab.cli import OK, main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Its status, and what it printed to standard output and standard error."""
    status = main(arguments)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What it printed as JSON, and nothing else."""
    status, out, err = run(capsys, *arguments, "--json")
    assert (status, err) == (OK, "")
    return json.loads(out)
