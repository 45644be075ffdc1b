"""Is this machine ready? Every part that fcnlab needs: what was found, and how to mend it.

Nothing here trusts what it examines: parts that may crash are tried in a process of their own, and a check that fails
in a way nobody foresaw becomes a failed check, not an exception.
"""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement

from fcnlab.machine.machine import available_bytes, usable_cores

ROOT: Final = Path(__file__).resolve().parents[2]
OLDEST_PYTHON: Final = (3, 11)
NEEDED_MEMORY_GIB: Final = 4
NEEDED_DISK_GIB: Final = 2
PROBE_TIMEOUT_S: Final = 120
LAB_EXTENSIONS: Final = {"@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets", "anywidget": "anywidget"}
"""What the dashboards need in JupyterLab: the extension, and the package that brings it."""


@dataclass(frozen=True)
class Check:
    """One part of the machine.

    Attributes:
        name: The part's name.
        ok: Whether fcnlab works with what was found.
        found: Version, size or state.
        mend: What to do: empty if there is nothing to do; advice if `ok`, otherwise the remedy.
    """

    name: str
    ok: bool
    found: str
    mend: str = ""


def diagnose() -> list[Check]:
    """Examine everything; takes a few seconds."""
    examinations: tuple[Callable[[], Iterator[Check]], ...] = (
        examine_python,
        examine_packages,
        examine_imports,
        examine_compiler,
        examine_pyfhel,
        examine_jupyterlab,
        examine_mnist,
        examine_networks,
        examine_machine,
    )
    return [check for examine in examinations for check in safely(examine)]


def safely(examine: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """The checks of one examination; an exception becomes a failed check."""
    try:
        yield from examine()
    except Exception as error:  # whatever is broken, the other checks must still be shown
        yield Check(examine.__name__.removeprefix("examine_"), False, f"{type(error).__name__}: {error}", setup_again())


def is_healthy(checks: Sequence[Check]) -> bool:
    """Whether every check passed."""
    return all(check.ok for check in checks)


def render_checks(checks: Sequence[Check]) -> str:
    """The checks as plain text: one line each, the remedy below it, a verdict at the end."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        mark = "FAIL" if not check.ok else "note" if check.mend else "ok"
        lines.append(f"{mark:4}  {check.name:{width}}  {check.found}")
        if check.mend:
            lines.append(f"{'':{6 + width}}  -> {check.mend}")
    broken = sum(not check.ok for check in checks)
    lines.append(f"\n{broken} of {len(checks)} checks failed." if broken else "\nEverything works.")
    return "\n".join(lines)


def describe_checks(checks: Sequence[Check]) -> dict[str, Any]:
    """The checks as a dictionary for JSON: ``ok`` and ``checks``, each with name, ok, found, mend."""
    return {"ok": is_healthy(checks), "checks": [asdict(check) for check in checks]}


def setup_again() -> str:
    """The command that repairs the packages of this very Python."""
    return f"run `{sys.executable} {ROOT / 'bootstrap.py'} --into-current --extras lab`"


def examine_python() -> Iterator[Check]:
    """The interpreter's version."""
    ok = sys.version_info >= OLDEST_PYTHON
    wanted = ".".join(map(str, OLDEST_PYTHON))
    mend = "" if ok else f"install Python {wanted} or newer, then `make clean lab PYTHON=python{wanted}`"
    yield Check("Python", ok, f"{platform.python_version()} on {platform.system()} {platform.machine()}", mend)


def examine_packages() -> Iterator[Check]:
    """The versions of the packages that fcnlab's own metadata asks for."""
    requirements = [Requirement(line) for line in importlib.metadata.requires("fcnlab") or []]
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield examine_package(requirement)


def examine_package(requirement: Requirement) -> Check:
    """The version of one package against what is required."""
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Check(requirement.name, False, "not installed", setup_again())
    if not requirement.specifier.contains(version, prereleases=True):
        return Check(requirement.name, False, f"{version}, needs {requirement.specifier}", setup_again())
    return Check(requirement.name, True, version)


def examine_imports() -> Iterator[Check]:
    """Whether the compiled packages load together; versions that do not fit each other fail here."""
    done = run_python("import numpy, scipy.sparse, numba, safetensors, torch")
    yield Check(
        "imports", not done, done or "numpy, scipy, numba, safetensors, torch load", setup_again() if done else ""
    )


def examine_compiler() -> Iterator[Check]:
    """A C++ compiler: needed once, to build Pyfhel."""
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))), None)
    if compiler is None:
        advice = "needed only to build Pyfhel: `apt-get install g++`, or on macOS `xcode-select --install`"
        yield Check("C++ compiler", True, "none", advice)
        return
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S)
    yield Check("C++ compiler", True, done.stdout.partition("\n")[0])


