"""What an engine of the packed layout is given, and the stepwise one: a Pyfhel call for each operation.

Pyfhel rotates slots in ckks and the rows of bgv, but offers neither conjugation nor an exchange of bgv's rows (its
`flip` is for bfv alone): so slots hold real numbers, and the two rows of bgv hold two images. Measured on one core at
n = 8192, a rotation takes 2.3, 1.3 and 0.7 ms at 3, 2 and 1 data primes, and a product by a plaintext 0.1 ms: few large
primes, and rotations as late as may be, are what counts.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from typing_extensions import override

from fcnlab.he.context import load_ciphertext
from fcnlab.he.engines.engine import Account, Engine, Result, Setting, Task
from fcnlab.he.residues.evaluation_keys import load_keys
from fcnlab.he.wire import read_ciphertext, write_ciphertext
from fcnlab.planning.packed.pack import Stage, Term
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.packed.program import SlotOperations, run_program


def make_engine(setting: Setting[PackedPlan]) -> Engine:
    """The engine for one pass, with its keys in SEAL's hands."""
    parameters = setting.parameters
    load_keys(setting.he, parameters, setting.headers[len(parameters.primes) + 1], setting.keys)
    return StepwiseEngine(setting).evaluate


class Encoder:
    """Weights and biases as Pyfhel plaintexts.

    Args:
        setting: What is known of the pass.
    """

    def __init__(self, setting: Setting[PackedPlan]) -> None:
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
        setting: What is known of the pass.
    """

    def __init__(self, setting: Setting[PackedPlan]) -> None:
        self._setting, self._program = setting, setting.plan.program(setting.circuit)
        self._encoder = Encoder(setting)
        self._weights: dict[int, Any] = {}
        self._biases: dict[tuple[str, float], Any] = {}
        parameters = setting.parameters
        for index, stage in enumerate(self._program.stages):
            primes = len(parameters.primes) - sum(parameters.drops[: 2 * index])
            for term in stage.terms:
                scale = setting.plan.plain_scales[index]
                self._weights[id(term)] = self._encoder.encode(term.weights, scale=scale, primes=primes)

    def evaluate(self, task: Task) -> Result:
        """The logits of one upload."""
        setting, parameters = self._setting, self._setting.parameters
        header = replace(setting.headers[len(parameters.primes)], scale=parameters.scale)
        sources = [
            load_ciphertext(setting.he, parameters, write_ciphertext(header, part)) for part in task.ciphertexts()
        ]
        steps = self._program.circuit.steps
        counts: list[Counter[str]] = [Counter() for _ in steps]
        began = [time.perf_counter()]

        def operations(index: int) -> SealSlots:
            if index:
                began.append(time.perf_counter())
                task.report(steps[index - 1].name, index, len(steps))
            primes = len(parameters.primes) - sum(parameters.drops[:index])
            return SealSlots(setting, self._weights, lambda a, stage: self._bias(a, stage, primes), counts[index])

        result = run_program(self._program, sources, operations, drops=parameters.drops)
        began.append(time.perf_counter())
        task.report(steps[-1].name, len(steps), len(steps))
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


class SealSlots(SlotOperations[Any]):
    """Operations on Pyfhel ciphertexts.

    Args:
        setting: What is known of the pass.
        weights: Encoded, by the identity of their term.
        bias: Encodes a stage's bias for a ciphertext.
        counts: Where operations are counted.
    """

    def __init__(
        self,
        setting: Setting[PackedPlan],
        weights: Mapping[int, Any],
        bias: Callable[[Any, Stage], Any],
        counts: Counter[str],
    ) -> None:
        self._he, self._exact = setting.he, setting.plain_modulus is not None
        self._weights, self._bias, self._counts = weights, bias, counts

    @override
    def product(self, a: Any, term: Term, /) -> Any:
        self._counts["pt_ct_mults"] += 1
        return self._he.multiply_plain(a, self._weights[id(term)], in_new_ctxt=True)

    @override
    def add(self, a: Any, b: Any, /) -> Any:
        self._counts["ct_ct_adds"] += 1
        self._he.add(a, b)
        return a

    @override
    def rotate(self, a: Any, step: int, /) -> Any:
        self._counts["rotations"] += 1
        return self._he.rotate(a, step, in_new_ctxt=True)

    @override
    def add_bias(self, a: Any, stage: Stage, /) -> Any:
        self._counts["pt_ct_adds"] += 1
        self._he.add_plain(a, self._bias(a, stage))
        return a

    @override
    def square(self, a: Any, /) -> Any:
        self._counts["ct_ct_mults"] += 1
        self._counts["relinearizations"] += 1
        product = self._he.square(a, in_new_ctxt=True)
        self._he.relinearize(product)
        return product

    @override
    def drop(self, a: Any, primes: int, /) -> Any:
        for _ in range(primes):
            self._counts["mod_switches"] += 1
            (self._he.mod_switch_to_next if self._exact else self._he.rescale_to_next)(a)
        return a
