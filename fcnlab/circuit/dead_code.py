"""Remove what a circuit computes in vain: values that read nothing, and values that nothing reads.

A row of zeros would be a ciphertext without randomness (SEAL calls it transparent), so this is more than thrift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Polynomial, Step
from fcnlab.circuit.integers import Integers, evaluate_polynomial, integer_array, multiply_exactly
from fcnlab.errors import CircuitError


def remove_dead_code(steps: Sequence[Step]) -> list[Step]:
    """An equal circuit in which every affine row has a weight and every value between two steps is read.

    Raises:
        CircuitError: If a logit reads no pixel: it would be the same for every image.
    """
    return drop_unread_values(fold_constants(steps))


def fold_constants(steps: Sequence[Step]) -> list[Step]:
    """Move values that read nothing into the bias of the next affine step, from first to last."""
    folded: list[Step] = []
    constants: dict[int, int] = {}
    for step in steps:
        if isinstance(step, Affine):
            step = absorb_constants(step, constants)
            constants = {row: int(step.bias[row]) for row in np.flatnonzero(np.diff(step.weights.indptr) == 0).tolist()}
        else:
            constants = {row: evaluate_polynomial(step.coefficients, value) for row, value in constants.items()}
        folded.append(step)
    if constants:
        raise CircuitError(
            f"Logits {', '.join(map(str, constants))} of {steps[-1].name!r} read no pixel and are the same for every "
            "image: give them a weight (prune less, or more weight bits)."
        )
    return folded


def absorb_constants(step: Affine, constants: Mapping[int, int]) -> Affine:
    """The step with constant inputs accounted for in its bias and no longer read."""
    if not constants:
        return step
    values = np.zeros(step.inputs, dtype=object)
    values[list(constants)] = list(constants.values())
    live = np.ones(step.inputs, dtype=np.int64)
    live[list(constants)] = 0
    bias = step.bias.astype(object) + multiply_exactly(step.weights, values)
    weights = sparse.csr_array(step.weights * live[None, :])
    weights.eliminate_zeros()
    return replace(step, weights=weights, bias=integer_array(bias.tolist()))


def drop_unread_values(steps: Sequence[Step]) -> list[Step]:
    """Drop the outputs that the next affine step does not read, from last to first; the pixels stay."""
    kept = list(steps)
    first = next((index for index, step in enumerate(kept) if isinstance(step, Affine)), len(kept))
    read: Integers | None = None
    for index in range(len(kept) - 1, first - 1, -1):
        step = kept[index]
        if read is not None:
            step = keep_outputs(step, read)
        if isinstance(step, Affine) and index > first:
            read = np.unique(step.weights.indices).astype(np.int64)
            step = replace(step, weights=sparse.csr_array(step.weights[:, read]))
        kept[index] = step
    return kept


def keep_outputs(step: Step, rows: Integers) -> Step:
    """The step with only the given outputs, in their order."""
    if isinstance(step, Polynomial):
        return replace(step, width=len(rows))
    return replace(step, weights=sparse.csr_array(step.weights[rows]), bias=step.bias[rows])
