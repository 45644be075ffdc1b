"""What the engines of the batch layout make of a circuit: sizes, runs through a block, operations. Nothing runs here.

Engines and projections both read it, so that neither can drift from the other.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.hops import HopTable, count_digits, count_polynomial, count_products
from fcnlab.circuit.integers import SUM_BITS
from fcnlab.circuit.polynomials import result_size
from fcnlab.planning.parameters import PRIME_BITS, Parameters

ENGINES: Final = ("fused", "stepwise")
BLOCK: Final = 256  # coefficients at once: a 5x5 convolution's rows of 256 * 2 residues stay in a 1 MB cache


def step_sizes(circuit: Circuit) -> Iterator[tuple[Step, int, int]]:
    """Each step with the polynomials of its input and output ciphertexts; nothing is relinearised."""
    size = 2
    for step in circuit.steps:
        after = result_size(step.coefficients, size) if isinstance(step, Polynomial) else size
        yield step, size, after
        size = after


def describe_steps(circuit: Circuit) -> Iterator[tuple[str, int, int, int]]:
    """Name, ciphertexts, polynomials in each and value bits: of the input first, then of each step's results."""
    yield "input", len(circuit.used_inputs), 2, circuit.pixel_bits
    for (step, _, after), interval in zip(step_sizes(circuit), circuit.ranges, strict=True):
        yield step.name, step.outputs, after, interval.bits


def switch_points(circuit: Circuit) -> Iterator[tuple[int, ...]]:
    """Sets of steps after which primes could be dropped: affine steps with a polynomial still to come."""
    last = max((i for i, step in enumerate(circuit.steps) if isinstance(step, Polynomial)), default=-1)
    places = [i for i, step in enumerate(circuit.steps[: last + 1]) if isinstance(step, Affine)]
    for count in range(min(len(places), 3) + 1):
        yield from combinations(places, count)


def prime_limit(circuit: Circuit) -> int:
    """Bits a data prime may have: sums of residues, weighted by signed digits, must stay exact in int64."""
    # The digits of a weight sum to less than twice the weight: the one bit that `sum_bits` has to spare.
    return min(PRIME_BITS, SUM_BITS - max(step.sum_bits for step in circuit.affine_steps))


def divides_weight(circuit: Circuit, modulus: int) -> bool:
    """Whether a weight or coefficient is 0 modulo a plain modulus: SEAL refuses a product that hides nothing."""
    weights = any(not np.all(step.weights.data % modulus) for step in circuit.affine_steps)
    polynomials = (step for step in circuit.steps if isinstance(step, Polynomial))
    return weights or any(value and not value % modulus for step in polynomials for value in step.coefficients)


def count_executed(circuit: Circuit, parameters: Parameters, *, engine: str) -> HopTable:
    """Count what an engine performs under a plan: `count_fused` or `count_stepwise`, with dropped primes.

    Args:
        circuit: The steps.
        parameters: The plan's.
        engine: fused or stepwise.
    """
    layers, dropped = [], 0
    for step, drops in zip(circuit.steps, parameters.drops, strict=True):
        if isinstance(step, Affine):
            layer = count_digits(step) if engine == "fused" else count_products(step)
        else:
            layer = count_polynomial(step, aligned=are_aligned(parameters, dropped=dropped))
        layers.append(replace(layer, mod_switches=drops * step.outputs))
        dropped += drops
    return HopTable(circuit.name, engine, tuple(layers))


def are_aligned(parameters: Parameters, *, dropped: int) -> bool:
    """Whether terms of an activation have to meet in scale (ckks), or in bgv in correction factor once primes are gone.

    A factor of 1 is then a product too.
    """
    return parameters.scheme == "ckks" or (parameters.scheme == "bgv" and dropped > 0)


def step_runs(circuit: Circuit, parameters: Parameters) -> Iterator[tuple[int, ...]]:
    """Places of the steps that the fused engine takes together: up to dropped primes, an activation in bfv alone."""
    run: tuple[int, ...] = ()
    for index, (step, drops) in enumerate(zip(circuit.steps, parameters.drops, strict=True)):
        alone = isinstance(step, Polynomial) and parameters.scheme == "bfv"
        if alone and run:
            yield run
            run = ()
        run = (*run, index)
        if alone or drops:
            yield run
            run = ()
    if run:
        yield run


def local_runs(circuit: Circuit, parameters: Parameters) -> Iterator[tuple[int, ...]]:
    """The runs that stay within a block of coefficients: all but the activations that bfv leaves to SEAL."""
    in_ntt_form = parameters.scheme != "bfv"
    return (run for run in step_runs(circuit, parameters) if in_ntt_form or isinstance(circuit.steps[run[0]], Affine))
