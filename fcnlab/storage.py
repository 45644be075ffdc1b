"""Tensors in files that are always whole: safetensors, written beside and moved into place."""

import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fcnlab.errors import DataError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, `path` holds either its old content or all of the new.

    Raises:
        DataError: If the content cannot be written (disk full, no permission); the old file is untouched.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error.strerror}); what was there before is unchanged."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


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
