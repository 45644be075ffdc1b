"""How long a user waits before anything happens."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

CASES = {
    "python alone": [sys.executable, "-c", "pass"],
    "import fcnlab": [sys.executable, "-c", "import fcnlab"],
    "fcnlab --version": [sys.executable, "-m", "fcnlab", "--version"],
}


def run(*, network: str, repeats: int) -> Iterator[str]:
    """Median seconds of a whole process."""
    for name, command in CASES.items():
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
        yield f"{name:<24}{statistics.median(seconds):8.3f} s"
