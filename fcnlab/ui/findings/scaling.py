"""The fourth question of lab 07, how it scales, and the answers to all four at a glance."""

from dataclasses import dataclass
from typing import Any, Final

import ipywidgets as widgets

from fcnlab.data.frontier import shipped_points
from fcnlab.data.mnist import DATA_ROOT
from fcnlab.defaults import DEFAULT_NETWORK
from fcnlab.findings import scaling as scales
from fcnlab.findings.reduction import read_runs
from fcnlab.machine.machine import usable_cores
from fcnlab.planning.plan import Plan
from fcnlab.plots.scaling import scaling_figure, update_messages, update_seconds
from fcnlab.ui.cost.estimates import unit_costs
from fcnlab.ui.findings.answers import answers_markup, answers_text, scaling_markup, scaling_text, scaling_tiles
from fcnlab.ui.findings.question import Question
from fcnlab.ui.kit.background import Newest, Superseded
from fcnlab.ui.kit.controls import Choice, Whole
from fcnlab.ui.kit.views import View, block

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
        images: In hand.
    """

    network: str = DEFAULT_NETWORK
    scheme: str = "bgv"
    images: int = 1


class ScalingQuestion(Question):
    """What an image costs by layout, ring, network and number of images."""

    def __init__(self, **chosen: Any) -> None:
        self.runs = read_runs()
        self.costs = unit_costs()
        self._plans: dict[tuple[str, str], scales.Plans] = {}
        self._lines: dict[tuple[str, str, str], list[float]] = {}
        self.worker = Newest(self._plan, rest_s=0.0)
        networks = {point.name: point.name for point in shipped_points(DATA_ROOT / "models")}
        controls = (
            Choice(name="network", label="network", options=networks, help="A shipped network."),
            Choice(name="scheme", label="scheme", options=SCHEMES, help="ckks has half as many slots."),
            Whole(
                name="images", label="images", low=1, high=10_000,
                help="In hand at once: a batch costs the same whatever it holds.",
            ),
        )  # fmt: skip
        presets = {
            "one image": ScalingSettings(),
            "a hundred": ScalingSettings(images=100),
            "all test images": ScalingSettings(images=10_000),
            "approximate": ScalingSettings(scheme="ckks"),
        }
        super().__init__(
            "scaling", ScalingSettings(), controls=controls, presets=presets,
            figure=scaling_figure(scales.all_parts()), chosen=chosen,
        )  # fmt: skip

    def _plan(self, key: tuple[str, str], superseded: Superseded) -> None:
        with self.model.guard():
            self._plans[key] = scales.plan_network(*key)
        if not superseded() and key in self._plans:
            self._update()

    def _show(self, settings: ScalingSettings) -> None:
        key = (settings.network, settings.scheme)
        plans = self._plans.get(key)
        if plans is None:
            self.tables.value = block(f'<p class="note"><i>{WORKING}</i></p>')
            self.worker.ask(key)
            return
        batch, packed = plans.cheapest_batch, plans.packed
        run = scales.run_of(self.runs, *key)
        measured = [scales.measured_seconds(run, images) for images in scales.IMAGES] if run else []
        note = KNOWN if self.costs is not None else UNKNOWN
        tiles = scaling_tiles(
            plans, images=settings.images, batch_s=self._seconds(batch, plans, settings.images),
            packed_s=self._seconds(packed, plans, settings.images),
        )  # fmt: skip
        self.numbers.value = block(f'{tiles}<p class="note">{note}</p>')
        with self.figure.batch_update():
            update_seconds(
                self.figure, packed=self._line(packed, plans, key), batch=self._line(batch, plans, key),
                measured=measured, images=settings.images,
            )  # fmt: skip
            rows = [(f"ring {ring:,}", plan, "batch") for ring, plan in plans.batch.items()]
            rows += [("packed", packed, "packed")] if packed is not None else []
            update_messages(
                self.figure, names=[name for name, *_ in rows],
                kilobytes=[plan.upload_bytes / plan.batch_images / 1000 for _, plan, _ in rows],
                layouts=[layout for *_, layout in rows],
            )  # fmt: skip
        self.tables.value = block(scaling_markup(plans, self.runs))

    def _seconds(self, plan: Plan | None, plans: scales.Plans, images: int) -> float | None:
        if plan is None or self.costs is None:
            return None
        return scales.seconds_an_image(
            plan, plans.circuit, images=images, costs=self.costs, threads=usable_cores()
        )  # fmt: skip

    def _line(self, plan: Plan | None, plans: scales.Plans, key: tuple[str, str]) -> list[float]:
        if plan is None or self.costs is None:
            return []
        name = (*key, plan.layout)
        if name not in self._lines:
            self._lines[name] = [self._seconds(plan, plans, images) or 0.0 for images in scales.IMAGES]
        return self._lines[name]

    def _final(self) -> scales.Plans:
        settings = self.model.settings
        return scales.plan_network(settings.network, settings.scheme)

    def _text(self) -> str:
        return scaling_text(self._final(), self.runs, self.model.line)

    def _markup(self) -> str:
        return scaling_markup(self._final(), self.runs)


def scaling(**settings: Any) -> ScalingQuestion:
    """Open the fourth question; any setting of `ScalingSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return ScalingQuestion(**settings)


def answers() -> View:
    """The answers to all four questions, each number of them from the tables as they are now."""
    return View(widgets.HTML(block(answers_markup())), text=answers_text, markup=answers_markup)
