"""The fused engine of the packed layout: every operation as kernels on residues, equal to SEAL's results.

Products of one giant step are summed before they are reduced, and the baby steps share the digits of the ciphertext
they rotate.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.he.engines.engine import Account, Engine, Report, Result, Setting, Task
from fcnlab.he.engines.packed_stepwise import Encoder
from fcnlab.he.residues.evaluation_keys import key_chain
from fcnlab.he.residues.key_switching import add_moved, moved_places, sign_correction, sum_products, take_apart
from fcnlab.he.residues.ring import add_all, add_weighted, reduce_all, residues_to_ntt, square_all, work_space
from fcnlab.he.residues.switching import drop_last, make_basis
from fcnlab.he.wire import plaintext_residues
from fcnlab.planning.packed.pack import Stage, Term
from fcnlab.planning.packed.plan import RELINEARIZATION, PackedPlan
from fcnlab.planning.packed.program import SlotOperations, run_program

Polynomials = npt.NDArray[np.int64]
LAZY_TERMS = 16  # products summed before they are reduced: each leaves less than 9 primes of 54 bits


@dataclass(frozen=True, eq=False)
class Cipher:
    """A ciphertext: residues in NTT form, shape (2, primes, n), with what SEAL keeps beside them."""

    residues: Polynomials
    scale: float
    correction: int


def make_engine(setting: Setting[PackedPlan]) -> Engine:
    """The engine for one pass."""
    return FusedEngine(setting).evaluate


class FusedEngine:
    """Kernels on residues; weights, and what signs add to rotations, are prepared once.

    Args:
        setting: What is known of the pass.
    """

    def __init__(self, setting: Setting[PackedPlan]) -> None:
        self._setting, parameters = setting, setting.parameters
        self._program = setting.plan.program(setting.circuit)
        self._encoder = Encoder(setting)
        self.work = work_space(parameters.ring_degree)
        self._scratch: dict[tuple[int, ...], Polynomials] = {}
        self._weights: dict[int, Polynomials] = {}
        self._scales: dict[int, float] = {}
        self._biases: dict[tuple[str, float, int], Polynomials] = {}
        self._keys: dict[tuple[int, int], tuple[Polynomials, Polynomials]] = {}
        for index, stage in enumerate(self._program.stages):
            primes = parameters.primes[: len(parameters.primes) - sum(parameters.drops[: 2 * index])]
            for term in stage.terms:
                self._scales[id(term)] = setting.plan.plain_scales[index]
                self._weights[id(term)] = self._encode(term.weights, primes, setting.plan.plain_scales[index])
            for step in stage.rotations:
                self.key(step, len(primes))
        self.key(RELINEARIZATION, setting.plan.relinearization)
        zeros = np.zeros((2, len(parameters.primes), parameters.ring_degree), dtype=np.int64)
        self._run([zeros] * len(setting.plan.gather), lambda *_: None)  # compiles, and encodes the biases

    def evaluate(self, task: Task) -> Result:
        """The logits of one upload."""
        return self._run([part.astype(np.int64) for part in task.ciphertexts()], task.report)

    def _run(self, ciphertexts: Sequence[Polynomials], report: Report) -> Result:
        """Run the program on ciphertexts of shape (2, primes, n)."""
        setting, parameters = self._setting, self._setting.parameters
        sources = [Cipher(part, parameters.scale, 1) for part in ciphertexts]
        steps = self._program.circuit.steps
        counts: list[Counter[str]] = [Counter() for _ in steps]
        seconds: list[float] = []
        began = time.perf_counter()

        def operations(index: int) -> "FusedSlots":
            primes = parameters.primes[: len(parameters.primes) - sum(parameters.drops[:index])]
            return FusedSlots(self, setting, self._scales, primes, counts[index])

        def done(index: int) -> None:
            nonlocal began
            now = time.perf_counter()
            seconds.append(now - began)
            began = now
            report(steps[index].name, index + 1, len(steps))

        result = run_program(self._program, sources, operations, drops=parameters.drops, affine=hoisted, done=done)
        accounts = tuple(
            Account(step.name, elapsed_s, dict(count))
            for step, elapsed_s, count in zip(steps, seconds, counts, strict=True)
        )
        residues = np.ascontiguousarray(result.residues[None]).view(np.uint64)
        return Result(residues, result.scale, result.correction, accounts)

    def key(self, step: int, primes: int) -> tuple[Polynomials, Polynomials]:
        """The key of a rotation, or of relinearization, for so many primes, and what changed signs add."""
        if (step, primes) not in self._keys:
            whole = self._setting.keys[step].view(np.int64)
            key = np.ascontiguousarray(whole[:primes][:, :, [*range(primes), whole.shape[2] - 1]])
            parameters = self._setting.parameters
            if step == RELINEARIZATION:
                correction = np.zeros(key.shape[1:], dtype=np.int64)
            else:
                chain = key_chain(parameters, primes)
                basis = make_basis(chain, parameters.ring_degree, self._setting.plain_modulus)
                correction = sign_correction(step, key, basis, self.work)
            self._keys[step, primes] = key, correction
        return self._keys[step, primes]

    def scratch(self, *shape: int) -> Polynomials:
        """Memory for what does not outlive an operation: fresh pages would cost as much as the arithmetic."""
        if shape not in self._scratch:
            self._scratch[shape] = np.empty(shape, dtype=np.int64)
        return self._scratch[shape]

    def weights(self, term: Term) -> Polynomials:
        """Encoded weights, shape (primes, n)."""
        return self._weights[id(term)]

    def bias(self, stage: Stage, primes: tuple[int, ...], cipher: Cipher) -> Polynomials:
        """The bias of a stage as SEAL would add it, shape (primes, n)."""
        name = (stage.name, cipher.scale, cipher.correction)
        if name not in self._biases:
            self._biases[name] = self._encode(stage.bias, primes, cipher.scale, factor=cipher.correction)
        return self._biases[name]

    def _encode(self, slots: Any, primes: tuple[int, ...], scale: float, *, factor: int = 1) -> Polynomials:
        """Slots as residues in NTT form; in bgv times a factor modulo t, and centred."""
        encoded = plaintext_residues(self._encoder.encode(slots, scale=scale, primes=len(primes)).to_bytes("none"))
        t = self._setting.plain_modulus
        if t is None:
            return encoded.reshape(len(primes), -1).astype(np.int64)
        coefficients = np.zeros(self._setting.parameters.ring_degree, dtype=np.int64)
        values = encoded.astype(object) * factor % t if factor != 1 else encoded.astype(np.int64)
        coefficients[: len(values)] = values
        coefficients -= t * (coefficients > t // 2)
        return np.stack([residues_to_ntt(coefficients, prime) for prime in primes])


def hoisted(stage: Stage, sources: Sequence[Cipher], operations: "FusedSlots") -> Cipher:
    """One affine step; what `run_stage` does, with shared digits and sums that are reduced late."""
    rotated = {(place, 0): source for place, source in enumerate(sources)}
    for baby, value in operations.rotate_all(sources[0], stage.babies):
        rotated[0, baby] = value
    total: Cipher | None = None
    for giant, terms in stage.groups:
        part = operations.weigh([rotated[term.source, term.baby] for term in terms], terms)
        part = operations.rotate(part, giant) if giant else part
        total = part if total is None else operations.add(total, part)
    assert total is not None
    for fold in stage.folds:
        total = operations.add(total, operations.rotate(total, fold))
    return operations.add_bias(total, stage)


class FusedSlots(SlotOperations[Cipher]):
    """Operations on residues at one level.

    Args:
        engine: Has weights and keys.
        setting: What is known of the pass.
        scales: ckks scale of each term's weights, by the term's identity.
        primes: Data primes at this level.
        counts: Where operations are counted.
    """

    def __init__(
        self,
        engine: FusedEngine,
        setting: Setting[PackedPlan],
        scales: Mapping[int, float],
        primes: tuple[int, ...],
        counts: Counter[str],
    ) -> None:
        self._engine, self._scales, self._primes, self._counts = engine, scales, primes, counts
        self._parameters, self._modulus = setting.parameters, setting.plain_modulus
        chain = (*primes, self._parameters.special_prime)
        self._extended = make_basis(chain, self._parameters.ring_degree, self._modulus)
        self._moduli = np.array(primes, dtype=np.int64)

    @override
    def product(self, a: Cipher, term: Term, /) -> Cipher:
        return self.weigh([a], [term])

    def weigh(self, values: Sequence[Cipher], terms: Sequence[Term]) -> Cipher:
        """PT-CT mults and the CT-CT adds of their sum."""
        self._counts["pt_ct_mults"] += len(terms)
        self._counts["ct_ct_adds"] += len(terms) - 1
        out = np.zeros_like(values[0].residues)
        for start in range(0, len(terms), LAZY_TERMS):
            for value, term in zip(values[start : start + LAZY_TERMS], terms[start : start + LAZY_TERMS], strict=True):
                add_weighted(value.residues, self._engine.weights(term), self._moduli, out)
            reduce_all(out, self._moduli)
        first = values[0]
        return Cipher(out, first.scale * self._scales[id(terms[0])], first.correction)

    @override
    def add(self, a: Cipher, b: Cipher, /) -> Cipher:
        self._counts["ct_ct_adds"] += 1
        add_all(a.residues, b.residues, self._moduli)
        return a

    @override
    def rotate(self, a: Cipher, step: int, /) -> Cipher:
        return next(iter(self.rotate_all(a, (step,))))[1]

    def rotate_all(self, a: Cipher, steps: Sequence[int]) -> list[tuple[int, Cipher]]:
        """Rotations of one ciphertext, which is taken apart once."""
        if not steps:
            return []
        digits = self._digits(a.residues[1])
        results = []
        for step in steps:
            self._counts["rotations"] += 1
            places = moved_places(step, self._parameters.ring_degree)
            out = self._switch(digits, step, places)
            add_moved(a.residues[0], places, self._moduli, out[0])
            results.append((step, Cipher(out, a.scale, a.correction)))
        return results

    @override
    def add_bias(self, a: Cipher, stage: Stage, /) -> Cipher:
        self._counts["pt_ct_adds"] += 1
        add_all(a.residues[:1], self._engine.bias(stage, self._primes, a)[None], self._moduli)
        return a

    @override
    def square(self, a: Cipher, /) -> Cipher:
        self._counts["ct_ct_mults"] += 1
        self._counts["relinearizations"] += 1
        product = np.empty((3, *a.residues.shape[1:]), dtype=np.int64)
        square_all(a.residues, self._moduli, product)
        places = np.arange(self._parameters.ring_degree)
        out = self._switch(self._digits(product[2]), RELINEARIZATION, places)
        add_all(out, product[:2], self._moduli)
        correction = a.correction**2 % self._modulus if self._modulus else 1
        return Cipher(out, a.scale * a.scale, correction)

    @override
    def drop(self, a: Cipher, primes: int, /) -> Cipher:
        residues, scale, correction = a.residues, a.scale, a.correction
        for lost in range(primes):
            self._counts["mod_switches"] += 1
            left = self._primes[: len(self._primes) - lost]
            out = np.empty((2, len(left) - 1, residues.shape[2]), dtype=np.int64)
            basis = make_basis(left, self._parameters.ring_degree, self._modulus)
            drop_last(residues, basis, self._engine.work, out)
            residues = out
            if self._modulus:
                correction = correction * pow(left[-1], -1, self._modulus) % self._modulus
            else:
                scale /= left[-1]
        return Cipher(residues, scale, correction)

    def _digits(self, polynomial: Polynomials) -> Polynomials:
        count, degree = polynomial.shape
        digits: Polynomials = self._engine.scratch(1, count, count + 1, degree)[0]
        take_apart(polynomial, self._extended, self._engine.work, digits)
        return digits

    def _switch(self, digits: Polynomials, step: int, places: Polynomials) -> Polynomials:
        """Digits times a key, without the special prime; shape (2, primes, n)."""
        key, correction = self._engine.key(step, len(self._primes))
        sums = self._engine.scratch(2, *digits.shape[1:])
        sum_products(digits, key, places, correction, self._extended.primes, sums)
        out = np.empty((2, len(self._primes), digits.shape[2]), dtype=np.int64)
        drop_last(sums, self._extended, self._engine.work, out)
        return out
