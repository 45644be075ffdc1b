"""Tiny circuits for tests of plans and of encrypted runs: a handful of values, every kind of weight."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step

Integers = npt.NDArray[np.int64]


def affine(weights: object, bias: object = None, *, name: str = "fc", pooling: bool = False) -> Affine:
    """An affine step from rows of weights; no bias unless given."""
    matrix = np.array(weights, dtype=np.int64)
    constants = np.zeros(len(matrix), dtype=np.int64) if bias is None else np.array(bias)
    return Affine(name, sparse.csr_array(matrix), constants, pooling=pooling)


def random_weights(rng: np.random.Generator, *, rows: int, columns: int, largest: int) -> Integers:
    """Integers from -largest to largest, powers of two and others, about half of them zero, no row all zero."""
    weights = rng.integers(-largest, largest + 1, size=(rows, columns))
    weights *= rng.integers(0, 2, size=weights.shape)
    empty = ~weights.any(axis=1)
    weights[empty, rng.integers(0, columns, size=empty.sum())] = rng.choice([-largest, 1, largest], size=empty.sum())
    return np.asarray(weights, dtype=np.int64)


def tiny_circuit(
    seed: int = 0,
    *,
    widths: tuple[int, ...] = (5, 3, 3, 2),
    largest: int = 5,
    bias: int = 30,
    pixel_bits: int = 2,
    name: str = "tiny",
) -> Circuit:
    """Affine steps between the widths, with squares in between: ``len(widths) - 2`` of them."""
    rng = np.random.default_rng(seed)
    steps: list[Step] = []
    for index, (columns, rows) in enumerate(pairwise(widths)):
        if index:
            steps.append(Polynomial(f"act{index}", columns))
        weights = random_weights(rng, rows=rows, columns=columns, largest=largest)
        steps.append(affine(weights, rng.integers(-bias, bias + 1, size=rows), name=f"fc{index + 1}"))
    return Circuit(name, (1, 1, widths[0]), pixel_bits, tuple(steps))


def extreme_images(circuit: Circuit) -> Integers:
    """Zero, all at the maximum, and the images that attain the bounds of each value of the first affine step."""
    first = circuit.steps[0]
    assert isinstance(first, Affine)
    signs = np.sign(first.weights.toarray())
    images = [np.zeros(circuit.inputs), np.full(circuit.inputs, circuit.pixel_max)]
    images += [np.where(row * side > 0, circuit.pixel_max, 0) for row in signs for side in (1, -1)]
    return np.array(images, dtype=np.int64)


def random_images(circuit: Circuit, count: int, *, seed: int = 0) -> Integers:
    """Extreme images first, then random ones."""
    rng = np.random.default_rng(seed)
    extreme = extreme_images(circuit)[:count]
    others = rng.integers(0, circuit.pixel_max + 1, size=(count - len(extreme), circuit.inputs))
    return np.concatenate([extreme, others])
