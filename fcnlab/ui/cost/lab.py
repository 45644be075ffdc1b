"""Lab 03: what pruning, bits and degree together cost under encryption, beside the published systems."""

import threading
from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets
import traitlets

from fcnlab.circuit.hops import HopTable
from fcnlab.compression.variants import as_trained, count_variant
from fcnlab.data.frontier import Point, cheapest, points, shipped_points
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.data.published import published_systems
from fcnlab.plots.activations import KINDS
from fcnlab.plots.cost import cost_figure, update_counts, update_estimate
from fcnlab.ui.cost.estimates import (
    CostSettings,
    Estimate,
    Estimator,
    calibrate_in_worker,
    plan_now,
    unit_costs,
    with_accuracy,
)
from fcnlab.ui.cost.layouts import layout_text
from fcnlab.ui.cost.words import (
    HEADS,
    PROOF_HEADS,
    amounts_of,
    count_rows,
    describe,
    describe_tables,
    plan_sentence,
    proof_rows,
    summary,
)
from fcnlab.ui.kit.background import Newest, Task, TaskPanel
from fcnlab.ui.kit.controls import Choice, Control, Whole
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.views import Display, View, block, escape, text_table

BITS: Final = {"trained": "as trained", **{str(bits): f"{bits} bits, ±2ᵏ" for bits in (2, 3, 4, 5)}}
PIXEL_BITS: Final = {"trained": "as trained", **{str(bits): f"{bits} bit{'s' * (bits > 1)}" for bits in range(1, 9)}}


def make_controls() -> tuple[Control, ...]:
    """The controls; which networks there are is found out when a lab opens."""
    networks = {point.name: point.name for point in shipped_points(DATA_ROOT / "models")}
    degree = "2 leaves it as trained; 3 and 4 put the best power-of-two fit of Swish in its place."
    return (
        Choice(name="network", label="network", options=networks, help="The trained network that is changed."),
        Whole(
            name="thinned", label="prune further", low=0, high=99, unit="%",
            help="Percent of the network's products that are left out, smallest weights first. Nothing is retrained.",
        ),
        Choice(name="weight_bits", label="weights", options=BITS, help="Rounded as they stand, layer by layer."),
        Whole(name="degree1", label="1st degree", low=2, high=4, help=degree),
        Whole(name="degree2", label="2nd degree", low=2, high=4, help=degree),
        Choice(name="pixel_bits", label="pixel", options=PIXEL_BITS, help="Fewer bits make smaller numbers."),
        Choice(
            name="scheme", label="scheme", help="bgv and bfv are exact; ckks is approximate, with half the slots.",
            options={"bgv": "bgv, exact", "bfv": "bfv, exact", "ckks": "ckks, approximate"},
        ),
        Choice(
            name="engine", label="engine", help="How the server works.",
            options={"fused": "fused kernels", "stepwise": "one SEAL call a HOP"},
        ),
        Choice(
            name="layout", label="layout", help="A batch has an image in each slot; packed, one image fills the slots.",
            options={"auto": "the cheaper one", "batch": "batch", "packed": "packed"},
        ),
        Whole(name="images", label="images", low=1, high=10_000, help="Classified in one go; a batch holds thousands."),
        Choice(
            name="beside", label="compare with", options={name: name for name in published_systems()},
            help="A published system.",
        ),
    )  # fmt: skip


def make_presets() -> dict[str, CostSettings]:
    """The published setting, the cheapest network that reaches 99 %, the dense network."""
    best = cheapest(accuracy=99.0)
    presets = {
        "published": CostSettings(
            network="cryptonets", thinned=92, weight_bits="4", scheme="bfv", engine="stepwise", layout="batch",
            images=1,
        ),
        "fewest HOPs at 99 %": CostSettings(network=best.name) if best is not None else CostSettings(),
        "dense": CostSettings(network="cryptonets", beside="CryptoNets"),
    }  # fmt: skip
    known = {point.name for point in shipped_points(DATA_ROOT / "models")}
    return {name: settings for name, settings in presets.items() if settings.network in known}


