"""Homomorphic operations on one block of residues, for schemes whose ciphertexts are in NTT form (bgv and ckks)."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.polynomials import Operations
from fcnlab.he.residues import kernels


@dataclass(frozen=True)
class Label:
    """What SEAL keeps beside the residues of a ciphertext.

    Attributes:
        size: Polynomials.
        scale: ckks scale; 1 otherwise.
        correction: bgv correction factor; 1 otherwise.
    """

    size: int
    scale: float
    correction: int


class LabelOperations(Operations[Label]):
    """Operations on labels alone.

    Args:
        plain_modulus: That of the pass; None for ckks.
    """

    def __init__(self, plain_modulus: int | None) -> None:
        self._plain_modulus = plain_modulus

    @override
    def multiply(self, a: Label, b: Label, /) -> Label:
        correction = a.correction * b.correction
        return Label(
            a.size + b.size - 1, a.scale * b.scale, correction % self._plain_modulus if self._plain_modulus else 1
        )

    @override
    def scale(self, a: Label, factor: int, /, *, like: Label | None = None) -> Label:
        target = like or a
        return Label(a.size, target.scale, target.correction)

    @override
    def add(self, a: Label, b: Label, /) -> Label:
        return max(a, b, key=lambda label: label.size)

    @override
    def add_constant(self, a: Label, constant: int, /) -> Label:
        return a


class Scratch:
    """Arrays for the steps of one block, kept for the next: fresh memory costs a page fault for every four kilobytes.

    Every block takes the same shapes in the same order, so each gets what the block before it used at that point.
    """

    def __init__(self) -> None:
        self._arrays: list[npt.NDArray[np.int64]] = []
        self._next = 0

    def restart(self) -> None:
        """Begin a block: all arrays may be used again."""
        self._next = 0

    def empty(self, rows: int, length: int) -> npt.NDArray[np.int64]:
        """An array of that shape with any content."""
        if self._next == len(self._arrays):
            self._arrays.append(np.empty((rows, length), dtype=np.int64))
        elif self._arrays[self._next].shape != (rows, length):
            self._arrays[self._next] = np.empty((rows, length), dtype=np.int64)
        self._next += 1
        return self._arrays[self._next - 1]


@dataclass(frozen=True, eq=False)
class Block:
    """The same few hundred coefficients of every ciphertext of a layer, modulo one prime.

    Attributes:
        residues: int64, shape (ciphertexts, label.size * width).
        label: Of every ciphertext.
    """

    residues: npt.NDArray[np.int64]
    label: Label

    @property
    def width(self) -> int:
        """Coefficients of each polynomial."""
        return len(self.residues[0]) // self.label.size


class BlockOperations(Operations[Block]):
    """Operations on blocks.

    Args:
        prime: Modulus of the residues.
        plain_modulus: That of the pass; None for ckks.
        scratch: Where results are put.
    """

    def __init__(self, prime: int, plain_modulus: int | None, scratch: Scratch) -> None:
        self._prime, self._plain_modulus, self._scratch = prime, plain_modulus, scratch
        self._labels = LabelOperations(plain_modulus)

    @override
    def multiply(self, a: Block, b: Block, /) -> Block:
        label = self._labels.multiply(a.label, b.label)
        out = self._scratch.empty(len(a.residues), label.size * a.width)
        if a is b:
            kernels.square_block(a.residues, a.label.size, self._prime, out)
        else:
            kernels.multiply_blocks(a.residues, a.label.size, b.residues, b.label.size, self._prime, out)
        return Block(out, label)

    @override
    def scale(self, a: Block, factor: int, /, *, like: Block | None = None) -> Block:
        label = self._labels.scale(a.label, factor, like=like.label if like else None)
        multiplier = scale_factor(factor, self._plain_modulus, source=a.label, target=label)
        if multiplier == 1:
            return a
        out = self._scratch.empty(*a.residues.shape)
        kernels.scale_block(a.residues, multiplier % self._prime, self._prime, out)
        return Block(out, label)

    @override
    def add(self, a: Block, b: Block, /) -> Block:
        longer, shorter = (a, b) if a.label.size >= b.label.size else (b, a)
        out = self._scratch.empty(*longer.residues.shape)
        kernels.add_blocks(longer.residues, shorter.residues, self._prime, out)
        return Block(out, longer.label)

    @override
    def add_constant(self, a: Block, constant: int, /) -> Block:
        out = self._scratch.empty(*a.residues.shape)
        encoded = encode_constant(constant, self._plain_modulus, label=a.label)
        kernels.add_constant_block(a.residues, encoded % self._prime, a.width, self._prime, out)
        return Block(out, a.label)


def scale_factor(factor: int, plain_modulus: int | None, *, source: Label, target: Label) -> int:
    """The integer that multiplies by `factor` and moves a ciphertext to another scale and correction factor."""
    if plain_modulus is None:
        return round_half_away(factor * (target.scale / source.scale))
    return centre(factor * target.correction * pow(source.correction, -1, plain_modulus), plain_modulus)


def encode_constant(constant: int, plain_modulus: int | None, *, label: Label) -> int:
    """An integer as the constant polynomial that is added to the first part of a ciphertext in NTT form."""
    if plain_modulus is None:
        return round_half_away(constant * label.scale)
    return centre(constant * label.correction, plain_modulus)


def round_half_away(value: float) -> int:
    """The nearest integer, halves away from zero: as SEAL's encoder rounds."""
    whole = math.floor(abs(value))
    return int(math.copysign(whole + (abs(value) - whole >= 0.5), value))


def centre(value: int, modulus: int) -> int:
    """The residue of least absolute value."""
    return (value + modulus // 2) % modulus - modulus // 2
