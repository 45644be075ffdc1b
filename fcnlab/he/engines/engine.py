"""What an engine is given and what it returns: the contract between the server and its engines."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fcnlab.circuit.circuit import Circuit
from fcnlab.he.residues.symmetric import Masks
from fcnlab.he.wire import Residues, SealHeader
from fcnlab.planning.parameters import Parameters

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


@dataclass(frozen=True, eq=False)
class Task:
    """What an engine is given for one pass of one batch.

    Attributes:
        circuit: The steps; the first reads the plan's inputs.
        parameters: Of the plan.
        he: Pyfhel context with the public key.
        plain_modulus: Of this pass; None for ckks.
        headers: SEAL's headers by number of primes.
        upload: First polynomials of fresh ciphertexts as they arrived, not yet checked; shape (inputs, 1, primes, n).
        masks: Their second polynomials.
        inputs: Pixel index of each.
        threads: Threads the engine may use.
        report: Progress.
        observe: Shown the first ciphertext after each step; None to skip.
    """

    circuit: Circuit
    parameters: Parameters
    he: Any
    plain_modulus: int | None
    headers: Mapping[int, SealHeader]
    upload: Residues
    masks: Masks
    inputs: tuple[int, ...]
    threads: int
    report: Report
    observe: Observe | None


@dataclass(frozen=True, eq=False)
class Result:
    """What an engine returns: residues of the logits with their ckks scale and bgv correction factor."""

    residues: Residues
    scale: float
    correction: int
    accounts: tuple[Account, ...]


class Engine(Protocol):
    """A way to evaluate a circuit on ciphertexts."""

    def __call__(self, task: Task) -> Result:
        """Evaluate one pass."""


def drop_title(name: str, drops: int) -> str:
    """What progress calls the modulus switches after a step."""
    return f"{name}: drop {drops} prime{'s' if drops > 1 else ''}"
