"""A plan: encryption parameters for a circuit with the proof that they suffice.

Plans are made by `planner`, checked once and then immutable. Every row of a plan says what is proven of one step's
results: how large values can be, how large the noise, and what the modulus could still bear.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.hops import HopTable, count_digits, count_polynomial, count_products
from fcnlab.circuit.integers import SUM_BITS
from fcnlab.circuit.polynomials import result_size
from fcnlab.errors import CircuitError
from fcnlab.planning.parameters import MASK_PRIMES, MODULUS_BITS, PRIME_BITS, SECURITY_BITS, Parameters

FINGERPRINTS: Final["WeakKeyDictionary[Circuit, str]"] = WeakKeyDictionary()


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
        circuit: Fingerprint of the circuit, from `circuit_fingerprint`: the proof is of no other.
        parameters: The literal both sides agree on.
        inputs: Indices of the pixels that are encrypted, ascending.
        pixel_max: Largest pixel value.
        outputs: Number of logits.
        unit: Real value of one unit of the logits.
        steps: The proof, the input first and then one row for each step of the circuit.
        predicted_error: ckks: expected error of a logit as a share of the logits' spread; 0 where exact.
    """

    layout: ClassVar[str] = "batch"

    network: str
    circuit: str
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
        return digest([self.network, self.circuit, asdict(self.parameters), self.inputs, self.pixel_max, self.unit])

    @property
    def batch_images(self) -> int:
        """Images in one upload."""
        return self.parameters.slots

    def check_images(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The pixels of the images of one upload, shape (images, pixels).

        Args:
            pixels: Integers, shape (images, ...).

        Raises:
            CircuitError: If there are too few or too many images, or pixels are missing or out of range.
        """
        if not 0 < len(pixels) <= self.batch_images:
            raise CircuitError(f"An upload holds 1 to {self.batch_images} images; got {len(pixels)}. Split them.")
        images = np.asarray(pixels).reshape(len(pixels), -1)
        if images.shape[1] <= max(self.inputs):
            raise CircuitError(f"Images need {max(self.inputs) + 1} pixels or more; got {images.shape[1]}.")
        if not np.issubdtype(images.dtype, np.integer) or images.min() < 0 or images.max() > self.pixel_max:
            raise CircuitError(
                f"Pixels must be integers from 0 to {self.pixel_max}; got {images.dtype} from {images.min()} to "
                f"{images.max()}. Quantise the images first (Circuit.quantise)."
            )
        return images

    @property
    def evaluation_key_bytes(self) -> int:
        """Bytes of relinearization and rotation keys, all passes; a batch needs none."""
        return 0

    @property
    def residue_bytes(self) -> int:
        """Bytes of one polynomial modulo one prime."""
        return 8 * self.parameters.ring_degree

    @property
    def upload_bytes(self) -> int:
        """Bytes a batch sends, all passes, without envelopes: first polynomials, the second come from a seed."""
        return self.parameters.passes * len(self.inputs) * len(self.parameters.primes) * self.residue_bytes

    @property
    def download_bytes(self) -> int:
        """Ciphertext bytes a batch receives, all passes, without envelopes."""
        last = self.steps[-1]
        return self.parameters.passes * last.outputs * last.size * (last.primes - last.drops) * self.residue_bytes

    @property
    def mask_bytes(self) -> int:
        """Bytes of the second polynomials of an upload that the fused engine keeps at once."""
        return len(self.inputs) * min(MASK_PRIMES, len(self.parameters.primes)) * self.residue_bytes

    @property
    def held_bytes(self) -> int:
        """Ciphertext bytes that the fused engine keeps between blocks in one pass.

        The upload with the masks of a few primes, and twice the results of a step that is written back, because primes
        are dropped after it or because bfv leaves it to SEAL.
        """
        upload = self.upload_bytes // self.parameters.passes + self.mask_bytes
        stored = [step for step in self.steps[1:] if step.drops or self.parameters.scheme == "bfv"]
        return upload + 2 * self.residue_bytes * max(
            (step.outputs * step.size * step.primes for step in stored), default=0
        )

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON: ring_degree, prime_bits, plain_modulus_bits, security_bits and the proof by step."""
        chosen = self.parameters
        return {
            "network": self.network,
            "layout": self.layout,
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
            "outputs": self.outputs,
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
        f"{'step':<26}{'ciphertexts':>12}{'polys':>7}{'value bits':>12}{'noise bits':>12}{'modulus':>10}{'left':>7}"
    )
    for step in plan.steps:
        switch = f"  then drop {step.drops} prime{'s' if step.drops > 1 else ''}" if step.drops else ""
        lines.append(
            f"{step.name:<26.26}{step.outputs:>12}{step.size:>7}{step.value_bits:>12}{step.noise_bits:>12.1f}"
            f"{step.modulus_bits:>10.1f}{step.budget_bits:>7.1f}{switch}"
        )
    return "\n".join(lines)


def finish(circuit: Circuit, parameters: Parameters, rows: list[PlannedStep], *, predicted_error: float = 0.0) -> Plan:
    """Put a proof and its parameters together."""
    return Plan(
        network=circuit.name,
        circuit=circuit_fingerprint(circuit),
        parameters=parameters,
        inputs=tuple(int(index) for index in circuit.used_inputs),
        pixel_max=circuit.pixel_max,
        outputs=circuit.outputs,
        unit=circuit.steps[-1].unit,
        steps=tuple(rows),
        predicted_error=predicted_error,
    )


def circuit_fingerprint(circuit: Circuit) -> str:
    """Digest of every integer of a circuit and of its step names, 16 hexadecimal digits; made once for each circuit."""
    if circuit not in FINGERPRINTS:
        FINGERPRINTS[circuit] = make_fingerprint(circuit)
    return FINGERPRINTS[circuit]


def make_fingerprint(circuit: Circuit) -> str:
    """Read all of it: hundreds of megabytes for the largest networks."""
    steps: list[list[Any]] = []
    for step in circuit.steps:
        if isinstance(step, Affine):
            arrays = (step.weights.indptr, step.weights.indices, step.weights.data)
            weights = [hashlib.sha256(array.astype("<i8").tobytes()).hexdigest() for array in arrays]
            steps.append([step.name, step.inputs, step.pooling, *weights, [int(value) for value in step.bias]])
        else:
            steps.append([step.name, step.inputs, step.coefficients])
    return digest([circuit.pixel_bits, steps])


def digest(literal: Any) -> str:
    """Sixteen hexadecimal digits of the hash of anything that JSON can write."""
    return hashlib.sha256(json.dumps(literal, sort_keys=True).encode()).hexdigest()[:16]


def step_sizes(circuit: Circuit) -> Iterator[tuple[Step, int, int]]:
    """Each step with the polynomials of its input and output ciphertexts; nothing is relinearised."""
    size = 2
    for step in circuit.steps:
        after = result_size(step.coefficients, size) if isinstance(step, Polynomial) else size
        yield step, size, after
        size = after


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


def count_executed(circuit: Circuit, parameters: Parameters, *, engine: str) -> HopTable:
    """Count what an engine performs under a plan: `count_fused` or `count_stepwise`, with dropped primes.

    Where the terms of an activation have to meet in scale (ckks) or in correction factor (bgv, once primes have been
    dropped), a factor of 1 is a product too.

    Args:
        circuit: The steps.
        parameters: Of its plan.
        engine: fused or stepwise.
    """
    layers = []
    dropped = 0
    for step, drops in zip(circuit.steps, parameters.drops, strict=True):
        if isinstance(step, Affine):
            layer = count_digits(step) if engine == "fused" else count_products(step)
        else:
            aligned = parameters.scheme == "ckks" or (parameters.scheme == "bgv" and dropped > 0)
            layer = count_polynomial(step, aligned=aligned)
        layers.append(replace(layer, mod_switches=drops * step.outputs))
        dropped += drops
    return HopTable(circuit.name, engine, tuple(layers))
