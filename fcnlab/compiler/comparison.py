"""A circuit and the module it was compiled from, on the same images: what tells that compiling kept the function.

The real steps stand between the two. Torch runs in double precision, so that it may differ from them by what float64
loses in sums alone; and the circuit by no more than its integers were rounded. Both are bounded step by step.
"""

import copy
import math
import warnings
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial.polynomial import polyval
from torch import nn

from fcnlab.circuit.circuit import Circuit, Polynomial, Step
from fcnlab.circuit.integers import Integers
from fcnlab.compiler.lowering import RealAffine, Reals, RealStep
from fcnlab.errors import CircuitError

IMAGES = 8
FEWEST_BITS = 2  # of a unit's weights, below which a warning names it
MOVED = 0.1  # of the logits' spread, by which rounding moves one before there is a warning
SLACK = 2.0**-36  # of the largest terms of a step: far more than float64 loses in a sum, far less than any fault


@np.errstate(over="ignore", invalid="ignore")  # what is not finite differs, and is refused as such
def refuse_difference(
    circuit: Circuit, network: nn.Module, *, steps: Sequence[RealStep], rounded: Sequence[Step]
) -> None:
    """Refuse a circuit that on random images is not its network, up to the rounding of its integers.

    Args:
        circuit: What was compiled.
        network: What it was compiled from.
        steps: The real steps that were rounded.
        rounded: Their integers, one step for each.

    Raises:
        CircuitError: If torch does not run the network, or a logit differs by more than rounding explains.
    """
    pixels = random_images(circuit)
    inputs = pixels.reshape(IMAGES, -1).T / (1 << circuit.pixel_bits)
    units = [Fraction(1, 1 << circuit.pixel_bits), *(Fraction(step.unit) for step in rounded)]
    values, floats, errors, weakest = follow(steps, inputs, rounded=rounded, units=units)
    compare(run_network(network, circuit=circuit, pixels=pixels), values.T, errors=floats.T, name=circuit.name)
    try:
        logits = np.array([[float(value * units[-1]) for value in row] for row in circuit.evaluate(pixels).tolist()])
    except OverflowError as error:
        raise CircuitError(f"Logits of {circuit.name!r} pass 2^1024: use smaller weights, or lower degrees.") from error
    compare(logits, values.T, errors=errors.T, name=circuit.name)
    if weakest and np.abs(logits - values.T).max() > MOVED * np.ptp(values, axis=1).max():
        warn_of_lost_bits(weakest)


def compare(found: Reals, expected: Reals, *, errors: Reals, name: str) -> None:
    """Refuse logits of shape (N, outputs) that differ by more than `errors`, or are not finite."""
    difference = np.abs(found - expected)
    wrong = np.argwhere(~(difference <= errors))
    if len(wrong):
        image, logit = wrong[0]
        raise CircuitError(
            f"Circuit and network of {name!r} differ: on a random image logit {logit} is {found[image, logit]:.6g} "
            f"instead of {expected[image, logit]:.6g}, and rounding explains {errors[image, logit]:.2g}. Some module "
            "computes what its type does not say: use modules whose code and settings nothing has altered."
        )


def random_images(circuit: Circuit) -> Integers:
    """Images from empty to full of random pixels, always the same for a shape, (IMAGES, *input_shape)."""
    random, shape = np.random.default_rng(0), (IMAGES, *circuit.input_shape)
    filled = np.linspace(0, 1, IMAGES) > random.random(shape).T
    return random.integers(0, circuit.pixel_max, shape, endpoint=True) * filled.T


def run_network(network: nn.Module, *, circuit: Circuit, pixels: Integers) -> Reals:
    """The logits of a network as torch computes them, in evaluation and double precision, shape (N, outputs).

    Args:
        network: Not changed.
        circuit: Says what an image is, and how many logits it has.
        pixels: Integers from 0 to `circuit.pixel_max`, shape (N, ...).

    Raises:
        CircuitError: If torch cannot run it, or it has another number of logits.
    """
    scaled = torch.from_numpy(pixels.reshape(-1, *circuit.input_shape)).double() / (1 << circuit.pixel_bits)
    try:
        with torch.no_grad():
            logits: Reals = copy.deepcopy(network).cpu().double().eval()(scaled).numpy()
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise CircuitError(f"Torch cannot run this network on {tuple(scaled.shape)} pixels: {error}") from error
    if logits.size != len(pixels) * circuit.outputs:
        raise CircuitError(f"The circuit has {circuit.outputs} logits, its network an output of shape {logits.shape}.")
    return logits.reshape(len(pixels), -1)


