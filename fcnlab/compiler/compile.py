"""From a torch network to an integer circuit.

The stages, each a function from steps to steps:

1. `inspection` and `translation`: modules to sparse matrices and polynomials over real numbers, or what to change.
2. `lowering`: fold batch norms, complete squares, merge affine neighbours, round to integers and units.
3. `circuit.dead_code`: drop what nothing reads.
4. `comparison`: run circuit and network on random images, and refuse a difference that rounding does not explain.

The network sees x = pixel / 2^pixel_bits; the circuit sees the integer pixel.
"""

from typing import TYPE_CHECKING

from fcnlab.circuit.circuit import MOST_PIXEL_BITS, Circuit, check_shape
from fcnlab.circuit.dead_code import remove_dead_code
from fcnlab.circuit.integers import check_integer
from fcnlab.compiler.lowering import complete_squares as complete
from fcnlab.compiler.lowering import fold_scalings, merge_affine_steps, round_steps

if TYPE_CHECKING:
    from torch import nn


def compile_circuit(
    network: "nn.Module",
    *,
    name: str,
    input_shape: tuple[int, ...] = (1, 28, 28),
    pixel_bits: int = 4,
    weight_bits: int = 8,
    merge: bool = True,
    complete_squares: bool = True,
) -> Circuit:
    """Compile a torch network to integers.

    Weights of a layer that are all 0 or +-2^k stay exactly so. Those of another layer are rounded, symmetrically about
    zero, to `weight_bits` bits, the largest weight becoming 2^(weight_bits - 1) - 1. Biases are rounded to the units of
    the sum they are added to. An average pooling is a sum, and its division goes into the unit.

    Args:
        network: nn.Sequential, nested as you like, of Conv2d, AvgPool2d, SumPool2d, BatchNorm1d, BatchNorm2d,
            ZeroPad2d, Flatten, Linear, Square, PolynomialActivation (degree 1 to 4), Identity and Dropout.
        name: Name of the circuit.
        input_shape: Shape of one image.
        pixel_bits: Pixels are integers of this many bits, 1 to 16; the network sees them divided by 2^pixel_bits.
        weight_bits: Bits of a weight with its sign, 2 to 24.
        merge: Multiply adjacent affine steps out where that lowers the number of operations, and drop dead code.
            False keeps every layer and every output, as the published counts have it.
        complete_squares: Turn quadratics into one square each. False keeps them as written.

    Returns:
        The circuit.

    Raises:
        CircuitError: If something in the network is unsupported, not finite or does not fit (all modules that are
            unsupported are named at once, each with what to use instead); or if the circuit is not the network.
    """
    from fcnlab.compiler.comparison import refuse_difference
    from fcnlab.compiler.translation import translate

    pixel_bits = check_integer("pixel_bits", pixel_bits, lowest=1, highest=MOST_PIXEL_BITS)
    weight_bits = check_integer("weight_bits", weight_bits, lowest=2, highest=24)
    input_shape = check_shape(input_shape)
    steps = fold_scalings(translate(network, input_shape=input_shape))
    if complete_squares:
        steps = complete(steps)
    if merge:
        steps = merge_affine_steps(steps)
    rounded = round_steps(steps, pixel_bits=pixel_bits, weight_bits=weight_bits)
    integers = remove_dead_code(rounded) if merge else rounded
    circuit = Circuit(name=name, input_shape=input_shape, pixel_bits=pixel_bits, steps=tuple(integers))
    refuse_difference(circuit, network, steps=steps, rounded=rounded)
    return circuit
