"""Plans for bgv and bfv, where encrypted arithmetic is exact.

Residues modulo the plain moduli are a ring, so it is enough that the logits fit the product of the moduli, whatever
happens in between. Each plain modulus is an encrypted pass of its own; the search weighs few wide ones, which need a
larger ciphertext modulus, against several narrow ones.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np
from typing_extensions import override

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.polynomials import Operations, apply_polynomial
from fcnlab.planning.execution import divides_weight, prime_limit, step_sizes, switch_points
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
from fcnlab.planning.plan import Plan, finish

WIDEST_PLAIN_BITS = 60  # SEAL's limit
PLAIN_MODULI = 8  # more passes than this are never cheaper than a larger ring

AnyPlan = TypeVar("AnyPlan", bound=Plan)


def exact_plans(circuit: Circuit, rings: Sequence[int], scheme: Scheme) -> Iterator[Plan]:
    """Every proven plan with 1 to PLAIN_MODULI plain moduli and, in bgv, any set of switch points."""
    value_bits = circuit.ranges[-1].bits
    for degree in rings:
        for count in range(1, PLAIN_MODULI + 1):
            moduli = plain_moduli(degree, value_bits, count, unfit=partial(divides_weight, circuit))
            choices = switch_points(circuit) if scheme == "bgv" else [()]
            for points in choices if moduli else ():
                plan = exact_plan(circuit, scheme, degree, moduli or (), points)
                if plan is not None:
                    yield plan


def exact_plan(
    circuit: Circuit, scheme: Scheme, ring_degree: int, moduli: tuple[int, ...], points: tuple[int, ...]
) -> Plan | None:
    """The plan with the fewest bits for these plain moduli and switch points; None if the ring cannot hold it."""
    bits = required_bits(circuit, noise_model(scheme, ring_degree, max(moduli), 4), points)
    search = Search(scheme=scheme, ring_degree=ring_degree, moduli=moduli, largest_bits=prime_limit(circuit))
    return search.smallest(bits, points, len(circuit.steps), lambda parameters: prove_exact(circuit, parameters))


@dataclass(frozen=True, kw_only=True)
class Search:
    """The search for the fewest bits of primes that make a proof hold, in either layout.

    Attributes:
        scheme: bgv or bfv.
        ring_degree: n.
        moduli: Plain moduli.
        largest_bits: The most bits of a data prime.
        special_bits: Bits of the special prime; 0 for `SPECIAL_PRIME`.
    """

    scheme: Scheme
    ring_degree: int
    moduli: tuple[int, ...]
    largest_bits: int
    special_bits: int = 0

    def smallest(
        self, bits: tuple[list[float], float], points: Sequence[int], steps: int, prove: Callable[[Parameters], AnyPlan]
    ) -> AnyPlan | None:
        """The first plan whose budgets are positive; None if the ring cannot hold one.

        Args:
            bits: What to drop after each switch point, and what the last modulus needs.
            points: Steps after which primes are dropped.
            steps: How many there are.
            prove: The proof for parameters, whatever its budgets.
        """
        groups, final = bits
        allowed = MODULUS_BITS[self.ring_degree]
        if not final + sum(groups) <= allowed - self.special_bits:  # nor if it is not a number
            return None
        # Real primes are a little below a power of two: a bit or two more in the last group makes up for it.
        for extra in range(3):
            sizes = [split_bits(need, self.largest_bits) for need in (final + extra, *groups[::-1])]
            wanted = [*chain.from_iterable(sizes), *([self.special_bits] if self.special_bits else [])]
            primes = choose_primes(self.ring_degree, wanted, avoid=(SPECIAL_PRIME, *self.moduli))
            if primes is None:
                return None
            count, drops = sum(map(len, sizes)), dict(zip(points, map(len, sizes[:0:-1]), strict=True))
            special_prime = primes[-1] if self.special_bits else SPECIAL_PRIME
            if log_product((*primes[:count], special_prime)) > allowed:
                return None
            parameters = Parameters(
                scheme=self.scheme,
                ring_degree=self.ring_degree,
                primes=primes[:count],
                special_prime=special_prime,
                plain_moduli=self.moduli,
                drops=tuple(drops.get(index, 0) for index in range(steps)),
            )
            plan = prove(parameters)
            if min(step.budget_bits for step in plan.steps) >= 0:
                return plan
        return None


def plain_moduli(
    ring_degree: int, value_bits: int, count: int, *, unfit: Callable[[int], bool] = lambda _: False
) -> tuple[int, ...] | None:
    """Primes that are 1 modulo 2n, so that slots exist, as small as holds integers of so many bits.

    Args:
        ring_degree: n.
        value_bits: Bits of the logits.
        count: How many primes.
        unfit: Whether a prime will not do, such as one that divides a weight.
    """
    avoid = [SPECIAL_PRIME]
    for bits in range(math.ceil(value_bits / count), WIDEST_PLAIN_BITS + 1):
        while moduli := choose_primes(ring_degree, [bits] * count, avoid=avoid):
            if math.prod(moduli) <= 1 << value_bits:
                break
            dividing = [modulus for modulus in moduli if unfit(modulus)]
            if not dividing:
                return moduli
            avoid += dividing
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
            noise = noise_after(step, model, noise, size, math.inf)
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
class NoiseOperations(Operations[Noisy]):
    """Operations on noise bounds."""

    model: NoiseModel
    modulus: float

    @override
    def multiply(self, a: Noisy, b: Noisy, /) -> Noisy:
        noise = self.model.multiply((a.noise, b.noise), (a.size, b.size), self.modulus)
        return Noisy(noise, a.size + b.size - 1)

    @override
    def scale(self, a: Noisy, factor: int, /, *, like: Noisy | None = None) -> Noisy:
        return Noisy(self.model.scale(a.noise, factor, corrected=like is not None), a.size)

    @override
    def add(self, a: Noisy, b: Noisy, /) -> Noisy:
        return Noisy(a.noise + b.noise, max(a.size, b.size))

    @override
    def add_constant(self, a: Noisy, constant: int, /) -> Noisy:
        return Noisy(self.model.affine(a.noise, 1), a.size)


def noise_after(step: Step, model: NoiseModel, noise: Profile, size: int, modulus: float) -> Profile:
    """Noise after a step on ciphertexts of `size` polynomials; of an activation by the program that the engines run."""
    if isinstance(step, Affine):
        return model.affine(noise, int(step.row_norms.max()))
    return apply_polynomial(step.coefficients, Noisy(noise, size), NoiseOperations(model, modulus)).noise


def prove_exact(circuit: Circuit, parameters: Parameters) -> Plan:
    """Follow the noise bound through the circuit with the real primes; the caller checks that budgets stay positive."""
    chosen = parameters
    model = noise_model(chosen.scheme, chosen.ring_degree, max(chosen.plain_moduli), len(chosen.primes))
    primes = list(chosen.primes)
    noise = model.fresh(chosen.special_prime)
    noise_bits = [coefficient_bits(noise)]
    for (step, size, after), drops in zip(step_sizes(circuit), chosen.drops, strict=True):
        noise = noise_after(step, model, noise, size, math.prod(map(float, primes)))
        noise_bits.append(coefficient_bits(noise))
        for _ in range(drops):
            noise = model.switch(noise, after, primes.pop())
    return finish(circuit, chosen, noise_bits)
