"""What a packed ckks program does to values and errors, slot by slot, for every image and for typical ones.

The overflow proof follows bounds that hold for every image in every slot, those that no logit comes from included. No
coefficient exceeds the mean over the slots. The prediction of errors adds independent errors in quadrature at typical
values. Values do not depend on scales: they are traced once, and errors follow them for each choice of scales.
Errors are those of random polynomials, whose values at different slots are uncorrelated: they add in quadrature, and
their mean over the slots stays below CONFIDENCE standard deviations.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.planning.noise import (
    CONFIDENCE,
    ENCODER_MARGIN,
    ERROR_VARIANCE,
    ROUNDING_VARIANCE,
    CkksNoise,
    typical_key_switch,
)
from fcnlab.planning.packed.pack import Program, Stage, Term
from fcnlab.planning.packed.program import SlotOperations, gather_pixels, run_program
from fcnlab.planning.parameters import Parameters

Floats = npt.NDArray[np.float64]
MARGIN = 1 + 1e-9  # of sums in float64


@dataclass(frozen=True, eq=False)
class Traced:
    """The value of a ciphertext.

    Attributes:
        lo: Least value in each slot, for any image; shape (S,).
        hi: Largest value.
        samples: Values of typical images, shape (N, S).
    """

    lo: Floats
    hi: Floats
    samples: Floats

    @property
    def magnitude(self) -> Floats:
        """Bound on the absolute value in each slot."""
        return np.asarray(np.maximum(-self.lo, self.hi) * MARGIN, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Size:
    """How large a value is in each slot: for any image, and the mean square of typical ones."""

    magnitude: Floats
    mean_square: Floats


class Tracing(SlotOperations[Traced]):
    """Operations on values that write down the size of every result in order."""

    def __init__(self) -> None:
        self.sizes: list[Size] = []

    def _keep(self, value: Traced) -> Traced:
        self.sizes.append(Size(value.magnitude, np.mean(value.samples**2, axis=0)))
        return value

    @override
    def product(self, a: Traced, term: Term, /) -> Traced:
        # A negative weight turns bounds round
        weights = term.weights.astype(np.float64)
        ends = a.lo * weights, a.hi * weights
        return self._keep(Traced(np.minimum(*ends), np.maximum(*ends), a.samples * weights))

    @override
    def add(self, a: Traced, b: Traced, /) -> Traced:
        # No pixel is in a sum twice
        return self._keep(Traced(a.lo + b.lo, a.hi + b.hi, a.samples + b.samples))

    @override
    def rotate(self, a: Traced, step: int, /) -> Traced:
        return self._keep(Traced(np.roll(a.lo, -step), np.roll(a.hi, -step), np.roll(a.samples, -step, axis=1)))

    @override
    def add_bias(self, a: Traced, stage: Stage, /) -> Traced:
        bias = stage.bias.astype(np.float64)
        return self._keep(Traced(a.lo + bias, a.hi + bias, a.samples + bias))

    @override
    def square(self, a: Traced, /) -> Traced:
        # 0 is the least square if it is between the bounds
        ends = a.lo**2, a.hi**2
        lo = np.where((a.lo <= 0) & (a.hi >= 0), 0.0, np.minimum(*ends))
        return self._keep(Traced(lo, np.maximum(*ends), a.samples**2))

    @override
    def drop(self, a: Traced, primes: int, /) -> Traced:
        return self._keep(a)


def trace(program: Program, pixels: npt.NDArray[np.int64], drops: Sequence[int]) -> tuple[Size, list[Size]]:
    """Sizes of the client's slots (the largest of any ciphertext), and of every result in order.

    Args:
        program: To follow.
        pixels: Typical images, shape (N, inputs).
        drops: Primes dropped after each step of the circuit.
    """
    samples = np.stack([gather_pixels(program, image) for image in pixels], axis=1).astype(np.float64)
    hi = (program.gather >= 0) * float(program.circuit.pixel_max)
    sources = [Traced(np.zeros(program.slots), row, images) for row, images in zip(hi, samples, strict=True)]
    tracing = Tracing()
    run_program(program, sources, lambda _: tracing, drops=drops)
    return Size(hi.max(axis=0), np.mean(samples**2, axis=(0, 1))), tracing.sizes


@dataclass(frozen=True, eq=False)
class Estimate:
    """The error of a ciphertext.

    Attributes:
        size: How large its value is.
        scale: The scale of its value.
        worst: Variance of the error in each slot, scale included, where values are as large as any image makes them.
        typical: The same at typical values.
        encoded: Bound on the coefficients of the plaintexts of the stage that it comes from.
    """

    size: Size
    scale: float
    worst: Floats
    typical: Floats
    encoded: float = 0.0

    @property
    def error_bits(self) -> float:
        """log2 of a bound on the mean error over the slots, in units of the ciphertext."""
        return math.log2(CONFIDENCE * math.sqrt(2 * float(np.mean(self.worst))))

    @property
    def coefficient_bits(self) -> float:
        """log2 of a bound on every coefficient, and on those that SEAL encodes."""
        largest = float(np.mean(self.size.magnitude)) * self.scale + 2**self.error_bits
        return math.log2(max(largest, ENCODER_MARGIN * self.encoded))


class Estimating(SlotOperations[Estimate]):
    """Operations on errors.

    Args:
        sizes: What `trace` found, in order.
        ring_degree: n.
        primes: Data primes at this point.
        special_prime: The keys' special prime.
        plain_scale: The scale of the weights.
    """

    def __init__(
        self, sizes: Iterator[Size], ring_degree: int, primes: Sequence[float], special_prime: float, plain_scale: float
    ) -> None:
        self._sizes, self._primes, self._plain_scale = sizes, list(primes), plain_scale
        self._rescale = CkksNoise(ring_degree).typical_rounding(2) ** 2
        # Encoded real numbers are polynomials with m(X) = m(1 / X), and so is their rounding: real in every slot.
        self._encoding = ring_degree * ROUNDING_VARIANCE
        self._switch = typical_key_switch(ring_degree, self._primes, special_prime)

    @override
    def product(self, a: Estimate, term: Term, /) -> Estimate:
        # Errors times weights, and values times the rounding of encoded weights
        squares, rounding = (term.weights * self._plain_scale) ** 2, a.scale**2 * self._encoding
        return Estimate(
            next(self._sizes),
            a.scale * self._plain_scale,
            a.worst * squares + a.size.magnitude**2 * rounding,
            a.typical * squares + a.size.mean_square * rounding,
        )

    @override
    def add(self, a: Estimate, b: Estimate, /) -> Estimate:
        # Errors of different slots are independent
        return Estimate(next(self._sizes), a.scale, a.worst + b.worst, a.typical + b.typical)

    @override
    def rotate(self, a: Estimate, step: int, /) -> Estimate:
        worst, typical = (np.roll(variance, -step) + self._switch for variance in (a.worst, a.typical))
        return Estimate(next(self._sizes), a.scale, worst, typical)

    @override
    def add_bias(self, a: Estimate, stage: Stage, /) -> Estimate:
        # The rounding of the encoded bias
        weight = max(float(np.mean(np.abs(term.weights))) for term in stage.terms)
        bias = max(float(np.mean(np.abs(stage.bias.astype(np.float64)))), 1.0)  # a scale alone must fit, too
        encoded = max(weight * self._plain_scale, bias * a.scale)
        return Estimate(next(self._sizes), a.scale, a.worst + self._encoding, a.typical + self._encoding, encoded)

    @override
    def square(self, a: Estimate, /) -> Estimate:
        # Twice the value times the error, the error's square, and a key switch
        twice = 4 * a.scale**2
        return Estimate(
            next(self._sizes),
            a.scale**2,
            twice * a.size.magnitude**2 * a.worst + 2 * a.worst**2 + self._switch,
            twice * a.size.mean_square * a.typical + 2 * a.typical**2 + self._switch,
        )

    @override
    def drop(self, a: Estimate, primes: int, /) -> Estimate:
        scale, worst, typical = a.scale, a.worst, a.typical
        for last in self._primes[: -primes - 1 : -1]:
            scale /= last
            worst, typical = (variance / last**2 + self._rescale for variance in (worst, typical))
        return Estimate(next(self._sizes), scale, worst, typical)


def estimate(
    program: Program, traced: tuple[Size, list[Size]], parameters: Parameters, *, plain_scales: Sequence[float]
) -> list[Estimate]:
    """Follow errors: the input, and the result of each step before primes are dropped.

    Args:
        program: To follow.
        traced: What `trace` found with the same drops.
        parameters: The literal, with the scale of a fresh ciphertext.
        plain_scales: The scale of the weights of each stage.
    """
    fresh, sizes = traced
    chosen, following = parameters, iter(sizes)
    variance = np.full(program.slots, chosen.ring_degree * (ERROR_VARIANCE / 2 + ROUNDING_VARIANCE))
    start = Estimate(fresh, chosen.scale, variance, variance)
    rows = [start]

    def operations(index: int) -> Estimating:
        left = chosen.primes[: len(chosen.primes) - sum(chosen.drops[:index])]
        return Estimating(following, chosen.ring_degree, left, chosen.special_prime, plain_scales[index // 2])

    run_program(program, [start] * len(program.gather), operations, drops=chosen.drops, report=rows.append)
    return rows
