"""Which torch modules a circuit can be compiled from, and what to use instead of the others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from fcnlab.circuit.steps import HIGHEST_DEGREE
from fcnlab.compiler.layers import PolynomialActivation, Square, SumPool2d

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
        if isinstance(module, nn.Sequential):
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
    match module:
        case nn.Conv2d():
            return "conv"
        case nn.Linear():
            return "fc"
        case nn.AvgPool2d() | SumPool2d():
            return "pool"
        case PolynomialActivation() | Square():
            return "act"
        case _:
            return type(module).__name__.lower()


def find_problems(layer: Layer) -> list[str]:
    """What keeps a module from being compiled, each with its remedy; empty if nothing does."""
    module, problems = layer.module, []
    match module:
        case nn.Conv2d():
            if module.padding_mode != "zeros":
                problems.append(f"padding_mode {module.padding_mode!r}: use 'zeros'")
        case nn.AvgPool2d():
            if module.ceil_mode:
                problems.append("ceil_mode=True: pad with nn.ZeroPad2d instead")
            if not module.count_include_pad and any(pair(module.padding)):
                problems.append("count_include_pad=False: a division that differs by place is not supported; use True")
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            if module.running_mean is None or module.running_var is None:
                problems.append("it has no running statistics: set track_running_stats=True and train it")
        case nn.Flatten():
            if module.start_dim != 1 or module.end_dim not in (-1, 3):
                problems.append("only whole images can be flattened: use nn.Flatten()")
        case PolynomialActivation() | Square():
            degree = len(strip_zeros(module.coefficients)) - 1
            if not 1 <= degree <= HIGHEST_DEGREE:
                problems.append(f"degree {degree}: use degree 1 to {HIGHEST_DEGREE}")
        case nn.Linear() | SumPool2d() | nn.ZeroPad2d() | nn.Identity() | nn.Dropout() | nn.Dropout2d():
            pass
        case _ if isinstance(module, POINTWISE):
            problems.append(f"use PolynomialActivation with a polynomial fit of {type(module).__name__}")
        case _:
            advice = (text for kind, text in ADVICE.items() if isinstance(module, kind))
            problems.append(next(advice, f"supported is {SUPPORTED}"))
    tensors = [*module.named_parameters(), *module.named_buffers()]
    problems += [f"{name} has values that are not finite" for name, value in tensors if not value.isfinite().all()]
    if isinstance(module, PolynomialActivation) and not np.isfinite(module.coefficients).all():
        problems.append("coefficients are not finite")
    return [f"{layer.path} ({type(module).__name__}): {problem}" for problem in problems]


def strip_zeros(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """Coefficients without leading terms that are zero."""
    last = max((power for power, value in enumerate(coefficients) if value != 0), default=0)
    return tuple(float(value) for value in coefficients[: last + 1])


def pair(value: Any) -> tuple[int, int]:
    """A size that torch allows as one number or two, as two."""
    first, second = (value, value) if isinstance(value, int) else value
    return int(first), int(second)
