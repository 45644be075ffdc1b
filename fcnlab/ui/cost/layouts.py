"""The two layouts of a setting side by side: a batch of images in the slots, or one image packed into them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import PlanError
from fcnlab.page import Table
from fcnlab.planning.choose import choose_plan, crossing_images, make_packed_plan, make_plan
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan
from fcnlab.planning.sample import sample_for
from fcnlab.ui.kit.page import Page

HEADS: Final = ("layout", "images an upload", "ciphertexts", "upload MB", "keys MB", "key switches")


@dataclass(frozen=True, eq=False)
class Layouts:
    """What is known of both.

    Attributes:
        chosen: The plan of the setting.
        note: Why it is not in the layout that was asked for; empty if it is.
        batch: None if there is none.
        packed: None if there is none.
        reason: Why one of them is missing; empty if none is.
        crossing: Fewest images for which the batch takes less counted work; 0 if one is missing.
    """

    chosen: Plan
    note: str
    batch: Plan | None
    packed: PackedPlan | None
    reason: str
    crossing: int


@lru_cache(maxsize=256)
def plan_layouts(circuit: Circuit, *, layout: str, scheme: Any, images: int) -> Layouts:
    """Plan both, and choose.

    Raises:
        PlanError: If neither holds the circuit.
    """
    sample = sample_for(scheme, circuit)
    chosen, note = choose_plan(circuit, layout=layout, scheme=scheme, images=images, sample=sample)
    plans, reason = {chosen.layout: chosen}, ""
    makers: dict[str, Callable[..., Plan]] = {"batch": partial(make_plan, images=images), "packed": make_packed_plan}
    for other, make in makers.items():
        try:
            plans[other] = plans.get(other) or make(circuit, scheme=scheme, sample=sample)
        except PlanError as error:
            reason = str(error)
    batch, packed = plans.get("batch"), plans.get("packed")
    assert packed is None or isinstance(packed, PackedPlan)
    crossing = crossing_images(circuit, packed, batch) if packed and batch else 0
    return Layouts(chosen, note, batch, packed, reason, crossing)


def layout_rows(layouts: Layouts) -> list[list[object]]:
    """A row a layout, as HEADS."""
    rows: list[list[object]] = []
    for plan in filter(None, (layouts.batch, layouts.packed)):
        passes = plan.parameters.passes
        switches = plan.key_switches if isinstance(plan, PackedPlan) else 0
        name = plan.layout + (" (chosen)" if plan is layouts.chosen else "")
        megabytes = [f"{count / 1e6:,.1f}" for count in (plan.upload_bytes, plan.evaluation_key_bytes)]
        rows.append([name, plan.batch_images, passes * plan.steps[0].outputs, *megabytes, passes * switches])
    return rows


def layout_sentence(layouts: Layouts) -> str:
    """Where they cross, or why there is one only."""
    if not layouts.crossing:
        return layouts.reason
    return (
        f"A batch costs the same whatever it holds, the packed layout grows image by image: by counted work they cross "
        f"at {layouts.crossing:,} images."
    )


def describe_layouts(layouts: Layouts) -> Page:
    """Both as a table, and what decides between them."""
    rows = Table(HEADS, layout_rows(layouts), title="Layouts", about=", all passes of one upload")
    return Page(rows, f"{layouts.note} {layout_sentence(layouts)}".strip())
