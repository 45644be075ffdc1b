"""Lab 07: the four questions of Faster CryptoNets, answered from the stored tables."""

from dataclasses import dataclass
from typing import Any, Final

from fcnlab.data.measured import Row
from fcnlab.data.published import published_systems
from fcnlab.findings import ablation as accuracy_costs
from fcnlab.findings import expressiveness as fits
from fcnlab.findings import reduction as savings
from fcnlab.findings.changes import values_of
from fcnlab.findings.networks import TrainedNetwork, cheapest, load_networks
from fcnlab.plots.findings import (
    ablation_figure,
    expressiveness_figure,
    reduction_figure,
    update_ablation,
    update_dense,
    update_expressiveness,
    update_heads,
    update_reduction,
)
from fcnlab.ui.findings.answers import (
    ablation_markup,
    ablation_text,
    ablation_tiles,
    expressiveness_markup,
    expressiveness_text,
    expressiveness_tiles,
    reduction_markup,
    reduction_text,
    reduction_tiles,
)
from fcnlab.ui.findings.question import Question
from fcnlab.ui.kit.controls import Choice, Control, Steps, Whole
from fcnlab.ui.kit.views import block

CHEAPEST: Final = "cheapest"

# --- first question ---------------------------------------------------------------------------------------------------


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
        self.facts = savings.read_reduction()
        names = {each.name: f"{each.hops:,} HOPs: {each.name}" for each in self.facts.networks}
        controls = (
            Choice(
                name="network", label="network", options={CHEAPEST: f"fewest HOPs at {savings.GOAL:g} %", **names},
                help="A trained network of the table, by its HOPs. Points of the first panel can be clicked, too.",
            ),
            Choice(
                name="beside", label="compare with", options={name: name for name in published_systems()},
                help="A published system.",
            ),
        )  # fmt: skip
        presets = {"as published": ReductionSettings("faster-cryptonets")} if "faster-cryptonets" in names else {}
        figure = reduction_figure(self.facts)
        super().__init__(
            "reduction", ReductionSettings(), controls=controls, presets=presets, figure=figure, chosen=chosen
        )
        self.tables.value = block(reduction_markup(self.facts))
        for trace in self.figure.data:
            if trace.xaxis == "x" and trace.mode == "markers":
                trace.on_click(self._clicked)

    @property
    def network(self) -> TrainedNetwork | None:
        """The chosen one; None if the table is empty."""
        name = self.model.settings.network
        best = cheapest(self.facts.networks, accuracy=savings.GOAL) or (self.facts.front or (None,))[-1]
        return best if name == CHEAPEST else next(each for each in self.facts.networks if each.name == name)

    def _clicked(self, trace: Any, clicked: Any, _: object) -> None:
        for index in clicked.point_inds:
            name = trace.customdata[index]
            field = "beside" if name in self.facts.published else "network"
            with self.model.guard():
                self.model.change(**{field: name})

    def _run(self) -> Row | None:
        network = self.network
        return next((run for run in self.facts.runs if network is not None and run.system == network.name), None)

    def _show(self, settings: ReductionSettings) -> None:
        network, run = self.network, self._run()
        self.numbers.value = block(
            reduction_tiles(self.facts, network, run, beside=self.facts.published[settings.beside])
        )
        if network is not None:
            place = (run.total, run.inference_s or 0.0) if run is not None else None
            update_reduction(self.figure, network=network, run=place)

    def _text(self) -> str:
        return reduction_text(self.facts, self.model.line)

    def _markup(self) -> str:
        return reduction_markup(self.facts)


