"""A checkpoint so sparse that it is classified under encryption in a moment."""

from pathlib import Path

import torch

from fcnlab.networks.architectures import Architecture
from fcnlab.networks.checkpoint import ModelCard, save_checkpoint

TINY = Architecture(kind="faster-cryptonets", activation="square", maps=1, units=2, pixel_bits=2)


def tiny_checkpoint(folder: Path, *, name: str = "tiny", exponent: int = 0) -> Path:
    """Write a network of one tap, two units and a weight for each logit; returns the path of its weights.

    Args:
        folder: Where it goes.
        name: Of the network.
        exponent: Of a second tap, a power of two: a large one makes a circuit that no ring holds.
    """
    network = TINY.build()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.conv1.weight[0, 0, 2, 2] = 1.0
        if exponent:
            network.conv1.weight[0, 0, 1, 1] = 2.0**exponent
        for unit, position in ((0, 84), (0, 85), (1, 58), (1, 110)):
            network.fc1.weight[unit, position] = 1.0 if position % 2 else -0.5
        for digit in range(10):
            network.fc2.weight[digit, digit % 2] = 1.0 if digit % 3 else -2.0
            network.fc2.bias[digit] = digit / 4
    hops = dict.fromkeys(("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "total"), 0)
    card = ModelCard(
        name=name, architecture=TINY, accuracy=10.0, validation=10.0, products=183, hops=hops, range_bits=20,
        weight_bits=2, seed=0, command="none", minutes=0.0,
    )  # fmt: skip
    return save_checkpoint(network, card, folder=folder)
