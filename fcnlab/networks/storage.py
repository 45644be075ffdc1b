"""Tensors in safetensors files that are always whole, networks with a JSON card beside them. No pickle anywhere."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from fcnlab.data.files import write_whole
from fcnlab.data.tables import build
from fcnlab.errors import DataError

C = TypeVar("C")


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


def save_network(path: Path, network: nn.Module, *, card: Mapping[str, Any]) -> None:
    """Write ``<name>.safetensors``, and last the card, ``<name>.json``.

    The card names the weights it belongs to by their checksum, so that an interrupt between the two files is noticed
    when they are read.

    Raises:
        DataError: If a file cannot be written.
    """
    content = pack_tensors(network.state_dict())
    text = json.dumps(dict(card) | {"sha256": hashlib.sha256(content).hexdigest()}, indent=2)
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), f"{text}\n".encode())


def load_network(
    path: Path, *, card: type[C], build_network: Callable[[C], nn.Sequential], mend: str
) -> tuple[nn.Sequential, C]:
    """Read a network and its card, checked; the network is ready for evaluation.

    Args:
        path: Where the weights are; the card is beside them.
        card: What the card is: a dataclass, or a dict.
        build_network: Makes the network of a card, whose weights are then replaced.
        mend: What to do if a file is damaged, such as "train anew".

    Raises:
        DataError: If a file is missing or altered, or the tensors are not those of the card's network, of the right
            shape and finite.
    """
    known, digest = read_card(path.with_suffix(".json"), card=card, mend=mend)
    if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise DataError(f"{path} is not the file its card describes (its sha256 differs): {mend}.")
    tensors, _ = load_tensors(path)
    network = build_network(known)
    check_tensors(tensors, network=network, name=path.stem)
    network.load_state_dict(tensors)
    return network.eval(), known


def read_card(path: Path, *, card: type[C], mend: str) -> tuple[C, str]:
    """Read a card, and the sha256 of the weights it belongs to.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        digest = str(values.pop("sha256"))
        known: C = build(card, values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"The card {path} is missing or not a card ({error}): {mend}.") from error
    return known, digest


def check_tensors(tensors: Mapping[str, Tensor], *, network: nn.Module, name: str) -> None:
    """Compare tensors with what a network needs.

    Raises:
        DataError: Naming every tensor that is missing, unknown, of another shape, or not finite.
    """
    wanted = {part: tensor.shape for part, tensor in network.state_dict().items()}
    problems = [f"{part} is missing" for part in wanted if part not in tensors]
    for part, tensor in tensors.items():
        if part not in wanted:
            problems.append(f"{part} is unknown")
        elif tensor.shape != wanted[part]:
            problems.append(f"{part} has shape {tuple(tensor.shape)} instead of {tuple(wanted[part])}")
        elif not torch.isfinite(tensor).all():
            problems.append(f"{part} is not finite")
    if problems:
        raise DataError(f"These weights do not fit the card of {name!r}: {'; '.join(problems)}.")
