"""Published, counted and measured, side by side: the table of Faster CryptoNets with the shipped networks in it."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from fcnlab.circuit.hops import COLUMNS
from fcnlab.data.measured import MEASURED, RECONSTRUCTED, Kind, Row, load_measurements
from fcnlab.data.published import published_systems
from fcnlab.inference.demonstration import count_network
from fcnlab.networks.checkpoint import available_networks, load_checkpoint

HEADINGS: Final[dict[Kind, str]] = {
    "published": "published: Chou et al. 2018, arXiv 1811.09953, table 1; on the authors' machines",
    "counted": "counted by the published rules from the shipped networks; accuracy in the clear, 10,000 test images",
    "measured": "measured under encryption: one batch, all its passes",
}
NOTES: Final[dict[Kind, str]] = {
    "published": "CryptoNets: its CT-CT mults are what the total leaves. Other sources give 98.95 % for it, and "
    "98.71 % for the pruned Faster CryptoNets."
}
WIDTH: Final = 100


@dataclass(frozen=True)
class Comparison:
    """All rows: published, then counted, then measured; as a string, the table in 100 columns."""

    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"rows": [asdict(row) for row in self.rows]}

    def __str__(self) -> str:
        lines = [
            f"{'':<19}{'PT-CT +':>8}{'CT-CT +':>8}{'PT-CT x':>8}{'CT-CT x':>8}{'HOPs':>8}{'enc+dec':>9}{'infer s':>8}"
            f"{'acc %':>7}{'MB':>8}  scheme"
        ]
        for kind, heading in HEADINGS.items():
            rows = [row for row in self.rows if row.kind == kind]
            lines += ["", heading, *describe_rows(rows), *paragraph(NOTES.get(kind, ""))]
        measured = {row.system for row in self.rows if row.kind == "measured"}
        missing = [row.system for row in self.rows if row.kind == "counted" and row.system not in measured]
        if missing:
            lines += paragraph(f" not yet: {', '.join(missing)} (fcnlab compare --measure --network NAME)")
        return "\n".join(lines)


def compare(*, path: Path = MEASURED) -> Comparison:
    """Everything that is known without running anything: stored measurements included.

    Raises:
        DataError: If a network or the file of measurements is damaged.
    """
    names = available_networks()
    stored = load_measurements(path) if path.exists() else ()
    measured = [row for name in names for row in stored if row.system == name]
    counted = sorted(map(counted_row, names), key=lambda row: row.setting)  # what has no remark first
    return Comparison((*published_rows(), *counted, *measured))


def published_rows() -> Iterator[Row]:
    """The rows of the published table."""
    for system in published_systems().values():
        values = asdict(system)
        yield Row(system=values.pop("method"), kind="published", **values)


def counted_row(network: str) -> Row:
    """A shipped network by the published rules."""
    counts = count_network(network, convention="published").total
    return Row(
        system=network,
        kind="counted",
        **{column: getattr(counts, column) for column in COLUMNS},
        total=counts.total,
        accuracy=load_checkpoint(network).card.accuracy,
        setting="layers reconstructed" if network.startswith(RECONSTRUCTED) else "",
    )


def describe_rows(rows: Sequence[Row]) -> Iterator[str]:
    """Rows, each setting said once above those that share it."""
    for setting, group in groupby(rows, key=lambda row: row.setting):
        yield from paragraph(setting)
        for row in group:
            counts = [getattr(row, column) for column in (*COLUMNS, "total")]
            yield (
                f"  {row.system:<17.17}"
                + "".join(f"{count_text(count):>8}" for count in counts)
                + f"{number_text(row.encrypt_decrypt_s, 2):>9}{number_text(row.inference_s, 2):>8}"
                + f"{number_text(row.accuracy, 2):>7}{number_text(row.message_mb, 1):>8}  {row.scheme or ''}"
            ).rstrip()


def paragraph(text: str) -> list[str]:
    """Text in lines, none if there is none."""
    return textwrap.wrap(text, WIDTH, initial_indent=" ", subsequent_indent=" ")


def count_text(count: int) -> str:
    """A count in seven characters."""
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:.3g} M"


def number_text(value: float | None, digits: int) -> str:
    """A number, from a thousand on without decimals so that columns stay apart; nothing if it is not known."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.{digits}f}"
