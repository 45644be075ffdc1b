"""How much of a network one encrypted run takes: the whole where memory and patience allow it, an excerpt where not."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.cost import Projection
from fcnlab.errors import PlanError
from fcnlab.measuring.excerpts import Excerpt, take_excerpt
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
        plan: Of `circuit`, with the parameters of the whole.
        whole: The network.
        whole_plan: Of `whole`.
        excerpt: How `circuit` was made of `whole`; None if it is the whole.
    """

    circuit: Circuit
    plan: Plan
    whole: Circuit
    whole_plan: Plan
    excerpt: Excerpt | None = None

    @property
    def words(self) -> str:
        """Which part is run; empty for the whole."""
        cut = self.excerpt
        return "" if cut is None else f"{cut.kept:,} of the {cut.outputs:,} outputs of {cut.step} run"


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
    excerpt = take_excerpt(whole.circuit, parts=parts)
    plan = prove(excerpt.circuit, whole.plan.parameters, sample=sample)
    return Portion(excerpt.circuit, plan, whole.circuit, whole.plan, excerpt)


def fits(projection: Projection, memory_bytes: int | None) -> bool:
    """Whether a run is short enough, and small enough."""
    small = memory_bytes is None or projection.peak_memory_bytes <= memory_bytes
    return small and projection.total_s <= LONGEST_S


def comparable_images(circuit: Circuit) -> int:
    """How many images the circuit in the clear can check in a minute or so; at least 1."""
    products = sum(step.products for step in circuit.affine_steps)
    moduli = max(1, (circuit.ranges[-1].bits - 1) // 28)
    return max(int(COMPARED / (products * moduli)), 1)
