"""What a run of lab 04 will take: circuit, plan and projection; remembered, and found without holding up the hand."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import HopTable
from fcnlab.compression.variants import base_of
from fcnlab.cost import Projection, project
from fcnlab.errors import FcnlabError, PlanError
from fcnlab.machine.jobs import submit
from fcnlab.machine.machine import available_bytes, usable_cores
from fcnlab.networks.checkpoint import compile_checkpoint
from fcnlab.planning.choose import choose_plan, crossing_images
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import sample_for
from fcnlab.ui.cost.estimates import unit_costs
from fcnlab.ui.encrypted.runs import Setup
from fcnlab.ui.encrypted.settings import CHEAPEST, MOST, DigitSettings
from fcnlab.ui.kit.background import Superseded


@dataclass(frozen=True)
class Wish:
    """What of the settings decides a run's cost.

    Attributes:
        network: A shipped network.
        scheme: bgv, bfv or ckks.
        engine: fused or stepwise.
        layout: packed, batch or auto.
        ring_degree: None for the cheapest.
        images: How many.
    """

    network: str
    scheme: Any
    engine: str
    layout: str
    ring_degree: int | None
    images: int

    @classmethod
    def of(cls, settings: DigitSettings) -> "Wish":
        """The wish that settings express."""
        ring = None if settings.ring_degree == CHEAPEST else int(settings.ring_degree)
        images = 1 if settings.source == "drawn" else settings.count
        return cls(settings.network, settings.scheme, settings.engine, settings.layout, ring, images)

    @property
    def question(self) -> tuple[str, Any, str, int | None]:
        """What of it the plans depend on."""
        return self.network, self.scheme, self.layout, self.ring_degree


@dataclass(frozen=True, eq=False)
class Planned:
    """A plan with what belongs to it.

    Attributes:
        plan: Proven parameters.
        hops: Operations of one pass, by engine.
        fewest: For this many images and more it is the one to take.
        note: Why the layout is not the one that was asked for; empty otherwise.
    """

    plan: Plan
    hops: Mapping[str, HopTable]
    fewest: int = 1
    note: str = ""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is known of a wish.

    Attributes:
        wish: Of which.
        setup: What a run needs; None if there is no plan.
        refusal: Why there is none, or why it cannot be run here; empty otherwise.
        projection: Seconds and bytes; None without a plan or without unit costs of this machine.
        hops: Operations of one pass as the engine performs them.
        note: Why the layout is not the one that was asked for; empty otherwise.
    """

    wish: Wish
    setup: Setup | None = None
    refusal: str = ""
    projection: Projection | None = None
    hops: HopTable | None = None
    note: str = ""


@cache
def circuit_of(network: str) -> Circuit:
    """The integers of a shipped network."""
    return compile_checkpoint(base_of(network).checkpoint)


def plan_aside(
    *, circuit: Circuit, scheme: Any, layout: str, ring_degree: int | None, progress: Callable[[Any], None]
) -> tuple[Planned, ...] | str:
    """In a worker: the plan for one image, and if many want another layout, that one too; or why there is none."""
    ask = partial(
        choose_plan, circuit, scheme=scheme, ring_degree=ring_degree,
        sample=sample_for(scheme, circuit),
    )  # fmt: skip
    try:
        plan, note = ask(layout=layout, images=1)
        found = [Planned(plan, count_hops(circuit, plan), note=note)]
        if layout == "auto" and isinstance(plan, PackedPlan):
            with suppress(PlanError):
                other, _ = ask(layout="batch", images=MOST)
                fewest = crossing_images(circuit, plan, other)
                found.append(Planned(other, count_hops(circuit, other), fewest))
    except PlanError as error:
        return str(error)
    return tuple(found)


def count_hops(circuit: Circuit, plan: Plan) -> dict[str, HopTable]:
    """Operations of one pass as each engine performs them."""
    return {engine: plan.count_executed(circuit, engine=engine) for engine in ENGINES}


def forecast(wish: Wish, planned: Planned) -> Forecast:
    """Threads, projection and operations; a refusal if this machine has too little memory."""
    circuit, plan, costs = circuit_of(wish.network), planned.plan, unit_costs()
    threads = usable_cores() if plan.threaded else 1
    projection = None
    if costs is not None:
        projection = project(plan, circuit, engine=wish.engine, images=wish.images, threads=threads, costs=costs)
    return Forecast(
        wish,
        Setup(circuit, plan, wish.engine, threads),
        refusal=lack_of_memory(projection),
        projection=projection,
        hops=planned.hops[wish.engine],
        note=planned.note,
    )


def lack_of_memory(projection: Projection | None) -> str:
    """Why a run does not fit into the memory that is free; empty if it does, or if it is not known."""
    free = available_bytes()
    if projection is None or free is None or projection.peak_memory_bytes <= free:
        return ""
    return (
        f"The run needs {projection.peak_memory_bytes / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free. "
        "What helps: ckks, which needs the smallest ring, the fused engine, a smaller network, other programs closed."
    )


class Forecaster:
    """Finds forecasts and remembers plans and forecasts.

    Args:
        tell: Called with each that took time, from a thread.
    """

    def __init__(self, tell: Callable[[Forecast], None]) -> None:
        self._tell = tell
        self._known: dict[Wish, Forecast] = {}
        self._plans: dict[Any, tuple[Planned, ...] | str] = {}

    def recall(self, wish: Wish) -> Forecast | None:
        """What is known, or follows from a plan that is known."""
        if wish not in self._known and wish.question in self._plans:
            plans = self._plans[wish.question]
            if isinstance(plans, str):
                self._known[wish] = Forecast(wish, refusal=plans)
            else:
                self._known[wish] = forecast(wish, [each for each in plans if each.fewest <= wish.images][-1])
        return self._known.get(wish)

    def forget(self) -> None:
        """Forget the projections: the machine has been measured anew. Plans stay."""
        self._known.clear()

    def answer(self, wish: Wish, superseded: Superseded) -> None:
        """Plan for one wish; give up where a newer one waits."""
        try:
            # In a process of its own: seconds of pure Python would hold up every slider.
            network, scheme, layout, ring_degree = wish.question
            arguments = {"circuit": circuit_of(network), "scheme": scheme, "layout": layout, "ring_degree": ring_degree}
            job = submit(plan_aside, arguments=arguments)
            while job.running:
                if superseded():
                    job.cancel()
                    return
                time.sleep(0.02)
            self._plans[wish.question] = job.result()
            found = self.recall(wish)
        except FcnlabError as error:
            found = self._known[wish] = Forecast(wish, refusal=str(error))
        except Exception as error:  # a thread has nobody else to tell
            reason = f"This was not foreseen ({type(error).__name__}: {error})."
            found = self._known[wish] = Forecast(wish, refusal=reason)
        self._tell(found)  # type: ignore[arg-type]  # it was planned just now
