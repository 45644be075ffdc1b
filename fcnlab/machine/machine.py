"""Which machine this is, as far as its speed goes, and its memory: its name decides whether measurements still hold."""

import hashlib
import importlib.metadata
import json
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Final

PACKAGES: Final = ("fcnlab", "Pyfhel", "numba", "numpy")
"""This one, and those that do the heavy work."""


def machine_name() -> dict[str, str]:
    """Processor, interpreter, and versions of this package and of those that do the heavy work."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    system = {"processor": processor_name(), "cores": str(usable_cores()), "python": platform.python_version()}
    return {**system, **versions}


def machine_digest(machine: dict[str, str]) -> str:
    """Twelve hexadecimal digits for a file name: machines that share a home directory do not overwrite each other."""
    return hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:12]


def processor_name() -> str:
    """The processor as the system names it."""
    named = system_entry("cpuinfo", "model name")
    return named or platform.processor() or platform.machine() or "unknown processor"


def system_entry(table: str, name: str) -> str | None:
    """What Linux says after `name` in a table of /proc; None elsewhere, and if it says nothing."""
    try:
        with Path("/proc", table).open(encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return None


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def peak_resident_bytes() -> int:
    """Largest resident size of this process so far.

    Linux's own mark is preferred: the figure of getrusage survives an exec, so that a young process may report its
    parent's size.
    """
    if mark := system_entry("self/status", "VmHWM"):
        return 1024 * int(mark.split()[0])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def available_bytes() -> int | None:
    """Memory that can be had without swapping, as Linux estimates it; None elsewhere."""
    left = system_entry("meminfo", "MemAvailable")
    return None if left is None else 1024 * int(left.split()[0])


def cache_folder() -> Path:
    """Where this user keeps measurements: ``$XDG_CACHE_HOME/fcnlab``, otherwise ``~/.cache/fcnlab``."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "fcnlab"
