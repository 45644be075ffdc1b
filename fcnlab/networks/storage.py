"""Tensors in safetensors files that are always whole, networks with a JSON card beside them. No pickle anywhere."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor, nn

from fcnlab.data.files import write_whole
from fcnlab.data.tables import build
from fcnlab.errors import DataError

C = TypeVar("C")
CARD_BYTES: Final = 1 << 20
HEADER_BYTES: Final = 1 << 20  # of a safetensors file: names, shapes and notes


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

    The card has a checksum of itself and the weights, so that an interrupt between the two files, or a change of
    either, is noticed when they are read.

    Raises:
        DataError: If a file cannot be written.
    """
    content, values = pack_tensors(network.state_dict()), json.loads(json.dumps(dict(card)))
    text = json.dumps(values | {"sha256": seal(values, content)}, indent=2)
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), f"{text}\n".encode())


def seal(card: Mapping[str, Any], content: bytes) -> str:
    """The sha256 of a card, in one spelling of its JSON, and the file of its weights."""
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode() + b"\n" + content).hexdigest()


def load_network(
    path: Path, *, card: type[C], build_network: Callable[[C], nn.Sequential], mend: str
) -> tuple[nn.Sequential, C]:
    """Read a network and its card, checked; the network is ready for evaluation.

    The network is first built without memory, and everything is compared before the weights take any.

    Args:
        path: Where the weights are; the card is beside them.
        card: What the card is: a dataclass, or a dict.
        build_network: Makes the network of a card, whose weights are then replaced.
        mend: What to do if a file is damaged, such as "train anew".

    Raises:
        DataError: If a file is missing or altered, or the tensors are not those of the card's network, of the right
            shape and finite.
    """
    known, values, digest = open_card(path.with_suffix(".json"), card=card, mend=mend)
    try:
        with torch.device("meta"):
            network = build_network(known)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise DataError(f"The card of {path} describes no network that can be built ({error}): {mend}.") from error
    most = sum(tensor.nbytes for tensor in network.state_dict().values()) + HEADER_BYTES
    try:
        content = read_at_most(path, most)
        if seal(values, content) != digest:
            raise DataError(f"{path} and its card do not belong together, or one was altered (sha256 differs): {mend}.")
        tensors = load(content)
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} is missing or not a whole safetensors file ({error}): {mend}.") from error
    check_tensors(tensors, network=network, name=path.stem)
    network.load_state_dict(tensors, assign=True)
    return network.eval(), known


def read_card(path: Path, *, card: type[C], mend: str) -> C:
    """Read a card without its weights.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    return open_card(path, card=card, mend=mend)[0]


def open_card(path: Path, *, card: type[C], mend: str) -> tuple[C, dict[str, Any], str]:
    """A card, the JSON it was made of, and the checksum of both it and its weights.

    Raises:
        DataError: If the file is missing or holds something else.
    """
    try:
        values = json.loads(read_at_most(path, CARD_BYTES))
        digest = str(values.pop("sha256"))
        if not all(text.isprintable() for text in list_texts(values)):
            raise ValueError("a text has control characters")
        known: C = build(card, values)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"The card {path} is missing or not a card ({error}): {mend}.") from error
    return known, values, digest


def read_at_most(path: Path, most: int) -> bytes:
    """The bytes of a file.

    Raises:
        OSError: If it cannot be read, is no plain file, or has more than `most` bytes.
    """
    size = path.stat().st_size
    if not path.is_file() or size > most:
        raise OSError(f"no plain file of at most {most:,} bytes")
    with path.open("rb") as file:
        return file.read(size)


def list_texts(value: Any) -> Iterator[str]:
    """Every text in parsed JSON, names of entries included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from list_texts(part)


def check_tensors(tensors: Mapping[str, Tensor], *, network: nn.Module, name: str) -> None:
    """Compare tensors with what a network needs.

    Raises:
        DataError: Naming every tensor that is missing, unknown, of another shape or type, or not finite.
    """
    wanted = network.state_dict()
    problems = [f"{part} is missing" for part in wanted if part not in tensors]
    for part, tensor in tensors.items():
        if part not in wanted:
            problems.append(f"{part} is unknown")
        elif tensor.shape != wanted[part].shape:
            problems.append(f"{part} has shape {tuple(tensor.shape)} instead of {tuple(wanted[part].shape)}")
        elif tensor.dtype != wanted[part].dtype:
            problems.append(f"{part} has type {tensor.dtype} instead of {wanted[part].dtype}")
        elif not torch.isfinite(tensor).all():
            problems.append(f"{part} is not finite")
    if problems:
        raise DataError(f"These weights do not fit the card of {name!r}: {'; '.join(problems)}.")
