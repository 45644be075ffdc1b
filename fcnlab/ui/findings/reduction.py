"""The first question of lab 07: how operations and seconds fall."""

from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from fcnlab.data.measured import Row
from fcnlab.findings import reduction as found
from fcnlab.findings.networks import TrainedNetwork, cheapest, describe_table, network_columns, spell_accuracy
from fcnlab.page import Sentence
from fcnlab.plots.findings import reduction_figure, update_reduction
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.findings.question import Question, answered, tabled
from fcnlab.ui.kit.controls import Choice
from fcnlab.ui.kit.page import Page, Tiles

CHEAPEST: Final = "cheapest"
UNMEASURED: Final = "This network was not measured under encryption; the shipped ones were."


@dataclass(frozen=True)
class ReductionSettings:
    """What the controls set.

    Attributes:
        network: A setting of the table, or ``cheapest``: the one of fewest HOPs that reaches 99 %.
        beside: A published system.
    """

    network: str = CHEAPEST
    beside: str = "CryptoNets"


class ReductionQuestion(Question):
    """How HOPs and seconds fall."""

    def __init__(self, **chosen: Any) -> None:
        self.known = found.read_reduction()
        names = {each.name: f"{each.hops:,} HOPs: {each.name}" for each in self.known.networks}
        networks = {CHEAPEST: f"fewest HOPs at {found.GOAL:g} %", **names}
        published = {name: name for name in self.known.published}
        menu = "A trained network of the table, by its HOPs. Points of the first panel can be clicked, too."
        super().__init__(
            "reduction",
            ReductionSettings(),
            controls=(
                Choice(name="network", label="network", options=networks, help=menu),
                Choice(name="beside", label="compare with", options=published, help="A published system."),
            ),
            presets={"as published": ReductionSettings("faster-cryptonets")} if "faster-cryptonets" in names else {},
            figure=reduction_figure(self.known),
            chosen=chosen,
        )
        self.tables.value = self.facts().live
        self.figure.on_click(self._clicked)

    @property
    def network(self) -> TrainedNetwork | None:
        """The chosen one; None if the table is empty."""
        name = self.model.settings.network
        best = cheapest(self.known.networks, accuracy=found.GOAL) or (self.known.front or (None,))[-1]
        return best if name == CHEAPEST else next(each for each in self.known.networks if each.name == name)

    def _clicked(self, trace: Any, index: int) -> None:
        if trace.xaxis == "x" and trace.mode == "markers":
            name = trace.customdata[index]
            field = "beside" if name in self.known.published else "network"
            with self.model.guard():
                self.model.change(**{field: name})

    @override
    def show(self, settings: ReductionSettings) -> None:
        network = self.network
        if network is None:
            self.numbers.value = Page(describe_table(self.known.networks)).live
            return
        run = next((run for run in self.known.runs if run.system == network.name), None)
        self.numbers.value = self._numbers(network, run).live
        place = (run.total, run.inference_s or 0.0) if run is not None else None
        update_reduction(self.figure, network=network, run=place)

    def _numbers(self, network: TrainedNetwork, run: Row | None) -> Page:
        """The network beside a published system."""
        beside = self.known.published[self.model.settings.beside]
        figures = {
            "HOPs, published convention": f"{network.hops:,}",
            f"fewer than {beside.method}": f"{beside.total / network.hops:.1f} ×",
            "accuracy": spell_accuracy(network),
            "HOPs executed, one pass": f"{network.executed:,}",
            "widest value": f"{network.range_bits} bits",
        }
        note = UNMEASURED
        if run is not None and run.inference_s and run.encrypt_decrypt_s:
            figures["evaluate, measured"] = spell_seconds(run.inference_s)
            figures["encrypt and decrypt"] = spell_seconds(run.encrypt_decrypt_s)
            published = f"Published: {beside.method}, {beside.inference_s:g} s to evaluate on its authors' machine."
            note = f"Measured: {run.scheme}, {run.setting}. {published}"
        return Page(Sentence(network.name, kind="verdict"), Tiles(figures), note)

    @override
    def facts(self) -> Page:
        known, runs = self.known, self.known.runs
        how = f"{found.engine_of(runs[0])}, {runs[0].scheme}" if runs else "none"
        front = ": no trained network is both cheaper and more accurate"
        return answered(
            found.sentences(known),
            tabled(network_columns(known.front), "The front", front),
            tabled(network_columns(found.sweep_ends(known.networks)), "Ends of the sweep", ": pruned least and most"),
            tabled(found.run_columns(runs), "Measured under encryption", f", one batch, all passes: {how}"),
        )


def reduction(**settings: Any) -> ReductionQuestion:
    """Open the first question; any setting of `ReductionSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ReductionQuestion(**settings)
