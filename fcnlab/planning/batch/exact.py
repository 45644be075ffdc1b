"""Plans for bgv and bfv, where encrypted arithmetic is exact.

Residues modulo the plain moduli are a ring, so it is enough that the logits fit the product of the moduli, whatever
happens in between. Each plain modulus is an encrypted pass of its own; the search weighs few wide ones, which need a
larger ciphertext modulus, against several narrow ones.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.polynomials import apply_polynomial
from fcnlab.planning.noise import BfvNoise, BgvNoise, NoiseModel, Profile, Scheme, coefficient_bits
from fcnlab.planning.parameters import (
    MODULUS_BITS,
    SMALLEST_PRIME_BITS,
    SPECIAL_PRIME,
    Parameters,
    choose_primes,
    log_product,
    split_bits,
)
from fcnlab.planning.plan import Plan, PlannedStep, finish, prime_limit, step_sizes, switch_points

WIDEST_PLAIN_BITS = 60  # SEAL's limit
PLAIN_MODULI = 8  # more passes than this are never cheaper than a larger ring


def exact_plans(circuit: Circuit, rings: Sequence[int], scheme: Scheme) -> Iterator[Plan]:
    """Every proven plan with 1 to PLAIN_MODULI plain moduli and, in bgv, any set of switch points."""
    value_bits = circuit.ranges[-1].bits
    for degree in rings:
        for count in range(1, PLAIN_MODULI + 1):
            moduli = plain_moduli(degree, value_bits, count)
            choices = switch_points(circuit) if scheme == "bgv" else [()]
            for points in choices if moduli else ():
                plan = exact_plan(circuit, scheme, degree, moduli or (), points)
                if plan is not None:
                    yield plan


def exact_plan(
    circuit: Circuit, scheme: Scheme, ring_degree: int, moduli: tuple[int, ...], points: tuple[int, ...]
) -> Plan | None:
    """The plan with the fewest bits for these plain moduli and switch points; None if the ring cannot hold it."""
    limit = prime_limit(circuit)
    groups, final = required_bits(circuit, noise_model(scheme, ring_degree, max(moduli), 4), points)
    if not final + sum(groups) <= MODULUS_BITS[ring_degree]:  # nor if it is not a number
        return None
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
    for bits in range(math.ceil(value_bits / count), WIDEST_PLAIN_BITS + 1):
        moduli = choose_primes(ring_degree, [bits] * count, avoid=(SPECIAL_PRIME,))
        if moduli and math.prod(moduli) > 1 << value_bits:
            return moduli
    return None


def noise_model(scheme: Scheme, ring_degree: int, plain_modulus: int, primes: int) -> NoiseModel:
    """The noise bounds of an exact scheme."""
    if scheme == "bgv":
        return BgvNoise(ring_degree, plain_modulus)
    return BfvNoise(ring_degree, plain_modulus, primes)


def required_bits(circuit: Circuit, model: NoiseModel, points: Sequence[int]) -> tuple[list[float], float]:
    """Bits to drop at each switch point, and bits the last modulus needs, following the noise bound.

    A switch leaves the noise divided by the dropped primes, plus its own rounding. If activations of total degree d
    follow before the next switch, the sum is raised to the power d: fewest bits go when the first part is 1 / (d - 1)
    of the second.
    """
    noise, groups = model.fresh(SPECIAL_PRIME), []
    with np.errstate(over="ignore", invalid="ignore"):  # noise beyond float64 is more than any modulus holds
        for index, (step, size, after) in enumerate(step_sizes(circuit)):
            if isinstance(step, Affine):
                noise = model.affine(noise, int(step.row_norms.max()))
            else:
                noise = activation_noise(step, model, noise, size, math.inf)
            if index in points:
                end = min((point for point in points if point > index), default=len(circuit.steps))
                power = math.prod(later.degree for later in circuit.steps[index:end] if isinstance(later, Polynomial))
                floor = model.switch(np.zeros_like(noise), after, 1)
                bits = coefficient_bits(noise) - coefficient_bits(floor) + math.log2(max(power - 1, 1))
                groups.append(max(bits, SMALLEST_PRIME_BITS))
                noise = model.switch(noise / np.exp2(groups[-1]), after, 1)
        return groups, coefficient_bits(noise) + 1


@dataclass(frozen=True, eq=False)
class Noisy:
    """A ciphertext as the plan sees it: a noise bound and a number of polynomials."""

    noise: Profile
    size: int


@dataclass(frozen=True)
class NoiseOperations:
    """Operations on noise bounds; an implementation of `polynomials.Operations`."""

    model: NoiseModel
    modulus: float

    def multiply(self, a: Noisy, b: Noisy, /) -> Noisy:
        """Noise of a product."""
        noise = self.model.multiply((a.noise, b.noise), (a.size, b.size), self.modulus)
        return Noisy(noise, a.size + b.size - 1)

    def scale(self, a: Noisy, factor: int, /, *, like: Noisy | None = None) -> Noisy:
        """Noise of a product by an integer."""
        return Noisy(self.model.scale(a.noise, factor, corrected=like is not None), a.size)

    def add(self, a: Noisy, b: Noisy, /) -> Noisy:
        """Noises add up."""
        return Noisy(a.noise + b.noise, max(a.size, b.size))

    def add_constant(self, a: Noisy, constant: int, /) -> Noisy:
        """As a bias does."""
        return Noisy(self.model.affine(a.noise, 1), a.size)


def activation_noise(step: Polynomial, model: NoiseModel, noise: Profile, size: int, modulus: float) -> Profile:
    """Noise after an activation, by the program that the engines run."""
    return apply_polynomial(step.coefficients, Noisy(noise, size), NoiseOperations(model, modulus)).noise


def prove_exact(circuit: Circuit, parameters: Parameters) -> Plan:
    """Follow the noise bound through the circuit with the real primes; the caller checks that budgets stay positive."""
    chosen = parameters
    model = noise_model(chosen.scheme, chosen.ring_degree, max(chosen.plain_moduli), len(chosen.primes))
    primes = list(chosen.primes)
    noise = model.fresh(chosen.special_prime)
    inputs = circuit.used_inputs
    rows = [
        PlannedStep(
            "input", len(inputs), 2, circuit.pixel_bits, coefficient_bits(noise), log_product(primes), len(primes), 0
        )
    ]
    for (step, size, after), interval, drops in zip(step_sizes(circuit), circuit.ranges, chosen.drops, strict=True):
        if isinstance(step, Affine):
            noise = model.affine(noise, int(step.row_norms.max()))
        else:
            noise = activation_noise(step, model, noise, size, math.prod(map(float, primes)))
        rows.append(
            PlannedStep(
                step.name,
                step.outputs,
                after,
                interval.bits,
                coefficient_bits(noise),
                log_product(primes),
                len(primes),
                drops,
            )
        )
        for _ in range(drops):
            noise = model.switch(noise, after, primes.pop())
    return finish(circuit, chosen, rows)
