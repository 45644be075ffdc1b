"""One environment for each peer, made once in ``build/peers``: nothing of theirs touches ours."""

import subprocess
import sys
from pathlib import Path
from typing import Final

PACKAGES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "tenseal": (("tenseal==0.3.18", "numpy"),),
    "orion": (
        ("torch==2.13.0",),
        ("orion-v2-compiler==2.1.8", "orion-v2-evaluator==2.1.8", "orion-v2-lattigo==6.2.4", "numpy"),
    ),
    "helayers": (("pyhelayers==1.5.5.4", "onnx", "numpy"),),
}
"""What each peer needs, in the order of installation (torch first, where its build must be the small one)."""


def ready_python(peer: str, *, folder: Path) -> Path:
    """The Python of a peer's environment, which is made if it is not there.

    Raises:
        subprocess.CalledProcessError: If a package cannot be installed here; pip has said why.
    """
    environment = folder / peer
    python, stamp = environment / "bin" / "python", environment / "complete"
    if not stamp.exists():
        print(f"setting up {peer} in {environment}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        for packages in PACKAGES[peer]:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.touch()
    return python
