"""The fourth question of lab 07: how it scales."""

from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.frontier import shipped_points
from fcnlab.findings import scaling as found
from fcnlab.findings.reduction import read_runs
from fcnlab.machine.machine import usable_cores
from fcnlab.page import Sentence
from fcnlab.planning.plan import Plan
from fcnlab.plots.scaling import scaling_figure, update_messages, update_seconds
from fcnlab.ui.cost.estimates import unit_costs
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.findings.question import Question, answered, tabled
from fcnlab.ui.kit.background import Newest, Superseded
from fcnlab.ui.kit.controls import Choice, Whole
from fcnlab.ui.kit.page import Page, Tiles

SCHEMES: Final = {"bgv": "bgv, exact", "ckks": "ckks, approximate"}
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
    """What an image costs by layout, ring, network and number of images."""

    def __init__(self, **chosen: Any) -> None:
        self.runs, self.parts, self.costs = read_runs(), found.all_parts(), unit_costs()
        self._plans: dict[tuple[str, str], found.Plans] = {}
        self._lines: dict[tuple[str, str, str], list[float]] = {}
        self.worker = Newest(self._plan, rest_s=0.0)
        networks = {point.name: point.name for point in shipped_points()}
        hand = "In hand at once: a batch costs the same whatever it holds."
        super().__init__(
            "scaling",
            ScalingSettings(),
            controls=(
                Choice(name="network", label="network", options=networks, help="A shipped network."),
                Choice(name="scheme", label="scheme", options=SCHEMES, help="ckks has half as many slots."),
                Whole(name="images", label="images", low=1, high=10_000, help=hand),
            ),
            presets={
                "one image": ScalingSettings(),
                "a hundred": ScalingSettings(images=100),
                "all test images": ScalingSettings(images=10_000),
                "approximate": ScalingSettings(scheme="ckks"),
            },
            figure=scaling_figure(self.parts),
            chosen=chosen,
        )

    def _plan(self, key: tuple[str, str], superseded: Superseded) -> None:
        with self.model.guard():
            self._plans[key] = found.plan_network(*key)
        if not superseded() and key in self._plans:
            self.update()

    @override
    def show(self, settings: ScalingSettings) -> None:
        key = (settings.network, settings.scheme)
        plans = self._plans.get(key)
        if plans is None:
            self.tables.value = Page(Sentence(WORKING, kind="waiting")).live
            self.worker.ask(key)
            return
        self.numbers.value = Page(Tiles(self._numbers(plans)), KNOWN if self.costs is not None else UNKNOWN).live
        run = found.run_of(self.runs, *key)
        measured = [found.measured_seconds(run, images) for images in found.IMAGES] if run else []
        packed, batch = (self._line(plan, plans, key) for plan in (plans.packed, plans.cheapest_batch))
        rows = {f"ring {ring:,}": plan for ring, plan in plans.batch.items()}
        rows |= {"packed": plans.packed} if plans.packed is not None else {}
        kilobytes = [plan.upload_bytes / plan.batch_images / 1000 for plan in rows.values()]
        layouts = [plan.layout for plan in rows.values()]
        with self.figure.batch_update():
            update_seconds(self.figure, packed=packed, batch=batch, measured=measured, images=settings.images)
            update_messages(self.figure, names=list(rows), kilobytes=kilobytes, layouts=layouts)
        self.tables.value = self._facts(plans).live

    def _numbers(self, plans: found.Plans) -> dict[str, str]:
        """The images in hand, in both layouts."""
        images, batch, packed = self.model.settings.images, plans.cheapest_batch, plans.packed
        crossing = f"{plans.crossing:,} images" if plans.crossing else "–"
        figures = {"images in hand": f"{images:,}", "batch pays from": crossing}
        for label, plan in (("an image in a batch", batch), ("an image, packed", packed)):
            seconds = self._seconds(plan, plans, images)
            if seconds is not None:
                spelled = spell_seconds(seconds) if seconds >= 1 else f"{1000 * seconds:,.3g} ms"
                figures[f"{label}, projected"] = spelled
        if batch is not None:
            figures["upload of a batch"] = f"{batch.upload_bytes / 1e6:,.0f} MB"
        if packed is not None:
            figures["upload, packed"] = f"{packed.upload_bytes / 1e6:,.1f} MB"
        return figures

    def _seconds(self, plan: Plan | None, plans: found.Plans, images: int) -> float | None:
        if plan is None or self.costs is None:
            return None
        return found.seconds_an_image(plan, plans.circuit, images=images, costs=self.costs, threads=usable_cores())

    def _line(self, plan: Plan | None, plans: found.Plans, key: tuple[str, str]) -> list[float]:
        if plan is None or self.costs is None:
            return []
        name = (*key, plan.layout)
        if name not in self._lines:
            self._lines[name] = [self._seconds(plan, plans, images) or 0.0 for images in found.IMAGES]
        return self._lines[name]

    def _facts(self, plans: found.Plans) -> Page:
        missing = f"; without a plan: {', '.join(plans.refusals)}" if plans.refusals else ""
        return answered(
            found.sentences(plans, self.runs),
            tabled(found.plan_columns(plans), "Layouts and rings", missing),
            tabled(found.image_columns(self.runs), "Size of the network", ", stored measurements of full batches"),
            tabled(found.head_columns(self.parts), "Heads on public features"),
        )

    @override
    def facts(self) -> Page:
        return self._facts(found.plan_network(self.model.settings.network, self.model.settings.scheme))


def scaling(**settings: Any) -> ScalingQuestion:
    """Open the fourth question; any setting of `ScalingSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ScalingQuestion(**settings)