class CostLab(Display, traitlets.HasTraits):
    """The laboratory; its settings are those of `CostSettings`.

    Attributes:
        estimate: The newest one that is ready; it may be of earlier settings, and is marked then.
    """

    estimate = traitlets.Instance(Estimate, allow_none=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.model = LabModel("cost", CostSettings(), controls=make_controls(), presets=make_presets())
        self.model.change(**settings)
        self.points = {point.name: point for point in points()}
        self.figure = LiveFigure(cost_figure(tuple(self.points.values())))
        for trace in self.figure.data[len(KINDS) : len(KINDS) + 3]:
            trace.on_click(self._clicked)
        self.numbers = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self.tables = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self.picker = widgets.Dropdown(
            options=["", *self.points], value="", description="pick a point", layout={"width": "320px"},
            tooltip="The points of the second panel, for the keyboard.", style={"description_width": "88px"},
        )  # fmt: skip
        self.picker.observe(self._picked, names="value")
        self.measuring = Task()
        self.measuring.observe(self._measured, names="state")
        panel = TaskPanel(
            self.measuring, label="Measure this machine", start=lambda: self.measuring.start(calibrate_in_worker, {}),
            cost="Seconds are unknown until this machine has been measured, once; that takes under a minute.",
        )  # fmt: skip
        self.measure_panel = panel.widget
        self.measure_panel.layout.display = "none" if unit_costs() is not None else "flex"
        self._drawing = threading.RLock()  # plotly mixes up two batches of changes that overlap
        self.estimator = Estimator(lambda estimate: self.set_trait("estimate", estimate))
        self.worker = Newest(self.estimator.answer)
        self.frame = Frame(self.model, [self.numbers, self.measure_panel, self.figure, self.picker, self.tables])
        self.model.observe(self._update, names="settings")
        self.observe(self._show_estimate, names="estimate")
        self._update()
        self._view = View(self.frame.widget, text=self._text, markup=self._markup)

    def pick(self, name: str) -> None:
        """Take a point of the second panel as the setting.

        A shipped network becomes the setting itself. A published system, or a trained network whose weights are not
        here, becomes what is compared with, and the setting as near as a shipped network comes.
        """
        settings, point = self.model.settings, self.points[name]
        with self.model.guard():
            if point.source == "shipped":
                self.model.settings = CostSettings(network=point.name, beside=settings.beside, images=settings.images)
            elif point.source == "published":
                self.model.settings = replace(near_published(name, settings), beside=name)
            else:
                self.model.settings = near_trained(point, settings)

    def _picked(self, event: Any) -> None:
        if event.new:
            self.pick(event.new)

    def _clicked(self, trace: Any, clicked: Any, _: object) -> None:
        for index in clicked.point_inds:
            self.pick(trace.customdata[index])

    def _measured(self, change: Any) -> None:
        if change.new == "done":
            self.measure_panel.layout.display = "none"
            self.estimator.forget()
            self._update()

    def _update(self, _: object = None) -> None:
        settings = self.model.settings
        with self.model.guard(), self._drawing:
            table_now = count_variant(settings.variation)
            trained = count_variant(as_trained(settings.network))
            update_counts(
                self.figure, names=[layer.name for layer in table_now.layers],
                counts=[vars(layer) for layer in table_now.layers],
                widest=max(layer.total for layer in trained.layers), total=table_now.total.total,
            )  # fmt: skip
            known = self.estimator.recall(settings)
            if known is None:
                self._show_numbers()
                self.worker.ask(settings)
            elif known is self.estimate:
                self._show_estimate()
            else:
                self.estimate = known

    def _show_numbers(self) -> None:
        settings = self.model.settings
        self.numbers.value = block(describe(settings, count_variant(settings.variation), self.estimate))

    def _show_estimate(self, _: object = None) -> None:
        estimate, settings = self.estimate, self.model.settings
        if estimate is None or estimate.settings != settings:
            return  # the hand has moved on: what is shown is marked as old until its own estimate comes
        with self.model.guard(), self._drawing:
            self._show_numbers()
            beside = published_systems()[settings.beside]
            steps = estimate.plan.steps if estimate.plan else ()
            update_estimate(
                self.figure, accuracy=estimate.accuracy, names=[step.name for step in steps],
                noise_bits=[round(step.noise_bits, 1) for step in steps],
                budget_bits=[round(step.budget_bits, 1) for step in steps],
                amounts=amounts_of(estimate),
                published=[beside.encrypt_decrypt_s, beside.inference_s, beside.message_mb],
            )  # fmt: skip
            self.tables.value = block(describe_tables(count_variant(settings.variation), estimate))
        if estimate.refusal:
            self.model.problem = f"Impossible: {estimate.refusal}"

    def _final(self) -> tuple[HopTable, Estimate]:
        settings = self.model.settings
        estimate = self.estimator.recall(settings) or with_accuracy(plan_now(settings))
        return count_variant(settings.variation), estimate

    def _text(self) -> str:
        settings, (counts, estimate) = self.model.settings, self._final()
        lines = [self.model.line, summary(settings, counts, estimate), text_table(HEADS, count_rows(counts))]
        if estimate.layouts:
            lines += [plan_sentence(estimate), text_table(PROOF_HEADS, proof_rows(estimate))]
            lines.append(layout_text(estimate.layouts))
        return "\n".join([*lines, estimate.refusal]).rstrip()

    def _markup(self) -> str:
        settings, (counts, estimate) = self.model.settings, self._final()
        refusal = f"<p>{escape(estimate.refusal)}</p>" if estimate.refusal else ""
        return f"<p>{escape(summary(settings, counts, estimate))}</p>{refusal}{describe_tables(counts, estimate)}"


def cost(**settings: Any) -> CostLab:
    """Open the lab of costs; any setting of `CostSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return CostLab(**settings)


# --- picking ----------------------------------------------------------------------------------------------------------


def near_published(name: str, settings: CostSettings) -> CostSettings:
    """The preset or the reconstruction of a published system, if it has one; the settings as they are otherwise."""
    preset = {"Faster CryptoNets": "published", "CryptoNets": "dense"}.get(name)
    shipped = {point.name for point in points() if point.source == "shipped"}
    if preset is None and name.lower() in shipped:
        return CostSettings(network=name.lower())
    return make_presets().get(preset or "", settings)


def near_trained(point: Point, settings: CostSettings) -> CostSettings:
    """A shipped network thinned to the products of a trained one."""
    shipped = [each for each in points() if each.source == "shipped" and each.products >= point.products]
    base = min(shipped, key=lambda each: each.products, default=None)
    if base is None:
        return settings
    thinned = min(round(100 * (1 - point.products / base.products)), 99)
    bits = str(point.weight_bits) if str(point.weight_bits) in BITS else "trained"
    return replace(settings, network=base.name, thinned=thinned, weight_bits=bits, pixel_bits="trained")
