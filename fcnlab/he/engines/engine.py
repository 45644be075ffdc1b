"""What an engine is given and what it returns: the contract between the server and its engines."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from fcnlab.circuit.circuit import Circuit
from fcnlab.he.residues.evaluation_keys import Keys
from fcnlab.he.residues.symmetric import Masks
from fcnlab.he.wire import Residues, SealHeader, check_residues
from fcnlab.planning.parameters import Parameters
from fcnlab.planning.plan import Plan

P = TypeVar("P", bound=Plan, covariant=True)
Report = Callable[[str, int, int], None]  # step, done, total; an exception it raises stops the evaluation
Observe = Callable[[str, bytes], None]  # step, its first ciphertext in SEAL's bytes


@dataclass(frozen=True)
class Account:
    """What one step cost.

    Attributes:
        name: The step.
        elapsed_s: Seconds it took.
        operations: Homomorphic operations performed, counted as they happened.
    """

    name: str
    elapsed_s: float
    operations: Mapping[str, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class Setting(Generic[P]):
    """What an engine knows of one pass before anything is uploaded.

    Attributes:
        circuit: The steps; the first reads the plan's inputs.
        plan: The circuit's.
        index: Which plain modulus.
        he: Pyfhel context without keys; an engine that needs them gives it its evaluation keys.
        headers: SEAL's headers, from `level_headers`.
        keys: Evaluation keys of the pass as they travelled, by step.
        threads: Threads the engine may use.
    """

    circuit: Circuit
    plan: P
    index: int
    he: Any
    headers: Mapping[int, SealHeader]
    keys: Keys
    threads: int

    @property
    def parameters(self) -> Parameters:
        """Those of the plan."""
        return self.plan.parameters

    @property
    def plain_modulus(self) -> int | None:
        """The plain modulus of the pass; None for ckks."""
        return self.parameters.plain_modulus(self.index)


@dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """An upload for one pass.

    Attributes:
        setting: What was known before.
        sent: First polynomials of fresh ciphertexts as they arrived, not yet checked; shape (ciphertexts, 1, primes,
            n).
        masks: Their second polynomials.
        report: Progress.
        observe: Shown the first ciphertext after each step; None to skip.
    """

    setting: Setting[Plan]
    sent: Residues
    masks: Masks
    report: Report
    observe: Observe | None

    def ciphertexts(self) -> Iterator[Residues]:
        """Both polynomials of each ciphertext, checked; shape (2, primes, n)."""
        check_residues(self.sent, self.setting.parameters.primes)
        for place, first in enumerate(self.sent):
            yield np.concatenate([first, self.masks.of_ciphertext(place)])


@dataclass(frozen=True, eq=False)
class Result:
    """What an engine returns: residues of the logits with their ckks scale and bgv correction factor."""

    residues: Residues
    scale: float
    correction: int
    accounts: tuple[Account, ...]


Engine = Callable[[Task], Result]  # evaluates one upload


def drop_title(name: str, drops: int) -> str:
    """What progress calls the modulus switches after a step."""
    return f"{name}: drop {drops} prime{'s' if drops > 1 else ''}"
