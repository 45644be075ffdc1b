"""The fourth question of lab 07: how it scales."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.findings import scaling as found
from fcnlab.findings.reduction import image_columns, measured_seconds, read_runs
from fcnlab.machine.machine import usable_cores
from fcnlab.page import Sentence, Table
from fcnlab.planning.plan import Plan
from fcnlab.plots.scaling import scaling_figure, update_messages, update_seconds
from fcnlab.ui.choices import SCHEMES, network_choice
from fcnlab.ui.cost.estimates import unit_costs
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.findings.question import Question, tabled
from fcnlab.ui.kit.background import Newest, Superseded
from fcnlab.ui.kit.controls import Choice, Whole
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page, Tiles

UNKNOWN: Final = (
    "Seconds by images in hand are projected from the unit costs of this machine, which has not been measured: lab 03 "
    "does so, or fcnlab calibrate. Drawn is the stored measurement of full batches, where there is one."
)
KNOWN: Final = "Projected for all cores of this machine, encryption and decryption included, keys not."
WORKING: Final = "Planning this network in all rings and both layouts; shown is the one before …"


@dataclass(frozen=True)
class ScalingSettings:
    """What the controls set.

    Attributes:
        network: A shipped network.
        scheme: bgv or ckks.
        images: Images in hand.
    """

    network: str = DEFAULT_NETWORK
    scheme: str = "bgv"
    images: int = 1


class ScalingQuestion(Question):
    """What an image costs by layout, ring, network and number; any setting of `ScalingSettings` may be given."""

    def __init__(self, **chosen: Any) -> None:
        self.runs, self.parts, self.costs = read_runs(), found.all_parts(), unit_costs()
        self._planned: dict[tuple[str, str], tuple[found.Plans, dict[str, list[float]]]] = {}
        self.worker = Newest(self._plan, rest_s=0.0)
        schemes, slots = {name: SCHEMES[name] for name in ("bgv", "ckks")}, "ckks has half as many slots."
        hand = "In hand at once: a batch costs the same whatever it holds."
        controls = (
            network_choice("A shipped network.").named("network"),
            Choice(name="scheme", label="scheme", options=schemes, help=slots),
            Whole(name="images", label="images", low=1, high=10_000, help=hand),
        )
        presets = {
            "one image": ScalingSettings(),
            "a hundred": ScalingSettings(images=100),
            "all test images": ScalingSettings(images=10_000),
            "approximate": ScalingSettings(scheme="ckks"),
        }
        model = LabModel("scaling", ScalingSettings(), controls=controls, presets=presets)
        super().__init__(model, scaling_figure(self.parts), chosen)

    def _plan(self, key: tuple[str, str], superseded: Superseded) -> None:
        """Plan a network, and project both layouts for all images that are drawn: too long for a moving hand."""
        with self.model.guard():
            plans = found.plan_network(*key)
            shown = {"packed": plans.packed, "batch": plans.cheapest_batch}
            lines = {name: self._seconds(plan, plans, found.IMAGES) for name, plan in shown.items()}
            self._planned[key] = plans, lines
        if not superseded() and key in self._planned:
            self.update()

    def _seconds(self, plan: Plan | None, plans: found.Plans, images: Sequence[int]) -> list[float]:
        """Projected seconds an image, for each number of images; nothing without a plan or unit costs."""
        if plan is None or self.costs is None:
            return []
        known: dict[str, Any] = {"costs": self.costs, "threads": usable_cores()}
        return [found.seconds_an_image(plan, plans.circuit, images=count, **known) for count in images]

    @override
    def show(self, settings: ScalingSettings) -> None:
        key = (settings.network, settings.scheme)
        if key in self._planned:
            super().show(settings)
        else:
            self.tables.value = Page(Sentence(WORKING, kind="waiting")).live
            self.worker.ask(key)

    @override
    def draw(self, settings: ScalingSettings) -> Page:
        key = (settings.network, settings.scheme)
        plans, lines = self._planned[key]
        run = next((run for run in self.runs if (run.system, run.scheme) == key), None)
        measured = [measured_seconds(run, images) for images in found.IMAGES] if run else []
        kilobytes = [plan.upload_bytes / plan.batch_images / 1000 for plan in plans.found.values()]
        layouts = [plan.layout for plan in plans.found.values()]
        with self.figure.batch_update():
            update_seconds(self.figure, **lines, measured=measured, images=settings.images)
            update_messages(self.figure, names=list(plans.found), kilobytes=kilobytes, layouts=layouts)
        refusals = None if plans.crossing else " ".join(plans.refusals.values())
        return Page(Tiles(self._figures(plans, settings.images)), refusals, UNKNOWN if self.costs is None else KNOWN)

    def _figures(self, plans: found.Plans, images: int) -> dict[str, str]:
        """The images in hand, in both layouts."""
        batch, packed = plans.cheapest_batch, plans.packed
        crossing = f"{plans.crossing:,} images" if plans.crossing else "–"
        figures = {"images in hand": f"{images:,}", "batch pays from": crossing}
        for label, plan in (("an image in a batch", batch), ("an image, packed", packed)):
            for seconds in self._seconds(plan, plans, [images]):
                spelled = spell_seconds(seconds) if seconds >= 1 else f"{1000 * seconds:,.3g} ms"
                figures[f"{label}, projected"] = spelled
        if batch is not None:
            figures["upload of a batch"] = f"{batch.upload_bytes / 1e6:,.0f} MB"
        if packed is not None:
            figures["upload, packed"] = f"{packed.upload_bytes / 1e6:,.1f} MB"
        return figures

    @override
    def tabulate(self, settings: ScalingSettings) -> Sequence[Table]:
        plans = found.plan_network(settings.network, settings.scheme)
        missing = f"; without a plan: {', '.join(plans.refusals)}" if plans.refusals else ""
        about = f", {settings.network}, {settings.scheme}{missing}"
        return (
            tabled(found.plan_columns(plans), "Layouts and rings", about),
            tabled(image_columns(self.runs), "Size of the network", ", stored measurements of full batches"),
            tabled(found.head_columns(self.parts), "Heads on public features"),
        )


scaling = ScalingQuestion  # as notebooks and settings lines call it