def reduction(**settings: Any) -> ReductionQuestion:
    """Open the first question; any setting of `ReductionSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ReductionQuestion(**settings)


# --- second question --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExpressivenessSettings:
    """What the controls set.

    Attributes:
        target: Name of a function.
        degree: Of its polynomials.
    """

    target: str = "swish"
    degree: int = 2


class ExpressivenessQuestion(Question):
    """What powers of two cost an activation."""

    def __init__(self, **chosen: Any) -> None:
        self.networks = load_networks()
        controls = (
            Choice(
                name="target", label="function", options={name: name for name in fits.TARGET_NAMES},
                help="The activation that a polynomial stands for.",
            ),
            Whole(
                name="degree", label="degree", low=fits.DEGREES[0], high=fits.DEGREES[-1],
                help="Highest power of x: more is closer, and costs more HOPs for each value.",
            ),
        )  # fmt: skip
        presets = {
            "Swish-AQ": ExpressivenessSettings(),
            "ReLU": ExpressivenessSettings("relu"),
            "the hardest": ExpressivenessSettings(max(fits.all_fits(2), key=lambda each: each.penalty).target),
        }
        super().__init__(
            "expressiveness", ExpressivenessSettings(), controls=controls, presets=presets,
            figure=expressiveness_figure(), chosen=chosen,
        )  # fmt: skip

    def _show(self, settings: ExpressivenessSettings) -> None:
        chosen = fits.find_fits(settings.target, settings.degree)
        self.numbers.value = block(expressiveness_tiles(chosen))
        line = [fits.find_fits(settings.target, degree) for degree in fits.DEGREES]
        update_expressiveness(self.figure, line=line, overview=fits.all_fits(settings.degree), chosen=chosen)
        self.tables.value = block(self._markup())

    def _text(self) -> str:
        return expressiveness_text(self.model.settings, self.networks, self.model.line)

    def _markup(self) -> str:
        return expressiveness_markup(self.model.settings, self.networks)


def expressiveness(**settings: Any) -> ExpressivenessQuestion:
    """Open the second question; any setting of `ExpressivenessSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ExpressivenessQuestion(**settings)


# --- third question ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AblationSettings:
    """What the controls set.

    Attributes:
        activation: Of the networks.
        budget: Weight products, as text.
        weight_bits: As text; 0 for real weights.
        study: Whose heads are drawn.
    """

    activation: str = "swish-aq-2"
    budget: str = "20000"
    weight_bits: str = "3"
    study: str = "uci-digits"


class AblationQuestion(Question):
    """What each choice costs in accuracy."""

    def __init__(self, **chosen: Any) -> None:
        self.networks = load_networks()
        usual = AblationSettings()
        activations = sorted({usual.activation, *values_of(self.networks, "activation")})
        budgets = sorted({int(usual.budget), *values_of(self.networks, "budget")})
        bits = sorted({int(usual.weight_bits), *values_of(self.networks, "weight_bits")}, key=lambda each: each or 99)
        studies = sorted({usual.study, *accuracy_costs.study_names()})
        controls: tuple[Control, ...] = (
            Choice(
                name="activation", label="activation", options={name: name for name in activations},
                help="Of the trained networks.",
            ),
            Steps(
                name="budget", label="products", options={str(each): f"{each:,}" for each in budgets},
                help="Weight products an image that the network was pruned to.",
            ),
            Choice(
                name="weight_bits", label="weights", help="What the weights were rounded to.",
                options={str(each): accuracy_costs.spell_bits(each) for each in bits},
            ),
            Choice(
                name="study", label="heads of", options={name: name for name in studies},
                help="The study on real data whose heads are drawn below.",
            ),
        )  # fmt: skip
        drawn = sorted({each.weight_bits for each in self.networks if each.in_sweep}, key=lambda each: -each or -99)
        self.heads = {name: accuracy_costs.head_lines(name) for name in accuracy_costs.study_names()}
        head_bits = sorted({each for lines in self.heads.values() for each in lines}, reverse=True)
        presets = {
            "mild": AblationSettings(budget=str(budgets[-1]), weight_bits=str(bits[-1] or max(bits))),
            "harsh": AblationSettings(budget=str(budgets[0]), weight_bits=str(bits[0])),
        }
        super().__init__(
            "ablation", usual, controls=controls, presets=presets,
            figure=ablation_figure(bits=drawn, head_bits=head_bits), chosen=chosen,
        )  # fmt: skip
        dense = accuracy_costs.find_dense()
        if dense is not None:
            update_dense(self.figure, name=dense.name, accuracy=dense.accuracy)

    def _show(self, settings: AblationSettings) -> None:
        budget, bits = int(settings.budget), int(settings.weight_bits)
        lines = accuracy_costs.accuracy_lines(self.networks, settings.activation)
        network = next((each for each in lines.get(bits, ()) if each.budget == budget), None)
        costs = accuracy_costs.costs_at(
            self.networks, activation=settings.activation, budget=budget, weight_bits=bits
        )  # fmt: skip
        self.numbers.value = block(ablation_tiles(settings, network, costs))
        with self.figure.batch_update():
            update_ablation(self.figure, lines=lines, chosen=network, costs=costs)
            update_heads(self.figure, study=settings.study, lines=self.heads.get(settings.study, {}))
        self.tables.value = block(self._markup())

    def _text(self) -> str:
        return ablation_text(self.model.settings, self.networks, self.model.line)

    def _markup(self) -> str:
        return ablation_markup(self.model.settings, self.networks)


def ablation(**settings: Any) -> AblationQuestion:
    """Open the third question; any setting of `AblationSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return AblationQuestion(**settings)
