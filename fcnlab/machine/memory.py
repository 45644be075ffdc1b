"""How much memory this process has used at most, and how much is left."""

import resource
import sys
from pathlib import Path

STATUS, MEMORY = Path("/proc/self/status"), Path("/proc/meminfo")


def peak_resident_bytes() -> int:
    """Largest resident size of this process so far.

    Linux's own mark is preferred: the figure of getrusage survives an exec, so that a young process may report its
    parent's size.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def available_bytes() -> int | None:
    """Memory that can be had without swapping, as Linux estimates it; None elsewhere."""
    if MEMORY.exists():
        for line in MEMORY.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    return None
