"""Plans for ckks, where encrypted arithmetic is approximate.

The modulus must hold scale times value at every step, for every image: that is proven. The error that remains is
predicted from typical values: it decides how large the scale has to be.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit import Affine, Circuit
from fcnlab.noise import CkksNoise
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
from fcnlab.polynomials import apply_polynomial

PRECISION = 0.01  # predicted error of the logits that is accepted, as a share of their spread
SCALE_BITS = range(4, 40)
MOST_RESCALES = 2  # more levels are searched for nothing: two squares need one
WIDEST_BITS = 250  # sizes are followed in float64; wider values are for the exact schemes


@dataclass(frozen=True)
class ScaledRow:
    """A step of a ckks simulation: index -1 is the input."""

    index: int
    scale: float
    needed_bits: float  # log2 of twice the largest coefficient that can occur
    relative_error: float  # of the logits' spread; meaningful in the last row


@dataclass(frozen=True, eq=False)
class Spreads:
    """What typical images do to small errors.

    Attributes:
        slopes: For each activation, by its place in the circuit: root mean square of its derivative, shape (outputs,).
        bends: The same for half of its second derivative.
        squares: For each affine step, by its place: the squares of its weights, which weigh variances.
        logits: Spread of the logits.
    """

    slopes: Mapping[int, npt.NDArray[np.float64]]
    bends: Mapping[int, npt.NDArray[np.float64]]
    squares: Mapping[int, sparse.csr_array]
    logits: float


def approximate_plans(circuit: Circuit, rings: Sequence[int], sample: npt.NDArray[Any] | None) -> Iterator[Plan]:
    """For each ring and set of switch points, the ckks plan with the fewest primes that is precise enough."""
    if max(interval.bits for interval in circuit.ranges) > WIDEST_BITS:
        return
    if sample is None:
        sample = np.random.default_rng(0).integers(0, circuit.pixel_max + 1, size=(256, circuit.inputs))
    spreads = profile(circuit, sample)
    for degree in rings:
        for points in switch_points(circuit):
            if len(points) <= MOST_RESCALES:
                plan = min(precise_plans(circuit, degree, points, spreads), key=rank, default=None)
                if plan is not None:
                    yield plan


def precise_plans(circuit: Circuit, ring_degree: int, points: tuple[int, ...], spreads: Spreads) -> Iterator[Plan]:
    """Proven plans that are precise enough, over a grid of the scale and of the primes that rescales drop.

    A larger scale is more precise and needs more room, so scales are tried upwards until there is none.
    """
    limit, allowed = prime_limit(circuit), MODULUS_BITS[ring_degree]
    counts = tuple(int(index in points) for index in range(len(circuit.steps)))
    drop_bits = range(SMALLEST_PRIME_BITS, limit + 1, 2 if len(points) < 2 else 6)
    for dropped in product(drop_bits, repeat=len(points)):
        drops = {point: [2.0**bits] for point, bits in zip(points, dropped, strict=True)}
        for scale_bits in SCALE_BITS:
            walk = simulate_approximate(circuit, ring_degree, SPECIAL_PRIME, 2.0**scale_bits, drops, spreads)
            final = max(row.needed_bits - sum(dropped[sum(point < row.index for point in points) :]) for row in walk)
            if not final + sum(dropped) <= allowed:  # nor if it is not a number
                break
            if not walk[-1].relative_error <= PRECISION:
                continue
            sizes = [split_bits(final + 0.5, limit), *([bits] for bits in dropped[::-1])]
            primes = choose_primes(ring_degree, list(chain.from_iterable(sizes)), avoid=(SPECIAL_PRIME,))
            if primes is None or log_product((*primes, SPECIAL_PRIME)) > allowed:
                continue
            chosen = Parameters("ckks", ring_degree, primes, SPECIAL_PRIME, (), 2.0**scale_bits, counts)
            plan = prove_approximate(circuit, chosen, spreads)
            if min(row.budget_bits for row in plan.steps) >= 0 and plan.predicted_error <= PRECISION:
                yield plan


def rank(plan: Plan) -> tuple[int, float]:
    """Fewest primes first, then the smallest error."""
    return len(plan.parameters.primes), plan.predicted_error


def profile(circuit: Circuit, sample: npt.NDArray[Any]) -> Spreads:
    """Measure slopes and spread on a sample of pixels, in floating point: only the estimate of errors uses them."""
    values = circuit.check_pixels(sample).T.astype(np.float64)
    slopes, bends, squares = {}, {}, {}
    for index, step in enumerate(circuit.steps):
        if isinstance(step, Affine):
            weights = step.weights.astype(np.float64)
            squares[index] = weights.power(2)
            values = weights @ values + step.bias.astype(np.float64)[:, None]
            continue
        polynomial = np.polynomial.Polynomial([float(coefficient) for coefficient in step.coefficients])
        slopes[index] = np.sqrt(np.mean(polynomial.deriv(1)(values) ** 2, axis=1))
        bends[index] = np.sqrt(np.mean(polynomial.deriv(2)(values) ** 2, axis=1)) / 2
        values = polynomial(values)
    return Spreads(slopes, bends, squares, float(np.sqrt(np.mean(np.var(values, axis=0)))) or 1.0)


def simulate_approximate(
    circuit: Circuit,
    ring_degree: int,
    special_prime: int,
    scale: float,
    drops: Mapping[int, Sequence[float]],
    spreads: Spreads,
) -> list[ScaledRow]:
    """Follow scale, largest coefficient (a bound) and error (bound and estimate) through the circuit.

    The bound holds for every image; the estimate adds independent errors in quadrature at the sample's typical values.
    """
    model = CkksNoise(ring_degree)
    bound = model.fresh(special_prime)
    error = np.full(circuit.inputs, model.typical_fresh())
    rows = [ScaledRow(-1, scale, math.log2(2 * (circuit.pixel_max * scale + bound)), 0.0)]
    magnitude = float(circuit.pixel_max)
    for index, (step, _, after) in enumerate(step_sizes(circuit)):
        if isinstance(step, Affine):
            # Errors of fresh ciphertexts are independent and add in quadrature; later ones share their sources.
            fresh = math.sqrt(float(spreads.squares[index].sum(axis=1).max()))
            bound = (float(step.row_norms.max()) if index else fresh) * bound + 0.5  # of the rounded bias
            error = np.sqrt(spreads.squares[index] @ error**2)
        else:
            value = ScaledValue(magnitude, scale, bound)
            value = apply_polynomial(step.coefficients, value, ScaledOperations())
            relative = error / scale
            with np.errstate(over="ignore"):  # an infinite error is too large, whatever the precision
                first, second = spreads.slopes[index] * relative, spreads.bends[index] * relative**2
                error = value.scale * np.sqrt(first**2 + 2 * second**2)
            scale, bound = value.scale, value.bound
        magnitude = float(circuit.ranges[index].magnitude)
        spread_share = float(np.sqrt(np.mean(error**2))) / scale / spreads.logits
        rows.append(ScaledRow(index, scale, math.log2(2 * (magnitude * scale + bound)), spread_share))
        for prime in drops.get(index, ()):
            scale /= prime
            bound = bound / prime + model.rounding(after)
            error = np.sqrt((error / prime) ** 2 + model.typical_rounding(after) ** 2)
    return rows


@dataclass(frozen=True)
class ScaledValue:
    """A ciphertext as a proof sees it.

    Attributes:
        magnitude: Bound on the absolute value of its integers.
        scale: Of the value in the ciphertext.
        bound: Bound on the error, scale included.
    """

    magnitude: float
    scale: float
    bound: float


class ScaledOperations:
    """Operations on bounds; an implementation of `polynomials.Operations`."""

    def multiply(self, a: ScaledValue, b: ScaledValue, /) -> ScaledValue:
        """Each value times the other's error."""
        return ScaledValue(
            a.magnitude * b.magnitude,
            a.scale * b.scale,
            a.magnitude * a.scale * b.bound + b.magnitude * b.scale * a.bound + a.bound * b.bound,
        )

    def scale(self, a: ScaledValue, factor: int, /, *, like: ScaledValue | None = None) -> ScaledValue:
        """The factor is rounded to an integer at the scale of the result."""
        ratio = (like or a).scale / a.scale
        size, rounding = abs(factor) * ratio, 0.0 if ratio == 1 else 0.5
        bound = (size + rounding) * a.bound + rounding * a.magnitude * a.scale
        return ScaledValue(a.magnitude * abs(factor), a.scale * ratio, bound)

    def add(self, a: ScaledValue, b: ScaledValue, /) -> ScaledValue:
        """Sums."""
        return ScaledValue(a.magnitude + b.magnitude, a.scale, a.bound + b.bound)

    def add_constant(self, a: ScaledValue, constant: int, /) -> ScaledValue:
        """The constant is rounded at the scale of the value."""
        return ScaledValue(a.magnitude + abs(constant), a.scale, a.bound + 0.5)


def prove_approximate(circuit: Circuit, parameters: Parameters, spreads: Spreads) -> Plan:
    """Check with the real primes that no coefficient can reach half the modulus; the caller looks at the budgets."""
    chosen = parameters
    primes = list(chosen.primes)
    drops = {}
    for index, count in enumerate(chosen.drops):
        drops[index] = [float(primes.pop()) for _ in range(count)]
    walk = simulate_approximate(circuit, chosen.ring_degree, chosen.special_prime, chosen.scale, drops, spreads)
    primes = list(chosen.primes)
    inputs = circuit.used_inputs
    rows = []
    names = [("input", len(inputs), 2, circuit.pixel_bits, 0)]
    names += [
        (step.name, step.outputs, after, interval.bits, count)
        for (step, _, after), interval, count in zip(step_sizes(circuit), circuit.ranges, chosen.drops, strict=True)
    ]
    for (name, outputs, size, bits, count), row in zip(names, walk, strict=True):
        rows.append(
            PlannedStep(name, outputs, size, bits, row.needed_bits - 1, log_product(primes), len(primes), count)
        )
        del primes[len(primes) - count :]
    return finish(circuit, chosen, rows, predicted_error=walk[-1].relative_error)
