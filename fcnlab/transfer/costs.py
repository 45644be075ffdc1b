"""What a head costs under encryption, trained or one like it, and what the whole network that it spares would cost.

The extractor could not run under encryption as it is. What is counted in its place is the least that could: each ReLU a
square, each maximum a sum, every weight kept, and its last linear layer multiplied out with a linear head.
"""

import torch
from torch import nn

from fcnlab.circuit.hops import HopTable, LayerHops, count_published
from fcnlab.compiler.compile import compile_circuit
from fcnlab.compiler.inspection import pair
from fcnlab.compiler.layers import Square, SumPool2d
from fcnlab.data.releases import PassCost
from fcnlab.networks.architectures import linear_layers, sequential
from fcnlab.planning.choose import make_plan
from fcnlab.planning.plan import Plan
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.heads import HeadShape, Release, compile_head, fold_range, release_head

ACTIVATIONS = (nn.ReLU, nn.ReLU6)
POOLINGS = (nn.MaxPool2d, nn.AvgPool2d, SumPool2d)


def count_head(head: nn.Sequential, *, features: FeatureRange) -> LayerHops:
    """HOPs of one pass of a released head, in the convention of the published table."""
    layered = compile_circuit(
        fold_range(head, features=features),
        name="head",
        input_shape=(linear_layers(head)[0].in_features,),
        pixel_bits=features.bits,
        merge=False,
        complete_squares=False,
    )
    return count_published(layered).total


def cost_head(released: nn.Sequential, *, features: FeatureRange, images: int) -> PassCost:
    """Count and plan a released head for so many records.

    Raises:
        PlanError: If no parameters are proven sufficient.
    """
    plan = make_plan(compile_head(released, features=features, name="head"), images=images)
    return cost_of(plan, hops=count_head(released, features=features).total)


def cost_of(plan: Plan, *, hops: int) -> PassCost:
    """What a plan and a count of operations say of one batch."""
    parameters = plan.parameters
    return PassCost(
        hops=hops,
        inputs=len(plan.inputs),
        upload_bytes=plan.upload_bytes,
        ring_degree=parameters.ring_degree,
        passes=parameters.passes,
    )


def cost_shape(shape: HeadShape, *, features: FeatureRange, release: Release, images: int, seed: int = 0) -> PassCost:
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


def count_whole_network(extractor: nn.Module, *, input_shape: tuple[int, ...], head: HeadShape) -> LayerHops:
    """HOPs of one pass of a dense extractor and a linear head, in the convention of the published table.

    Sizes are those that a run shows, so that any extractor can be counted; taps on padding are counted with the others.

    Args:
        extractor: Convolutions, ReLUs, poolings and linear layers; the last linear layer gives the features.
        input_shape: Shape of one image.
        head: The shape of the head.
    """
    layers: list[LayerHops] = []
    last = [module for module in extractor.modules() if isinstance(module, nn.Linear)][-1]

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], outputs: torch.Tensor) -> None:
        size = head.classes if module is last else outputs[0].numel()
        layers.append(count_layer(module, inputs=inputs[0][0].numel(), outputs=size))

    counted = (nn.Conv2d, nn.Linear, *ACTIVATIONS, *POOLINGS)
    hooks = [module.register_forward_hook(count) for module in extractor.modules() if isinstance(module, counted)]
    try:
        with torch.no_grad():
            extractor(torch.zeros(1, *input_shape))
    finally:
        for hook in hooks:
            hook.remove()
    return HopTable("whole network", "published", tuple(layers)).total


def count_layer(module: nn.Module, *, inputs: int, outputs: int) -> LayerHops:
    """One layer; poolings do not overlap, so each of their inputs is added once."""
    name = type(module).__name__
    if isinstance(module, ACTIVATIONS):
        return LayerHops(name=name, outputs=outputs, ct_ct_mults=outputs)
    if isinstance(module, POOLINGS):
        return LayerHops(name=name, outputs=outputs, ct_ct_adds=inputs)
    taps = inputs
    if isinstance(module, nn.Conv2d):
        taps = module.in_channels // module.groups * module.kernel_size[0] * module.kernel_size[1]
    products = taps * outputs
    return LayerHops(name=name, outputs=outputs, pt_ct_adds=outputs, ct_ct_adds=products, pt_ct_mults=products)


def square_network(extractor: nn.Module | None, head: nn.Sequential) -> nn.Sequential | None:
    """The network that `count_whole_network` counts, so that it can be compiled and planned.

    Its answers are useless: nobody trained it with squares. It has the shape, and so the cost, of one that was.

    Returns:
        None unless the extractor is a plain sequence that ends with a linear layer, and the head linear.
    """
    if not isinstance(extractor, nn.Sequential) or len(linear_layers(head)) > 1:
        return None
    layers: dict[str, nn.Module | None] = {}
    names = list(extractor.named_children())
    for name, module in names[:-1]:
        layers[name] = replacement(module)
    project, first = names[-1][1], linear_layers(head)[0]
    assert isinstance(project, nn.Linear)
    merged = nn.Linear(project.in_features, first.out_features)
    with torch.no_grad():
        merged.weight.copy_(first.weight @ project.weight)
        merged.bias.copy_(first.weight @ project.bias + first.bias)
    return sequential(layers | {"project+fc1": merged})


def replacement(module: nn.Module) -> nn.Module:
    """What stands in for a module under encryption."""
    if isinstance(module, ACTIVATIONS):
        return Square()
    if isinstance(module, nn.MaxPool2d):
        return SumPool2d(pair(module.kernel_size)[0], pair(module.stride)[0], pair(module.padding)[0])
    return module
