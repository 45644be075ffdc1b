"""Programs on slots run on integers: what the packed layout is compared with."""

from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.integers import WORD_BITS, wrap
from fcnlab.planning.packed.pack import Program, Stage, Term
from fcnlab.planning.packed.program import SlotOperations, gather_pixels, run_program


class ClearOperations(SlotOperations[npt.NDArray[Any]]):
    """The program on integers: what its layout is tested with.

    Args:
        wide: Python integers instead of int64.
    """

    def __init__(self, *, wide: bool) -> None:
        self._type = object if wide else np.int64

    @override
    def product(self, a: npt.NDArray[Any], term: Term, /) -> npt.NDArray[Any]:
        return np.asarray(a * term.weights.astype(self._type))

    @override
    def add(self, a: npt.NDArray[Any], b: npt.NDArray[Any], /) -> npt.NDArray[Any]:
        return np.asarray(a + b)

    @override
    def rotate(self, a: npt.NDArray[Any], step: int, /) -> npt.NDArray[Any]:
        return np.roll(a, -step)

    @override
    def add_bias(self, a: npt.NDArray[Any], stage: Stage, /) -> npt.NDArray[Any]:
        return np.asarray(a + (stage.bias if self._type is object else wrap(stage.bias)))

    @override
    def square(self, a: npt.NDArray[Any], /) -> npt.NDArray[Any]:
        return np.asarray(a * a)

    @override
    def drop(self, a: npt.NDArray[Any], primes: int, /) -> npt.NDArray[Any]:
        return a


def evaluate_clear(program: Program, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Logits of images by the program in the clear, exactly: equal to ``circuit.evaluate``.

    Args:
        program: What to run.
        pixels: Integers, shape (N, ...).

    Returns:
        Shape (N, outputs).
    """
    images = program.circuit.check_pixels(pixels)
    wide = program.circuit.ranges[-1].bits > WORD_BITS  # otherwise int64 may wrap on the way, and comes out right
    operations = ClearOperations(wide=wide)
    drops = (0,) * len(program.circuit.steps)
    rows = []
    for image in images:
        sources = list(gather_pixels(program, image).astype(object if wide else np.int64))
        with np.errstate(over="ignore"):
            rows.append(run_program(program, sources, lambda _: operations, drops=drops)[program.places])
    return np.stack(rows)
