"""Set fcnlab up from nothing: `python3 bootstrap.py [--extras lab,test] [--browser] [--into-current]`.

Needs Python 3.11, a C++ compiler and make, nothing else; the Makefile calls it before every target. It makes `.venv`,
takes torch's CPU build, builds Pyfhel once per user, and installs the package editable. Run it again at any time: what
is done is not done twice, an interrupted run goes on, and a call with nothing to do takes a tenth of a second.

Two packages need more than pip:

* torch: on Linux x86_64 the plain package is a CUDA build of several gigabytes; the CPU build has an index of its own.
* Pyfhel: there is no wheel, and the plain source build clones repositories from GitHub. Three options in its own
  pyproject.toml ask for them; with these off it builds anywhere, and all that is lost is the compression of
  ciphertexts, which look random and do not compress. SEAL becomes a shared library, so that a process has it once.

All other versions are pinned in constraints.txt, with the hashes of their files.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "fcnlab-setup.json"
CONSTRAINTS = ROOT / "constraints.txt"

TORCH_VERSION = "2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PYFHEL_VERSION = "3.5.0"
PYFHEL_BUILD = "2"  # of the wheel; counts up when `BUILD_CHANGES` do
PYFHEL_SHA256 = "0375b83b5a83026924f59db25c4efa9f27e1e8a66d004658f4d24195986a04b6"

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROBE_TIMEOUT_S = 3
SHOWN_LOG_LINES = 25


class SetupError(Exception):
    """Setup cannot go on; the message says what to do."""


def main() -> int:
    """Set up what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(description="Set fcnlab up: .venv, torch (CPU), Pyfhel and the package itself.")
    parser.add_argument("--extras", default="", metavar="A,B", help="extras to install: images, lab, test")
    parser.add_argument("--browser", action="store_true", help="also see to Chromium, for the browser tests")
    parser.add_argument("--into-current", action="store_true", help="install into this Python (conda), not into .venv")
    options = parser.parse_args()
    extras = {extra.strip() for extra in options.extras.split(",") if extra.strip()}
    try:
        if sys.version_info < (3, 11):  # noqa: UP036 - the oldest Python that gets here may be older than ruff's target
            raise SetupError(
                f"fcnlab needs Python 3.11 or newer and this is {platform.python_version()}: "
                "name a newer one, for instance `make lab PYTHON=python3.12`."
            )
        if options.into_current:
            install(sys.executable, extras=extras, keep_torch=True)
        else:
            prepare_venv(extras)
        if options.browser:
            prepare_browser()
    except SetupError as error:
        print(f"\nSetup stopped. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def prepare_venv(extras: set[str]) -> None:
    """Bring `.venv` up to date with pyproject.toml and at least these extras; a stamp tells when it already is."""
    python = VENV / "bin" / "python"
    stamp = read_stamp()
    extras = extras.union(stamp.get("extras", []))
    wanted = {"root": str(ROOT), "fingerprint": fingerprint_setup(), "extras": sorted(extras)}
    if stamp == wanted and python.exists():
        return

    STAMP.unlink(missing_ok=True)
    moved = stamp.get("root", str(ROOT)) != str(ROOT)  # scripts in .venv name their Python by its absolute path
    if moved or not is_usable(python):
        require(missing_for_venv(), reason="to make .venv")
        run("Creating .venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    install(str(python), extras=extras, keep_torch=False)
    write_atomically(STAMP, json.dumps(wanted))


def read_stamp() -> dict[str, str | list[str]]:
    """What the last complete setup wrote; empty if there was none."""
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def fingerprint_setup() -> str:
    """A hash of everything a setup depends on: this script, pyproject.toml and the Python it runs on."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for name in ("pyproject.toml", "bootstrap.py", CONSTRAINTS.name):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_usable(python: Path) -> bool:
    """Whether this is a Python with pip, of the version that runs this script."""
    code = "import sys, pip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return done.stdout.split() == [str(part) for part in sys.version_info[:2]]


# --- packages ---------------------------------------------------------------------------------------------------------


def install(python: str, *, extras: Iterable[str], keep_torch: bool) -> None:
    """Install torch, Pyfhel and then fcnlab itself, editable, for one Python.

    Args:
        python: The interpreter to install for.
        extras: Names of extras in pyproject.toml.
        keep_torch: Whether a torch that is already there stays, whatever its version (conda brings its own).
    """
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    installed = installed_versions(python)
    if not keep_torch:  # conda brings its own versions
        install_locked(python, {"base", *extras})
    torch = installed.get("torch", "").split("+")[0]
    if torch != TORCH_VERSION and not (torch and keep_torch):
        run(f"Installing torch {TORCH_VERSION}", [*pip, "install", f"torch=={TORCH_VERSION}", *torch_source()])
    if installed.get("pyfhel") != f"{PYFHEL_VERSION}-{PYFHEL_BUILD}":
        wheel = find_wheel() or build_wheel(python)
        run(f"Installing Pyfhel {PYFHEL_VERSION}", [*pip, "install", "--no-deps", "--force-reinstall", str(wheel)])
    target = f"{ROOT}[{','.join(sorted(extras))}]" if extras else str(ROOT)
    run("Installing fcnlab", [*pip, "install", "--editable", target])


def install_locked(python: str, groups: set[str]) -> None:
    """Install what constraints.txt pins for these groups: exactly these versions, from files with these hashes."""
    with tempfile.TemporaryDirectory(prefix="fcnlab-") as name:
        wanted = Path(name, "requirements.txt")
        wanted.write_text(locked(groups))
        options = ["--disable-pip-version-check", "install", "--no-deps", "--require-hashes", "-r", str(wanted)]
        run(f"Installing the packages of {', '.join(sorted(groups))}", [python, "-m", "pip", *options])


def locked(groups: set[str]) -> str:
    """Requirement lines of constraints.txt that at least one of these groups needs."""
    blocks = CONSTRAINTS.read_text().split("\n\n")[1:]
    heads = (block.partition("\n") for block in blocks)
    return "\n".join(lines for head, _, lines in heads if groups & set(head.removeprefix("# ").split()))


def installed_versions(python: str) -> dict[str, str]:
    """Version of every package this Python has, by lower-case name; Pyfhel's with the build of a wheel of ours."""
    code = (
        "import json, re, importlib.metadata as m\n"
        "found = {(d.metadata['Name'] or '').lower(): d for d in m.distributions()}\n"
        "versions = {name: d.version for name, d in found.items()}\n"
        "url = json.loads('pyfhel' in found and found['pyfhel'].read_text('direct_url.json') or '{}').get('url', '')\n"
        "if build := re.search(r'/pyfhel-([^-/]+-[0-9]+)-cp[^/]*$', url):\n"
        "    versions['pyfhel'] = build[1]\n"
        "print(json.dumps(versions))"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def torch_source() -> list[str]:
    """Arguments for pip that lead to torch's CPU build."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return []  # elsewhere the plain package is the CPU build
    import urllib.request  # here, because it doubles the time of a call with nothing to do

    try:
        urllib.request.urlopen(f"{TORCH_CPU_INDEX}/torch/", timeout=PROBE_TIMEOUT_S).close()
    except OSError:
        print(f"{TORCH_CPU_INDEX} does not answer: leaving the choice of torch's build to pip.")
        return []
    return ["--no-deps", "--index-url", TORCH_CPU_INDEX]


# --- Pyfhel -----------------------------------------------------------------------------------------------------------


def wheel_directory() -> Path:
    """Where wheels for this kind of machine are kept: ``$FCNLAB_WHEELS``, or a folder of this user's cache.

    Home directories may be shared between machines, hence a folder for each kind.
    """
    machine = "-".join(filter(None, (sys.platform, platform.machine(), *platform.libc_ver())))
    chosen = os.environ.get("FCNLAB_WHEELS")
    return (Path(chosen) if chosen else cache_directory() / "wheels") / machine


def find_wheel() -> Path | None:
    """The wheel of Pyfhel built earlier for this Python, if there is one."""
    tag = f"{PYFHEL_VERSION}-{PYFHEL_BUILD}-cp{sys.version_info.major}{sys.version_info.minor}"
    return next(wheel_directory().glob(f"pyfhel-{tag}-*.whl"), None)


def build_wheel(python: str) -> Path:
    """Build Pyfhel from its source package and keep the wheel.

    Raises:
        SetupError: If something to build with is missing, or the build fails.
    """
    require(missing_for_build(), reason="to build Pyfhel")
    with tempfile.TemporaryDirectory(prefix="fcnlab-pyfhel-") as name:
        work = Path(name)
        run("Creating an environment to build in", [python, "-m", "venv", str(work / "env")])
        tools = str(work / "env" / "bin" / "python")
        install_locked(tools, {"build"})
        pip = [tools, "-m", "pip", "--disable-pip-version-check"]
        requirement = work / "requirement.txt"  # pip checks hashes only in a file, and before it runs the source
        requirement.write_text(f"Pyfhel=={PYFHEL_VERSION} --hash=sha256:{PYFHEL_SHA256}\n")
        options = ["--no-deps", "--no-binary", "Pyfhel", "--no-build-isolation", "--dest", str(work)]
        path = {"PATH": f"{work / 'env' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}  # cmake is there
        run(
            "Fetching the source of Pyfhel",
            [*pip, "download", *options, "--requirement", str(requirement)],
            environment=path,
        )
        shutil.unpack_archive(next(work.glob("*.tar.gz")), work)
        source = next(path for path in work.iterdir() if (path / "pyproject.toml").exists())
        adapt_build(source / "pyproject.toml")
        hint = f"It needs a C++17 compiler, make and Python's headers: {build_packages()}."
        run(
            "Building Pyfhel (two to four minutes, once)",
            [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(work / "built"), str(source)],
            hint=hint,
            environment=path,
        )
        built = next((work / "built").glob("*.whl"))
        run("Naming the wheel", [tools, "-m", "wheel", "tags", "--remove", "--build", PYFHEL_BUILD, str(built)])
        built = next((work / "built").glob("*.whl"))
        kept = wheel_directory() / built.name
        write_atomically(kept, built.read_bytes())
        return kept


# What is changed in Pyfhel's pyproject.toml: pattern, replacement, places.
BUILD_CHANGES = (
    # Parts of SEAL that its build would clone from GitHub.
    (r"^(\s*SEAL_USE_(?:MSGSL|ZLIB|ZSTD)\s*=\s*)'ON'", r"\1'OFF'", 3),
    # SEAL once, as a library of its own: linked into each extension its memory pool is freed more than once at exit.
    (r"^(\s*\[cpplibraries\.SEAL\]\n\s*mode\s*=.*\n\s*lib_type\s*=\s*)'static'", r"\1'shared'", 1),
    (
        r"^(\s*)BUILD_SHARED_LIBS\s*='OFF'",
        r"\1CMAKE_PLATFORM_NO_VERSIONED_SONAME = 'ON'\n\1BUILD_SHARED_LIBS = 'ON'",
        1,
    ),
)


def adapt_build(pyproject: Path) -> None:
    """Let Pyfhel build without downloads, and with one SEAL for all of its extensions.

    Raises:
        SetupError: If its options are not those of the version that is pinned.
    """
    text = pyproject.read_text()
    for pattern, replacement, places in BUILD_CHANGES:
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if count != places:
            raise SetupError(f"Expected {places} of {pattern!r} in Pyfhel's pyproject.toml, found {count}.")
    pyproject.write_text(text)


# --- the system -------------------------------------------------------------------------------------------------------


def missing_for_venv() -> dict[str, str]:
    """What is missing to make a virtual environment: what it is, and the Debian package that has it."""
    found = importlib.util.find_spec("ensurepip")
    return {} if found else {"Python's venv module": f"python3.{sys.version_info.minor}-venv"}


def missing_for_build() -> dict[str, str]:
    """What is missing to build Pyfhel: what it is, and the Debian package that has it."""
    compilers = (os.environ.get("CXX", "c++"), "c++", "g++", "clang++")
    header = Path(sysconfig.get_path("include"), "Python.h")
    parts = (
        (any(map(shutil.which, compilers)), "a C++ compiler", "g++"),
        (shutil.which("make"), "make", "make"),
        (header.exists(), "Python's headers", f"python3.{sys.version_info.minor}-dev"),
    )
    return {name: package for found, name, package in parts if not found}


def build_packages() -> str:
    """How to install what Pyfhel is built with."""
    if sys.platform == "darwin":
        return "`xcode-select --install` and `brew install libomp`"
    return f"on Debian or Ubuntu `sudo apt-get install g++ make python3.{sys.version_info.minor}-dev`"


def require(missing: dict[str, str], *, reason: str) -> None:
    """See that nothing is missing: install it where that is ours to do, else say what to install."""
    if not missing:
        return
    if may_apt():
        apt_install(missing.values())
        return
    raise SetupError(
        f"Missing {reason}: {', '.join(missing)}. Install them (on Debian or Ubuntu "
        f"`sudo apt-get install {' '.join(missing.values())}`, on macOS `xcode-select --install`) and run this again."
    )


def prepare_browser() -> None:
    """See to a Chromium for the browser tests; without one they are skipped, so this never stops a setup."""
    if any(map(shutil.which, BROWSERS)):
        return
    if may_apt() and "ID=debian" in Path("/etc/os-release").read_text().split():  # Ubuntu's chromium is a snap
        apt_install(["chromium", "fonts-dejavu-core"])
        return
    print(
        "No Chromium on the PATH: the browser tests will be skipped until `chromium` or `google-chrome` is installed."
    )


def may_apt() -> bool:
    """Whether this is a Debian or Ubuntu on which we are root."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(packages: Iterable[str]) -> None:
    """Install Debian packages; root only."""
    names = list(packages)
    run("Updating apt's lists", ["apt-get", "update", "-q"])
    command = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *names]
    run(f"Installing {', '.join(names)}", command, environment={"DEBIAN_FRONTEND": "noninteractive"})


# --- tools ------------------------------------------------------------------------------------------------------------


def run(label: str, command: list[str], *, hint: str = "", environment: dict[str, str] | None = None) -> None:
    """Run a command quietly, showing a label and the seconds it took.

    Raises:
        SetupError: If it fails, with the last lines of what it printed and where the rest is.
    """
    print(f"{label} ...", end="", flush=True)
    start_s = time.monotonic()
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        log = cache_directory() / "setup.log"
        write_atomically(log, f"{' '.join(command)}\n{done.stdout}")
        print(" failed", *done.stdout.splitlines()[-SHOWN_LOG_LINES:], sep="\n  | ")
        raise SetupError(f"{label}: failed, and the whole output is in {log}. {hint}".rstrip())
    print(f" {time.monotonic() - start_s:.0f} s")


def cache_directory() -> Path:
    """This user's folder for what outlives a clone."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fcnlab"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that an interrupt leaves the old one or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    os.replace(file.name, path)


if __name__ == "__main__":
    sys.exit(main())
