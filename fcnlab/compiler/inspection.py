"""Which torch modules a circuit can be compiled from, and what to use instead of the others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils.parametrize import is_parametrized

from fcnlab.circuit.steps import HIGHEST_DEGREE
from fcnlab.compiler.layers import PixelLinear, PolynomialActivation, Square, SumPool2d

ADVICE: dict[type[nn.Module], str] = {
    nn.ReLU: "use PolynomialActivation with the fit of ReLU (relu-aq-2, or relu-3)",
    nn.SiLU: "use PolynomialActivation with the fit of Swish (swish-aq-2)",
    nn.Softplus: "use PolynomialActivation with the fit of Softplus (softplus-aq-2)",
    nn.MaxPool2d: "a maximum is no polynomial: use nn.AvgPool2d or SumPool2d",
    nn.AdaptiveAvgPool2d: "use nn.AvgPool2d with the kernel size spelled out",
    nn.Softmax: "leave it out: the largest logit is the same",
    nn.LogSoftmax: "leave it out: the largest logit is the same",
    nn.Conv1d: "use nn.Conv2d with a kernel of height 1",
    nn.LayerNorm: "its statistics depend on the image: use nn.BatchNorm1d or nn.BatchNorm2d",
    nn.GroupNorm: "its statistics depend on the image: use nn.BatchNorm2d",
}
POINTWISE = (nn.GELU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Mish, nn.SELU, nn.CELU)
KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "conv",
    nn.Linear: "fc",
    PixelLinear: "fc",
    nn.AvgPool2d: "pool",
    SumPool2d: "pool",
    PolynomialActivation: "act",
    Square: "act",
} | {
    kind: kind.__name__.lower()
    for kind in (nn.BatchNorm1d, nn.BatchNorm2d, nn.ZeroPad2d, nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d)
}
"""What a circuit follows, with short names: these types exactly, since a subclass may compute anything."""
TENSORS = ("weight", "bias", "running_mean", "running_var")
SUPPORTED = (
    "nn.Sequential of Conv2d, AvgPool2d, SumPool2d, BatchNorm1d, BatchNorm2d, ZeroPad2d, Flatten, Linear, Square, "
    "PolynomialActivation, Identity and Dropout"
)


@dataclass(frozen=True)
class Layer:
    """One module of the flattened network: its path (``features.conv1``), the name of its step, and itself."""

    path: str
    name: str
    module: nn.Module


def list_layers(network: nn.Module) -> list[Layer]:
    """The modules of nested nn.Sequential in order; those without a name of their own become conv1, fc2 and so on."""
    layers: list[Layer] = []
    counts: dict[str, int] = {}

    def visit(module: nn.Module, path: str) -> None:
        if type(module) is nn.Sequential and not find_alterations(module):
            for name, child in module._modules.items():  # named_children leaves out a module that occurs twice
                assert child is not None
                visit(child, f"{path}.{name}" if path else name)
            return
        kind = kind_of(module)
        counts[kind] = counts.get(kind, 0) + 1
        named = bool(path) and not path.rpartition(".")[2].isdigit()
        layers.append(Layer(path or type(module).__name__, path if named else f"{kind}{counts[kind]}", module))

    visit(network, "")
    return layers


def kind_of(module: nn.Module) -> str:
    """The customary short name of a module."""
    return KINDS.get(type(module), type(module).__name__.lower())


def find_problems(layer: Layer) -> list[str]:
    """What keeps a module from being compiled, each with its remedy; empty if nothing does."""
    module = layer.module
    problems = find_alterations(module)
    if type(module) not in KINDS:
        problems = problems or [advise(module)]
    else:
        problems += [*find_setting(module), *find_values(module)]
    return [f"{layer.path} ({type(module).__name__}): {problem}" for problem in problems]


def find_alterations(module: nn.Module) -> list[str]:
    """What makes a module compute something else than its type says, such as hooks or a forward of its own."""
    problems = []
    if isinstance(module, LazyModuleMixin):
        problems.append("it has no weights yet: run the network once on images, or give the sizes")
    elif is_parametrized(module):
        problems.append("its tensors are parametrised: call torch.nn.utils.parametrize.remove_parametrizations first")
    elif hooks := [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]:
        names = ", ".join(getattr(hook, "__name__", type(hook).__name__) for hook in hooks)
        problems.append(
            f"it has hooks ({names}), which a circuit does not follow: remove them, or make them part of the weights "
            "(prune.remove, remove_weight_norm, remove_spectral_norm)"
        )
    if "forward" in vars(module):
        problems.append("its forward was replaced, which a circuit does not follow: use a module that a circuit knows")
    return problems


def advise(module: nn.Module) -> str:
    """What to use instead of a module that is not supported."""
    base = next((kind for kind in (nn.Sequential, *KINDS) if isinstance(module, kind)), None)
    if base is not None:
        return f"a subclass of {base.__name__} may compute something else: use {base.__name__} itself"
    if isinstance(module, POINTWISE):
        return f"use PolynomialActivation with a polynomial fit of {type(module).__name__}"
    return next((text for kind, text in ADVICE.items() if isinstance(module, kind)), f"supported is {SUPPORTED}")


def find_setting(module: nn.Module) -> list[str]:
    """Settings of a supported module that circuits do not have."""
    problems = []
    match module:
        case nn.Conv2d():
            if module.padding_mode != "zeros":
                problems.append(f"padding_mode {module.padding_mode!r}: use 'zeros'")
        case nn.AvgPool2d():
            if not module.count_include_pad and any(pair(module.padding)):
                problems.append("count_include_pad=False: a division that differs by place is not supported; use True")
            if module.divisor_override is not None and module.divisor_override < 1:
                problems.append(f"divisor_override {module.divisor_override}: divide by 1 or more")
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            if module.running_mean is None or module.running_var is None:
                problems.append("it has no running statistics: set track_running_stats=True and train it")
            elif not module.running_var.is_meta and (module.running_var + module.eps <= 0).any():
                problems.append("a running variance plus eps is not above 0: set eps to 1e-5, and train it")
        case nn.ZeroPad2d():
            if min(module.padding) < 0:
                problems.append(f"padding {module.padding} crops the image: give 0 or more, and crop images beforehand")
        case nn.Flatten():
            if module.start_dim != 1 or module.end_dim not in (-1, 3):
                problems.append("only whole images can be flattened: use nn.Flatten()")
        case PolynomialActivation() | Square():
            degree = len(strip_zeros(module.coefficients)) - 1
            if not 1 <= degree <= HIGHEST_DEGREE:
                problems.append(f"degree {degree}: use degree 1 to {HIGHEST_DEGREE}")
            if not np.isfinite(module.coefficients).all():
                problems.append("coefficients are not finite")
    return problems


def find_values(module: nn.Module) -> list[str]:
    """Tensors of a supported module that hold no finite real numbers."""
    problems = []
    for name in TENSORS:
        tensor = getattr(module, name, None)
        if tensor is None:
            continue
        if tensor.is_meta:
            problems.append(f"{name} is on the meta device and has no values: load them, or use to_empty and train")
        elif tensor.is_complex():
            problems.append(f"{name} is complex, and circuits are real: use real weights")
        elif tensor.is_quantized or tensor.layout != torch.strided:
            problems.append(f"{name} is stored as {tensor.dtype}, {tensor.layout}: use a dense tensor of floats")
        elif not tensor.isfinite().all():
            problems.append(f"{name} has values that are not finite")
    return problems


def strip_zeros(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Coefficients without leading terms that are zero."""
    last = max((power for power, value in enumerate(coefficients) if value != 0), default=0)
    return tuple(float(value) for value in coefficients[: last + 1])


def pair(value: Any) -> tuple[int, int]:
    """A size that torch allows as one number or two, as two."""
    first, second = (value, value) if isinstance(value, int) else value
    return int(first), int(second)
