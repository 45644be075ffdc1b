"""What a head costs under encryption: HOPs, encrypted features, the message. Of a trained head, or of one like it."""

from dataclasses import dataclass

import torch
from torch import nn

from fcnlab.planning.choose import make_plan
from fcnlab.transfer.costs import count_head
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.heads import HeadShape, Release, compile_head, linear_layers, release_head


@dataclass(frozen=True, kw_only=True)
class HeadCost:
    """Costs of one pass over a batch.

    Attributes:
        hops: Published convention.
        inputs: Features that are read at all, and so encrypted.
        upload_bytes: What a client sends.
        ring_degree: Of the cheapest proven plan, and so the records of a batch.
        passes: Evaluations of a batch, one for each plain modulus.
    """

    hops: int
    inputs: int
    upload_bytes: int
    ring_degree: int
    passes: int


def cost_head(released: nn.Sequential, *, features: FeatureRange, images: int) -> HeadCost:
    """Count and plan a released head for so many records.

    Raises:
        PlanError: If no parameters are proven sufficient.
    """
    plan = make_plan(compile_head(released, features=features, name="head"), images=images)
    return HeadCost(
        hops=count_head(released, features=features).total,
        inputs=len(plan.inputs),
        upload_bytes=plan.upload_bytes,
        ring_degree=plan.parameters.ring_degree,
        passes=plan.parameters.passes,
    )


def cost_shape(shape: HeadShape, *, features: FeatureRange, release: Release, images: int, seed: int = 0) -> HeadCost:
    """The same for a head that nobody trained: random weights, released in this way.

    Noise leaves no weight of a private head at zero, so its HOPs are those of any head of its shape and release. Which
    features a sparse head reads, and how wide its numbers are, depends on the training; here it is an example.

    Raises:
        PlanError: If no parameters are proven sufficient.
    """
    return cost_head(release_head(untrained_head(shape, seed=seed), release=release), features=features, images=images)


def untrained_head(shape: HeadShape, *, seed: int = 0) -> nn.Sequential:
    """A head with random weights, none of them zero."""
    head = shape.build(seed=seed).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for layer in linear_layers(head):
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) / layer.in_features**0.5)
    return head
