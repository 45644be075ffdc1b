"""From a circuit to a program on slots: which pixel goes where, and what multiplies it.

Slots form one cyclic row of S (ckks: n / 2; bgv: each of two rows, an image in each). P is a power of two at least as
large as the first layer's rows, R = S / P. What the three kinds of stages do, for any sparse weights:

* gather, the first layer. Which pixel a row reads as its k-th is public, so the client puts it there: slot b P + i of
  ciphertext j holds the pixel that row i reads as its (j R + b)-th. One product for each ciphertext and a fold over the
  blocks b leave the layer in every block.
* diagonals, a layer in the middle. D is a power of two, D R at least its outputs; block r computes outputs r D to
  r D + D - 1. Slot r P + i multiplies column i + d, d < D, for output r D + (i mod D); a fold by D, 2 D ... P / 2 adds
  up what belongs together. Outputs are whole at the first D slots of each block; elsewhere windows cross from one block
  into the next, and nothing reads those slots.
* last. With E a power of two at least as large as its outputs, slot t multiplies what is at slot t + d, d < E, for
  output t mod E; folds by E, 2 E ... S / 2 add up. Every slot then holds a logit, and no slot a partial sum.

The rotations by d are split into baby and giant steps.

A rotation by k moves what is at slot s + k to slot s. A product is one plaintext for all slots, whatever its zeros; a
diagonal without any weight is left out.
Source: Halevi and Shoup 2014 (eprint 2014/106) for diagonals and 2018 (eprint 2018/244) for baby and giant steps; the
arrangement is this project's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.integers import WORD_BITS, Integers, multiply_exactly, sum_bits
from fcnlab.errors import PlanError


@dataclass(frozen=True, eq=False)
class Term:
    """One product: ciphertext `source`, rotated by `baby`, times a weight for each slot, then rotated by `giant`."""

    source: int
    baby: int
    giant: int
    weights: Integers


@dataclass(frozen=True, eq=False)
class Stage:
    """An affine step on slots.

    Attributes:
        name: The affine step's name.
        sources: Ciphertexts it reads.
        terms: Products, ordered by giant step.
        folds: Then, one after the other: add what a rotation by this many slots gives.
        bias: For each slot.
        places: Slot of each output.
    """

    name: str
    sources: int
    terms: tuple[Term, ...]
    folds: tuple[int, ...]
    bias: npt.NDArray[Any]
    places: Integers

    @property
    def babies(self) -> tuple[int, ...]:
        """Steps by which the source is rotated, ascending, 0 left out."""
        return tuple(sorted({term.baby for term in self.terms} - {0}))

    @property
    def groups(self) -> Iterator[tuple[int, tuple[Term, ...]]]:
        """Terms that share a giant step."""
        for giant, terms in groupby(self.terms, key=lambda term: term.giant):
            yield giant, tuple(terms)

    @cached_property
    def rotations(self) -> tuple[int, ...]:
        """Every rotation by its step, in the order of execution."""
        giants = [giant for giant, _ in self.groups if giant]
        return (*self.babies, *giants, *self.folds)


@dataclass(frozen=True, eq=False)
class Program:
    """A circuit on slots.

    Attributes:
        circuit: What it computes: affine steps with squares between them.
        slots: S, of one row.
        period: P.
        gather: Pixel in each slot of each ciphertext, -1 for none; shape (ciphertexts, S).
        stages: One for each affine step.
    """

    circuit: Circuit
    slots: int
    period: int
    gather: Integers
    stages: tuple[Stage, ...]

    @property
    def places(self) -> Integers:
        """Slot of each logit."""
        return self.stages[-1].places


def pack(circuit: Circuit, *, slots: int) -> Program:
    """Lay a circuit out on slots.

    Args:
        circuit: Affine steps with one or two squares between them; affine neighbours are merged.
        slots: S, a power of two.

    Raises:
        PlanError: If the circuit has another form, or is too wide for the slots.
    """
    merged = merge_neighbours(circuit)
    check_form(merged)
    first, *middle, last = merged.affine_steps
    for step in merged.affine_steps:
        if power_of_two(step.outputs) > slots:
            raise PlanError(
                f"{step.name} has {step.outputs} outputs and a ciphertext {slots} slots; use a larger ring or the "
                "batch layout."
            )
    period = power_of_two(first.outputs)
    if middle:  # as many blocks as there are places for the layer after
        period = max(period, power_of_two(middle[0].outputs) * period // slots)
    gather, stage = gather_stage(first, slots, period)
    stages, columns = [stage], stage.places
    for step in middle:
        width = power_of_two(-(-step.outputs * period // slots))
        stages.append(diagonal_stage(step, slots, period, width))
        columns = stages[-1].places
    stages.append(last_stage(last, slots, columns))
    return Program(merged, slots, period, gather, tuple(stages))


def check_form(circuit: Circuit) -> None:
    """Refuse what is not affine, square, affine, or affine, square, affine, square, affine."""
    kinds = tuple(type(step) for step in circuit.steps)
    alternating = kinds in ((Affine, Polynomial) * 1 + (Affine,), (Affine, Polynomial) * 2 + (Affine,))
    if not alternating:
        raise PlanError(
            f"The packed layout takes affine steps with one or two activations between them; {circuit.name} is "
            f"{', '.join(step.name for step in circuit.steps)}: use the batch layout."
        )
    empty = next((step.name for step in circuit.affine_steps if not step.products), None)
    if empty is not None:
        raise PlanError(f"{empty} of {circuit.name} has no weight: there is nothing to evaluate.")
    for step in circuit.steps:
        if isinstance(step, Polynomial) and not step.is_square:
            raise PlanError(
                f"The packed layout takes squares; {step.name} of {circuit.name} is a polynomial of degree "
                f"{step.degree}: use the batch layout."
            )


def merge_neighbours(circuit: Circuit) -> Circuit:
    """The same circuit with affine neighbours multiplied: a dense layer costs no more than a sparse one on slots.

    Raises:
        PlanError: If a merged weight may leave 64 bits.
    """
    steps: list[Step] = []
    for step in circuit.steps:
        before = steps[-1] if steps else None
        if not (isinstance(step, Affine) and isinstance(before, Affine)):
            steps.append(step)
            continue
        if sum_bits(step.weights) + sum_bits(before.weights) > WORD_BITS:
            raise PlanError(
                f"{before.name} and {step.name} of {circuit.name} cannot be merged within {WORD_BITS} bits: use the "
                "batch layout."
            )
        weights = sparse.csr_array(step.weights @ before.weights)
        weights.eliminate_zeros()
        weights.sort_indices()
        bias = multiply_exactly(step.weights, before.bias.astype(object)) + step.bias.astype(object)
        steps[-1] = Affine(f"{before.name}+{step.name}", weights, bias, step.unit)
    return Circuit(circuit.name, circuit.input_shape, circuit.pixel_bits, tuple(steps))


def gather_stage(step: Affine, slots: int, period: int) -> tuple[Integers, Stage]:
    """The first layer: where the client puts pixels, and the weights that meet them there."""
    replicas = slots // period
    rows = np.repeat(np.arange(step.outputs), np.diff(step.weights.indptr))
    order = np.arange(step.products) - step.weights.indptr[rows]  # of a weight within its row
    ciphertext, places = order // replicas, order % replicas * period + rows
    count = int(ciphertext.max()) + 1
    gather = np.full((count, slots), -1, dtype=np.int64)
    weights = np.zeros((count, slots), dtype=np.int64)
    gather[ciphertext, places] = step.weights.indices
    weights[ciphertext, places] = step.weights.data
    bias = np.zeros(slots, dtype=object)
    for block in range(replicas):
        bias[block * period : block * period + step.outputs] = step.bias
    terms = tuple(Term(source, 0, 0, weights[source]) for source in range(count))
    return gather, Stage(step.name, count, terms, doublings(period, slots), bias, np.arange(step.outputs))


def diagonal_stage(step: Affine, slots: int, period: int, width: int) -> Stage:
    """A layer that reads values of period P: output r D + j is whole at slot r P + j."""
    rows = np.repeat(np.arange(step.outputs), np.diff(step.weights.indptr))
    block, place = rows // width, rows % width
    shift = (step.weights.indices - place) % width
    slot = block * period + (step.weights.indices - shift) % period
    units = np.arange(step.outputs)
    places = units // width * period + units % width
    bias = np.zeros(slots, dtype=object)
    bias[places] = step.bias
    terms = split_steps(shift, slot, step.weights.data, slots, width)
    return Stage(step.name, 1, terms, doublings(width, period), bias, places)


def last_stage(step: Affine, slots: int, columns: Integers) -> Stage:
    """The layer that gives the logits, from inputs at the slots `columns`: output k is at every slot k mod E."""
    count = power_of_two(step.outputs)
    rows = np.repeat(np.arange(step.outputs), np.diff(step.weights.indptr))
    column = columns[step.weights.indices]
    shift = (column - rows) % count
    bias = np.zeros(slots, dtype=object)
    for row, value in enumerate(step.bias):
        bias[row::count] = int(value)
    terms = split_steps(shift, (column - shift) % slots, step.weights.data, slots, count)
    return Stage(step.name, 1, terms, doublings(count, slots), bias, np.arange(step.outputs))


def split_steps(shift: Integers, slot: Integers, weights: Integers, slots: int, count: int) -> tuple[Term, ...]:
    """Diagonals of `count` shifts as baby and giant steps; weights move back by what their giant step moves on."""
    babies = 1 << (count.bit_length() // 2)
    diagonals: Mapping[int, Integers] = {int(d): np.zeros(slots, dtype=np.int64) for d in np.unique(shift)}
    for d, diagonal in diagonals.items():
        chosen = shift == d
        diagonal[slot[chosen]] = weights[chosen]
    return tuple(
        Term(0, d % babies, d - d % babies, np.roll(diagonal, d - d % babies)) for d, diagonal in diagonals.items()
    )


def doublings(start: int, end: int) -> tuple[int, ...]:
    """start, 2 start, 4 start ... below `end`."""
    return tuple(start << k for k in range((end // start).bit_length() - 1))


def power_of_two(number: int) -> int:
    """The smallest power of two that is not below a number of at least 1."""
    return 1 << (number - 1).bit_length()