def examine_pyfhel() -> Iterator[Check]:
    """Whether Pyfhel encrypts, decrypts and serialises; in a process of its own, since a misbuilt one may crash it."""
    failure = run_python("from fcnlab.cli.doctor import try_pyfhel; try_pyfhel()")
    mend = f"{setup_again()}; if that does not help, delete the wheel it kept in fcnlab's cache folder and run it again"
    yield Check(
        "encryption", not failure, failure or "Pyfhel encrypts, decrypts and serialises", mend if failure else ""
    )


def try_pyfhel() -> None:
    """Encrypt, serialise without compression, read back and decrypt a few integers in bgv.

    Raises:
        ValueError: If other integers come back.
    """
    import numpy as np
    from Pyfhel import PyCtxt, Pyfhel

    he = Pyfhel()
    he.contextGen(scheme="bgv", n=4096, t=65537, sec=128)
    he.keyGen()
    sent = np.arange(-5, 5, dtype=np.int64)
    ciphertext = PyCtxt(pyfhel=he, bytestring=he.encryptBGV(sent).to_bytes("none"), scheme="bgv")
    received = he.decryptBGV(ciphertext)[: len(sent)]
    if not np.array_equal(received, sent):
        raise ValueError(f"Pyfhel encrypted {sent.tolist()} and decrypted {received.tolist()}")


def run_python(code: str) -> str:
    """Run Python code in a process of its own; returns nothing, or what went wrong in a line."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {PROBE_TIMEOUT_S} s"
    if done.returncode == 0:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines and done.returncode > 0 else f"the process died with signal {-done.returncode}"


def examine_jupyterlab() -> Iterator[Check]:
    """JupyterLab, the packages of the notebooks and the extensions that show widgets."""
    advice = "`make lab` installs it; only the notebooks need it"
    try:
        version = importlib.metadata.version("jupyterlab")
    except importlib.metadata.PackageNotFoundError:
        yield Check("jupyterlab", True, "not installed", advice)
        return
    for line in importlib.metadata.requires("fcnlab") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and requirement.marker.evaluate({"extra": "lab"}):
            yield examine_package(requirement)
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    for extension, package in LAB_EXTENSIONS.items():
        found = any((folder / extension / "package.json").exists() for folder in folders)
        mend = f"`{sys.executable} -m pip install --force-reinstall --no-deps {package}`"
        state = f"in JupyterLab {version}" if found else "missing: dashboards would stay empty"
        yield Check(extension.rpartition("/")[2], found, state, "" if found else mend)


def examine_mnist() -> Iterator[Check]:
    """The four MNIST files, by checksum."""
    from fcnlab.data.mnist import load_mnist
    from fcnlab.errors import DataError

    try:
        counts = [f"{len(load_mnist('train')):,} training", f"{len(load_mnist('test')):,} test images"]
    except DataError as error:
        yield Check("MNIST", False, str(error), "`git checkout -- data/mnist`")
        return
    yield Check("MNIST", True, f"{' and '.join(counts)}, checksums match")


def examine_networks() -> Iterator[Check]:
    """The shipped networks: weights and card."""
    from fcnlab.errors import FcnlabError
    from fcnlab.networks.checkpoint import available_networks, load_checkpoint

    names = available_networks()
    if not names:
        yield Check("networks", False, "none in data/models", "`git checkout -- data/models`")
    for name in names:
        try:
            accuracy = load_checkpoint(name).card.accuracy
        except FcnlabError as error:
            yield Check(f"network {name}", False, str(error), "`git checkout -- data/models`, or train it again")
        else:
            yield Check(f"network {name}", True, f"whole, {accuracy:.2f} % on the test images")


def examine_machine() -> Iterator[Check]:
    """Cores, memory and disk."""
    yield Check("cores", True, str(usable_cores()))
    free = available_bytes()  # where the system does not tell, all of its memory
    memory_gib = (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if free is None else free) / 2**30
    enough = memory_gib >= NEEDED_MEMORY_GIB
    mend = "close other programs, or classify fewer images at a time"
    yield Check("memory", enough, f"{memory_gib:.1f} GiB free, {NEEDED_MEMORY_GIB} needed", "" if enough else mend)
    disk_gib = shutil.disk_usage(ROOT).free / 2**30
    enough = disk_gib >= NEEDED_DISK_GIB
    mend = f"make room on the disk of {ROOT}"
    yield Check("disk", enough, f"{disk_gib:.1f} GiB free, {NEEDED_DISK_GIB} needed", "" if enough else mend)
