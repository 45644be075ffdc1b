"""Lab 03: what pruning, bits and degree together cost under encryption, beside the published systems."""

from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets
import traitlets
from typing_extensions import override

from fcnlab.compression.variants import as_trained, count_variant
from fcnlab.data.frontier import Point, cheapest, points
from fcnlab.data.published import published_systems
from fcnlab.page import Sentence
from fcnlab.plots.cost import cost_figure, update_counts, update_estimate
from fcnlab.ui.choices import BITS, shipped_only
from fcnlab.ui.cost.estimates import CostSettings, Estimate, MeasurePanel, plan_now, with_accuracy
from fcnlab.ui.cost.words import amounts_of, describe, describe_tables, summary
from fcnlab.ui.kit.background import Answers, Superseded
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page

PICKER_STYLE: Final = {"description_width": "88px"}
PICKER_HELP: Final = "The points of the second panel, for the keyboard."


def make_presets() -> dict[str, CostSettings]:
    """The published setting, the cheapest network that reaches 99 %, the dense network."""
    best = cheapest(accuracy=99.0)
    published = CostSettings(network="cryptonets", thinned=92, weight_bits="4", scheme="bfv", engine="stepwise")
    presets = {
        "published": replace(published, layout="batch", images=1),
        "fewest HOPs at 99 %": CostSettings(network=best.name) if best is not None else CostSettings(),
        "dense": CostSettings(network="cryptonets", beside="CryptoNets"),
    }
    return shipped_only(presets)


class CostLab(Lab):
    """The lab of costs; any setting of `CostSettings` may be given.

    Attributes:
        estimate: The newest one that is ready; it may be of earlier settings, and is marked then.
    """

    estimate = traitlets.Instance(Estimate, allow_none=True)

    def __init__(self, **settings: Any) -> None:
        self.points = {point.name: point for point in points()}
        model = LabModel("cost", CostSettings(), presets=make_presets())
        super().__init__(model, cost_figure(tuple(self.points.values())), settings)
        self.figure.on_click(self._clicked)
        self.numbers, self.tables = area(), area()
        self.picker = widgets.Dropdown(options=["", *self.points], value="", description="pick a point")
        self.picker.tooltip, self.picker.style, self.picker.layout = PICKER_HELP, PICKER_STYLE, {"width": "320px"}
        self.picker.observe(self._picked, names="value")
        self.measuring = MeasurePanel(self._measured)
        self.worker: Answers[CostSettings, Estimate] = Answers(
            self._estimate, refuse=lambda settings, reason: Estimate(settings, refusal=reason), tell=self._tell
        )
        self.observe(self._show_estimate, names="estimate")
        self.open([self.numbers, self.measuring.widget, self.figure, self.picker, self.tables])

    def _tell(self, estimate: Estimate) -> None:
        self.estimate = estimate

    def _estimate(self, settings: CostSettings, superseded: Superseded) -> Estimate | None:
        planned = plan_now(settings)
        self._tell(planned)  # the accuracy takes longer
        return None if superseded() else with_accuracy(planned)

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

    def _clicked(self, trace: Any, index: int) -> None:
        if trace.customdata is not None:
            self.pick(trace.customdata[index])

    def _measured(self) -> None:
        self.worker.forget()
        self.update()

    @override
    def show(self, settings: CostSettings) -> None:
        counts, trained = count_variant(settings.variation), count_variant(as_trained(settings.network))
        update_counts(self.figure, counts=counts, trained=trained)
        known = self.worker.recall(settings)
        if known is None:
            self._show_numbers()
            self.worker.ask(settings)
        elif known is self.estimate:
            self._show_estimate()
        else:
            self.estimate = known

    def _show_numbers(self) -> None:
        settings = self.model.settings
        self.numbers.value = describe(settings, count_variant(settings.variation), self.estimate).live

    def _show_estimate(self, _: object = None) -> None:
        estimate, settings = self.estimate, self.model.settings
        if estimate is None or estimate.settings != settings:
            return  # the hand has moved on: what is shown is marked as old until its own estimate comes
        with self.model.guard(), self.drawing:
            self._show_numbers()
            beside, amounts = published_systems()[settings.beside], amounts_of(estimate)
            theirs = [beside.encrypt_decrypt_s, beside.inference_s, beside.message_mb]
            accuracy, plan = estimate.accuracy, estimate.plan
            update_estimate(self.figure, accuracy=accuracy, plan=plan, amounts=amounts, published=theirs)
            self.tables.value = describe_tables(count_variant(settings.variation), estimate).live
        if estimate.refusal:
            self.model.problem = f"Impossible: {estimate.refusal}"

    @override
    def facts(self) -> Page:
        settings = self.model.settings
        counts = count_variant(settings.variation)
        estimate = self.worker.recall(settings) or with_accuracy(plan_now(settings))
        said = [Sentence(each, kind="plain") for each in (summary(settings, counts, estimate), estimate.refusal)]
        return Page(*said, describe_tables(counts, estimate))


cost = CostLab  # as notebooks and settings lines call it


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
