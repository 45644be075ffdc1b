"""A program on slots, run on anything that has the operations: numbers, counters, bounds, ciphertexts.

One algorithm for all of them is what keeps plans, projections and runs honest.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.hops import HopTable, LayerHops
from fcnlab.planning.packed.pack import Program, Stage, Term

V = TypeVar("V")


class SlotOperations(Protocol[V]):
    """Operations on the value of a ciphertext: a row of slots."""

    def product(self, a: V, term: Term, /) -> V:
        """Times the term's weights."""

    def add(self, a: V, b: V, /) -> V:
        """Sum."""

    def rotate(self, a: V, step: int, /) -> V:
        """What is at slot s + step goes to slot s."""

    def add_bias(self, a: V, stage: Stage, /) -> V:
        """Plus the stage's bias."""

    def square(self, a: V, /) -> V:
        """Square, and relinearise."""

    def drop(self, a: V, primes: int, /) -> V:
        """Drop primes: rescale, or switch modulus."""


def run_stage(stage: Stage, sources: Sequence[V], operations: SlotOperations[V]) -> V:
    """One affine step."""
    rotated = {(place, 0): source for place, source in enumerate(sources)}
    for baby in stage.babies:
        rotated[0, baby] = operations.rotate(sources[0], baby)
    total: V | None = None
    for giant, terms in stage.groups:
        part = operations.product(rotated[terms[0].source, terms[0].baby], terms[0])
        for term in terms[1:]:
            part = operations.add(part, operations.product(rotated[term.source, term.baby], term))
        if giant:
            part = operations.rotate(part, giant)
        total = part if total is None else operations.add(total, part)
    assert total is not None  # a step without any weight is refused by the plan
    for fold in stage.folds:
        total = operations.add(total, operations.rotate(total, fold))
    return operations.add_bias(total, stage)


def run_program(
    program: Program,
    sources: Sequence[V],
    operations: Callable[[int], SlotOperations[V]],
    *,
    drops: Sequence[int],
    report: Callable[[V], object] = lambda _: None,
    affine: Callable[[Stage, Sequence[V], Any], V] = run_stage,
    done: Callable[[int], object] = lambda _: None,
) -> V:
    """The whole program.

    Args:
        program: What to run.
        sources: The client's ciphertexts.
        operations: For each step of the circuit, by its place.
        drops: Primes dropped after each step of the circuit.
        report: Shown the result of each step, before primes are dropped.
        affine: What runs an affine step.
        done: Told the place of each step once its primes are dropped.
    """
    values = list(sources)
    for index, primes in enumerate(drops):
        using = operations(index)
        value = using.square(values[0]) if index % 2 else affine(program.stages[index // 2], values, using)
        report(value)
        if primes:
            value = using.drop(value, primes)
        done(index)
        values = [value]
    return values[0]


def gather_pixels(program: Program, pixels: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """One image, shape (inputs,), as the slots of each ciphertext, shape (ciphertexts, S)."""
    return np.where(program.gather >= 0, pixels[program.gather], 0).astype(np.int64)


def count_packed(program: Program, drops: Sequence[int]) -> HopTable:
    """What an engine performs for one ciphertext's images, step by step, in the executed convention.

    Args:
        program: What is run.
        drops: Primes dropped after each step of the circuit.
    """
    layers = []
    stages = iter(program.stages)
    for index, (step, primes) in enumerate(zip(program.circuit.steps, drops, strict=True)):
        if index % 2:
            layer = LayerHops(name=step.name, outputs=1, ct_ct_mults=1, relinearizations=1, mod_switches=primes)
        else:
            stage = next(stages)
            layer = LayerHops(
                name=step.name,
                outputs=1,
                pt_ct_adds=1,
                ct_ct_adds=len(stage.terms) - 1 + len(stage.folds),
                pt_ct_mults=len(stage.terms),
                rotations=len(stage.rotations),
                mod_switches=primes,
            )
        layers.append(layer)
    return HopTable(program.circuit.name, "executed", tuple(layers))
