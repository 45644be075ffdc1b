"""A plan: encryption parameters for a circuit with the proof that they suffice.

Plans are made in `choose`, checked once and then immutable. Every row of a plan says what is proven of one step's
results: how large values can be, how large the noise, and what the modulus could still bear.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.fingerprint import circuit_fingerprint, digest
from fcnlab.circuit.hops import HopTable
from fcnlab.errors import CircuitError, PlanError
from fcnlab.page import Page, Shown, Table, counted
from fcnlab.planning.execution import count_executed, describe_steps, divides_weight
from fcnlab.planning.noise import LOGIT_FAILURE_BITS
from fcnlab.planning.parameters import MESSAGE_BITS, MODULUS_BITS, SECURITY_BITS, Parameters
from fcnlab.planning.proof import COLUMNS, PlannedStep, rows_of
from fcnlab.planning.sizes import Sizes


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan(Shown, Sizes):
    """Proven parameters for one circuit.

    Attributes:
        network: Name of the circuit.
        circuit: Fingerprint of the circuit, from `circuit_fingerprint`: the proof is of no other.
        parameters: The literal both sides agree on.
        pixels: Pixels of one image.
        inputs: Indices of the pixels that are encrypted, ascending.
        pixel_max: Largest pixel value.
        outputs: Number of logits.
        unit: Real value of one unit of the logits.
        steps: The proof, the input first and then one row for each step of the circuit.
        predicted_error: ckks: expected error of a logit as a share of the logits' spread; 0 where exact.
        error_bound: ckks: share of the spread that the error of no logit exceeds, except with probability
            2^-LOGIT_FAILURE_BITS each, in images that are no more sensitive than those of the sample; 0 where exact.
        spread: ckks: the spread of the sample's logits, in units of their integers.
    """

    layout: ClassVar[str] = "batch"
    columns: ClassVar[tuple[str, ...]] = ("outputs", "size", "value_bits", "noise_bits", "modulus_bits", "budget_bits")
    threaded: ClassVar[bool] = True  # whether a run gains by more threads of the server

    network: str
    circuit: str
    parameters: Parameters
    pixels: int
    inputs: tuple[int, ...]
    pixel_max: int
    outputs: int
    unit: float
    steps: tuple[PlannedStep, ...]
    predicted_error: float = 0.0
    error_bound: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        if self.pixel_max * self.parameters.scale >= 1 << MESSAGE_BITS:
            raise PlanError(
                f"Pixels up to {self.pixel_max} at scale 2^{math.log2(self.parameters.scale):.1f} have more than "
                f"{MESSAGE_BITS} bits: use a smaller scale, or fewer pixel bits."
            )

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything client and server must agree on, 32 hexadecimal digits."""
        return digest([*self.literal, self.unit])

    @property
    def literal(self) -> list[Any]:
        """What every layout agrees on."""
        ends = [self.pixels, self.inputs, self.pixel_max, self.outputs]
        return [self.network, self.circuit, asdict(self.parameters), *ends]

    @property
    def logit_bound(self) -> float:
        """The largest error of a logit that the plan allows, in units of its integers."""
        return self.error_bound * self.spread

    @property
    def batch_images(self) -> int:
        """Images in one upload."""
        return self.parameters.slots

    def check_images(self, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The pixels of the images of one upload, shape (images, pixels).

        Args:
            pixels: Integers, shape (images, ...).

        Raises:
            CircuitError: If there are too few or too many images, or they have other pixels than the network reads.
        """
        if not 0 < len(pixels) <= self.batch_images:
            raise CircuitError(f"An upload holds 1 to {self.batch_images} images; got {len(pixels)}. Split them.")
        images = np.asarray(pixels).reshape(len(pixels), -1)
        if images.shape[1] != self.pixels:
            raise CircuitError(
                f"{self.network} reads {self.pixels} pixels an image, not {images.shape[1]}: resize them."
            )
        if not np.issubdtype(images.dtype, np.integer) or images.min() < 0 or images.max() > self.pixel_max:
            raise CircuitError(
                f"Pixels must be integers from 0 to {self.pixel_max}; got {images.dtype} from {images.min()} to "
                f"{images.max()}. Quantise the images first (Circuit.quantise)."
            )
        return images

    def check_circuit(self, circuit: Circuit) -> None:
        """Refuse a circuit that this plan proves nothing of, and a plan that describes it as it is not.

        Raises:
            PlanError: If it is not the one that the plan was made for, or reads other pixels, has other rows, or needs
                other keys than the plan says, or a plain modulus divides a weight.
        """
        if self.circuit != circuit_fingerprint(circuit):
            raise PlanError(f"The plan was made for {self.network}, not for {circuit.name}; plan again.")
        vanishing = [modulus for modulus in self.parameters.plain_moduli if divides_weight(circuit, modulus)]
        if vanishing:
            raise PlanError(f"A weight of {circuit.name} is 0 modulo the plain modulus {vanishing[0]}; plan again.")
        known = self.outline(circuit)
        if known.fingerprint != self.fingerprint or known.sizes != self.sizes:
            raise PlanError(f"The plan's pixels, rows or keys are not those of {circuit.name}; plan again.")

    def outline(self, circuit: Circuit) -> "Plan":
        """A plan of this circuit with the same parameters, of which nothing is proven."""
        return replace(finish(circuit, self.parameters, [0.0] * len(self.steps)), network=self.network)

    @property
    def sizes(self) -> list[tuple[str, int, int, int]]:
        """Name, ciphertexts, polynomials in each and value bits of each row."""
        return [(row.name, row.outputs, row.size, row.value_bits) for row in self.steps]

    def count_executed(self, circuit: Circuit, *, engine: str) -> HopTable:
        """Operations of one pass over one upload, as an engine (fused or stepwise) performs them."""
        return count_executed(circuit, self.parameters, engine=engine)

    def arrange(self, images: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Pixels as the slots of ciphertexts: here one for each pixel that the network reads, an image in each slot.

        Args:
            images: From `check_images`.

        Returns:
            Shape (ciphertexts, slots); slots beyond the last one hold 0.
        """
        return np.ascontiguousarray(images.T[list(self.inputs)].astype(np.int64))

    def take(self, slots: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Logits from the slots of a reply's ciphertexts, shape (ciphertexts, slots) -> (images, outputs)."""
        return slots.T

    @property
    def factors(self) -> list[tuple[int, float]]:
        """The power that each step raises values to, and the scale that its weights add; nothing is relinearised."""
        return [((after.size - 1) // (before.size - 1), 1.0) for before, after in pairwise(self.steps)]

    def reply_factors(self, index: int) -> tuple[float, int]:
        """The scale of a reply in ckks and its correction factor in bgv, 1 elsewhere: they follow from the plan.

        Args:
            index: Which plain modulus.
        """
        t, left = self.parameters.plain_modulus(index), list(self.parameters.primes)
        scale, correction = self.parameters.scale, 1
        for (power, weight), drops in zip(self.factors, self.parameters.drops, strict=True):
            scale, correction = scale**power * weight, correction**power
            for _ in range(drops):
                last = left.pop()
                scale, correction = (scale, correction * pow(last, -1, t) % t) if t else (scale / last, 1)
        return scale, correction % t if t else 1

    @property
    def evaluation_keys(self) -> tuple[tuple[int, int], ...]:
        """Step and data primes of each evaluation key, in the order in which they travel; a batch needs none."""
        return ()

    @property
    def key_levels(self) -> tuple[int, ...]:
        """Data primes of each evaluation key."""
        return tuple(primes for _, primes in self.evaluation_keys)

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
            "error_bound": self.error_bound,
            "upload_bytes": self.upload_bytes,
            "download_bytes": self.download_bytes,
            "steps": [step.as_dict() for step in self.steps],
        }

    def describe_upload(self) -> str:
        """What one upload holds, in words."""
        return f"{self.parameters.slots} images a batch, {len(self.inputs)} encrypted pixels"

    def describe_keys(self) -> list[str]:
        """Lines on the evaluation keys; a batch needs none."""
        return []

    def describe_precision(self) -> tuple[str, ...]:
        """How exact the logits are, in words."""
        moduli = " + ".join(str(modulus.bit_length()) for modulus in self.parameters.plain_moduli)
        if moduli:
            passes, bits = counted(self.parameters.passes, "pass"), self.steps[-1].value_bits
            return (f"plain moduli {moduli} bits: {passes} hold logits of {bits} bits, for every possible image",)
        expected, most = (f"{100 * share:.2g} %" for share in (self.predicted_error, self.error_bound))
        return (
            f"{self.describe_scales()}; expected error of a logit {expected} of the logits' spread,",
            f"at most {most} but with probability 2^-{LOGIT_FAILURE_BITS}, for images like the sample's "
            "(those searched for can have more)",
        )

    def describe_scales(self) -> str:
        """ckks: what the scales are, in words."""
        return f"scale 2^{math.log2(self.parameters.scale):.1f} a pixel unit"

    @property
    def proof(self) -> Table:
        """What is proven of each step, as a table."""
        drops = any(step.drops for step in self.steps)
        rows = [[f"{getattr(step, name):{COLUMNS[name][1]}}" for name in self.columns] for step in self.steps]
        for row, step in zip(rows, self.steps, strict=True):
            row[:0] = [step.name]
            row += [f"drops {counted(step.drops, 'prime')}" if step.drops else ""] if drops else []
        return Table(["step", *(COLUMNS[name][0] for name in self.columns), *(["then"] if drops else [])], rows)

    @override
    def page(self) -> Page:
        chosen = self.parameters
        bits = ", ".join(str(prime.bit_length()) for prime in chosen.primes)
        return Page(
            f"{self.network} in {chosen.scheme}{', packed' if self.layout == 'packed' else ''}: ring degree "
            f"{chosen.ring_degree}, {self.describe_upload()}",
            f"ciphertext modulus {chosen.modulus_bits:.0f} bits [{bits} / {chosen.special_prime.bit_length()}]; "
            f"{MODULUS_BITS[chosen.ring_degree]} are allowed at {SECURITY_BITS}-bit security",
            *self.describe_keys(),
            *self.describe_precision(),
            self.proof,
        )


def finish(
    circuit: Circuit, parameters: Parameters, noise_bits: Sequence[float], *, predicted_error: float = 0.0
) -> Plan:
    """Put parameters and the noise bounds of the input and of each step together."""
    return Plan(
        network=circuit.name,
        circuit=circuit_fingerprint(circuit),
        parameters=parameters,
        pixels=circuit.inputs,
        inputs=tuple(circuit.used_inputs.tolist()),
        pixel_max=circuit.pixel_max,
        outputs=circuit.outputs,
        unit=circuit.steps[-1].unit,
        steps=rows_of(list(describe_steps(circuit)), noise_bits, parameters),
        predicted_error=predicted_error,
    )
