"""Packed plans for bgv: exact, one pass for each plain modulus.

Weights differ from slot to slot, so an encoded plaintext has n coefficients below t / 2 and multiplies the noise by up
to n t / 2: a good deal more than in the batch layout, where a weight is one small integer. Primes are dropped after
every step that another one follows.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.planning.batch.exact import PLAIN_MODULI, Search, plain_moduli
from fcnlab.planning.execution import divides_weight
from fcnlab.planning.noise import BgvNoise, Profile, coefficient_bits, floor_noise, key_switch_noise, symmetric_noise
from fcnlab.planning.packed.pack import Program, Stage, Term
from fcnlab.planning.packed.plan import PackedPlan, finish
from fcnlab.planning.packed.program import SlotOperations, run_program
from fcnlab.planning.parameters import MODULUS_BITS, SMALLEST_PRIME_BITS, Parameters

LARGEST_BITS, SPECIAL_BITS = 52, 55  # of data primes, and of the special one


class NoiseBounds(SlotOperations[Profile]):
    """Operations on noise bounds.

    Args:
        ring_degree: n.
        plain_modulus: t.
        primes: Data primes at this point.
        special_prime: The keys' special prime.
        divide: What dropping primes divides by, and how it rounds.
    """

    def __init__(
        self,
        ring_degree: int,
        plain_modulus: int,
        primes: Sequence[float],
        special_prime: float,
        divide: Callable[[Profile], Profile],
    ) -> None:
        self._degree, self._divide = ring_degree, divide
        self._plaintext = ring_degree * plain_modulus / 2
        rounding = floor_noise(ring_degree, 2)
        self._switch = plain_modulus * (key_switch_noise(ring_degree, primes, special_prime) + rounding)

    @override
    def product(self, a: Profile, term: Term, /) -> Profile:
        # By a polynomial with n coefficients below t / 2, as biases are
        return a * self._plaintext

    @override
    def add(self, a: Profile, b: Profile, /) -> Profile:
        return a + b

    @override
    def rotate(self, a: Profile, step: int, /) -> Profile:
        # The roots change places, and keys are switched
        return np.asarray(a[permuted_roots(self._degree, step)] + self._switch)

    @override
    def add_bias(self, a: Profile, stage: Stage, /) -> Profile:
        return a + self._plaintext

    @override
    def square(self, a: Profile, /) -> Profile:
        return a * a + self._switch

    @override
    def drop(self, a: Profile, primes: int, /) -> Profile:
        return self._divide(a)


def permuted_roots(ring_degree: int, step: int) -> Any:
    """Which root each root's value comes from when X becomes X^(3^step); roots are counted as in `noise.Profile`."""
    exponents = (2 * np.arange(ring_degree // 2) + 1) * pow(3, step, 2 * ring_degree) % (2 * ring_degree)
    return (np.where(exponents > ring_degree, 2 * ring_degree - exponents, exponents) - 1) // 2


def exact_plans(program: Program, circuit: Circuit, ring_degree: int) -> Iterator[PackedPlan]:
    """Every proven plan with 1 to PLAIN_MODULI plain moduli.

    Args:
        program: On the slots of this ring's rows.
        circuit: What it was made of.
        ring_degree: n.
    """
    value_bits = circuit.ranges[-1].bits
    for count in range(1, PLAIN_MODULI + 1):
        moduli = plain_moduli(ring_degree, value_bits, count, unfit=partial(divides_weight, program.circuit))
        plan = exact_plan(program, circuit, ring_degree, moduli) if moduli else None
        if plan is not None:
            yield plan


def exact_plan(program: Program, circuit: Circuit, ring_degree: int, moduli: tuple[int, ...]) -> PackedPlan | None:
    """The plan for these plain moduli; None if the ring cannot hold it."""
    search = Search(
        scheme="bgv", ring_degree=ring_degree, moduli=moduli, largest_bits=LARGEST_BITS, special_bits=SPECIAL_BITS
    )
    steps = len(program.circuit.steps)
    bits = required_bits(program, ring_degree, max(moduli))
    return search.smallest(bits, range(steps - 1), steps, lambda parameters: prove(program, circuit, parameters))


def fresh_noise(ring_degree: int, plain_modulus: int) -> Profile:
    """A message below t / 2 in each coefficient, and t times the error."""
    noise = plain_modulus * (ring_degree / 2 + symmetric_noise(ring_degree))
    return np.full(ring_degree // 2, noise)


def required_bits(program: Program, ring_degree: int, plain_modulus: int) -> tuple[list[float], float]:
    """Bits to drop after each step but the last, and bits that the last modulus needs.

    Dropping leaves about as much noise as its own rounding: less would cost bits and gain nothing.
    """
    model, groups = BgvNoise(ring_degree, plain_modulus), []
    floor = model.switch(np.zeros(ring_degree // 2), 2, 1)

    def divide(noise: Profile) -> Profile:
        groups.append(max(coefficient_bits(noise) - coefficient_bits(floor), SMALLEST_PRIME_BITS))
        return noise / 2 ** groups[-1] + floor

    # The special prime is the largest: what a key switch adds is that of at most as many primes as are allowed.
    digits = [2.0**LARGEST_BITS] * (MODULUS_BITS[ring_degree] // LARGEST_BITS)
    operations = NoiseBounds(ring_degree, plain_modulus, digits, 2.0**SPECIAL_BITS, divide)
    sources = [fresh_noise(ring_degree, plain_modulus)] * len(program.gather)
    drops = [1] * (len(program.circuit.steps) - 1) + [0]
    with np.errstate(over="ignore", invalid="ignore"):
        noise = run_program(program, sources, lambda _: operations, drops=drops)
        return groups, coefficient_bits(noise) + 1


def prove(program: Program, circuit: Circuit, parameters: Parameters) -> PackedPlan:
    """Follow the noise bound with the real primes; the caller checks that budgets stay positive."""
    chosen = parameters
    modulus = max(chosen.plain_moduli)
    model = BgvNoise(chosen.ring_degree, modulus)
    noises: list[Profile] = []

    def operations(index: int) -> NoiseBounds:
        left = chosen.primes[: len(chosen.primes) - sum(chosen.drops[:index])]

        def divide(noise: Profile) -> Profile:
            for prime in left[: -chosen.drops[index] - 1 : -1]:
                noise = model.switch(noise, 2, prime)
            return noise

        return NoiseBounds(chosen.ring_degree, modulus, left, chosen.special_prime, divide)

    fresh = fresh_noise(chosen.ring_degree, modulus)
    run_program(program, [fresh] * len(program.gather), operations, drops=chosen.drops, report=noises.append)
    noise_bits = [coefficient_bits(noise) for noise in (fresh, *noises)]
    return finish(program, circuit, chosen, noise_bits, plain_scales=(1.0,) * len(program.stages))
