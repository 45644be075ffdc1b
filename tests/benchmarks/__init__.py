"""Measurements that print tables; never part of the tests."""

import json
import subprocess
import sys
from typing import Any


def run_case(section: str, *arguments: str) -> dict[str, Any] | str:
    """What one case of a section measured in a process of its own; if it failed, the last line of its complaint."""
    command = [sys.executable, "-m", f"tests.benchmarks.{section}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else json.loads(done.stdout)
