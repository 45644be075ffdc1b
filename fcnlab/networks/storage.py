"""Tensors in safetensors files that are always whole."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fcnlab.data.files import write_whole
from fcnlab.errors import DataError


def pack_tensors(tensors: Mapping[str, Tensor], *, notes: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file with named tensors, and text beside them."""
    return save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata=dict(notes or {}))


def save_tensors(path: Path, tensors: Mapping[str, Tensor], *, notes: Mapping[str, str] | None = None) -> None:
    """Write named tensors, with text beside them, as one safetensors file.

    Raises:
        DataError: If the file cannot be written; an older one stays whole.
    """
    write_whole(path, pack_tensors(tensors, notes=notes))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `save_tensors` wrote: the tensors and the notes.

    Raises:
        DataError: If the file is missing or is not a whole safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path} is missing or not a whole safetensors file ({error}): train or fetch it anew."
        ) from error
