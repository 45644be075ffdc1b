"""Plans for bgv and bfv, where encrypted arithmetic is exact.

Residues modulo the plain moduli are a ring, so it is enough that the logits fit the product of the moduli, whatever
happens in between. Each plain modulus is an encrypted pass of its own; the search weighs few wide ones, which need a
larger ciphertext modulus, against several narrow ones.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import chain

from fcnlab.circuit import Affine, Circuit
from fcnlab.noise import BfvNoise, BgvNoise, NoiseModel, Scheme
from fcnlab.parameters import (
    MODULUS_BITS,
    SMALLEST_PRIME_BITS,
    SPECIAL_PRIME,
    Parameters,
    choose_primes,
    log_product,
    split_bits,
)
from fcnlab.plan import Plan, PlannedStep, finish, prime_limit, step_sizes, switch_points

PLAIN_MODULI = 8  # more passes than this are never cheaper than a larger ring


def exact_plans(circuit: Circuit, rings: Sequence[int], scheme: Scheme) -> Iterator[Plan]:
    """Every proven plan with 1 to PLAIN_MODULI plain moduli and any set of switch points."""
    value_bits = circuit.ranges[-1].bits
    for degree in rings:
        for count in range(1, PLAIN_MODULI + 1):
            moduli = plain_moduli(degree, value_bits, count)
            for points in switch_points(circuit) if moduli else ():
                plan = exact_plan(circuit, scheme, degree, moduli or (), points)
                if plan is not None:
                    yield plan


def exact_plan(
    circuit: Circuit, scheme: Scheme, ring_degree: int, moduli: tuple[int, ...], points: tuple[int, ...]
) -> Plan | None:
    """The plan with the fewest bits for these plain moduli and switch points; None if the ring cannot hold it."""
    limit = prime_limit(circuit)
    groups, final = required_bits(circuit, noise_model(scheme, ring_degree, max(moduli), 4), points)
    # Real primes are a little below a power of two: a bit or two more in the last group makes up for it.
    for extra in range(3):
        sizes = [split_bits(final + extra, limit), *(split_bits(bits, limit) for bits in groups[::-1])]
        primes = choose_primes(ring_degree, list(chain.from_iterable(sizes)), avoid=(SPECIAL_PRIME, *moduli))
        if primes is None:
            return None
        drops = [0] * len(circuit.steps)
        for point, group in zip(points, sizes[:0:-1], strict=True):
            drops[point] = len(group)
        parameters = Parameters(scheme, ring_degree, primes, SPECIAL_PRIME, moduli, 1.0, tuple(drops))
        if parameters.modulus_bits > MODULUS_BITS[ring_degree]:
            return None
        plan = prove_exact(circuit, parameters)
        if min(step.budget_bits for step in plan.steps) >= 0:
            return plan
    return None


def plain_moduli(ring_degree: int, value_bits: int, count: int) -> tuple[int, ...] | None:
    """`count` primes, 1 modulo 2n so that slots exist, as small as holds integers of `value_bits` bits."""
    for bits in range(math.ceil(value_bits / count), math.ceil(value_bits / count) + 3):
        moduli = choose_primes(ring_degree, [bits] * count, avoid=(SPECIAL_PRIME,))
        if bits <= 60 and moduli and math.prod(moduli) > 1 << value_bits:
            return moduli
    return None


def noise_model(scheme: Scheme, ring_degree: int, plain_modulus: int, primes: int) -> NoiseModel:
    """The noise bounds of an exact scheme."""
    if scheme == "bgv":
        return BgvNoise(ring_degree, plain_modulus)
    return BfvNoise(ring_degree, plain_modulus, primes)


def required_bits(circuit: Circuit, model: NoiseModel, points: Sequence[int]) -> tuple[list[float], float]:
    """Bits to drop at each switch point, and bits the last modulus needs, following the noise bound.

    Dropping goes on while it still shrinks the noise: down to an eighth of the rounding that the switch itself adds.
    """
    noise, groups = model.fresh(SPECIAL_PRIME), []
    for index, (step, size, after) in enumerate(step_sizes(circuit)):
        if isinstance(step, Affine):
            noise = model.affine(noise, int(step.row_norms.max()))
        else:
            noise = model.square(noise, size, math.inf)
        if index in points:
            floor = model.switch(0.0, after, 1)
            groups.append(max(math.log2(noise / floor) + 3, SMALLEST_PRIME_BITS))
            noise = floor * 9 / 8
    return groups, math.log2(noise) + 1


def prove_exact(circuit: Circuit, parameters: Parameters) -> Plan:
    """Follow the noise bound through the circuit with the real primes; the caller checks that budgets stay positive."""
    chosen = parameters
    model = noise_model(chosen.scheme, chosen.ring_degree, max(chosen.plain_moduli), len(chosen.primes))
    primes = list(chosen.primes)
    noise = model.fresh(chosen.special_prime)
    inputs = circuit.used_inputs
    rows = [
        PlannedStep("input", len(inputs), 2, circuit.pixel_bits, math.log2(noise), log_product(primes), len(primes), 0)
    ]
    for (step, size, after), interval, drops in zip(step_sizes(circuit), circuit.ranges, chosen.drops, strict=True):
        if isinstance(step, Affine):
            noise = model.affine(noise, int(step.row_norms.max()))
        else:
            noise = model.square(noise, size, math.prod(map(float, primes)))
        rows.append(
            PlannedStep(
                step.name, step.outputs, after, interval.bits, math.log2(noise), log_product(primes), len(primes), drops
            )
        )
        for _ in range(drops):
            noise = model.switch(noise, after, primes.pop())
    return finish(circuit, chosen, rows)
