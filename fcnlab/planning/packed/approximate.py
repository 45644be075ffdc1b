"""Packed plans for ckks: few large primes, a product and a square for each, keys for as few digits as possible.

One rescale follows each square and takes the scales of product and square away together: the fewer primes, the fewer
digits a key switch has. Scales are found by walking: the larger the scale of the pixels the better, up to the room
there is; the scales of the weights share that room.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.planning.batch.approximate import PRECISION
from fcnlab.planning.batch.proofs import profile, weigh_sources
from fcnlab.planning.noise import error_tail
from fcnlab.planning.packed.pack import Program
from fcnlab.planning.packed.plan import PackedPlan, finish
from fcnlab.planning.packed.proofs import Estimate, Size, estimate, trace
from fcnlab.planning.parameters import MESSAGE_BITS, MODULUS_BITS, Parameters, choose_primes, log_product

LARGEST_BITS, LARGEST_SPECIAL_BITS = 54, 55  # products in the kernels stay exact up to here
SMALLEST_BITS = 26
SPECIAL_EXCESS = 4  # bits: what a key switch adds is then less than the rounding of a rescale
MOST_PRIMES = 8
START_BITS = 14  # of the scales of weights
SAMPLES = 64  # images: the mean squares of values change little with more


def approximate_plans(
    program: Program, circuit: Circuit, ring_degree: int, sample: npt.NDArray[Any] | None
) -> Iterator[PackedPlan]:
    """Plans that are proven and precise enough, those with fewer primes first.

    Args:
        program: On the slots of this ring.
        circuit: What it was made of.
        ring_degree: n.
        sample: Pixels of typical images, shape (N, ...); uniform random pixels if not given.
    """
    if sample is None:
        sample = np.random.default_rng(0).integers(0, circuit.pixel_max + 1, size=(SAMPLES, circuit.inputs))
    pixels = circuit.check_pixels(sample[:SAMPLES])
    drops = tuple(index % 2 for index in range(len(program.circuit.steps)))
    traced = trace(program, pixels, drops)
    spreads = profile(program.circuit, pixels)
    means = weigh_sources(program.circuit, spreads)
    # Slots of one image are more sensitive than the mean, and errors meet again: no more than derivatives say.
    excess = max(
        math.sqrt(gain.max() / (means[place] or 1.0)) / spreads.logits for place, gain in spreads.gains.items()
    )
    for count in range(sum(drops) + 1, MOST_PRIMES + 1):
        primes = equal_primes(ring_degree, count)
        if primes is None:
            return
        plan = best_plan(program, circuit, ring_degree, primes, drops, traced, spreads.logits)
        if plan is not None and plan.predicted_error <= PRECISION:
            yield replace(plan, error_bound=error_tail(1) * excess * plan.predicted_error, spread=spreads.logits)


def equal_primes(ring_degree: int, count: int) -> tuple[int, ...] | None:
    """`count` data primes as large as the security standard and the kernels allow, and the special prime last."""
    allowed = MODULUS_BITS[ring_degree]
    bits = min(LARGEST_BITS, (allowed - SPECIAL_EXCESS) // (count + 1))
    if bits < SMALLEST_BITS:
        return None
    special = min(bits + SPECIAL_EXCESS, LARGEST_SPECIAL_BITS, allowed - count * bits)
    return choose_primes(ring_degree, [bits] * count + [special])


def best_plan(
    program: Program,
    circuit: Circuit,
    ring_degree: int,
    primes: Sequence[int],
    drops: tuple[int, ...],
    traced: tuple[Size, list[Size]],
    spread: float,
) -> PackedPlan | None:
    """The most precise scales for these primes, from a walk one bit at a time; None if values have no room."""
    *data, special = primes
    literal = Parameters(scheme="ckks", ring_degree=ring_degree, primes=tuple(data), special_prime=special, drops=drops)

    def walk(scale_bits: float, weight_bits: Sequence[int]) -> list[Estimate]:
        scales = [2.0**bits for bits in weight_bits]
        return estimate(program, traced, replace(literal, scale=2.0**scale_bits), plain_scales=scales)

    def largest_scale(weight_bits: Sequence[int]) -> tuple[float, list[Estimate]]:
        """Each step's coefficients grow with a power of the pixels' scale; their rounding does not, hence a second."""
        scale_bits, rows = 16.0, walk(16.0, weight_bits)
        for _ in range(3):
            scale_bits += min(room / 2 ** ((place + 1) // 2 if place else 0) for place, room in room_bits(rows)) - 0.01
            scale_bits = min(scale_bits, MESSAGE_BITS - 1 - circuit.pixel_bits)
            rows = walk(scale_bits, weight_bits)
            if min(room for _, room in room_bits(rows)) >= 0:
                break
        return scale_bits, rows

    def room_bits(rows: Sequence[Estimate]) -> Iterator[tuple[int, float]]:
        """Bits between twice the largest coefficient and the modulus: for the input, 0, and each step from 0 on."""
        for place, row in enumerate(rows):
            left = data[: len(data) - sum(drops[: max(place - 1, 0)])]
            yield max(place - 1, 0), log_product(left) - 1 - row.coefficient_bits

    def error_of(rows: Sequence[Estimate]) -> float:
        if min(room for _, room in room_bits(rows)) < 0:
            return math.inf
        return math.sqrt(float(np.mean(rows[-1].typical[program.places]))) / rows[-1].scale / spread

    best = [START_BITS] * len(program.stages)
    scale_bits, rows = largest_scale(best)
    error, improved = error_of(rows), True
    while improved:
        improved = False
        for place in range(len(best)):
            for change in (1, -1):
                tried = [bits + change * (other == place) for other, bits in enumerate(best)]
                their_scale_bits, their_rows = largest_scale(tried)
                if error_of(their_rows) < error:
                    best, scale_bits, rows, improved = tried, their_scale_bits, their_rows, True
                    error = error_of(rows)
    if not error < math.inf:
        return None
    noise_bits = [row.coefficient_bits for row in rows]  # no coefficient reaches half the modulus, for any image
    parameters, scales = replace(literal, scale=2.0**scale_bits), [2.0**bits for bits in best]
    return finish(program, circuit, parameters, noise_bits, plain_scales=scales, predicted_error=error)
