"""Encryption parameters for a circuit, proven sufficient before anything is encrypted.

A plan is checked once and then immutable. The search proposes parameters; `prove_exact` and `prove_approximate` walk
the circuit with the value ranges of `circuit` and the bounds of `noise`, and nothing becomes a plan that they refuse.

bgv and bfv are exact: residues modulo the plain moduli are a ring, so it is enough that the logits fit their product,
whatever happens in between. ckks is approximate: the modulus must hold scale times value at every step, and the error
that remains is predicted from the spread of real values.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit import SUM_BITS, Affine, Circuit, Polynomial, Step
from fcnlab.digits import signed_digits
from fcnlab.errors import PlanError
from fcnlab.modular import prime_below
from fcnlab.noise import BfvNoise, BgvNoise, CkksNoise, NoiseModel, Scheme

# Largest log2(q), special prime included, for 128-bit security with ternary secrets.
# Source: HomomorphicEncryption.org security standard (2018), table 1; SEAL enforces the same bounds.
SECURITY_BITS = 128
MODULUS_BITS = {4096: 109, 8192: 218, 16384: 438, 32768: 881}
RINGS = (4096, 8192, 16384, 32768)
SCHEMES: tuple[Scheme, ...] = ("bgv", "bfv", "ckks")

PRIME_BITS = 50  # products of residues by a double-precision quotient are exact up to here
SMALLEST_PRIME_BITS = 20
# The Fermat prime 2^16 + 1 is 1 modulo 2n in every ring. It only divides the noise of fresh encryptions, which are then
# smaller than the rounding that this leaves; no key switching needs a large one.
SPECIAL_PRIME = 65537
PLAIN_MODULI = 8  # more passes than this are never cheaper than a larger ring
PRECISION = 0.005  # ckks: predicted error of the logits, as a share of their spread

# Work per residue in units of one addition, measured; they rank candidates, `seconds` come from the cost model.
SQUARE_WORK, SWITCH_WORK, ENCRYPT_WORK = 4, 40, 350


@dataclass(frozen=True)
class Parameters:
    """What both sides agree on; everything else of a plan follows from it and the circuit.

    Attributes:
        scheme: bgv, bfv or ckks.
        ring_degree: n, a power of two; n slots in bgv and bfv, n / 2 in ckks.
        primes: Data primes of the ciphertext modulus; switches drop the last first.
        special_prime: One more prime, present in keys only.
        plain_moduli: bgv and bfv: primes whose product holds the logits, each a pass of its own. Empty for ckks.
        scale: ckks: value of one pixel unit in a fresh ciphertext. 1 otherwise.
        drops: Primes dropped after each step of the circuit.
    """

    scheme: Scheme
    ring_degree: int
    primes: tuple[int, ...]
    special_prime: int
    plain_moduli: tuple[int, ...]
    scale: float
    drops: tuple[int, ...]

    @property
    def slots(self) -> int:
        """Images in one batch."""
        return self.ring_degree // 2 if self.scheme == "ckks" else self.ring_degree

    @property
    def passes(self) -> int:
        """Encrypted evaluations of one batch: one for each plain modulus."""
        return max(len(self.plain_moduli), 1)

    @property
    def modulus_bits(self) -> float:
        """log2 of the whole ciphertext modulus, special prime included."""
        return sum(map(math.log2, self.primes)) + math.log2(self.special_prime)


@dataclass(frozen=True)
class PlannedStep:
    """One row of a plan: what is proven of a step's results.

    Attributes:
        name: Step of the circuit, or ``input``.
        outputs: Ciphertexts.
        size: Polynomials in each.
        value_bits: Bits that hold any value with its sign.
        noise_bits: log2 of the noise bound, before primes are dropped.
        modulus_bits: log2 of the ciphertext modulus at that point; decryption needs one bit more than the noise.
        primes: Data primes at that point.
        drops: Primes dropped afterwards.
    """

    name: str
    outputs: int
    size: int
    value_bits: int
    noise_bits: float
    modulus_bits: float
    primes: int
    drops: int

    @property
    def budget_bits(self) -> float:
        """Bits between the noise bound and what decryption could still bear."""
        return self.modulus_bits - 1 - self.noise_bits


@dataclass(frozen=True, eq=False)
class Plan:
    """Proven parameters for one circuit.

    Attributes:
        network: Name of the circuit.
        parameters: The literal both sides agree on.
        inputs: Indices of the pixels that are encrypted, ascending.
        pixel_max: Largest pixel value.
        outputs: Number of logits.
        unit: Real value of one unit of the logits.
        steps: The proof, the input first and then one row for each step of the circuit.
        predicted_error: ckks: expected error of a logit as a share of the logits' spread; 0 where exact.
    """

    network: str
    parameters: Parameters
    inputs: tuple[int, ...]
    pixel_max: int
    outputs: int
    unit: float
    steps: tuple[PlannedStep, ...]
    predicted_error: float = 0.0

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything client and server must agree on, 16 hexadecimal digits."""
        literal = {
            **asdict(self.parameters),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "pixel_max": self.pixel_max,
        }
        return hashlib.sha256(json.dumps(literal, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def residue_bytes(self) -> int:
        """Bytes of one polynomial modulo one prime."""
        return 8 * self.parameters.ring_degree

    @property
    def upload_bytes(self) -> int:
        """Ciphertext bytes a batch sends, all passes, without envelopes."""
        return self.parameters.passes * len(self.inputs) * 2 * len(self.parameters.primes) * self.residue_bytes

    @property
    def download_bytes(self) -> int:
        """Ciphertext bytes a batch receives, all passes, without envelopes."""
        last = self.steps[-1]
        return self.parameters.passes * last.outputs * last.size * (last.primes - last.drops) * self.residue_bytes

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON: ring_degree, prime_bits, plain_modulus_bits, security_bits and the proof by step."""
        chosen = self.parameters
        return {
            "network": self.network,
            "scheme": chosen.scheme,
            "ring_degree": chosen.ring_degree,
            "slots": chosen.slots,
            "prime_bits": [prime.bit_length() for prime in (*chosen.primes, chosen.special_prime)],
            "plain_modulus_bits": [modulus.bit_length() for modulus in chosen.plain_moduli],
            "security_bits": SECURITY_BITS,
            "modulus_bits": round(chosen.modulus_bits, 2),
            "modulus_bits_allowed": MODULUS_BITS[chosen.ring_degree],
            "input_scale": chosen.scale,
            "encrypted_pixels": len(self.inputs),
            "predicted_error": self.predicted_error,
            "upload_bytes": self.upload_bytes,
            "download_bytes": self.download_bytes,
            "steps": [
                {**asdict(step), "noise_bits": round(step.noise_bits, 1), "modulus_bits": round(step.modulus_bits, 1),
                 "budget_bits": round(step.budget_bits, 1)}
                for step in self.steps
            ],
        }  # fmt: skip

    def __str__(self) -> str:
        return describe(self)


def describe(plan: Plan) -> str:
    """A plan as a table that teaches, one line a step."""
    chosen = plan.parameters
    bits = ", ".join(str(prime.bit_length()) for prime in chosen.primes)
    lines = [
        f"{plan.network} in {chosen.scheme}: ring degree {chosen.ring_degree}, {chosen.slots} images a batch, "
        f"{len(plan.inputs)} encrypted pixels",
        f"ciphertext modulus {chosen.modulus_bits:.0f} bits [{bits} / {chosen.special_prime.bit_length()}]; "
        f"{MODULUS_BITS[chosen.ring_degree]} are allowed at {SECURITY_BITS}-bit security",
    ]
    if chosen.plain_moduli:
        moduli = " + ".join(str(modulus.bit_length()) for modulus in chosen.plain_moduli)
        lines.append(
            f"plain moduli {moduli} bits: {chosen.passes} pass{'es' if chosen.passes > 1 else ''} hold logits of "
            f"{plan.steps[-1].value_bits} bits, for every possible image"
        )
    else:
        lines.append(
            f"scale 2^{math.log2(chosen.scale):.1f} a pixel unit; expected error of a logit "
            f"{100 * plan.predicted_error:.2g} % of the logits' spread"
        )
    lines.append("")
    lines.append(
        f"{'step':<28}{'ciphertexts':>12}{'polys':>7}{'value bits':>12}{'noise bits':>12}{'modulus bits':>14}{'left':>7}"
    )
    for step in plan.steps:
        switch = f"  then drop {step.drops} prime{'s' if step.drops > 1 else ''}" if step.drops else ""
        lines.append(
            f"{step.name:<28.28}{step.outputs:>12}{step.size:>7}{step.value_bits:>12}{step.noise_bits:>12.1f}"
            f"{step.modulus_bits:>14.1f}{step.budget_bits:>7.1f}{switch}"
        )
    return "\n".join(lines)


def make_plan(
    circuit: Circuit,
    *,
    scheme: Scheme = "bgv",
    images: int | None = None,
    ring_degree: int | None = None,
    sample: npt.NDArray[Any] | None = None,
) -> Plan:
    """Choose the cheapest parameters that are proven sufficient at 128-bit security.

    Args:
        circuit: What will be evaluated.
        scheme: bgv, bfv (both exact) or ckks (approximate, half the slots, smallest rings).
        images: How many images will be classified: the plan is the cheapest for these. Full batches if not given.
        ring_degree: Ask for this ring; otherwise any of 4096 to 32768.
        sample: ckks: pixels of typical images, shape (N, inputs), from which the size of the error is predicted;
            uniform random pixels if not given. The proof against overflow never depends on it.

    Raises:
        PlanError: If no ring holds the circuit, naming the step that asks for most and what would help.
    """
    if scheme not in SCHEMES:
        raise PlanError(f"Unknown scheme {scheme!r}; choose one of {', '.join(SCHEMES)}.")
    if ring_degree is not None and ring_degree not in RINGS:
        raise PlanError(f"Ring degree {ring_degree} is not available; choose one of {', '.join(map(str, RINGS))}.")
    check_supported(circuit)
    rings = (ring_degree,) if ring_degree else RINGS
    search = approximate_plans(circuit, rings, sample) if scheme == "ckks" else exact_plans(circuit, rings, scheme)
    found = list(search)
    if not found:
        raise PlanError(explain_refusal(circuit, scheme, rings))
    digits = {step.name: len(signed_digits(step.weights).columns) for step in circuit.affine_steps}
    return min(found, key=lambda plan: relative_cost(plan, digits, images))


def check_supported(circuit: Circuit) -> None:
    """Refuse what no engine evaluates, all reasons at once."""
    problems = [
        f"{step.name} has degree {step.degree} (complete the square of a quadratic)"
        for step in circuit.steps
        if isinstance(step, Polynomial) and not step.is_square
    ]
    problems += [
        f"row {np.flatnonzero(step.row_norms == 0)[0]} of {step.name} has no weight (compile with merge=True)"
        for step in circuit.affine_steps
        if not step.row_norms.all()
    ]
    if not circuit.steps or not isinstance(circuit.steps[0], Affine):
        problems.append("the first step is not affine")
    if problems:
        raise PlanError(f"{circuit.name} cannot be encrypted: " + "; ".join(problems) + ".")


def relative_cost(plan: Plan, digits: dict[str, int], images: int | None) -> float:
    """Work per image in additions of one residue: what ranks the candidates."""
    chosen = plan.parameters
    work = float(ENCRYPT_WORK * len(plan.inputs) * (len(chosen.primes) + 1))
    for step in plan.steps[1:]:
        residues = step.size * step.primes
        work += digits.get(step.name, 0) * residues or SQUARE_WORK * step.outputs * step.size * residues
        work += SWITCH_WORK * step.outputs * residues * step.drops
    images = images or chosen.slots
    return work * chosen.passes * chosen.ring_degree * math.ceil(images / chosen.slots) / images


def prime_limit(circuit: Circuit) -> int:
    """Bits a data prime may have: sums of residues, weighted by signed digits, must stay exact in int64."""
    widest = max(int(step.row_norms.max()) for step in circuit.affine_steps)
    # Digits of a weight sum to less than twice the weight: one bit; the sign: another.
    return min(PRIME_BITS, SUM_BITS - 1 - widest.bit_length())


def split_bits(bits: float, limit: int) -> list[int]:
    """Sizes of the fewest primes that together have at least `bits` bits, as equal as can be."""
    count = max(math.ceil(bits / limit), 1)
    return [max(math.ceil(bits / count), SMALLEST_PRIME_BITS)] * count


def choose_primes(ring_degree: int, sizes: Sequence[int], avoid: Sequence[int] = ()) -> tuple[int, ...] | None:
    """Distinct primes just below 2^size, 1 modulo 2n (so that number-theoretic transforms exist)."""
    primes: list[int] = []
    for size in sizes:
        prime = prime_below(1 << size, step=2 * ring_degree, avoid=(*primes, *avoid))
        if prime is None:
            return None
        primes.append(prime)
    return tuple(primes)


def plain_moduli(ring_degree: int, value_bits: int, count: int) -> tuple[int, ...] | None:
    """`count` primes, 1 modulo 2n so that slots exist, as small as holds integers of `value_bits` bits."""
    for bits in range(math.ceil(value_bits / count), math.ceil(value_bits / count) + 3):
        moduli = choose_primes(ring_degree, [bits] * count)
        if bits <= 60 and moduli and math.prod(moduli) > 1 << value_bits:
            return moduli
    return None


def switch_points(circuit: Circuit) -> Iterator[tuple[int, ...]]:
    """Sets of steps after which primes could be dropped: affine steps with a polynomial still to come."""
    last = max((i for i, step in enumerate(circuit.steps) if isinstance(step, Polynomial)), default=-1)
    places = [i for i, step in enumerate(circuit.steps[: last + 1]) if isinstance(step, Affine)]
    for count in range(min(len(places), 3) + 1):
        yield from combinations(places, count)


def step_sizes(circuit: Circuit) -> Iterator[tuple[Step, int, int]]:
    """Each step with the polynomials of its input and output ciphertexts; squares are not relinearised."""
    size = 2
    for step in circuit.steps:
        after = 2 * size - 1 if isinstance(step, Polynomial) else size
        yield step, size, after
        size = after


def noise_model(scheme: Scheme, ring_degree: int, plain_modulus: int, primes: int) -> NoiseModel:
    """The noise bounds of an exact scheme."""
    if scheme == "bgv":
        return BgvNoise(ring_degree, plain_modulus)
    return BfvNoise(ring_degree, plain_modulus, primes)


def exact_plans(circuit: Circuit, rings: Sequence[int], scheme: Scheme) -> Iterator[Plan]:
    """Every proven plan with 1 to PLAIN_MODULI plain moduli and any set of switch points."""
    value_bits = circuit.ranges[-1].bits
    limit = prime_limit(circuit)
    for degree in rings:
        special = (SPECIAL_PRIME,)
        for count in range(1, PLAIN_MODULI + 1):
            moduli = plain_moduli(degree, value_bits, count)
            if moduli is None:
                continue
            for points in switch_points(circuit):
                model = noise_model(scheme, degree, max(moduli), 4)
                groups, final = required_bits(circuit, model, points, special[0])
                # Real primes are a little below a power of two: one bit more in the last group makes up for it.
                for extra in (0, 1, 2):
                    sizes = [split_bits(final + extra, limit), *(split_bits(bits, limit) for bits in groups[::-1])]
                    primes = choose_primes(degree, sum(sizes, []), avoid=special)
                    if primes is None:
                        break
                    drops = [0] * len(circuit.steps)
                    for point, group in zip(points, sizes[:0:-1], strict=True):
                        drops[point] = len(group)
                    parameters = Parameters(scheme, degree, primes, special[0], moduli, 1.0, tuple(drops))
                    if parameters.modulus_bits > MODULUS_BITS[degree]:
                        break
                    plan = prove_exact(circuit, parameters)
                    if min(step.budget_bits for step in plan.steps) >= 0:
                        yield plan
                        break


def required_bits(
    circuit: Circuit, model: NoiseModel, points: Sequence[int], special_prime: int
) -> tuple[list[float], float]:
    """Bits to drop at each switch point, and bits the last modulus needs, following the noise bound.

    Dropping goes on while it still shrinks the noise: down to an eighth of the rounding that the switch itself adds.
    """
    noise, groups = model.fresh(special_prime), []
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


def approximate_plans(circuit: Circuit, rings: Sequence[int], sample: npt.NDArray[Any] | None) -> Iterator[Plan]:
    """For each ring and set of switch points, the ckks plan with the fewest primes that is precise enough."""
    limit = prime_limit(circuit)
    if sample is None:
        sample = np.random.default_rng(0).integers(0, circuit.pixel_max + 1, size=(256, circuit.inputs))
    spreads = profile(circuit, sample)
    for degree in rings:
        special = (SPECIAL_PRIME,)
        for points in switch_points(circuit):
            best: Plan | None = None
            # Every scale and size of the drops on a coarse grid: a simulation takes a fraction of a millisecond.
            for scale_bits, *dropped in product(
                range(4, 40, 2), *[range(20, 52, 2 if len(points) < 2 else 6)] * len(points)
            ):
                if len(points) > 2:
                    break
                drops = {point: [2.0**bits] for point, bits in zip(points, dropped, strict=True)}
                walk = simulate_approximate(circuit, degree, special[0], 2.0**scale_bits, drops, spreads)
                final = max(row.needed_bits - sum(dropped[sum(p < row.index for p in points) :]) for row in walk)
                if walk[-1].relative_error > PRECISION or final + sum(dropped) > MODULUS_BITS[degree]:
                    continue
                sizes = [split_bits(final + 0.5, limit), *([bits] for bits in dropped[::-1])]
                primes = choose_primes(degree, sum(sizes, []), avoid=special)
                if primes is None:
                    continue
                counts = tuple(int(index in points) for index in range(len(circuit.steps)))
                chosen = Parameters("ckks", degree, primes, special[0], (), 2.0**scale_bits, counts)
                if chosen.modulus_bits > MODULUS_BITS[degree]:
                    continue
                plan = prove_approximate(circuit, chosen, spreads)
                if min(row.budget_bits for row in plan.steps) < 0 or plan.predicted_error > PRECISION:
                    continue
                if best is None or rank(plan) < rank(best):
                    best = plan
            if best is not None:
                yield best


def rank(plan: Plan) -> tuple[int, float]:
    """Fewest primes first, then the smallest error."""
    return len(plan.parameters.primes), plan.predicted_error


@dataclass(frozen=True)
class ScaledRow:
    """A step of a ckks simulation: index -1 is the input."""

    index: int
    scale: float
    needed_bits: float  # log2 of twice the largest coefficient that can occur
    relative_error: float  # of the logits' spread; meaningful in the last row


@dataclass(frozen=True, eq=False)
class Spreads:
    """Typical sizes of a circuit's values: root mean square per value and step, and the spread of the logits."""

    steps: tuple[npt.NDArray[np.float64], ...]
    logits: float


def profile(circuit: Circuit, sample: npt.NDArray[Any]) -> Spreads:
    """Measure typical sizes on a sample of pixels, in floating point (only the error estimate of ckks uses them)."""
    values = circuit.check_pixels(sample).T.astype(np.float64)
    steps = []
    for step in circuit.steps:
        if isinstance(step, Affine):
            values = step.weights.astype(np.float64) @ values + step.bias.astype(np.float64)[:, None]
        else:
            values = np.asarray(np.polynomial.polynomial.polyval(values, step.coefficients), dtype=np.float64)
        steps.append(np.sqrt(np.mean(values**2, axis=1)))
    return Spreads(tuple(steps), float(np.sqrt(np.mean(np.var(values, axis=0)))) or 1.0)


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
    typical: npt.NDArray[np.float64] = np.empty(0)
    for index, (step, size, after) in enumerate(step_sizes(circuit)):
        if isinstance(step, Affine):
            bound *= float(step.row_norms.max())
            weights = step.weights.astype(np.float64)
            error = np.sqrt(weights.multiply(weights) @ error**2)
        else:
            bound = 2 * magnitude * scale * bound + bound**2
            error = np.sqrt((2 * scale * typical * error) ** 2 + 2 * error**4)
            scale = scale**2
        magnitude, typical = float(circuit.ranges[index].magnitude), spreads.steps[index]
        relative = float(np.sqrt(np.mean(error**2))) / scale / spreads.logits
        rows.append(ScaledRow(index, scale, math.log2(2 * (magnitude * scale + bound)), relative))
        for prime in drops.get(index, ()):
            scale /= prime
            bound = bound / prime + model.rounding(after)
            error = np.sqrt((error / prime) ** 2 + model.typical_rounding(after) ** 2)
    return rows


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


def log_product(primes: Sequence[int]) -> float:
    """log2 of the product of the primes."""
    return sum(map(math.log2, primes))


def finish(circuit: Circuit, parameters: Parameters, rows: list[PlannedStep], *, predicted_error: float = 0.0) -> Plan:
    """Put a proof and its parameters together."""
    return Plan(
        network=circuit.name,
        parameters=parameters,
        inputs=tuple(int(index) for index in circuit.used_inputs),
        pixel_max=circuit.pixel_max,
        outputs=circuit.outputs,
        unit=circuit.steps[-1].unit,
        steps=tuple(rows),
        predicted_error=predicted_error,
    )


def explain_refusal(circuit: Circuit, scheme: Scheme, rings: Sequence[int]) -> str:
    """Say which step asks for how many bits, and what would help."""
    squares = sum(isinstance(step, Polynomial) for step in circuit.steps)
    widest = max(range(len(circuit.steps)), key=lambda index: circuit.ranges[index].bits)
    allowed = max(MODULUS_BITS[degree] for degree in rings)
    return (
        f"No ring of degree {', '.join(map(str, rings))} holds {circuit.name} in {scheme}: after {squares} "
        f"multiplications step {circuit.steps[widest].name!r} has values of {circuit.ranges[widest].bits} bits, and the "
        f"modulus may have {allowed} bits at {SECURITY_BITS}-bit security. What helps: fewer pixel bits (now "
        f"{circuit.pixel_bits}), weights with fewer exponents, fewer weights per unit, fewer activations"
        + (", or a larger ring." if max(rings) < max(RINGS) else ".")
    )
