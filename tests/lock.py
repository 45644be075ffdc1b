"""Pin all that a setup installs: `make lock` writes constraints.txt, versions and hashes, for every platform.

Each package stands once, behind the groups that need it: base, an extra of pyproject.toml, or build, the tools that
Pyfhel is built with. `bootstrap` installs groups from it. torch and Pyfhel are not in it: they have their own builds.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import bootstrap

EXTRAS = ("images", "lab", "test")
BUILD = ("cmake", "cython", "numpy>=2.1", "packaging", "setuptools>=64", "toml", "wheel")
APART = re.compile(r"(torch|pyfhel|triton|nvidia-|cuda-)")
HEAD = "# All that a setup installs, by groups that need it. Written by `make lock`; read by bootstrap.py.\n"


def resolve(source: list[str], *, known: Path | None = None) -> dict[str, str]:
    """Requirement lines of a closure, with hashes, by package; versions are those of a file where it has them."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11", "--quiet"]
    command += ["--generate-hashes", "--no-annotate", "--no-header", *(["--constraint", str(known)] if known else [])]
    done = subprocess.run([*command, *source], capture_output=True, text=True, check=True, cwd=bootstrap.ROOT)
    blocks = re.split(r"\n(?=\S)", done.stdout.strip())
    found: dict[str, list[str]] = {}
    for block in blocks:  # a package has several where versions differ by platform or Python
        found.setdefault(re.split(r"[\s=;\[]", block)[0], []).append(block)
    return {package: "\n".join(lines) for package, lines in found.items() if not APART.match(package)}


def main() -> None:
    """Resolve everything at once, so that groups agree, and then each group alone."""
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    with tempfile.TemporaryDirectory() as name:
        tools, pins = Path(name, "tools.in"), Path(name, "pins.txt")
        tools.write_text("\n".join(BUILD))
        pins.write_text("\n".join(resolve(["pyproject.toml", str(tools), *extras]).values()))
        groups = {"base": resolve(["pyproject.toml"], known=pins), "build": resolve([str(tools)], known=pins)}
        groups |= {extra: resolve(["pyproject.toml", "--extra", extra], known=pins) for extra in EXTRAS}
    lines = {package: block for group in groups.values() for package, block in group.items()}
    parts = []
    for package, block in sorted(lines.items()):
        needed = [group for group, members in groups.items() if package in members]
        parts.append(f"\n# {' '.join(['base'] if 'base' in needed and 'build' not in needed else needed)}\n{block}\n")
    bootstrap.CONSTRAINTS.write_text(HEAD + "".join(parts))
    print(f"{len(lines)} packages in {bootstrap.CONSTRAINTS.name}")


if __name__ == "__main__":
    main()
