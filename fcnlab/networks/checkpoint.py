"""Trained networks on disk, each with a card that says what is known of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from torch import nn
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops, count_published
from fcnlab.compiler.compile import compile_circuit
from fcnlab.data.defaults import DEFAULT_NETWORK, __version__
from fcnlab.data.shipped import MODELS, available_networks, find_weights
from fcnlab.networks.architectures import Architecture
from fcnlab.networks.storage import check_tensors, load_network, read_card, save_network
from fcnlab.page import Page, Shown, Table

__all__ = [
    "MODELS",
    "Checkpoint",
    "ModelCard",
    "available_networks",
    "compile_checkpoint",
    "compile_network",
    "hop_columns",
    "load_checkpoint",
    "measure_circuit",
    "read_model_card",
    "save_checkpoint",
]

MEND: Final = "restore both files or train anew"


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What is known of a trained network.

    Attributes:
        name: The checkpoint's name.
        architecture: Rebuilds the network.
        accuracy: Percent on the 10,000 test images with quantised pixels, by torch.
        validation: Percent on the validation images, which guided the choices.
        products: Weight products per image.
        hops: Operations of one image's pass, published convention, with ``total``.
        range_bits: Bits of the widest value in the compiled circuit, in the worst case over all images.
        weight_bits: Bits that name a weight: sign, zero and exponents; 0 for real weights.
        seed: The recipe's seed.
        command: Makes the network again.
        minutes: Minutes of training, its teacher not included.
        note: What a reader of any figure must know, such as that the layers are a reconstruction; empty if nothing.
        version: The version of fcnlab.
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
class Checkpoint(Shown):
    """A trained network and its card."""

    network: nn.Sequential
    card: ModelCard

    @override
    def page(self) -> Page:
        card = self.card
        rows = [[name, str(module)] for name, module in self.network.named_children()]
        return Page(
            f"{card.name}: {card.accuracy:.2f} % right, {card.hops['total']:,} HOPs by the published rules",
            card.note or None,
            Table(["layer", "module"], rows),
        )


def save_checkpoint(network: nn.Sequential, card: ModelCard, *, folder: Path = MODELS) -> Path:
    """Write ``<name>.safetensors`` and its card, ``<name>.json``; returns the path of the weights.

    Raises:
        DataError: If a weight is not finite, the network is not the card's, or a file cannot be written.
    """
    check_tensors(network.state_dict(), network=card.architecture.build(), name=card.name)
    path = folder / f"{card.name}.safetensors"
    save_network(path, network, card=asdict(card))
    return path


def load_checkpoint(name_or_path: str | Path = DEFAULT_NETWORK, *, folder: Path = MODELS) -> Checkpoint:
    """Load a network and its card, checked.

        >>> import fcnlab
        >>> fcnlab.load("fcn-25k").card.accuracy
        99.22

    Args:
        name_or_path: Name of a network in `folder`, or path of a ``.safetensors`` file with its card beside it.
        folder: Where names are looked up.

    Raises:
        DataError: If the name is unknown, a file is missing or altered, or its tensors are not those of the card's
            architecture, of the right shape and finite.
    """
    path = find_weights(name_or_path, folder=folder)
    network, card = load_network(path, card=ModelCard, build_network=lambda card: card.architecture.build(), mend=MEND)
    return Checkpoint(network, card)


def read_model_card(name: str, *, folder: Path = MODELS) -> ModelCard:
    """The card of a network in a folder.

    Raises:
        DataError: If it is missing or no card.
    """
    return read_card(folder / f"{name}.json", card=ModelCard, mend=MEND)


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
