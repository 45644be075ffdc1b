"""Torch modules as sparse matrices and polynomials over real numbers: the first half of the compiler.

Positions of an image or feature map are followed by a *layout*: an integer array of the map's shape that holds, for
each place, the index of the value that lies there, or -1 for a zero of padding. Padding, flattening and windows are
then plain array operations on the layout, and a weight that meets a -1 is left out.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy import sparse
from torch import Tensor, nn

from fcnlab.circuit.integers import Integers
from fcnlab.compiler.inspection import Layer, find_problems, list_layers, pair, strip_zeros
from fcnlab.compiler.layers import PolynomialActivation, Square, SumPool2d
from fcnlab.compiler.lowering import RealAffine, RealPolynomial, RealStep, make_affine
from fcnlab.errors import CircuitError

PRODUCT_LIMIT = 100_000_000  # of a layer: its matrix takes 16 bytes for each, its making four times that
Padding = tuple[int, int, int, int]  # left, right, top, bottom, as nn.ZeroPad2d has it


def translate(network: nn.Module, *, input_shape: tuple[int, ...]) -> list[RealStep]:
    """The network as real steps, one for each module that computes.

    Args:
        network: Nested nn.Sequential; batch norm and dropout are taken as in evaluation.
        input_shape: Shape of one image: (channels, height, width) or (features,).

    Raises:
        CircuitError: Naming everything that is unsupported at once, or the first layer whose input does not fit.
    """
    layers = list_layers(network)
    problems = [problem for layer in layers for problem in find_problems(layer)]
    if problems:
        raise CircuitError("This network cannot be compiled:\n" + "\n".join(f"* {problem}" for problem in problems))
    steps: list[RealStep] = []
    layout: Integers = np.arange(int(np.prod(input_shape)), dtype=np.int64).reshape(input_shape)
    step: RealStep
    shape: tuple[int, ...]
    for layer in layers:
        module, width = layer.module, int(layout.max(initial=-1)) + 1
        match module:
            case nn.Identity() | nn.Dropout() | nn.Dropout2d():
                continue
            case nn.ZeroPad2d():
                expect(layer, layout, dimensions=3)
                layout = pad(layer, layout, module.padding)
                continue
            case nn.Flatten():
                layout = layout.reshape(-1)
                continue
            case nn.Conv2d():
                step, shape = translate_convolution(layer, module, layout)
            case nn.AvgPool2d() | SumPool2d():
                step, shape = translate_pooling(layer, module, layout)
            case nn.Linear():
                expect(layer, layout, dimensions=1, size=module.in_features)
                matrix = gather(layer, to_array(module.weight), layout[None, :], width=width)
                step, shape = make_affine(layer.name, matrix=matrix, bias=bias_of(module)), (module.out_features,)
            case nn.BatchNorm1d() | nn.BatchNorm2d():
                step, shape = translate_batch_norm(layer, module, layout), layout.shape
            case PolynomialActivation() | Square():
                step, shape = translate_activation(layer, module, layout), layout.shape
            case _:
                raise AssertionError(f"{layer.path} passed find_problems")
        steps.append(step)
        layout = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    if not steps:
        raise CircuitError("The network computes nothing: give it at least one layer with weights or an activation.")
    if layout.min(initial=0) < 0:
        raise CircuitError("The network ends with padding: the logits must come from a layer.")
    return steps


def translate_convolution(layer: Layer, module: nn.Conv2d, layout: Integers) -> tuple[RealAffine, tuple[int, ...]]:
    """A convolution as a sparse matrix, with the shape of its output."""
    expect(layer, layout, dimensions=3, size=module.in_channels)
    padded = pad(layer, layout, convolution_padding(module))
    taps = windows(layer, padded, kernel=module.kernel_size, stride=module.stride, dilation=module.dilation)
    channels, height, width = taps.shape[:3]
    kernels = to_array(module.weight).reshape(module.groups, module.out_channels // module.groups, -1)
    refuse_large(layer, kernels[0].size * module.groups * height * width)
    grouped = taps.reshape(module.groups, channels // module.groups, height * width, -1).swapaxes(1, 2)
    places = grouped.reshape(module.groups, height * width, -1)
    values = int(layout.max(initial=-1)) + 1
    blocks = [gather(layer, kernel, group, width=values) for kernel, group in zip(kernels, places, strict=True)]
    bias = np.repeat(bias_of(module), height * width)
    matrix = sparse.csr_array(sparse.vstack(blocks, format="csr"))
    return make_affine(layer.name, matrix=matrix, bias=bias), (module.out_channels, height, width)


def translate_pooling(
    layer: Layer, module: nn.AvgPool2d | SumPool2d, layout: Integers
) -> tuple[RealAffine, tuple[int, ...]]:
    """A sum over windows; the division of an average goes into the scale."""
    expect(layer, layout, dimensions=3)
    kernel = pair(module.kernel_size)
    top, left = pair(module.padding)
    padded, stride = pad(layer, layout, (left, left, top, top)), pair(module.stride)
    taps = windows(layer, padded, kernel=kernel, stride=stride)
    shape = taps.shape[:3]
    rests = ((length - k) % s for length, k, s in zip(padded.shape[1:], kernel, stride, strict=True))
    if isinstance(module, nn.AvgPool2d) and module.ceil_mode and any(rests):
        raise CircuitError(
            f"{layer.path}: ceil_mode=True divides by other numbers where a window passes the border of its input "
            f"{padded.shape[1:]}; set ceil_mode=False, which leaves those windows out, and train again."
        )
    places = taps.reshape(int(np.prod(shape)), -1)
    matrix = gather(layer, np.ones((1, places.shape[1])), places, width=int(layout.max(initial=-1)) + 1)
    divisor = 1
    if isinstance(module, nn.AvgPool2d):
        divisor = module.divisor_override or kernel[0] * kernel[1]
    bias = np.zeros(len(places))
    return RealAffine(layer.name, matrix, bias, scale=Fraction(1, divisor), quantum=1.0, pooling=True), shape


def translate_batch_norm(layer: Layer, module: nn.BatchNorm1d | nn.BatchNorm2d, layout: Integers) -> RealAffine:
    """A batch norm in evaluation: x * gamma / sqrt(var + eps) + (beta - mean * gamma / sqrt(var + eps))."""
    expect(layer, layout, dimensions=3 if isinstance(module, nn.BatchNorm2d) else 1, size=module.num_features)
    refuse_padding(layer, layout)
    assert module.running_mean is not None
    assert module.running_var is not None
    factor = 1 / np.sqrt(to_array(module.running_var) + module.eps)
    if module.weight is not None:
        factor = factor * to_array(module.weight)
    shift = -to_array(module.running_mean) * factor
    if module.bias is not None:
        shift = shift + to_array(module.bias)
    repeats = layout.size // module.num_features
    matrix = sparse.csr_array(sparse.diags_array(np.repeat(factor, repeats)))
    matrix.eliminate_zeros()
    return replace(make_affine(layer.name, matrix=matrix, bias=np.repeat(shift, repeats)), scaling=True)


def translate_activation(layer: Layer, module: PolynomialActivation | Square, layout: Integers) -> RealStep:
    """A polynomial step; of degree 1, a scaling."""
    refuse_padding(layer, layout)
    coefficients = strip_zeros(module.coefficients)
    if len(coefficients) > 2:
        return RealPolynomial(layer.name, layout.size, coefficients)
    constant, slope = coefficients
    identity = sparse.csr_array(sparse.diags_array(np.full(layout.size, 1.0 if slope > 0 else -1.0)))
    bias = np.full(layout.size, constant)
    return RealAffine(
        layer.name, identity, bias, scale=abs(Fraction(slope)), quantum=1.0, pooling=slope > 0, scaling=True
    )


def windows(
    layer: Layer,
    layout: Integers,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...] = (1, 1),
) -> Integers:
    """The places that each window covers, shape (channels, out height, out width, kernel height, kernel width)."""
    span = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    if any(length < reach for length, reach in zip(layout.shape[1:], span, strict=True)):
        raise CircuitError(f"{layer.path}: its window {span} is larger than its padded input {layout.shape[1:]}.")
    view = np.lib.stride_tricks.sliding_window_view(layout, span, axis=(1, 2))
    return view[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def gather(layer: Layer, weights: npt.NDArray[np.float64], places: Integers, *, width: int) -> sparse.csr_array:
    """Sparse rows that apply each kernel to each window.

    Args:
        layer: Whose weights they are.
        weights: Shape (kernels, taps).
        places: Index of the value under each tap, -1 for padding, shape (positions, taps).
        width: Number of values.

    Returns:
        Shape (kernels * positions, width), kernels outermost, without stored zeros.
    """
    refuse_large(layer, weights.size * len(places))

    def block(kernel: npt.NDArray[np.float64]) -> sparse.csr_array:
        kept = (places >= 0) & (kernel != 0)
        starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        entries = np.broadcast_to(kernel, places.shape)[kept]
        return sparse.csr_array((entries, places[kept], starts), shape=(len(places), width))

    matrix = sparse.csr_array(sparse.vstack([block(kernel) for kernel in weights], format="csr"))
    matrix.sort_indices()
    return matrix


def convolution_padding(module: nn.Conv2d) -> Padding:
    """The zeros a convolution adds around its input."""
    if module.padding == "valid":
        return 0, 0, 0, 0
    if module.padding == "same":
        height, width = (d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True))
        return width // 2, width - width // 2, height // 2, height - height // 2
    top, left = pair(module.padding)
    return left, left, top, top


def pad(layer: Layer, layout: Integers, padding: Padding) -> Integers:
    """Surround each map with places that hold zero."""
    left, right, top, bottom = padding
    channels, height, width = layout.shape
    refuse_large(layer, channels * (height + top + bottom) * (width + left + right))
    return np.pad(layout, ((0, 0), (top, bottom), (left, right)), constant_values=-1)


def expect(layer: Layer, layout: Integers, *, dimensions: int, size: int | None = None) -> None:
    """Refuse an input that has the wrong number of dimensions or channels."""
    if layout.ndim != dimensions:
        wanted = "(channels, height, width)" if dimensions == 3 else "(features,): put nn.Flatten() before it"
        raise CircuitError(f"{layer.path} takes an input of shape {wanted}; it gets {layout.shape}.")
    if size is not None and layout.shape[0] != size:
        raise CircuitError(f"{layer.path} takes {size} channels or features; it gets an input of shape {layout.shape}.")


def refuse_large(layer: Layer, count: int) -> None:
    """Refuse products, or places, that no memory would hold."""
    if count > PRODUCT_LIMIT:
        raise CircuitError(
            f"{layer.path} has {count:,} products or places, and a layer may have {PRODUCT_LIMIT:,}: use fewer "
            "channels, a larger stride, or smaller images."
        )


def refuse_padding(layer: Layer, layout: Integers) -> None:
    """Refuse zeros of padding where they would have to become values."""
    if layout.min(initial=0) < 0:
        raise CircuitError(f"{layer.path} follows padding: pad directly before a convolution, a pooling or nn.Linear.")


def to_array(tensor: Tensor) -> npt.NDArray[np.float64]:
    """Values of a tensor as float64."""
    array: npt.NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return array


def bias_of(module: nn.Conv2d | nn.Linear) -> npt.NDArray[np.float64]:
    """The bias, or zeros."""
    return np.zeros(module.weight.shape[0]) if module.bias is None else to_array(module.bias)
