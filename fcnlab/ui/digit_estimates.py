"""What a run of lab 04 will take: circuit, plan and projection; remembered, and found without holding up the hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from fcnlab.circuit import Circuit
from fcnlab.compiler import compile_circuit
from fcnlab.cost import Projection, project
from fcnlab.cost.machine import usable_cores
from fcnlab.errors import FcnlabError, PlanError
from fcnlab.hops import HopTable, count_executed
from fcnlab.jobs import submit
from fcnlab.memory import available_bytes
from fcnlab.plan import Plan
from fcnlab.planner import make_plan
from fcnlab.typical import sample_for
from fcnlab.ui.background import Superseded
from fcnlab.ui.digit_runs import Setup
from fcnlab.ui.digit_settings import CHEAPEST, MOST, DigitSettings
from fcnlab.ui.estimates import unit_costs
from fcnlab.variants import base_of

WORTH_MORE_CORES: Final = 1.5
"""How many times faster a run must be to take all cores: they are missed by everything else on the machine."""
POOL_BYTES: Final = 400_000_000
"""An upload larger than this is worth the start of more processes, where this machine has not been measured."""


@dataclass(frozen=True)
class Wish:
    """What of the settings decides the plan.

    Attributes:
        network: A shipped network.
        scheme: bgv, bfv or ckks.
        engine: fused or stepwise.
        ring_degree: None for the cheapest.
        single: Whether it is for one image, and not for a batch.
    """

    network: str
    scheme: Any
    engine: str
    ring_degree: int | None
    single: bool

    @classmethod
    def of(cls, settings: DigitSettings) -> "Wish":
        """The wish that settings express."""
        ring = None if settings.ring_degree == CHEAPEST else int(settings.ring_degree)
        single = settings.source == "drawn" or settings.count == 1
        return cls(settings.network, settings.scheme, settings.engine, ring, single)

    @property
    def images(self) -> int:
        """How many the plan is made for."""
        return 1 if self.single else MOST

    @property
    def question(self) -> dict[str, Any]:
        """Arguments of `make_plan`: the engine does not matter to it."""
        return {"scheme": self.scheme, "images": self.images, "ring_degree": self.ring_degree}


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is known of a wish.

    Attributes:
        wish: Of which.
        setup: What a run needs; None if there is no plan.
        refusal: Why there is none, or why it cannot be run here; empty otherwise.
        projection: Seconds and bytes; None without a plan or without unit costs of this machine.
        hops: Operations of one pass as the engine performs them.
    """

    wish: Wish
    setup: Setup | None = None
    refusal: str = ""
    projection: Projection | None = None
    hops: HopTable | None = None


@cache
def circuit_of(network: str) -> Circuit:
    """The integers of a shipped network."""
    checkpoint = base_of(network).checkpoint
    card = checkpoint.card
    return compile_circuit(checkpoint.network, name=card.name, pixel_bits=card.architecture.pixel_bits)


def plan_aside(*, circuit: Circuit, question: dict[str, Any], progress: Callable[[Any], None]) -> Plan | str:
    """In a worker: a plan, or why there is none."""
    try:
        return make_plan(circuit, **question, sample=sample_for(question["scheme"], pixel_bits=circuit.pixel_bits))
    except PlanError as error:
        return str(error)


def forecast(wish: Wish, plan: Plan) -> Forecast:
    """Threads, projection and operations; a refusal if this machine has too little memory."""
    circuit = circuit_of(wish.network)
    costs, cores = unit_costs(), usable_cores()
    projection = None
    threads = cores if plan.upload_bytes > POOL_BYTES else 1
    if costs is not None:
        alone, together = (
            project(plan, circuit, engine=wish.engine, images=wish.images, threads=count, costs=costs)
            for count in (1, cores)
        )
        projection = together if together.total_s * WORTH_MORE_CORES < alone.total_s else alone
        threads = projection.threads
    return Forecast(
        wish,
        Setup(circuit, plan, wish.engine, threads),
        refusal=lack_of_memory(projection),
        projection=projection,
        hops=count_executed(circuit, plan.parameters, engine=wish.engine),
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
    """Finds forecasts and remembers them.

    Args:
        tell: Called with each, from a thread.
    """

    def __init__(self, tell: Callable[[Forecast], None]) -> None:
        self._tell = tell
        self._known: dict[Wish, Forecast] = {}
        self._plans: dict[Wish, Plan | str] = {}

    def recall(self, wish: Wish) -> Forecast | None:
        """What is known already."""
        return self._known.get(wish)

    def forget(self) -> None:
        """Forget the projections: the machine has been measured anew. Plans stay."""
        self._known.clear()

    def answer(self, wish: Wish, superseded: Superseded) -> None:
        """Work on one wish; give up where a newer one waits."""
        try:
            plan = self._plan(wish, superseded)
            if plan is None:
                return
            found = Forecast(wish, refusal=plan) if isinstance(plan, str) else forecast(wish, plan)
        except FcnlabError as error:
            found = Forecast(wish, refusal=str(error))
        except Exception as error:  # a thread has nobody else to tell
            found = Forecast(wish, refusal=f"This was not foreseen ({type(error).__name__}: {error}).")
        self._known[wish] = found
        self._tell(found)

    def _plan(self, wish: Wish, superseded: Superseded) -> Plan | str | None:
        key = replace(wish, engine="")
        if key not in self._plans:
            # In a process of its own: seconds of pure Python would hold up every slider.
            arguments = {"circuit": circuit_of(wish.network), "question": wish.question}
            job = submit(plan_aside, arguments=arguments)
            while job.running:
                if superseded():
                    job.cancel()
                    return None
                time.sleep(0.02)
            self._plans[key] = job.result()
        return self._plans[key]
