"""What a ckks plan proves and predicts, where encrypted arithmetic is approximate.

The modulus must hold scale times value at every step, for every image: that is proven, and takes a few numbers a step.
The error that remains is predicted from typical values, and takes a few numbers an output.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from typing_extensions import override

from fcnlab.circuit.circuit import Affine, Circuit
from fcnlab.circuit.polynomials import Operations, apply_polynomial
from fcnlab.planning.execution import step_sizes
from fcnlab.planning.noise import ENCODER_MARGIN, CkksNoise, error_tail
from fcnlab.planning.parameters import Parameters
from fcnlab.planning.plan import Plan, finish
from fcnlab.planning.sample import logit_spread

Real = Any  # a float, or an array of them: as many candidates as are looked at together
INPUT = -1  # the step before the first
SENSITIVE_LOGITS = 160  # of the sample, for which bounds of errors are followed


@dataclass(frozen=True)
class ScaledRow:
    """A step of a ckks simulation."""

    index: int  # INPUT for the input
    scale: Real
    needed_bits: Real  # log2 of twice the largest coefficient that can occur, or that SEAL wants of a plaintext
    relative_error: Real = 0.0  # of the logits' spread; meaningful in the last row


@dataclass(frozen=True, eq=False)
class Spreads:
    """What typical images do to small errors.

    Attributes:
        slopes: For each activation, by its place in the circuit: root mean square of its derivative, shape (outputs,).
        bends: The same for half of its second derivative.
        squares: For each affine step, by its place: the squares of its weights, which weigh variances.
        fresh_gain: The most that the first step lets independent errors grow.
        logits: Spread of the logits.
        gains: For the input, and each step by its place: variance of a logit by unit variance of each of the step's
            results, for each of the sample's most sensitive images and each logit.
    """

    slopes: Mapping[int, npt.NDArray[np.float64]]
    bends: Mapping[int, npt.NDArray[np.float64]]
    squares: Mapping[int, sparse.csr_array]
    fresh_gain: float
    logits: float
    gains: Mapping[int, npt.NDArray[np.float64]]


def profile(circuit: Circuit, sample: npt.NDArray[Any]) -> Spreads:
    """Measure slopes and spread on a sample of pixels, in floating point: only the estimate of errors uses them."""
    values = circuit.check_pixels(sample).T.astype(np.float64)
    slopes, bends, squares, every = {}, {}, {}, {}
    for index, step in enumerate(circuit.steps):
        if isinstance(step, Affine):
            weights = step.weights.astype(np.float64)
            squares[index] = weights.power(2)
            values = weights @ values + step.bias.astype(np.float64)[:, None]
            continue
        polynomial = np.polynomial.Polynomial([float(coefficient) for coefficient in step.coefficients])
        every[index] = polynomial.deriv(1)(values)
        slopes[index] = np.sqrt(np.mean(every[index] ** 2, axis=1))
        bends[index] = np.sqrt(np.mean(polynomial.deriv(2)(values) ** 2, axis=1)) / 2
        values = polynomial(values)
    gain = math.sqrt(float(squares[0].sum(axis=1).max()))
    return Spreads(slopes, bends, squares, gain, logit_spread(values.T), follow_back(circuit, every))


def follow_back(circuit: Circuit, slopes: Mapping[int, npt.NDArray[np.float64]]) -> dict[int, npt.NDArray[np.float64]]:
    """The gains of `Spreads` by derivatives, for the images with the largest slopes.

    Args:
        circuit: To follow.
        slopes: Of each activation, by its place, in each image, shape (outputs, N).
    """
    images = max(SENSITIVE_LOGITS // circuit.outputs, 1)
    steepness = sum((np.sum(slope**2, axis=0) for slope in slopes.values()), np.zeros(1))
    chosen = np.argsort(steepness)[-images:]
    derivatives, gains = np.tile(np.eye(circuit.outputs), len(chosen)), {}
    for index in range(len(circuit.steps) - 1, INPUT, -1):
        step = circuit.steps[index]
        gains[index] = np.sum(derivatives**2, axis=0)
        if isinstance(step, Affine):
            derivatives = step.weights.T.astype(np.float64) @ derivatives
        else:
            derivatives = derivatives * np.repeat(slopes[index][:, chosen], circuit.outputs, axis=1)
    return {**gains, INPUT: np.sum(derivatives**2, axis=0)}


def simulate_approximate(
    circuit: Circuit,
    ring_degree: int,
    special_prime: int,
    scale: float,
    drops: Mapping[int, Sequence[float]],
    spreads: Spreads,
) -> list[ScaledRow]:
    """Follow scale, largest coefficient (a bound) and error (an estimate) through the circuit.

    The bound holds for every image; the estimate adds independent errors in quadrature at the sample's typical values.
    """
    model = CkksNoise(ring_degree)
    first, *bounds = follow_scales(circuit, ring_degree, special_prime, scale, drops, spreads)
    rows = [first]
    variance = np.full(circuit.inputs, (model.typical_fresh() / scale) ** 2)  # of a value, relative to its scale
    for row, (step, _, after) in zip(bounds, step_sizes(circuit), strict=True):
        if isinstance(step, Affine):
            variance = spreads.squares[row.index] @ variance
        else:
            with np.errstate(over="ignore"):  # an infinite error is too large, whatever the precision
                first_order = spreads.slopes[row.index] ** 2 * variance
                variance = first_order + 2 * (spreads.bends[row.index] * variance) ** 2
        error = math.sqrt(float(np.mean(variance))) / spreads.logits
        rows.append(ScaledRow(row.index, row.scale, row.needed_bits, error))
        for rescaled in np.cumprod(drops.get(row.index, ())):
            variance = variance + (model.typical_rounding(after) * rescaled / row.scale) ** 2
    return rows


def follow_scales(
    circuit: Circuit,
    ring_degree: int,
    special_prime: int,
    scale: Real,
    drops: Mapping[int, Sequence[Real]],
    spreads: Spreads,
) -> list[ScaledRow]:
    """Follow scale and largest coefficient alone; scales and primes may be arrays that broadcast."""
    model = CkksNoise(ring_degree)
    bound: Real = model.fresh(special_prime)
    rows = [ScaledRow(INPUT, scale, np.log2(2 * (circuit.pixel_max * scale + bound)))]
    magnitude = float(circuit.pixel_max)
    for index, (step, _, after) in enumerate(step_sizes(circuit)):
        if isinstance(step, Affine):
            # Errors of fresh ciphertexts are independent and add in quadrature; later ones share their sources.
            gain = float(step.row_norms.max()) if index else spreads.fresh_gain
            bound = gain * bound + 0.5  # of the rounded bias
            weight, bias = (float(np.abs(values).max(initial=0)) for values in (step.weights.data, step.bias))
            encoded = np.maximum(weight, bias * scale)
        else:
            operations = ScaledOperations()
            value = apply_polynomial(step.coefficients, ScaledValue(magnitude, scale, bound), operations)
            scale, bound, encoded = value.scale, value.bound, operations.encoded
        magnitude = float(circuit.ranges[index].magnitude)
        largest = np.maximum(magnitude * scale + bound, ENCODER_MARGIN * encoded)
        rows.append(ScaledRow(index, scale, np.log2(2 * largest)))
        for prime in drops.get(index, ()):
            scale = scale / prime
            bound = bound / prime + model.rounding(after)
    return rows


def weigh_sources(circuit: Circuit, spreads: Spreads) -> dict[int, float]:
    """To first order, the variance of a logit, in squares of the spread, by unit variance of each of a step's results.

    One walk backwards. Higher orders only add to it, so it bounds the predicted error of any plan from below.
    """
    weights = np.full(circuit.outputs, 1 / circuit.outputs / spreads.logits**2)
    sources = {}
    for index in range(len(circuit.steps) - 1, -1, -1):
        sources[index] = float(weights.sum())
        if isinstance(circuit.steps[index], Affine):
            weights = spreads.squares[index].T @ weights
        else:
            weights = weights * spreads.slopes[index] ** 2
    return {**sources, INPUT: float(weights.sum())}


def least_error(
    circuit: Circuit,
    ring_degree: int,
    rows: Sequence[ScaledRow],
    drops: Mapping[int, Sequence[Real]],
    sources: Mapping[int, Any],
    *,
    tail: Callable[[int], float] = lambda _: 1.0,
) -> Real:
    """A lower bound of the predicted error of a walk, from `weigh_sources`; of its tails, with `noise.error_tail`."""
    model = CkksNoise(ring_degree)
    variance = sources[INPUT] * (tail(0) * model.typical_fresh() / rows[0].scale) ** 2
    for row, (_, _, after) in zip(rows[1:], step_sizes(circuit), strict=True):
        rescaled: Real = 1.0
        for prime in drops.get(row.index, ()):
            rescaled = rescaled * prime
            error = tail(after - 1) * model.typical_rounding(after) * rescaled / row.scale
            variance = variance + sources[row.index] * error**2
    return np.sqrt(variance) * (1 - 1e-9)  # sums in another order round differently


@dataclass(frozen=True)
class ScaledValue:
    """A ciphertext as a proof sees it.

    Attributes:
        magnitude: Bound on the absolute value of its integers.
        scale: The value's scale in the ciphertext.
        bound: Bound on the error, scale included.
    """

    magnitude: float
    scale: Real
    bound: Real


class ScaledOperations(Operations[ScaledValue]):
    """Operations on bounds.

    Attributes:
        encoded: Bound on the coefficients of all plaintexts so far.
    """

    def __init__(self) -> None:
        self.encoded: Real = 0.0

    @override
    def multiply(self, a: ScaledValue, b: ScaledValue, /) -> ScaledValue:
        # Each value times the other's error
        return ScaledValue(
            a.magnitude * b.magnitude,
            a.scale * b.scale,
            a.magnitude * a.scale * b.bound + b.magnitude * b.scale * a.bound + a.bound * b.bound,
        )

    @override
    def scale(self, a: ScaledValue, factor: int, /, *, like: ScaledValue | None = None) -> ScaledValue:
        # The factor is rounded to an integer at the scale of the result
        ratio = (like or a).scale / a.scale
        size, rounding = abs(factor) * ratio, np.where(np.equal(ratio, 1), 0.0, 0.5)
        self.encoded = np.maximum(self.encoded, size)
        bound = (size + rounding) * a.bound + rounding * a.magnitude * a.scale
        return ScaledValue(a.magnitude * abs(factor), a.scale * ratio, bound)

    @override
    def add(self, a: ScaledValue, b: ScaledValue, /) -> ScaledValue:
        return ScaledValue(a.magnitude + b.magnitude, a.scale, a.bound + b.bound)

    @override
    def add_constant(self, a: ScaledValue, constant: int, /) -> ScaledValue:
        # The constant is rounded at the scale of the value
        self.encoded = np.maximum(self.encoded, abs(constant) * a.scale)
        return ScaledValue(a.magnitude + abs(constant), a.scale, a.bound + 0.5)


def prove_approximate(circuit: Circuit, parameters: Parameters, spreads: Spreads) -> Plan:
    """Check with the real primes that no coefficient can reach half the modulus; the caller looks at the budgets."""
    drops = dropped_primes(parameters)
    walk = simulate_approximate(
        circuit, parameters.ring_degree, parameters.special_prime, parameters.scale, drops, spreads
    )
    plan, sources = plan_of(circuit, parameters, walk), weigh_sources(circuit, spreads)
    degree, spread = parameters.ring_degree, spreads.logits
    # To first order, image by image; higher orders are taken to make of it what they make of the prediction.
    largest = float(np.max(least_error(circuit, degree, walk, drops, spreads.gains, tail=error_tail))) / spread
    least = float(least_error(circuit, degree, walk, drops, sources))
    bound = largest * (plan.predicted_error / least) if least else 0.0
    return replace(plan, error_bound=max(bound, error_tail(0) * plan.predicted_error), spread=spread)


def has_room(circuit: Circuit, parameters: Parameters, spreads: Spreads) -> bool:
    """Whether no coefficient can reach half the modulus, for any image; asked first, since it takes no time."""
    chosen, drops = parameters, dropped_primes(parameters)
    walk = follow_scales(circuit, chosen.ring_degree, chosen.special_prime, chosen.scale, drops, spreads)
    return all(row.budget_bits >= 0 for row in plan_of(circuit, chosen, walk).steps)  # nor if it is not a number


def dropped_primes(parameters: Parameters) -> dict[int, list[float]]:
    """The primes that are dropped after each step."""
    primes = list(parameters.primes)
    return {index: [float(primes.pop()) for _ in range(count)] for index, count in enumerate(parameters.drops)}


def plan_of(circuit: Circuit, parameters: Parameters, walk: Sequence[ScaledRow]) -> Plan:
    """A walk with real primes as a plan."""
    noise_bits = [float(row.needed_bits) - 1 for row in walk]
    return finish(circuit, parameters, noise_bits, predicted_error=float(walk[-1].relative_error))
