"""A plan for the packed layout: what client and server agree on beside the parameters, and which keys they need."""

import hashlib
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.planning.packed.pack import Program
from fcnlab.planning.packed.program import count_packed
from fcnlab.planning.parameters import MODULUS_BITS, SECURITY_BITS, Parameters
from fcnlab.planning.plan import Plan, PlannedStep, circuit_fingerprint, digest


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedPlan(Plan):
    """Proven parameters for one circuit on slots; the client learns where pixels go, and no weight.

    Attributes:
        gather: Pixel in each slot of each ciphertext, -1 for none; shape (ciphertexts, S).
        places: Slot of each logit.
        plain_scales: ckks: scale of the weights of each stage; 1 otherwise.
        rotations: Each step that needs a key, with the most data primes a ciphertext has when it is rotated by it.
        relinearization: The most data primes a ciphertext has when it is squared.
        key_switches: Rotations and relinearizations of one evaluation.
    """

    layout: ClassVar[str] = "packed"

    gather: npt.NDArray[np.int64]
    places: tuple[int, ...]
    plain_scales: tuple[float, ...]
    rotations: tuple[tuple[int, int], ...]
    relinearization: int
    key_switches: int

    @cached_property
    def fingerprint(self) -> str:
        """Digest of everything client and server must agree on, 16 hexadecimal digits."""
        pixels = hashlib.sha256(self.gather.astype("<i8").tobytes()).hexdigest()
        literal = [self.network, self.circuit, asdict(self.parameters), self.pixel_max, self.unit]
        return digest([*literal, self.layout, pixels, self.places, self.plain_scales, self.rotations])

    @property
    def batch_images(self) -> int:
        """Images in one upload: one in each row of slots."""
        return 1 if self.parameters.scheme == "ckks" else 2

    @property
    def upload_bytes(self) -> int:
        """Ciphertext bytes an image sends (two images in bgv), all passes: the second polynomials travel as seeds."""
        return self.parameters.passes * len(self.gather) * len(self.parameters.primes) * self.residue_bytes

    @property
    def key_levels(self) -> tuple[int, ...]:
        """Data primes of each evaluation key: the relinearization key, then one for each step."""
        return (self.relinearization, *(primes for _, primes in self.rotations))

    @property
    def evaluation_key_bytes(self) -> int:
        """Bytes of all evaluation keys, all passes: digits and primes that are used, second polynomials as a seed."""
        return self.parameters.passes * sum(k * (k + 1) for k in self.key_levels) * self.residue_bytes

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON, with what the layout adds."""
        return {
            **super().as_dict(),
            "slots": len(self.gather[0]),
            "images_a_batch": self.batch_images,
            "plain_scales": list(self.plain_scales),
            "rotation_keys": [step for step, _ in self.rotations],
            "key_switches": self.key_switches,
            "evaluation_key_bytes": self.evaluation_key_bytes,
        }

    def __str__(self) -> str:
        return describe(self)


def finish(
    program: Program,
    circuit: Circuit,
    parameters: Parameters,
    rows: list[PlannedStep],
    *,
    plain_scales: tuple[float, ...],
    predicted_error: float = 0.0,
) -> PackedPlan:
    """Put a proof, its parameters and its program together."""
    left = [len(parameters.primes) - sum(parameters.drops[:index]) for index in range(len(parameters.drops))]
    levels: dict[int, int] = {}
    for index, stage in enumerate(program.stages):
        for step in stage.rotations:
            levels[step] = max(left[2 * index], levels.get(step, 0))
    total = count_packed(program, parameters.drops).total
    return PackedPlan(
        network=circuit.name,
        circuit=circuit_fingerprint(circuit),
        parameters=parameters,
        inputs=tuple(int(index) for index in program.circuit.used_inputs),
        pixel_max=circuit.pixel_max,
        outputs=circuit.outputs,
        unit=circuit.steps[-1].unit,
        steps=tuple(rows),
        predicted_error=predicted_error,
        gather=program.gather,
        places=tuple(int(place) for place in program.places),
        plain_scales=plain_scales,
        rotations=tuple(sorted(levels.items())),
        relinearization=left[1],
        key_switches=total.rotations + total.relinearizations,
    )


def describe(plan: PackedPlan) -> str:
    """A plan as a table that teaches, one line a step."""
    chosen = plan.parameters
    bits = ", ".join(str(prime.bit_length()) for prime in chosen.primes)
    lines = [
        f"{plan.network} in {chosen.scheme}, packed: ring degree {chosen.ring_degree}, {plan.batch_images} "
        f"image{'s' if plan.batch_images > 1 else ''} in {len(plan.gather)} ciphertext"
        f"{'s' if len(plan.gather) > 1 else ''} of {len(plan.gather[0])} slots"
        f"{' in each of two rows' if plan.batch_images > 1 else ''}",
        f"ciphertext modulus {chosen.modulus_bits:.0f} bits [{bits} / {chosen.special_prime.bit_length()}]; "
        f"{MODULUS_BITS[chosen.ring_degree]} are allowed at {SECURITY_BITS}-bit security",
        f"{len(plan.rotations)} rotation keys and one for relinearization, {plan.evaluation_key_bytes / 1e6:.1f} MB; "
        f"{plan.key_switches} key switches an evaluation",
    ]
    if chosen.plain_moduli:
        moduli = " + ".join(str(modulus.bit_length()) for modulus in chosen.plain_moduli)
        lines.append(
            f"plain moduli {moduli} bits: {chosen.passes} pass{'es' if chosen.passes > 1 else ''} hold logits of "
            f"{plan.steps[-1].value_bits} bits, for every possible image"
        )
    else:
        scales = ", ".join(f"2^{math.log2(scale):.0f}" for scale in plan.plain_scales)
        lines.append(
            f"scales 2^{math.log2(chosen.scale):.1f} a pixel unit, {scales} a unit of weight; expected error of a "
            f"logit {100 * plan.predicted_error:.2g} % of the spread"
        )
    lines += [
        "",
        f"{'step':<26}{'ciphertexts':>12}{'value bits':>12}{'noise bits':>12}{'modulus':>10}{'primes':>8}{'left':>7}",
    ]
    for step in plan.steps:
        switch = f"  then drop {step.drops} prime{'s' if step.drops > 1 else ''}" if step.drops else ""
        lines.append(
            f"{step.name:<26.26}{step.outputs:>12}{step.value_bits:>12}{step.noise_bits:>12.1f}"
            f"{step.modulus_bits:>10.1f}{step.primes:>8}{step.budget_bits:>7.1f}{switch}"
        )
    return "\n".join(lines)
