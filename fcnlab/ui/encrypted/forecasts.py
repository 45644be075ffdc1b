"""What a run of lab 04 will take: circuit, plan and projection; remembered, and found without holding up the hand."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import HopTable
from fcnlab.compression.variants import base_of
from fcnlab.cost import Projection
from fcnlab.errors import PlanError
from fcnlab.machine.jobs import submit
from fcnlab.machine.machine import available_bytes, usable_cores
from fcnlab.networks.checkpoint import compile_checkpoint
from fcnlab.planning.choose import choose_plan, crossing_images
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import sample_for
from fcnlab.ui.cost.estimates import project_here
from fcnlab.ui.encrypted.runs import Setup
from fcnlab.ui.encrypted.settings import CHEAPEST, MOST, DigitSettings
from fcnlab.ui.kit.background import Answers, Superseded


def wish_of(settings: DigitSettings) -> DigitSettings:
    """What of the settings decides a run's cost, the rest as a lab starts; a drawing is one image."""
    asked = {name: getattr(settings, name) for name in ("network", "scheme", "engine", "layout", "ring_degree")}
    return DigitSettings(count=1 if settings.source == "drawn" else settings.count, **asked)


def question_of(wish: DigitSettings) -> tuple[str, Any, str, int | None]:
    """What of a wish the plans depend on: network, scheme, layout, and the ring degree, None for the cheapest."""
    ring = None if wish.ring_degree == CHEAPEST else int(wish.ring_degree)
    return wish.network, wish.scheme, wish.layout, ring


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
        wish: What it answers, from `wish_of`.
        setup: What a run needs; None if there is no plan.
        refusal: Why there is none, or why it cannot be run here; empty otherwise.
        projection: Seconds and bytes; None without a plan or without unit costs of this machine.
        hops: Operations of one pass as the engine performs them.
        note: Why the layout is not the one that was asked for; empty otherwise.
    """

    wish: DigitSettings
    setup: Setup | None = None
    refusal: str = ""
    projection: Projection | None = None
    hops: HopTable | None = None
    note: str = ""

    @property
    def runnable(self) -> Setup | None:
        """What a run needs, if it can run here."""
        return None if self.refusal else self.setup


@cache
def circuit_of(network: str) -> Circuit:
    """The integers of a shipped network."""
    return compile_checkpoint(base_of(network).checkpoint)


def plan_aside(
    *, circuit: Circuit, scheme: Any, layout: str, ring_degree: int | None, progress: Callable[[Any], None]
) -> tuple[Planned, ...] | str:
    """In a worker: the plan for one image, and if many want another layout, that one too; or why there is none."""
    sample = sample_for(scheme, circuit)
    ask = partial(choose_plan, circuit, scheme=scheme, ring_degree=ring_degree, sample=sample)
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


def forecast(wish: DigitSettings, planned: Planned) -> Forecast:
    """Threads, projection and operations; a refusal if this machine has too little memory."""
    circuit, plan = circuit_of(wish.network), planned.plan
    threads = usable_cores() if plan.threaded else 1
    projection = project_here(plan, circuit, engine=wish.engine, images=wish.count, threads=threads)
    setup, hops = Setup(circuit, plan, wish.engine, threads), planned.hops[wish.engine]
    return Forecast(wish, setup, lack_of_memory(projection), projection, hops, planned.note)


def lack_of_memory(projection: Projection | None) -> str:
    """Why a run does not fit into the memory that is free; empty if it does, or if it is not known."""
    free = available_bytes()
    if projection is None or free is None or projection.peak_memory_bytes <= free:
        return ""
    return (
        f"The run needs {projection.peak_memory_bytes / 2**30:.1f} GiB of memory and {free / 2**30:.1f} GiB are free. "
        "What helps: ckks, which needs the smallest ring, the fused engine, a smaller network, other programs closed."
    )


class Forecaster(Answers[DigitSettings, Forecast]):
    """Finds forecasts; it remembers plans apart from them, since one plan answers many wishes.

    Args:
        tell: Called with each that took time, from a thread.

    Attributes:
        plans: By `question_of` a wish, or why there are none; they stay when forecasts are forgotten.
    """

    def __init__(self, tell: Callable[[Forecast], None]) -> None:
        super().__init__(self._plan, refuse=lambda wish, reason: Forecast(wish, refusal=reason), tell=tell)
        self.plans: dict[Any, tuple[Planned, ...] | str] = {}

    @override
    def recall(self, question: DigitSettings) -> Forecast | None:
        plans = self.plans.get(question_of(question))
        if question not in self.known and plans is not None:
            if isinstance(plans, str):
                self.known[question] = Forecast(question, refusal=plans)
            else:
                fitting = [each for each in plans if each.fewest <= question.count]
                self.known[question] = forecast(question, fitting[-1])
        return self.known.get(question)

    def _plan(self, wish: DigitSettings, superseded: Superseded) -> Forecast | None:
        # In a process of its own: seconds of pure Python would hold up every slider.
        network, scheme, layout, ring_degree = question_of(wish)
        arguments = {"circuit": circuit_of(network), "scheme": scheme, "layout": layout, "ring_degree": ring_degree}
        job = submit(plan_aside, arguments=arguments)
        while job.running:
            if superseded():
                job.cancel()
                return None
            time.sleep(0.02)
        self.plans[question_of(wish)] = job.result()
        return self.recall(wish)
