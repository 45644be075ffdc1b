"""A plan for the packed layout: what client and server agree on beside the parameters, and which keys they need."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.fingerprint import circuit_fingerprint, digest
from fcnlab.circuit.hops import HopTable
from fcnlab.errors import PlanError
from fcnlab.planning.packed.pack import Program, pack
from fcnlab.planning.packed.program import count_packed
from fcnlab.planning.parameters import Parameters
from fcnlab.planning.plan import Plan
from fcnlab.planning.proof import rows_of

RELINEARIZATION = 0  # stands for a step: a rotation by no slot needs no key


@dataclass(frozen=True, eq=False, kw_only=True)
class PackedPlan(Plan):
    """Proven parameters for one circuit on slots; they tell the client where pixels go.

    Attributes:
        gather: Pixel in each slot of each ciphertext, -1 for none; shape (ciphertexts, S).
        places: Slot of each logit.
        plain_scales: ckks: scale of the weights of each stage; 1 otherwise.
        rotations: Each step that needs a key, with the most data primes a ciphertext has when it is rotated by it.
        relinearization: The most data primes a ciphertext has when it is squared.
        key_switches: Rotations and relinearizations of one evaluation.
    """

    layout: ClassVar[str] = "packed"
    threaded: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = (
        "outputs",
        "value_bits",
        "noise_bits",
        "modulus_bits",
        "primes",
        "budget_bits",
    )

    gather: npt.NDArray[np.int64]
    places: tuple[int, ...]
    plain_scales: tuple[float, ...]
    rotations: tuple[tuple[int, int], ...]
    relinearization: int
    key_switches: int

    @cached_property
    @override
    def fingerprint(self) -> str:
        pixels = hashlib.sha256(self.gather.astype("<i8").tobytes()).hexdigest()
        keys = [self.rotations, self.relinearization, self.key_switches]
        return digest([*self.literal, self.unit, self.layout, pixels, self.places, self.plain_scales, *keys])

    @property
    @override
    def batch_images(self) -> int:
        return 1 if self.parameters.scheme == "ckks" else 2

    @property
    @override
    def factors(self) -> list[tuple[int, float]]:
        scales = ([(1, scale), (2, 1.0)] for scale in self.plain_scales)
        return [*chain.from_iterable(scales)][:-1]

    @property
    @override
    def evaluation_keys(self) -> tuple[tuple[int, int], ...]:
        return ((RELINEARIZATION, self.relinearization), *self.rotations)

    @override
    def outline(self, circuit: Circuit) -> Plan:
        noise_bits = [0.0] * len(self.steps)
        known = finish(self.program(circuit), circuit, self.parameters, noise_bits, plain_scales=self.plain_scales)
        return replace(known, network=self.network)

    @override
    def count_executed(self, circuit: Circuit, *, engine: str) -> HopTable:
        return count_packed(self.program(circuit), self.parameters.drops)

    @override
    def arrange(self, images: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        slots = np.where(self.gather >= 0, images[:, self.gather], 0).astype(np.int64)
        return slots.swapaxes(0, 1).reshape(len(self.gather), -1)

    @override
    def take(self, slots: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return slots.reshape(self.batch_images, -1)[:, list(self.places)]

    def program(self, circuit: Circuit) -> Program:
        """The program of this plan's circuit on slots.

        Raises:
            PlanError: If it reads pixels elsewhere than this plan puts them.
        """
        program = pack(circuit, slots=self.gather.shape[1])
        if not np.array_equal(program.gather, self.gather):
            raise PlanError(f"The plan puts the pixels of {self.network} elsewhere; plan again on both sides.")
        return program

    @override
    def as_dict(self) -> dict[str, Any]:
        return {
            **super().as_dict(),
            "slots": len(self.gather[0]),
            "images_a_batch": self.batch_images,
            "plain_scales": list(self.plain_scales),
            "rotation_keys": [step for step, _ in self.rotations],
            "key_switches": self.key_switches,
            "evaluation_key_bytes": self.evaluation_key_bytes,
        }

    @override
    def describe_upload(self) -> str:
        images, ciphertexts, rows = self.batch_images, len(self.gather), ""
        if images > 1:
            rows = " in each of two rows"
        return (
            f"{images} image{'s' if images > 1 else ''} in {ciphertexts} ciphertext{'s' if ciphertexts > 1 else ''} of "
            f"{len(self.gather[0])} slots{rows}"
        )

    @override
    def describe_keys(self) -> list[str]:
        return [
            f"{len(self.rotations)} rotation keys and one for relinearization, "
            f"{self.evaluation_key_bytes / 1e6:.1f} MB; {self.key_switches} key switches an evaluation"
        ]

    @override
    def describe_scales(self) -> str:
        scales = ", ".join(f"2^{math.log2(scale):.0f}" for scale in self.plain_scales)
        return f"scales 2^{math.log2(self.parameters.scale):.1f} a pixel unit, {scales} a unit of weight"


def finish(
    program: Program,
    circuit: Circuit,
    parameters: Parameters,
    noise_bits: Sequence[float],
    *,
    plain_scales: Sequence[float],
    predicted_error: float = 0.0,
) -> PackedPlan:
    """Put parameters, the noise bounds of the input and of each step, and the program together."""
    merged, levels = program.circuit, dict[int, int]()
    steps = [("input", len(program.gather), 2, merged.pixel_bits + 1)]
    steps += [(step.name, 1, 2, interval.bits) for step, interval in zip(merged.steps, merged.ranges, strict=True)]
    rows = rows_of(steps, noise_bits, parameters)
    for stage, row in zip(program.stages, rows[1::2], strict=True):
        for step in stage.rotations:
            levels[step] = max(row.primes, levels.get(step, 0))
    total = count_packed(program, parameters.drops).total
    return PackedPlan(
        network=circuit.name,
        circuit=circuit_fingerprint(circuit),
        parameters=parameters,
        pixels=circuit.inputs,
        inputs=tuple(merged.used_inputs.tolist()),
        pixel_max=circuit.pixel_max,
        outputs=circuit.outputs,
        unit=circuit.steps[-1].unit,
        steps=rows,
        predicted_error=predicted_error,
        gather=program.gather,
        places=tuple(program.places.tolist()),
        plain_scales=tuple(plain_scales),
        rotations=tuple(sorted(levels.items())),
        relinearization=rows[2].primes,
        key_switches=total.rotations + total.relinearizations,
    )
