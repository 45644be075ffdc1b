"""The third question of lab 07: what each choice costs in accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from fcnlab.findings import ablation as found
from fcnlab.findings.changes import signed, usual_bits, values_of
from fcnlab.findings.networks import load_networks, spell_accuracy, spell_bits, swept
from fcnlab.page import Table
from fcnlab.plots.findings import ablation_figure, update_ablation, update_heads
from fcnlab.ui.findings.question import Question, tabled
from fcnlab.ui.kit.controls import Choice, Steps
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page, Tiles


@dataclass(frozen=True)
class AblationSettings:
    """What the controls set.

    Attributes:
        activation: Activation of the networks.
        budget: Weight products, as text.
        weight_bits: Bits of a weight, as text; 0 for real weights.
        study: The study whose heads are drawn.
    """

    activation: str = "swish-aq-2"
    budget: str = "20000"
    weight_bits: str = "3"
    study: str = "uci-digits"


class AblationQuestion(Question):
    """What each choice costs in accuracy; any setting of `AblationSettings` may be given."""

    def __init__(self, **chosen: Any) -> None:
        self.networks, usual = load_networks(), AblationSettings()
        most = f"; pruning and approximation with {usual_bits(self.networks)} bits"
        over_all = found.change_columns(found.costs_over_all(self.networks))
        self.over_all = tabled(over_all, "Over all pairs of the table", most)
        self.heads = {name: found.head_lines(name) for name in found.study_names()}
        activations = {name: name for name in sorted({usual.activation, *values_of(self.networks, "activation")})}
        budgets = sorted({int(usual.budget), *values_of(self.networks, "budget")})
        drawn = sorted({each.weight_bits for each in swept(self.networks)}, key=lambda each: -each or -99)
        bits = sorted({int(usual.weight_bits), *drawn}, key=lambda each: each or 99)
        studies = {name: name for name in sorted({usual.study, *self.heads})}
        products, widths = {str(each): f"{each:,}" for each in budgets}, {str(each): spell_bits(each) for each in bits}
        pruned = "Weight products an image that the network was pruned to."
        heads = "The study on real data whose heads are drawn below."
        head_bits = sorted({each for lines in self.heads.values() for each in lines}, reverse=True)
        controls = (
            Choice(name="activation", label="activation", options=activations, help="Of the trained networks."),
            Steps(name="budget", label="products", options=products, help=pruned),
            Choice(name="weight_bits", label="weights", options=widths, help="What the weights were rounded to."),
            Choice(name="study", label="heads of", options=studies, help=heads),
        )
        presets = {
            "mild": AblationSettings(budget=str(budgets[-1]), weight_bits=str(bits[-1] or max(bits))),
            "harsh": AblationSettings(budget=str(budgets[0]), weight_bits=str(bits[0])),
        }
        model = LabModel("ablation", usual, controls=controls, presets=presets)
        super().__init__(model, ablation_figure(bits=drawn, head_bits=head_bits, dense=found.find_dense()), chosen)

    def _costs(self, settings: AblationSettings) -> Sequence[found.Cost]:
        budget, bits = int(settings.budget), int(settings.weight_bits)
        return found.costs_at(self.networks, activation=settings.activation, budget=budget, weight_bits=bits)

    @override
    def draw(self, settings: AblationSettings) -> Page:
        lines, costs = found.accuracy_lines(self.networks, settings.activation), self._costs(settings)
        line = lines.get(int(settings.weight_bits), ())
        network = next((each for each in line if each.budget == int(settings.budget)), None)
        with self.figure.batch_update():
            update_ablation(self.figure, lines=lines, chosen=network, costs=costs)
            update_heads(self.figure, study=settings.study, lines=self.heads.get(settings.study, {}))
        figures = {"accuracy": spell_accuracy(network) if network else "not trained"}
        for cost in costs:
            figures[f"points, {cost.stage}: {cost.before} to {cost.after}"] = signed(cost.change.points)
        return Page(Tiles(figures))

    @override
    def tabulate(self, settings: AblationSettings) -> Sequence[Table]:
        lines = found.accuracy_lines(self.networks, settings.activation)
        place = f", {settings.activation} at {int(settings.budget):,} products, {spell_bits(int(settings.weight_bits))}"
        return (
            tabled(found.grid_columns(lines), "Accuracy on the test images", f", {settings.activation}"),
            tabled(found.change_columns(self._costs(settings)), "What led to this setting", place),
            self.over_all,
        )


ablation = AblationQuestion  # as notebooks and settings lines call it
