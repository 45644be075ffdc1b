"""Trained networks on disk: weights as safetensors, everything else as a JSON card beside them. No pickle anywhere."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops, count_published
from fcnlab.compiler.compile import compile_circuit
from fcnlab.data.files import write_whole
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.defaults import __version__
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture
from fcnlab.networks.storage import load_tensors, pack_tensors

MODELS: Final = DATA_ROOT / "models"
"""Folder of the shipped networks."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known of a trained network.

    Attributes:
        name: Of the checkpoint.
        architecture: Rebuilds the network.
        accuracy: Percent on the 10,000 test images with quantised pixels, by torch.
        validation: Percent on the validation images, which guided the choices.
        products: Weight products per image.
        hops: Operations of one image's pass, published convention, with ``total``.
        range_bits: Bits of the widest value in the compiled circuit, in the worst case over all images.
        weight_bits: Bits that name a weight: sign, zero and exponents; 0 for real weights.
        seed: Of the recipe.
        command: Makes the network again.
        minutes: Of training, its teacher not included.
        note: What a reader of any figure must know, such as that the layers are a reconstruction; empty if nothing.
        version: Of fcnlab.
    """

    name: str
    architecture: Architecture
    accuracy: float
    validation: float
    products: int
    hops: dict[str, int]
    range_bits: int
    weight_bits: int
    seed: int
    command: str
    minutes: float
    note: str = ""
    version: str = __version__


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network and its card."""

    network: nn.Sequential
    card: ModelCard


def available_networks(*, folder: Path = MODELS) -> tuple[str, ...]:
    """Names of the networks in a folder, in alphabetical order."""
    return tuple(sorted(path.stem for path in folder.glob("*.safetensors")))


def save_checkpoint(network: nn.Sequential, card: ModelCard, *, folder: Path = MODELS) -> Path:
    """Write ``<name>.safetensors`` and ``<name>.json``.

    The card goes last and names the weights it belongs to by their checksum, so that an interrupt between the two
    files is noticed when they are read.

    Returns:
        Path of the weights.

    Raises:
        DataError: If a weight is not finite, the network is not the card's, or a file cannot be written.
    """
    tensors = network.state_dict()
    check_tensors(tensors, card=card)
    content = pack_tensors(tensors)
    path = folder / f"{card.name}.safetensors"
    text = json.dumps(asdict(card) | {"sha256": hashlib.sha256(content).hexdigest()}, indent=2)
    write_whole(path, content)
    write_whole(path.with_suffix(".json"), f"{text}\n".encode())
    return path


def load_checkpoint(name_or_path: str | Path, *, folder: Path = MODELS) -> Checkpoint:
    """Load a network and its card, checked.

    Args:
        name_or_path: Name of a network in `folder`, or path of a ``.safetensors`` file with its card beside it.
        folder: Where names are looked up.

    Raises:
        DataError: If the name is unknown, a file is missing or altered, or its tensors are not those of the card's
            architecture, of the right shape and finite.
    """
    path = find_weights(name_or_path, folder=folder)
    card, digest = read_card(path.with_suffix(".json"))
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise DataError(f"{path} is not the file its card describes (its sha256 differs): restore both or train anew.")
    tensors, _ = load_tensors(path)
    check_tensors(tensors, card=card)
    network = card.architecture.build()
    network.load_state_dict(tensors)
    return Checkpoint(network.eval(), card)


def find_weights(name_or_path: str | Path, *, folder: Path) -> Path:
    """Path of the weights that a name or a path means."""
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


def read_card(path: Path) -> tuple[ModelCard, str]:
    """Read a card, and the sha256 of the weights it belongs to."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        digest = str(values.pop("sha256"))
        return ModelCard(**values | {"architecture": Architecture(**values["architecture"])}), digest
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"The model card {path} is missing or not a card ({error}): restore it or train anew."
        ) from error


def check_tensors(tensors: Mapping[str, Tensor], *, card: ModelCard) -> None:
    """Compare tensors with what the card's architecture needs.

    Raises:
        DataError: Naming every tensor that is missing, unknown, of another shape, or not finite.
    """
    wanted = {name: tensor.shape for name, tensor in card.architecture.build().state_dict().items()}
    problems = [f"{name} is missing" for name in wanted if name not in tensors]
    for name, tensor in tensors.items():
        if name not in wanted:
            problems.append(f"{name} is unknown")
        elif tensor.shape != wanted[name]:
            problems.append(f"{name} has shape {tuple(tensor.shape)} instead of {tuple(wanted[name])}")
        elif not torch.isfinite(tensor).all():
            problems.append(f"{name} is not finite")
    if problems:
        raise DataError(f"These are not the weights of network {card.name!r}: {'; '.join(problems)}.")


def compile_checkpoint(checkpoint: Checkpoint, **options: bool) -> Circuit:
    """The integers of a checkpoint, under its name; options are those of `compile_circuit`.

    Raises:
        CircuitError: If it cannot be compiled.
    """
    card = checkpoint.card
    return compile_network(checkpoint.network, architecture=card.architecture, name=card.name, **options)


def compile_network(
    network: nn.Sequential, *, architecture: Architecture, name: str = "network", **options: bool
) -> Circuit:
    """The integers of a network that reads images as its architecture says; options are those of `compile_circuit`."""
    return compile_circuit(
        network, name=name, input_shape=architecture.input_shape, pixel_bits=architecture.pixel_bits, **options
    )


def measure_circuit(network: nn.Sequential, *, architecture: Architecture) -> tuple[dict[str, int], int]:
    """Operations and value range of a network once it is compiled.

    Returns:
        HOPs of one image's pass by column of the published table, with ``total``; and the bits of the widest value in
        the worst case over all images.
    """
    layered = compile_network(network, architecture=architecture, merge=False, complete_squares=False)
    merged = compile_network(network, architecture=architecture)
    return hop_columns(count_published(layered).total), max(interval.bits for interval in merged.ranges)


def hop_columns(layer: LayerHops) -> dict[str, int]:
    """The columns of the published table, with ``total``."""
    columns = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "total")
    return {column: int(getattr(layer, column)) for column in columns}
