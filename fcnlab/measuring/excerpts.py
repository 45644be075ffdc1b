"""A part of a circuit that stands for a whole too large to run: some outputs of its widest activation.

All steps stay, and so do the parameters that were planned for the whole. The outputs that are kept read the same few
values of the step before, so that fewer of those are needed too. What comes out is no classification, but sums over the
kept outputs that are compared with the same sums in the clear. Knows nothing of encryption.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.dead_code import remove_dead_code
from fcnlab.circuit.integers import Integers
from fcnlab.errors import CircuitError


@dataclass(frozen=True, eq=False)
class Excerpt:
    """Some outputs of a circuit's widest activation, and all that they need.

    Attributes:
        circuit: To be run in place of the whole: the same steps, fewer values.
        step: Name of the activation.
        kept: How many of its outputs are kept.
        outputs: Of how many.
    """

    circuit: Circuit
    step: str
    kept: int
    outputs: int


def take_excerpt(circuit: Circuit, *, parts: int) -> Excerpt:
    """Keep one in `parts` of the outputs of the widest activation, neighbours from the middle of the image.

    Args:
        circuit: The whole.
        parts: At least 1; at least one output stays.

    Raises:
        CircuitError: If there is no activation, or if nothing would be left for a logit to read.
    """
    activations = [index for index, step in enumerate(circuit.steps[:-1]) if isinstance(step, Polynomial)]
    if not activations or parts < 1:
        raise CircuitError(f"{circuit.name} has {len(activations)} activations; 1 in {parts} outputs cannot be taken.")
    place = max(activations, key=lambda index: circuit.steps[index].outputs)
    before, activation, after = circuit.steps[place - 1 : place + 2]
    if not isinstance(before, Affine) or not isinstance(after, Affine) or not isinstance(activation, Polynomial):
        raise CircuitError(f"Step {activation.name!r} of {circuit.name} is not between two layers with weights.")
    rows = choose_rows(before, max(activation.outputs // parts, 1))
    steps: list[Step] = list(circuit.steps)
    steps[place - 1] = replace(before, weights=sparse.csr_array(before.weights[rows]), bias=before.bias[rows])
    steps[place] = replace(activation, width=len(rows))
    steps[place + 1] = replace(after, weights=sparse.csr_array(after.weights[:, rows]))
    last = steps[-1]
    read = reached(steps)
    if isinstance(last, Affine) and not read.all():  # a sum over nothing is none to compare
        steps[-1] = replace(last, weights=sparse.csr_array(last.weights[read]), bias=last.bias[read])
    smaller = replace(circuit, steps=tuple(remove_dead_code(steps)))
    return Excerpt(smaller, activation.name, len(rows), activation.outputs)


def reached(steps: Sequence[Step]) -> npt.NDArray[np.bool_]:
    """Which of the last step's values read a pixel."""
    alive = np.ones(steps[0].inputs, dtype=np.bool_)
    for step in steps:
        if isinstance(step, Affine):
            alive = abs(step.weights) @ alive.astype(np.int64) > 0
    return alive


def choose_rows(step: Affine, count: int) -> Integers:
    """The rows in the middle, in the order of the first value that they read: in a convolution those of one place."""
    filled = np.flatnonzero(np.diff(step.weights.indptr))
    order = filled[np.argsort(step.weights.indices[step.weights.indptr[filled]], kind="stable")]
    start = (len(order) - min(count, len(order))) // 2
    return np.sort(order[start : start + count]).astype(np.int64)
