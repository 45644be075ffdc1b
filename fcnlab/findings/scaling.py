"""Fourth question: what an image costs by layout, ring and size of network, and what heads on public features save."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from fcnlab.circuit.circuit import Circuit
from fcnlab.cost import UnitCosts, project
from fcnlab.data.releases import read_networks
from fcnlab.errors import PlanError
from fcnlab.findings.ablation import head_lines, study_names
from fcnlab.findings.networks import Columns
from fcnlab.planning.choose import crossing_images, make_packed_plan, make_plan
from fcnlab.planning.noise import Scheme
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import sample_for

RINGS: Final = (4096, 8192, 16384)
IMAGES: Final = tuple(dict.fromkeys(round(10 ** (step / 6)) for step in range(25)))
"""Images in hand, 1 to 10,000 in even ratios, where curves are drawn."""


@dataclass(frozen=True, eq=False)
class Plans:
    """Proven plans of a network in a scheme.

    Attributes:
        circuit: Circuit of the network.
        found: A plan for each ring of the batch layout and one of the packed layout, by name, where there is one.
        refusals: Why there is none, by its name.
    """

    circuit: Circuit
    found: dict[str, Plan]
    refusals: dict[str, str]

    @property
    def packed(self) -> PackedPlan | None:
        """One image in a few ciphertexts; None if no ring holds it."""
        return next((plan for plan in self.found.values() if isinstance(plan, PackedPlan)), None)

    @property
    def cheapest_batch(self) -> Plan | None:
        """The batch that sends least for an image; None if no ring holds one."""
        batches = [plan for plan in self.found.values() if plan.layout == "batch"]
        return min(batches, key=lambda plan: plan.upload_bytes / plan.batch_images, default=None)

    @property
    def crossing(self) -> int | None:
        """Fewest images for which the cheapest batch takes less counted work; None if one layout is missing."""
        packed, batch = self.packed, self.cheapest_batch
        return crossing_images(self.circuit, packed, batch) if packed and batch else None


@lru_cache(maxsize=32)
def plan_network(network: str, scheme: Scheme) -> Plans:
    """Plan a shipped network in all rings and both layouts: half a second, the first time."""
    from fcnlab.inference.demonstration import prepare  # torch, which nothing else here needs

    circuit = prepare(network).circuit
    sample = sample_for(scheme, circuit)
    makers: dict[str, Callable[..., Plan]] = {f"ring {ring:,}": partial(make_plan, ring_degree=ring) for ring in RINGS}
    found: dict[str, Plan] = {}
    refusals: dict[str, str] = {}
    for name, make in (makers | {"packed": make_packed_plan}).items():
        try:
            found[name] = make(circuit, scheme=scheme, sample=sample)
        except PlanError as reason:
            refusals[name] = str(reason)
    return Plans(circuit, found, refusals)


def seconds_an_image(plan: Plan, circuit: Circuit, *, images: int, costs: UnitCosts, threads: int) -> float:
    """Projected seconds of all work but the making of keys, for each of so many images."""
    projection = project(plan, circuit, engine="fused", images=images, threads=threads, costs=costs)
    return (projection.total_s - projection.keygen_s) / images


# --- heads ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """What of a study runs under encryption.

    Attributes:
        study: Name of the study.
        part: head, or the name of a network that reads images itself.
        hops: HOPs of one pass.
        upload_bytes: Bytes of one record in a full batch.
    """

    study: str
    part: str
    hops: int
    upload_bytes: float


def all_parts() -> tuple[Part, ...]:
    """Of every study the head before pruning, of most bits and without privacy, and the networks in its place.

    Raises:
        DataError: If a table of a study is missing.
    """
    parts = []
    for study in study_names():
        heads = [line[0] for line in head_lines(study).values()][:1]
        rows = [("head", head) for head in heads] + [(network.network, network) for network in read_networks(study)]
        parts += [Part(study, name, row.hops, row.upload_bytes / row.ring_degree) for name, row in rows]
    return tuple(parts)


# --- tables -----------------------------------------------------------------------------------------------------------


def plan_columns(plans: Plans) -> Columns:
    """A table of the layouts and rings."""
    found = plans.found.values()
    passes = [plan.parameters.passes for plan in found]
    return {
        "layout": [plan.layout for plan in found],
        "ring": [plan.parameters.ring_degree for plan in found],
        "images an upload": [plan.batch_images for plan in found],
        "passes": passes,
        "ciphertexts": [count * plan.steps[0].outputs for count, plan in zip(passes, found, strict=True)],
        "upload MB": [f"{plan.upload_bytes / 1e6:,.1f}" for plan in found],
        "kB an image": [f"{plan.upload_bytes / plan.batch_images / 1000:,.1f}" for plan in found],
    }


def head_columns(parts: Sequence[Part]) -> Columns:
    """A table of heads, and of the networks in their place."""
    heads = {part.study: part.hops for part in parts if part.part == "head"}
    others = {part: part.hops / heads[part.study] for part in parts if part.part != "head" and part.study in heads}
    times = [f"{others[part]:,.0f}" if part in others else None for part in parts]
    return {
        "study": [part.study for part in parts],
        "encrypted part": [part.part for part in parts],
        "HOPs": [part.hops for part in parts],
        "times fewer": times,
        "kB a record": [f"{part.upload_bytes / 1000:,.1f}" for part in parts],
    }
