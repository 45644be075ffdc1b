"""Where the trained networks lie: their names and files, found without loading what reads them."""

from pathlib import Path
from typing import Final

from fcnlab.data.mnist import DATA_ROOT
from fcnlab.errors import DataError

MODELS: Final = DATA_ROOT / "models"
"""Folder of the shipped networks."""


def available_networks(*, folder: Path = MODELS) -> tuple[str, ...]:
    """Names of the networks in a folder, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob("*.safetensors")))


def find_weights(name_or_path: str | Path, *, folder: Path = MODELS) -> Path:
    """Path of the weights that a name or a path means.

    Raises:
        DataError: If there is no such network.
    """
    path = Path(name_or_path)
    if path.suffix == ".safetensors":
        if not path.exists():
            raise DataError(f"There is no file {path}.")
        return path
    known = available_networks(folder=folder)
    if str(name_or_path) not in known:
        raise DataError(
            f"Unknown network {str(name_or_path)!r}: choose one of {', '.join(known) or '(none is installed)'}, "
            "or give the path of a .safetensors file."
        )
    return folder / f"{name_or_path}.safetensors"