class Weakest(NamedTuple):
    """The output that keeps the fewest bits of its weights, if one scale serves all weights of a step.

    Attributes:
        kept_bits: What its rounding leaves of what its weights make of some images.
        bits: Of the largest weight, with its sign.
        unit: Its index in the step.
        step: The name of the step.
    """

    kept_bits: float
    bits: float
    unit: int
    step: str


def find_weakest(step: RealAffine, *, made: Reals, lost: Reals, bits: float) -> Weakest:
    """The weakest output of a step, of absolute sums over some images and what rounding may take of them."""
    share = np.divide(lost, made, out=np.zeros_like(lost), where=made > 0)
    unit = int(share.argmax())
    return Weakest(-math.log2(max(share[unit], 2.0**-bits)), bits, unit, step.name)


def warn_of_lost_bits(weakest: Weakest) -> None:
    """Warn that rounding moves logits, and name the unit that loses most, if it is far weaker than others."""
    kept, bits, unit, step = weakest
    if kept < FEWEST_BITS and bits - kept > FEWEST_BITS + 3:
        warnings.warn(
            f"Rounding moves logits by more than {MOVED:.0%} of their spread: unit {unit} of {step!r} keeps "
            f"{max(kept, 0):.0f} of {bits:.0f} bits of its weights, since other weights of the layer, or what they "
            f"read, are far larger; compile with {math.ceil(FEWEST_BITS + 2 - kept)} more weight_bits, or train with "
            "batch norms whose weights are alike.",
            stacklevel=4,
        )


def follow(
    steps: Sequence[RealStep], values: Reals, *, rounded: Sequence[Step], units: Sequence[Fraction]
) -> tuple[Reals, Reals, Reals, Weakest | None]:
    """What real steps make of columns of values, and bounds on how far float64, and the integers, are from it.

    An entry of a rounded matrix is within half a unit of the exact one, and so is a bias; coefficients are compared.
    What the values before are off adds to that.

    Args:
        steps: As they were rounded.
        values: Shape (inputs, N).
        rounded: The integers of each step.
        units: Real value of 1 before each step and after the last.

    Returns:
        The values after the last step and the two bounds, each of shape (outputs, N), and the weakest of all units.
    """
    floats, errors, weakest = np.zeros_like(values), np.zeros_like(values), []
    for step, integers, before, after in zip(steps, rounded, units[:-1], units[1:], strict=True):
        sizes = np.abs(values)
        if isinstance(step, RealAffine):
            scale, weights, bias = float(step.scale), abs(step.matrix), step.bias[:, None]
            values = scale * (step.matrix @ values) + bias
            made, floats, spread = np.hsplit(scale * (weights @ np.hstack([sizes, floats, errors])), 3)
            terms, spread = made + np.abs(bias), spread + float(after / 2)
            if step.quantum is None:
                half, largest = float(after / before / 2), scale * float(weights.data.max(initial=0))
                weights.data[:] = half
                lost, more = np.hsplit(weights @ np.hstack([sizes, errors]), 2)
                bits = math.log2(max(largest / half, 1))
                weakest.append(find_weakest(step, made=made.sum(axis=1), lost=lost.sum(axis=1), bits=bits))
                spread += lost + more
            errors = spread
        else:
            assert isinstance(integers, Polynomial)
            exact = np.array(step.coefficients)
            parts = [value * after / before**power for power, value in enumerate(integers.coefficients)]
            near = np.array([float(part) for part in parts])
            values, terms = polyval(values, exact), polyval(sizes, np.abs(exact))
            floats = polyval(sizes + floats, np.abs(exact)) - terms
            off = polyval(sizes, np.abs(near - exact)) - polyval(sizes, np.abs(near))
            errors = polyval(sizes + errors, np.abs(near)) + off
        floats, errors = (bound + SLACK * terms.max(axis=0) for bound in (floats, errors))
    return values, floats, errors, min(weakest, default=None)
