"""Fourth question: what an image costs by layout, ring and size of network, and what heads on public features save."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from fcnlab.circuit.circuit import Circuit
from fcnlab.cost import UnitCosts, project
from fcnlab.data.measured import Row
from fcnlab.data.releases import read_networks
from fcnlab.errors import PlanError
from fcnlab.findings.ablation import head_lines, study_names
from fcnlab.findings.networks import Columns
from fcnlab.findings.reduction import total_seconds
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
        batch: Plans in every ring that holds it.
        packed: One image in a few ciphertexts; None if no ring holds it.
        crossing: Fewest images for which the cheapest batch takes less counted work; 0 if one layout is missing.
        refusals: Why a ring or a layout is missing, by its name.
    """

    circuit: Circuit
    batch: dict[int, Plan]
    packed: PackedPlan | None
    crossing: int
    refusals: dict[str, str]

    @property
    def cheapest_batch(self) -> Plan | None:
        """The one that sends least for an image."""
        return min(self.batch.values(), key=lambda plan: plan.upload_bytes / plan.batch_images, default=None)


@lru_cache(maxsize=32)
def plan_network(network: str, scheme: Scheme) -> Plans:
    """Plan a shipped network in all rings and both layouts: half a second, the first time."""
    from fcnlab.inference.demonstration import prepare  # torch, which nothing else here needs

    circuit = prepare(network).circuit
    sample = sample_for(scheme, circuit)
    batch: dict[int, Plan] = {}
    refusals: dict[str, str] = {}
    for ring in RINGS:
        try:
            batch[ring] = make_plan(circuit, scheme=scheme, ring_degree=ring, sample=sample)
        except PlanError as reason:
            refusals[f"ring {ring:,}"] = str(reason)
    packed = None
    try:
        packed = make_packed_plan(circuit, scheme=scheme, sample=sample)
    except PlanError as reason:
        refusals["packed"] = str(reason)
    plans = Plans(circuit, batch, packed, 0, refusals)
    best = plans.cheapest_batch
    if packed is None or best is None:
        return plans
    return replace(plans, crossing=crossing_images(circuit, packed, best))


def seconds_an_image(plan: Plan, circuit: Circuit, *, images: int, costs: UnitCosts, threads: int) -> float:
    """Projected seconds of all work but the making of keys, for each of so many images."""
    projection = project(plan, circuit, engine="fused", images=images, threads=threads, costs=costs)
    return (projection.total_s - projection.keygen_s) / images


def measured_seconds(run: Row, images: int) -> float:
    """Measured seconds of full batches, for each of so many images: a batch costs the same whatever it holds."""
    return math.ceil(images / (run.images or 1)) * total_seconds(run) / images


def run_of(runs: Sequence[Row], network: str, scheme: str) -> Row | None:
    """The measured run of a network, if it was of this scheme."""
    return next((run for run in runs if (run.system, run.scheme) == (network, scheme)), None)


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


def parts_of(study: str) -> tuple[Part, ...]:
    """The head as it is before pruning, of most bits and without privacy, and the networks in its place.

    Raises:
        DataError: If a table of the study is missing.
    """
    lines = head_lines(study)
    heads = [lines[max(lines)][0]] if lines else []
    rows = [("head", head) for head in heads] + [(network.network, network) for network in read_networks(study)]
    return tuple(Part(study, name, row.hops, row.upload_bytes / row.ring_degree) for name, row in rows)


def all_parts() -> tuple[Part, ...]:
    """The parts of all studies."""
    return tuple(part for study in study_names() for part in parts_of(study))


# --- words ------------------------------------------------------------------------------------------------------------


def layout_sentence(plans: Plans) -> str:
    """Where the layouts cross."""
    best, packed, name = plans.cheapest_batch, plans.packed, plans.circuit.name
    if best is None or packed is None:
        return f"{name}: " + " ".join(plans.refusals.values())
    ratio, full = best.upload_bytes / packed.upload_bytes, best.upload_bytes / best.batch_images
    return (
        f"{name}, {best.parameters.scheme}: for one image alone the packed layout sends {ratio:,.0f} times less than a "
        f"batch; by counted work a batch of ring {best.parameters.ring_degree:,} pays from {plans.crossing:,} images "
        f"on, and full, with {best.batch_images:,}, it sends {full / 1000:,.0f} kB an image."
    )


def size_sentence(runs: Sequence[Row]) -> str:
    """Size of a network against the time of an image."""
    if len(runs) < 2:
        return "Fewer than two networks were measured."
    least, most = runs[0], max(runs, key=lambda run: (run.inference_s or 0) / (run.images or 1))
    ratio = measured_seconds(most, most.images or 1) / measured_seconds(least, least.images or 1)
    return (
        f"Measured in full batches, {most.system} with {most.total:,} HOPs takes {ratio:.1f} times as long an image as "
        f"{least.system} with {least.total:,}."
    )


def head_sentence(parts: Sequence[Part]) -> str:
    """What a head saves."""
    words, wholes = [], {part.study: part.hops for part in parts if part.part == "whole"}
    for study, hops in ((part.study, part.hops) for part in parts if part.part == "head"):
        whole = wholes.get(study, 0)
        beside = f"instead of {whole:,} ({whole / hops:,.0f} times fewer)" if whole else "(its records are no images)"
        words.append(f"{study} {hops:,} {beside}")
    if not words:
        return "No transfer study is stored."
    return f"With public features in the clear only a head is encrypted, HOPs: {'; '.join(words)}."


def sentences(plans: Plans, runs: Sequence[Row]) -> list[str]:
    """The answer to the fourth question, for one network and scheme."""
    return [layout_sentence(plans), size_sentence(runs), head_sentence(all_parts())]


# --- tables -----------------------------------------------------------------------------------------------------------


def plan_columns(plans: Plans) -> Columns:
    """A table of the layouts and rings."""
    found: list[Plan] = [*plans.batch.values(), *([plans.packed] if plans.packed else [])]
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


def image_columns(runs: Sequence[Row]) -> Columns:
    """A table of the size of networks; columns carry the units."""
    counts, megabytes = [run.images or 1 for run in runs], [run.message_mb for run in runs]
    each = [None if size is None else 1000 * size / count for size, count in zip(megabytes, counts, strict=True)]
    return {
        "measured here": [run.system for run in runs],
        "HOPs": [run.total for run in runs],
        "images": [run.images for run in runs],
        "evaluate, µs an image": [f"{1e6 * (run.inference_s or 0) / (run.images or 1):,.0f}" for run in runs],
        "all, ms an image": [f"{1000 * measured_seconds(run, run.images or 1):.2f}" for run in runs],
        "MB": [None if size is None else f"{size:,.0f}" for size in megabytes],
        "kB an image": [None if size is None else f"{size:,.0f}" for size in each],
    }


def head_columns(parts: Sequence[Part]) -> Columns:
    """A table of heads, and of the networks in their place."""
    heads = {part.study: part.hops for part in parts if part.part == "head"}
    times = [part.hops / heads.get(part.study, math.inf) for part in parts]
    others = [part.part != "head" and part.study in heads for part in parts]
    return {
        "study": [part.study for part in parts],
        "encrypted part": [part.part for part in parts],
        "HOPs": [part.hops for part in parts],
        "times fewer": [f"{each:,.0f}" if other else None for each, other in zip(times, others, strict=True)],
        "kB a record": [f"{part.upload_bytes / 1000:,.1f}" for part in parts],
    }
