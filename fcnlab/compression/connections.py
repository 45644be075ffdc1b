"""Pruning a chain of dense layers to a number of HOPs: all connections compete, whatever their layer.

A connection costs a PT-CT mult and a CT-CT add, a hidden unit its square and its bias. Saliencies of different layers
can be compared here, since all connections cost the same. A unit that lost its last connection on either side is gone.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor

from fcnlab.compression.layers import Compression

CONNECTION_HOPS: Final = 2
UNIT_HOPS: Final = 2
ROUNDS: Final = 3  # fewer units leave room for more connections, and the other way round


def count_hops(compression: Compression) -> int:
    """HOPs of one pass, published convention.

    Args:
        compression: The weights of a network of kind ``untied``.
    """
    *hidden, logits = (layer.keep for layer in compression.layers.values())
    units = sum(int(keep.any(dim=1).sum()) for keep in hidden)
    return CONNECTION_HOPS * compression.products + UNIT_HOPS * units + len(logits)


def prune_to_hops(compression: Compression, *, curvature: Mapping[str, Tensor], hops: int) -> None:
    """Keep the connections of most saliency, whatever their layer; what was pruned stays pruned.

    Args:
        compression: The weights of a network of kind ``untied``.
        curvature: For each layer, the mean squared gradient of its weights.
        hops: What one pass may cost.

    Source: LeCun, Denker and Solla 1990, "Optimal brain damage", equation 5, with the Fisher information as the
        second derivative.
    """
    layers = compression.layers
    saliency = {name: layer.values() ** 2 * curvature[name] for name, layer in layers.items()}
    everything = torch.cat([values.flatten() for values in saliency.values()])
    for _ in range(ROUNDS):
        others = count_hops(compression) - CONNECTION_HOPS * compression.products
        kept = max(min((hops - others) // CONNECTION_HOPS, int(everything.count_nonzero())), 1)
        threshold = everything.kthvalue(len(everything) - kept + 1).values
        for name, layer in layers.items():
            layer.keep = saliency[name] >= threshold
        drop_dead_units(compression)


def drop_dead_units(compression: Compression) -> None:
    """Prune what leads into a unit that nothing reads, and what reads a unit that reads nothing."""
    layers = list(compression.layers.values())
    for _ in layers:
        for before, after in pairwise(layers):
            alive = before.keep.any(dim=1) & after.keep.any(dim=0)
            before.keep = before.keep & alive[:, None]
            after.keep = after.keep & alive[None, :]


def freeze_in_turn(compression: Compression, *, done: float, exponents: Mapping[str, int]) -> None:
    """Round and freeze one layer after the other, each little by little.

    The layers behind make up for the rounding of those before; where all grow at once, the last free weights have to
    make up for everything and are then rounded themselves.

    Args:
        compression: The weights of a network of kind ``untied``.
        done: Share of the whole freezing, 0 to 1.
        exponents: For each layer, how many neighbouring exponents its powers of two may use.
    """
    for position, (name, layer) in enumerate(compression.layers.items()):
        share = min(max(done * len(compression.layers) - position, 0.0), 1.0)
        if share > 0:
            layer.freeze(share=share, exponents=exponents[name], keep_nonzero=False)
    drop_dead_units(compression)
