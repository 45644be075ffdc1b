"""How much of a network one encrypted run takes: the whole where memory and patience allow it, an excerpt where not.

An excerpt is a part of a circuit that stands for a whole too large to run: some outputs of its widest activation. All
steps stay, and so do the parameters that were planned for the whole. The outputs that are kept read the same few values
of the step before, so that fewer of those are needed too. What comes out is no classification, but sums over the kept
outputs that are compared with the same sums in the clear.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial, Step
from fcnlab.circuit.dead_code import remove_dead_code
from fcnlab.circuit.integers import Integers
from fcnlab.cost import Projection
from fcnlab.errors import CircuitError, PlanError
from fcnlab.planning.choose import make_plan, prove
from fcnlab.planning.noise import Scheme
from fcnlab.planning.plan import Plan

LONGEST_S: Final = 900.0  # that a run may be projected to take before an excerpt is taken instead
MOST_PARTS: Final = 4096
MEMORY_SHARE: Final = 0.6  # of what is available, for the whole process
CIPHERTEXT_SHARE: Final = 0.5  # of that, for ciphertexts between blocks
COMPARED: Final = 2e10  # multiply-adds that the circuit in the clear may take, to check a run

Projector = Callable[[Plan, Circuit], Projection]


@dataclass(frozen=True, eq=False)
class Portion:
    """What is run, and what it stands for.

    Attributes:
        circuit: To be run.
        plan: The circuit's plan, with the parameters of the whole.
        whole: The network.
        whole_plan: The network's plan.
        words: Which part is run; empty for the whole.
    """

    circuit: Circuit
    plan: Plan
    whole: Circuit
    whole_plan: Plan
    words: str = ""


def plan_within(circuit: Circuit, *, scheme: Scheme, sample: npt.NDArray[Any] | None, memory_bytes: int | None) -> Plan:
    """The cheapest plan, or one that keeps fewer ciphertexts where those of the cheapest do not fit the memory.

    Raises:
        PlanError: If no ring holds the circuit.
    """
    if memory_bytes is not None:
        with suppress(PlanError):  # an excerpt may still fit
            return make_plan(circuit, scheme=scheme, sample=sample, most_bytes=int(CIPHERTEXT_SHARE * memory_bytes))
    return make_plan(circuit, scheme=scheme, sample=sample)


def choose_portion(
    circuit: Circuit,
    *,
    scheme: Scheme,
    sample: npt.NDArray[Any] | None = None,
    memory_bytes: int | None = None,
    parts: int | None = None,
    project: Projector | None = None,
) -> Portion:
    """The whole, one in `parts` outputs, or as much as fits.

    Args:
        circuit: The network.
        scheme: bgv, bfv or ckks.
        sample: As for `make_plan`.
        memory_bytes: For the run; unlimited if not given.
        parts: 1 for the whole; chosen if not given.
        project: What a batch will take on this machine; without it the whole is chosen.

    Raises:
        PlanError: If no ring holds the network, or no part of it fits.
    """
    plan = plan_within(circuit, scheme=scheme, sample=sample, memory_bytes=memory_bytes)
    whole = Portion(circuit, plan, circuit, plan)
    if parts is not None:
        return whole if parts == 1 else cut(whole, parts, sample)
    if project is None or fits(project(plan, circuit), memory_bytes):
        return whole
    count = 2
    while True:
        portion = cut(whole, count, sample)
        projection = project(portion.plan, portion.circuit)
        if fits(projection, memory_bytes):
            return portion
        if count >= MOST_PARTS:
            raise PlanError(
                f"Not even one in {count} outputs of {circuit.name} fits this machine in {scheme}: it would take "
                f"{projection.total_s:,.0f} s and {projection.peak_memory_bytes / 2**30:.1f} GiB. Try another scheme, "
                "or ask for a number of parts."
            )
        count *= 2


def cut(whole: Portion, parts: int, sample: npt.NDArray[Any] | None) -> Portion:
    """One in `parts` outputs, under the parameters of the whole."""
    excerpt, words = take_excerpt(whole.circuit, parts=parts)
    plan = prove(excerpt, whole.plan.parameters, sample=sample)
    return Portion(excerpt, plan, whole.circuit, whole.plan, words)


def fits(projection: Projection, memory_bytes: int | None) -> bool:
    """Whether a run is short enough, and small enough."""
    small = memory_bytes is None or projection.peak_memory_bytes <= memory_bytes
    return small and projection.total_s <= LONGEST_S


def comparable_images(circuit: Circuit) -> int:
    """How many images the circuit in the clear can check in a minute or so; at least 1."""
    products = sum(step.products for step in circuit.affine_steps)
    moduli = max(1, (circuit.ranges[-1].bits - 1) // 28)
    return max(int(COMPARED / (products * moduli)), 1)


def take_excerpt(circuit: Circuit, *, parts: int) -> tuple[Circuit, str]:
    """Keep one in `parts` of the outputs of the widest activation, neighbours from the middle of the image.

    Args:
        circuit: The whole.
        parts: At least 1; at least one output stays.

    Returns:
        What to run in place of the whole, the same steps with fewer values; and in words, how many outputs are kept.

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
    rows = choose_rows(before, count=max(activation.outputs // parts, 1))
    steps: list[Step] = list(circuit.steps)
    steps[place - 1] = replace(before, weights=sparse.csr_array(before.weights[rows]), bias=before.bias[rows])
    steps[place] = replace(activation, width=len(rows))
    steps[place + 1] = replace(after, weights=sparse.csr_array(after.weights[:, rows]))
    last = steps[-1]
    read = reached(steps)
    if isinstance(last, Affine) and not read.all():  # a sum over nothing is none to compare
        steps[-1] = replace(last, weights=sparse.csr_array(last.weights[read]), bias=last.bias[read])
    smaller = replace(circuit, steps=tuple(remove_dead_code(steps)))
    return smaller, f"{len(rows):,} of the {activation.outputs:,} outputs of {activation.name} run"


def reached(steps: Sequence[Step]) -> npt.NDArray[np.bool_]:
    """Which of the last step's values read a pixel."""
    alive = np.ones(steps[0].inputs, dtype=np.bool_)
    for step in steps:
        if isinstance(step, Affine):
            alive = abs(step.weights) @ alive.astype(np.int64) > 0
    return alive


def choose_rows(step: Affine, *, count: int) -> Integers:
    """The rows in the middle, in the order of the first value that they read: in a convolution those of one place."""
    filled = np.flatnonzero(np.diff(step.weights.indptr))
    order = filled[np.argsort(step.weights.indices[step.weights.indptr[filled]], kind="stable")]
    start = (len(order) - min(count, len(order))) // 2
    return np.sort(order[start : start + count]).astype(np.int64)
