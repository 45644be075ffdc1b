"""What a setting of the cost laboratory comes to: circuit, plan, projection, accuracy; everything remembered."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from fcnlab.circuit.circuit import Circuit
from fcnlab.compression.variants import (
    Variation,
    architecture_of,
    as_trained,
    base_of,
    compile_variant,
    measure_accuracy,
    thin_evenly,
)
from fcnlab.cost import Projection, UnitCosts, load_costs, project
from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.errors import DataError, FcnlabError
from fcnlab.machine.machine import usable_cores
from fcnlab.planning.plan import Plan
from fcnlab.ui.choices import BESIDE, ENGINE, WEIGHT_BITS, network_choice, scheme_choice
from fcnlab.ui.cost.layouts import Layouts, plan_layouts
from fcnlab.ui.kit.controls import Choice, Whole, setting
from fcnlab.ui.kit.task import Step, Task, TaskPanel

PIXEL_BITS: Final = {"trained": "as trained", **{str(bits): f"{bits} bit{'s' * (bits > 1)}" for bits in range(1, 9)}}
LAYOUTS: Final = {"auto": "the cheaper one", "batch": "batch", "packed": "packed"}
HELP: Final = {
    "thinned": "Percent of the network's products that are left out, smallest weights first. Nothing is retrained.",
    "degree": "2 leaves it as trained; 3 and 4 put the best power-of-two fit of Swish in its place.",
    "pixel_bits": "Fewer bits make smaller numbers.",
    "scheme": "bgv and bfv are exact; ckks is approximate, with half the slots.",
    "layout": "A batch has an image in each slot; packed, one image fills the slots.",
    "images": "Classified in one go; a batch holds thousands.",
}


@dataclass(frozen=True)
class CostSettings:
    """What the controls set."""

    network: str = setting(DEFAULT_NETWORK, network_choice("The trained network that is changed."))
    thinned: int = setting(0, Whole(label="prune further", low=0, high=99, unit="%", help=HELP["thinned"]))
    weight_bits: str = setting("trained", WEIGHT_BITS)
    degree1: int = setting(2, Whole(label="1st degree", low=2, high=4, help=HELP["degree"]))
    degree2: int = setting(2, Whole(label="2nd degree", low=2, high=4, help=HELP["degree"]))
    pixel_bits: str = setting("trained", Choice(label="pixel", options=PIXEL_BITS, help=HELP["pixel_bits"]))
    scheme: str = setting("bgv", scheme_choice(HELP["scheme"]))
    engine: str = setting("fused", ENGINE)
    layout: str = setting("auto", Choice(label="layout", options=LAYOUTS, help=HELP["layout"]))
    images: int = setting(8192, Whole(label="images", low=1, high=10_000, help=HELP["images"]))
    beside: str = setting("Faster CryptoNets", BESIDE)

    @property
    def variation(self) -> Variation:
        """The network these settings describe."""
        bits = 0 if self.weight_bits == "trained" else int(self.weight_bits)
        trained_pixel_bits = architecture_of(self.network).pixel_bits
        degrees = (self.degree1, self.degree2)
        pruned = thin_evenly(self.network, percent=self.thinned)
        pixel_bits = 0 if self.pixel_bits in ("trained", str(trained_pixel_bits)) else int(self.pixel_bits)
        return Variation(self.network, pruned, weight_bits=bits, degrees=degrees, pixel_bits=pixel_bits)

    @property
    def is_trained(self) -> bool:
        """Whether this is the network as it was trained."""
        return self.variation == as_trained(self.network)


@dataclass(frozen=True, eq=False)
class Estimate:
    """What is known of a setting.

    Attributes:
        settings: Those it is an estimate of.
        layouts: Proven parameters in both layouts; None if there are none.
        refusal: Why there are none; empty otherwise.
        projection: Seconds and bytes; None without a plan or without unit costs of this machine.
        accuracy: Percent of the 10,000 test images; None until it is measured.
    """

    settings: CostSettings
    layouts: Layouts | None = None
    refusal: str = ""
    projection: Projection | None = None
    accuracy: float | None = None

    @property
    def plan(self) -> Plan | None:
        """The proven parameters of the setting, in its layout."""
        return self.layouts.chosen if self.layouts else None


def unit_costs() -> UnitCosts | None:
    """Those of this machine, if it has been measured."""
    try:
        return load_costs()
    except DataError:
        return None


def plan_now(settings: CostSettings) -> Estimate:
    """Plan and project: a fraction of a second."""
    try:
        circuit = compile_variant(settings.variation)
        asked = {"layout": settings.layout, "scheme": settings.scheme, "images": settings.images}
        layouts = plan_layouts(circuit, **asked)
    except FcnlabError as error:
        return Estimate(settings, refusal=str(error))
    projection = project_here(layouts.chosen, circuit, engine=settings.engine, images=settings.images)
    return Estimate(settings, layouts, projection=projection)


def project_here(
    plan: Plan, circuit: Circuit, *, engine: str, images: int, threads: int | None = None
) -> Projection | None:
    """The projection for this machine, on all cores if not given; None if it has not been measured."""
    costs, threads = unit_costs(), threads or usable_cores()
    return project(plan, circuit, engine=engine, images=images, threads=threads, costs=costs) if costs else None


def accuracy_of(variation: Variation) -> float:
    """Percent of the 10,000 test images: by the card as trained, measured as it stands otherwise.

    Raises:
        CircuitError: If it does not compile.
    """
    if variation == as_trained(variation.network):
        return base_of(variation.network).checkpoint.card.accuracy
    return measure_accuracy(variation)


def with_accuracy(estimate: Estimate) -> Estimate:
    """The same with the accuracy on the test images; none if it does not compile, and `refusal` says why."""
    with suppress(FcnlabError):
        return replace(estimate, accuracy=accuracy_of(estimate.settings.variation))
    return estimate


def calibrate_in_worker(*, progress: Callable[[Step], None]) -> None:
    """Measure the unit costs of this machine and store them."""
    from fcnlab.measuring.calibration import calibrate

    calibrate(report=lambda *step: progress(Step(*step)))


class MeasurePanel(TaskPanel):
    """The panel that measures this machine; it is seen until that was done.

    Args:
        measured: Called when it was done.
    """

    def __init__(self, measured: Callable[[], None]) -> None:
        self.task, self._measured = Task(calibrate_in_worker), measured
        cost = "Seconds are unknown until this machine has been measured, once; that takes under a minute."
        super().__init__(self.task, label="Measure this machine", start=self.task.start, cost=cost)
        self.widget.layout.display = "none" if unit_costs() is not None else "flex"
        self.task.observe(self._ended, names="state")

    def _ended(self, change: Any) -> None:
        if change.new == "done":
            self.widget.layout.display = "none"
            self._measured()
