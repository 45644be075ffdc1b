"""The account of lab 04: what a run took, what it should take, and what a published system took, side by side."""

from collections.abc import Mapping
from typing import Final

from fcnlab.compression.variants import base_of
from fcnlab.cost import Projection
from fcnlab.data.published import PublishedSystem
from fcnlab.inference.report import Report
from fcnlab.page import Table
from fcnlab.ui.encrypted.forecasts import Forecast
from fcnlab.ui.encrypted.runs import Reading

ACCOUNT_HEADS: Final = ("", "measured", "projected", "published")
ACCOUNT: Final = {
    "encrypt + decrypt": "s",
    "evaluate": "s",
    "make keys": "s",
    "sent": "MB",
    "received": "MB",
    "keys, sent once": "MB",
    "peak memory": "GiB",
    "HOPs of a pass, as executed": "",
    "HOPs, published convention": "",
}
"""The rows of the account, each with its unit."""
DRAWN: Final = ("encrypt + decrypt", "evaluate", "sent")
"""The rows that the figure shows, as `AMOUNTS` of `plots.cost`."""
Amounts = Mapping[str, float | None]


def measured_amounts(reading: Reading | None) -> Amounts:
    """What a run took, by the rows of the account."""
    if reading is None:
        return {}
    report, seconds = reading.report, reading.report.seconds
    return {
        "encrypt + decrypt": seconds.encrypt + seconds.decrypt,
        "evaluate": seconds.evaluate,
        "make keys": seconds.keygen,
        **bytes_of(report),
        "HOPs of a pass, as executed": report.hops["total"],
    }


def projected_amounts(found: Forecast | None) -> Amounts:
    """What it should take."""
    if found is None:
        return {}
    hops: dict[str, float | None] = {
        "HOPs of a pass, as executed": found.hops.total.total if found.hops else None,
        "HOPs, published convention": base_of(found.wish.network).checkpoint.card.hops["total"],
    }
    projection = found.projection
    if projection is None:
        return hops
    return {
        "encrypt + decrypt": projection.encrypt_s + projection.decrypt_s,
        "evaluate": projection.evaluate_s,
        "make keys": projection.keygen_s,
        **bytes_of(projection),
        **hops,
    }


def bytes_of(known: Report | Projection) -> dict[str, float]:
    """Messages, keys and memory of a run or of its projection."""
    return {
        "sent": known.upload_bytes / 1e6,
        "received": known.download_bytes / 1e6,
        "keys, sent once": known.evaluation_key_bytes / 1e6,
        "peak memory": known.peak_memory_bytes / 2**30,
    }


def published_amounts(beside: PublishedSystem) -> Amounts:
    """What a published system took."""
    seconds = (beside.encrypt_decrypt_s, beside.inference_s)
    return {**dict(zip(DRAWN, (*seconds, beside.message_mb), strict=True)), "HOPs, published convention": beside.total}


def account(*columns: Amounts) -> Table:
    """Measured, projected and published amounts side by side."""
    rows = [[name, *(spell_amount(each.get(name), unit) for each in columns)] for name, unit in ACCOUNT.items()]
    return Table(ACCOUNT_HEADS, rows, title="The account")


def drawn(amounts: Amounts) -> list[float | None]:
    """The amounts that the figure shows."""
    return [amounts.get(name) for name in DRAWN]


def spell_amount(value: float | None, unit: str) -> str | None:
    """A number of three digits with its unit; one without a unit is a count."""
    if value is None:
        return None
    digits = f"{value:,.0f}" if value >= 100 or not unit else f"{value:.3g}"
    return f"{digits} {unit}".rstrip()


def megabytes(count: int) -> str:
    """Bytes as megabytes with three digits."""
    return str(spell_amount(count / 1e6, "MB"))
