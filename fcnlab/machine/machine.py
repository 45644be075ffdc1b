"""Which machine this is, as far as its speed goes: its name decides whether measurements made on it still hold."""

import hashlib
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Final

from fcnlab.defaults import __version__

PACKAGES: Final = ("Pyfhel", "numba", "numpy")
"""The packages that do the heavy work."""


def machine_name() -> dict[str, str]:
    """Processor, interpreter and versions of the packages that do the heavy work."""
    versions = {package: importlib.metadata.version(package) for package in PACKAGES}
    system = {"processor": processor_name(), "cores": str(usable_cores()), "python": platform.python_version()}
    return {**system, "fcnlab": __version__, **versions}


def machine_digest(machine: dict[str, str]) -> str:
    """Twelve hexadecimal digits for a file name: machines that share a home directory do not overwrite each other."""
    return hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:12]


def processor_name() -> str:
    """The processor as the system names it."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine() or "unknown processor"


def usable_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cache_folder() -> Path:
    """Where this user keeps measurements: ``$XDG_CACHE_HOME/fcnlab``, otherwise ``~/.cache/fcnlab``."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if chosen else Path.home() / ".cache") / "fcnlab"
