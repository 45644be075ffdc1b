"""The first question of lab 07: how operations and seconds fall."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from fcnlab.data.published import published_systems
from fcnlab.findings import reduction as found
from fcnlab.findings.networks import (
    TrainedNetwork,
    cheapest,
    load_networks,
    network_columns,
    pareto_front,
    spell_accuracy,
)
from fcnlab.page import Sentence, Table
from fcnlab.plots.findings import reduction_figure, update_reduction
from fcnlab.ui.choices import BESIDE
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.findings.question import Question, tabled
from fcnlab.ui.kit.controls import Choice
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page, Tiles

CHEAPEST: Final = "cheapest"
EMPTY: Final = "The table of trained networks is empty: fcnlab sweep fills it."
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
    """How HOPs and seconds fall; any setting of `ReductionSettings` may be given."""

    def __init__(self, **chosen: Any) -> None:
        self.networks, self.runs, self.published = load_networks(), found.read_runs(), published_systems()
        names = {each.name: f"{each.hops:,} HOPs: {each.name}" for each in self.networks}
        networks = {CHEAPEST: f"fewest HOPs at {found.GOAL:g} %", **names}
        menu = "A trained network of the table, by its HOPs. Points of the first panel can be clicked, too."
        presets = {"as published": ReductionSettings("faster-cryptonets")} if "faster-cryptonets" in names else {}
        controls = Choice(name="network", label="network", options=networks, help=menu), BESIDE.named("beside")
        model = LabModel("reduction", ReductionSettings(), controls=controls, presets=presets)
        figure = reduction_figure(self.networks, runs=self.runs, published=self.published.values())
        super().__init__(model, figure, chosen)
        self.figure.on_click(self._clicked)

    def network(self, name: str) -> TrainedNetwork | None:
        """The one of this name, or the cheapest; None if the table is empty."""
        if name != CHEAPEST:
            return next(each for each in self.networks if each.name == name)
        return cheapest(self.networks, accuracy=found.GOAL) or next(reversed(pareto_front(self.networks)), None)

    def _clicked(self, trace: Any, index: int) -> None:
        if trace.xaxis == "x" and trace.mode == "markers":
            name = trace.customdata[index]
            field = "beside" if name in self.published else "network"
            with self.model.guard():
                self.model.change(**{field: name})

    @override
    def draw(self, settings: ReductionSettings) -> Page:
        network, beside = self.network(settings.network), self.published[settings.beside]
        if network is None:
            return Page(EMPTY)
        figures = {
            "HOPs, published convention": f"{network.hops:,}",
            f"fewer than {beside.method}": f"{beside.total / network.hops:.1f} ×",
            "accuracy": spell_accuracy(network),
            "HOPs executed, one pass": f"{network.executed:,}",
            "widest value": f"{network.range_bits} bits",
        }
        note, place = UNMEASURED, None
        run = next((run for run in self.runs if run.system == network.name), None)
        if run is not None and run.inference_s and run.encrypt_decrypt_s:
            figures["evaluate, measured"] = spell_seconds(run.inference_s)
            figures["encrypt and decrypt"] = spell_seconds(run.encrypt_decrypt_s)
            published = f"Published: {beside.method}, {beside.inference_s:g} s to evaluate on its authors' machine."
            note, place = f"Measured: {run.scheme}, {run.setting}. {published}", (run.total, run.inference_s)
        update_reduction(self.figure, network=network, run=place)
        return Page(Sentence(network.name, kind="verdict"), Tiles(figures), note)

    @override
    def tabulate(self, settings: ReductionSettings) -> Sequence[Table]:
        networks, runs = self.networks, self.runs
        how = f"{found.engine_of(runs[0])}, {runs[0].scheme}" if runs else "none"
        front = ": no trained network is both cheaper and more accurate"
        return (
            tabled(network_columns(pareto_front(networks)), "The front", front),
            tabled(network_columns(found.sweep_ends(networks)), "Ends of the sweep", ": pruned least and most"),
            tabled(found.run_columns(runs), "Measured under encryption", f", one batch, all passes: {how}"),
        )


reduction = ReductionQuestion  # as notebooks and settings lines call it
