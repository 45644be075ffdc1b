"""What an engine of the packed layout is given, and the stepwise one: a Pyfhel call for each operation.

Pyfhel rotates slots in ckks and the rows of bgv, but offers neither conjugation nor an exchange of bgv's rows (its
`flip` is for bfv alone): so slots hold real numbers, and the two rows of bgv hold two images. Measured on one core at
n = 8192, a rotation takes 2.3, 1.3 and 0.7 ms at 3, 2 and 1 data primes, and a product by a plaintext 0.1 ms: few large
primes, and rotations as late as may be, are what counts.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from fcnlab.he.context import load_ciphertext
from fcnlab.he.engines.engine import Account, Report, Result
from fcnlab.he.residues.evaluation_keys import Keys
from fcnlab.he.wire import Residues, SealHeader, read_ciphertext, write_ciphertext
from fcnlab.planning.packed.pack import Program, Stage, Term
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.packed.program import run_program


@dataclass(frozen=True, eq=False)
class Setting:
    """What a packed engine knows of one pass before anything is uploaded.

    Attributes:
        program: What is run.
        plan: Of the program's circuit.
        he: Pyfhel context; with evaluation keys for the stepwise engine.
        plain_modulus: Of this pass; None for ckks.
        headers: SEAL's headers by number of primes.
        keys: Evaluation keys as they travelled.
    """

    program: Program
    plan: PackedPlan
    he: Any
    plain_modulus: int | None
    headers: Mapping[int, SealHeader]
    keys: Keys


class PackedEngine(Protocol):
    """A way to run a program on ciphertexts; weights are encoded once, when it is made."""

    def evaluate(self, upload: Residues, report: Report) -> Result:
        """Run the program on fresh ciphertexts of shape (ciphertexts, 2, primes, n)."""


class Encoder:
    """Weights and biases as Pyfhel plaintexts.

    Args:
        setting: Of the pass.
    """

    def __init__(self, setting: Setting) -> None:
        self._he, self._plan, self._modulus = setting.he, setting.plan, setting.plain_modulus

    def encode(self, slots: Any, *, scale: float, primes: int) -> Any:
        """Integers for each slot of a row, for ciphertexts of so many primes."""
        if self._modulus is not None:
            row = np.array([int(value) % self._modulus for value in slots], dtype=np.int64)
            return self._he.encodeBGV(np.concatenate([row, row]))
        plaintext = self._he.encodeFrac(np.asarray(slots, dtype=np.float64), scale=scale)
        for _ in range(len(self._plan.parameters.primes) - primes):
            self._he.mod_switch_to_next_ptxt(plaintext, False)
        return plaintext


class StepwiseEngine:
    """One Pyfhel call for each homomorphic operation, counted where it happens.

    Args:
        setting: Of the pass.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._encoder = Encoder(setting)
        self._weights: dict[int, Any] = {}
        self._biases: dict[tuple[str, float], Any] = {}
        parameters = setting.plan.parameters
        for index, stage in enumerate(setting.program.stages):
            primes = len(parameters.primes) - sum(parameters.drops[: 2 * index])
            for term in stage.terms:
                scale = setting.plan.plain_scales[index]
                self._weights[id(term)] = self._encoder.encode(term.weights, scale=scale, primes=primes)

    def evaluate(self, upload: Residues, report: Report) -> Result:
        """Run the program; see `PackedEngine`."""
        setting, parameters = self._setting, self._setting.plan.parameters
        header = replace(setting.headers[len(parameters.primes)], scale=parameters.scale)
        sources = [load_ciphertext(setting.he, parameters, write_ciphertext(header, part)) for part in upload]
        steps = setting.program.circuit.steps
        counts: list[Counter[str]] = [Counter() for _ in steps]
        began = [time.perf_counter()]

        def operations(index: int) -> SealSlots:
            if index:
                began.append(time.perf_counter())
                report(steps[index - 1].name, index, len(steps))
            primes = len(parameters.primes) - sum(parameters.drops[:index])
            return SealSlots(setting, self._weights, lambda a, stage: self._bias(a, stage, primes), counts[index])

        result = run_program(setting.program, sources, operations, drops=parameters.drops)
        began.append(time.perf_counter())
        report(steps[-1].name, len(steps), len(steps))
        last, residues = read_ciphertext(result.to_bytes("none"))
        accounts = tuple(
            Account(step.name, end - start, dict(count))
            for step, (start, end), count in zip(steps, pairwise(began), counts, strict=True)
        )
        return Result(residues[None], last.scale, last.correction, accounts)

    def _bias(self, a: Any, stage: Stage, primes: int) -> Any:
        """The bias of a stage at the scale of what it is added to, encoded once."""
        scale = float(a.scale) if self._setting.plain_modulus is None else 1.0
        if (stage.name, scale) not in self._biases:
            self._biases[stage.name, scale] = self._encoder.encode(stage.bias, scale=scale, primes=primes)
        return self._biases[stage.name, scale]


class SealSlots:
    """Operations on Pyfhel ciphertexts; an implementation of `program.SlotOperations`.

    Args:
        setting: Of the pass.
        weights: Encoded, by the identity of their term.
        bias: Encodes a stage's bias for a ciphertext.
        counts: Where operations are counted.
    """

    def __init__(
        self, setting: Setting, weights: Mapping[int, Any], bias: Callable[[Any, Stage], Any], counts: Counter[str]
    ) -> None:
        self._he, self._exact = setting.he, setting.plain_modulus is not None
        self._weights, self._bias, self._counts = weights, bias, counts

    def product(self, a: Any, term: Term, /) -> Any:
        """A PT-CT mult."""
        self._counts["pt_ct_mults"] += 1
        return self._he.multiply_plain(a, self._weights[id(term)], in_new_ctxt=True)

    def add(self, a: Any, b: Any, /) -> Any:
        """A CT-CT add, in place."""
        self._counts["ct_ct_adds"] += 1
        self._he.add(a, b)
        return a

    def rotate(self, a: Any, step: int, /) -> Any:
        """A rotation: one key switch."""
        self._counts["rotations"] += 1
        return self._he.rotate(a, step, in_new_ctxt=True)

    def add_bias(self, a: Any, stage: Stage, /) -> Any:
        """A PT-CT add, in place."""
        self._counts["pt_ct_adds"] += 1
        self._he.add_plain(a, self._bias(a, stage))
        return a

    def square(self, a: Any, /) -> Any:
        """A CT-CT mult and a relinearization: one key switch."""
        self._counts["ct_ct_mults"] += 1
        self._counts["relinearizations"] += 1
        product = self._he.square(a, in_new_ctxt=True)
        self._he.relinearize(product)
        return product

    def drop(self, a: Any, primes: int, /) -> Any:
        """Rescales, or modulus switches, in place."""
        for _ in range(primes):
            self._counts["mod_switches"] += 1
            (self._he.mod_switch_to_next if self._exact else self._he.rescale_to_next)(a)
        return a
