"""What lab 03 says of a setting: large numbers, one sentence without timings, tables of operations and of the proof."""

from typing import Final

from fcnlab.circuit.hops import HopTable
from fcnlab.compression.variants import pruned_percent
from fcnlab.data.published import PublishedSystem, published_systems
from fcnlab.ui.cost.estimates import CostSettings, Estimate
from fcnlab.ui.cost.layouts import describe_layouts
from fcnlab.ui.kit.page import Page, Stale, Tiles
from fcnlab.ui.plans import hops_table, plan_sentence

WORKING: Final = "…"
BEFORE: Final = "Below: the setting before; working on this one …"
AS_TRAINED: Final = "Accuracy: of the trained network, by its card, on the 10,000 test images."
AS_IT_STANDS: Final = (
    "Accuracy: of the network pruned and rounded as it stands, evaluated on the 10,000 test images; training "
    "afterwards would raise it."
)


def amounts_of(estimate: Estimate) -> list[float | None]:
    """The projected amounts that the figure shows, as `AMOUNTS` of `plots.cost`."""
    projection, plan = estimate.projection, estimate.plan
    if plan is None:
        return [None, None, None]
    message = plan.upload_bytes / 1e6
    if projection is None:
        return [None, None, message]
    return [projection.encrypt_s + projection.decrypt_s, projection.evaluate_s, projection.upload_bytes / 1e6]


def describe(settings: CostSettings, counts: HopTable, estimate: Estimate | None) -> Page:
    """Large numbers and what they mean; numbers of earlier settings are marked."""
    total, beside = counts.total.total, published_systems()[settings.beside]
    current = estimate if estimate is not None and estimate.settings == settings else None
    fresh = {
        "HOPs of one pass": f"{total:,}",
        f"than {beside.method}": fewer(total, beside),
        "products pruned": f"{pruned_percent(settings.variation):.1f} %",
    }
    shown = current or estimate
    slow = later_numbers(shown) if shown else {"parameters": WORKING}
    if current is None or current.accuracy is None:
        slow["accuracy"] = WORKING
    later = Tiles(slow) if current is not None else Stale(BEFORE, Tiles(slow))
    return Page(Tiles(fresh), later, accuracy_note(settings))


def fewer(total: int, beside: PublishedSystem) -> str:
    """The ratio to a published total, in words."""
    ratio = beside.total / total
    return f"{ratio:.2f} × fewer" if ratio >= 1 else f"{1 / ratio:.2f} × more"


def later_numbers(estimate: Estimate) -> dict[str, str]:
    """What comes from the plan."""
    found: dict[str, str] = {}
    if estimate.accuracy is not None:
        found["accuracy"] = f"{estimate.accuracy:.2f} %"
    plan, projection = estimate.plan, estimate.projection
    if plan is None:
        return found | {"parameters": "none" if estimate.refusal else WORKING}
    chosen = plan.parameters
    bits = " + ".join(str(modulus.bit_length()) for modulus in chosen.plain_moduli)
    found["ring degree"] = f"{chosen.ring_degree:,}"
    found["bits of the modulus"] = f"{chosen.modulus_bits:.0f}"
    if bits:
        found["bits of plain moduli"] = bits
    if projection is None:
        return found | {"message of a batch": f"{plan.upload_bytes / 1e6:,.0f} MB"}
    return found | {
        "message": f"{projection.upload_bytes / 1e6:,.0f} MB",
        "encrypt": spell_seconds(projection.encrypt_s),
        "evaluate": spell_seconds(projection.evaluate_s),
        "decrypt": spell_seconds(projection.decrypt_s),
        "peak memory": f"{projection.peak_memory_bytes / 2**30:.1f} GiB",
    }


def spell_seconds(seconds: float) -> str:
    """Seconds with two or three digits."""
    return f"{seconds:,.0f} s" if seconds >= 100 else f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.1f} s"


def accuracy_note(settings: CostSettings) -> str:
    """Which of the two honest kinds the accuracy is."""
    kind = AS_TRAINED if settings.is_trained else AS_IT_STANDS
    return f"{kind} Seconds: projected for all cores of this machine."


def summary(settings: CostSettings, counts: HopTable, estimate: Estimate) -> str:
    """One sentence without timings."""
    beside = published_systems()[settings.beside]
    total = counts.total.total
    accuracy = "" if estimate.accuracy is None else f", {estimate.accuracy:.2f} % right"
    state = "as trained" if settings.is_trained else "changed as it stands"
    return (
        f"{settings.network}, {state}: {total:,} HOPs, {fewer(total, beside)} than {beside.method} "
        f"({beside.total:,}){accuracy}."
    )


def describe_tables(counts: HopTable, estimate: Estimate) -> Page:
    """Operations, the proof, the layouts."""
    operations, plan = hops_table(counts.layers), estimate.plan
    if estimate.layouts is None or plan is None:
        return Page(operations)
    return Page(operations, plan_sentence(plan.as_dict()), plan.proof, describe_layouts(estimate.layouts))
