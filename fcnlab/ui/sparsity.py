"""Lab 02: pruning and rounding a trained network as it stands, beside networks that were really trained so sparse."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import traitlets
from typing_extensions import override

from fcnlab.compression.variants import (
    Variation,
    as_trained,
    base_of,
    count_variant,
    pruned_percent,
    survives_compiling,
    weights_of,
)
from fcnlab.data.frontier import Point, cheapest, nearest_trained, points
from fcnlab.data.published import published_systems
from fcnlab.errors import FcnlabError
from fcnlab.page import Sentence, Table
from fcnlab.plots.sparsity import sparsity_figure, update_layers, update_place, update_weights
from fcnlab.ui.choices import WEIGHT_BITS, network_choice, shipped_only
from fcnlab.ui.cost.estimates import accuracy_of
from fcnlab.ui.cost.words import fewer
from fcnlab.ui.kit.background import Answers, Superseded
from fcnlab.ui.kit.controls import Choice, Whole, setting
from fcnlab.ui.kit.images import png_address
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Markup, Page, Tiles

DENSE: Final = "cryptonets"
LAYERS: Final = ("conv1", "conv2", "fc1", "fc2")
HEADS: Final = ("layer", "weights", "kept", "pruned %", "HOPs", "as trained")


def pruned(layer: str) -> int:
    """How much of a layer is pruned."""
    help_text = "In this layer, where it is more than overall."
    return setting(0, Whole(label=f"prune {layer}", low=0, high=99, unit="%", help=help_text))


OVERALL: Final = "Percent of each layer's dense products that are left out, smallest weights first."
DRAWN: Final = {name: name for name in LAYERS}


@dataclass(frozen=True)
class SparsitySettings:
    """What the controls set: percentages are of dense products, and a layer keeps at most what training left of it."""

    network: str = setting(DENSE, network_choice("The trained network that is pruned."))
    overall: int = setting(0, Whole(label="prune overall", low=0, high=99, unit="%", help=OVERALL))
    conv1: int = pruned("conv1")
    conv2: int = pruned("conv2")  # only CryptoNets has it
    fc1: int = pruned("fc1")
    fc2: int = pruned("fc2")
    weight_bits: str = setting("trained", WEIGHT_BITS)
    shown: str = setting("fc1", Choice(label="show layer", options=DRAWN, help="Whose weights are drawn."))

    @property
    def variation(self) -> Variation:
        """The network these settings describe; a layer keeps what training left of it at most."""
        pruned = tuple(
            max(float(self.overall), float(getattr(self, layer.name)), layer.trained_percent)
            for layer in base_of(self.network).layers
        )
        return Variation(
            self.network, pruned, weight_bits=0 if self.weight_bits == "trained" else int(self.weight_bits)
        )

    @property
    def shown_layer(self) -> str:
        """The layer that is drawn: the one asked for, if the network has it."""
        return self.shown if self.shown in layer_names(self) else "fc1"

    @property
    def is_trained(self) -> bool:
        """Whether this is the network as it was trained."""
        return self.variation == as_trained(self.network)


@dataclass(frozen=True)
class Measured:
    """The accuracy of a setting on the 10,000 test images; None if it cannot be evaluated, and why."""

    settings: SparsitySettings
    accuracy: float | None
    problem: str = ""


def make_presets() -> dict[str, SparsitySettings]:
    """The published sparsity, the cheapest network that reaches 99 %, the dense network."""
    best = cheapest(accuracy=99.0)
    presets = {
        "published": SparsitySettings(overall=92, weight_bits="4"),
        "fewest HOPs at 99 %": SparsitySettings(network=best.name) if best is not None else SparsitySettings(),
        "dense": SparsitySettings(),
    }
    return shipped_only(presets)


class SparsityLab(Lab):
    """The lab of sparsity; any setting of `SparsitySettings` may be given.

    Attributes:
        measured: The newest accuracy; it may be of earlier settings, and is not shown then.
    """

    measured = traitlets.Instance(Measured, allow_none=True)

    def __init__(self, **settings: Any) -> None:
        model = LabModel("sparsity", SparsitySettings(), presets=make_presets())
        super().__init__(model, sparsity_figure(points()), settings)
        self.numbers, self.pattern = area(), area()
        self.worker: Answers[SparsitySettings, Measured] = Answers(
            self._measure,
            refuse=lambda settings, reason: Measured(settings, None, reason),
            tell=lambda measured: self.set_trait("measured", measured),
        )
        self.observe(self._show_accuracy, names="measured")
        self.open([self.numbers, self.figure, self.pattern])

    @override
    def show(self, settings: SparsitySettings) -> None:
        counts = count_variant(settings.variation)
        dense, trained = (count_variant(as_trained(name)) for name in (DENSE, settings.network))
        with self.figure.batch_update():  # one message for all panels
            update_layers(self.figure, ours=counts, trained=trained, dense=dense)
            self._show_accuracy()
        self.worker.ask(settings)

    def _show_accuracy(self, _: object = None) -> None:
        with self.model.guard(), self.drawing:
            settings = self.model.settings
            known = self.worker.recall(settings)
            hops, nearest = count_variant(settings.variation).total.total, nearest_to(settings)
            update_place(self.figure, hops=hops, accuracy=known.accuracy if known else None, nearest=nearest)
            self.numbers.value = describe(settings, known).live
        if known is not None and known.problem:
            self.model.problem = f"Impossible: {known.problem}"

    def _measure(self, settings: SparsitySettings, superseded: Superseded) -> Measured | None:
        with self.model.guard(), self.drawing:  # the pictures first: they take a moment, too
            before, after = weights_shown(settings)
            update_weights(self.figure, before=before, after=after)
            self.pattern.value = Page(layer_table(settings), pattern(settings.shown_layer, before, after)).live
        return None if superseded() else self.worker.recall(settings) or measure(settings)

    @override
    def facts(self) -> Page:
        settings = self.model.settings
        known = self.worker.recall(settings) or measure(settings)
        return Page(Sentence(summary(settings, known), kind="plain"), trained_sentence(settings), layer_table(settings))


sparsity = SparsityLab  # as notebooks and settings lines call it


# --- words and numbers ------------------------------------------------------------------------------------------------


def bits_of(settings: SparsitySettings) -> int:
    """Bits of a weight, 0 where they are real numbers."""
    if settings.weight_bits != "trained":
        return int(settings.weight_bits)
    return base_of(settings.network).checkpoint.card.weight_bits


def measure(settings: SparsitySettings) -> Measured:
    """Evaluate the network as it stands on the 10,000 test images; as trained, its card says it."""
    try:
        return Measured(settings, accuracy_of(settings.variation))
    except FcnlabError as error:
        return Measured(settings, None, str(error))


def describe(settings: SparsitySettings, known: Measured | None) -> Page:
    """Large numbers, and the two kinds of accuracy."""
    total = count_variant(settings.variation).total.total
    published = published_systems()
    accuracy = "…" if known is None else "none" if known.accuracy is None else f"{known.accuracy:.2f} %"
    figures = {
        "HOPs of one pass": f"{total:,}",
        "than CryptoNets": fewer(total, published["CryptoNets"]),
        "than Faster CryptoNets": fewer(total, published["Faster CryptoNets"]),
        "products pruned": f"{pruned_percent(settings.variation):.1f} %",
        "accuracy as trained" if settings.is_trained else "accuracy as it stands": accuracy,
    }
    missing = [name for name in LAYERS if getattr(settings, name) and name not in layer_names(settings)]
    note = f"{settings.network} has no {missing[0]}." if missing else ""
    return Page(Tiles(figures), trained_sentence(settings), note)


def layer_names(settings: SparsitySettings) -> list[str]:
    """The names of the network's weight layers."""
    return [layer.name for layer in base_of(settings.network).layers]


def nearest_to(settings: SparsitySettings) -> Point | None:
    """The trained network with the nearest number of weight products."""
    layers = count_variant(settings.variation).layers
    products = sum(layer.pt_ct_mults for layer in layers if layer.name in layer_names(settings))
    return nearest_trained(products=products, weight_bits=bits_of(settings))


def trained_sentence(settings: SparsitySettings) -> str:
    """The nearest network that was really trained so sparse."""
    nearest = nearest_to(settings)
    if nearest is None:
        return "No trained network is here to compare with: fcnlab sweep makes them."
    bits = f"{nearest.weight_bits} bits" if nearest.weight_bits else "real weights"
    return (
        f"Fine-tuned: the nearest network that was really trained is {nearest.name} with {nearest.products:,} weight "
        f"products, {bits}, {nearest.hops:,} HOPs and {nearest.accuracy:.2f} % on the 10,000 test images."
    )


def summary(settings: SparsitySettings, known: Measured) -> str:
    """One sentence."""
    total = count_variant(settings.variation).total.total
    dense = published_systems()["CryptoNets"]
    state = "as trained" if settings.is_trained else "as it stands"
    accuracy = "" if known.accuracy is None else f", {known.accuracy:.2f} % right {state}"
    return (
        f"{settings.network} with {pruned_percent(settings.variation):.1f} % of its products pruned: {total:,} HOPs, "
        f"{fewer(total, dense)} than CryptoNets ({dense.total:,}){accuracy}."
    )


def layer_table(settings: SparsitySettings) -> Table:
    """For each weight layer: weights, those kept, and HOPs now and as trained."""
    variation = settings.variation
    now = {layer.name: layer.total for layer in count_variant(variation).layers}
    trained = {layer.name: layer.total for layer in count_variant(as_trained(settings.network)).layers}
    rows: list[list[object]] = []
    for layer, weights in zip(base_of(settings.network).layers, weights_of(variation), strict=True):
        kept = survives_compiling(weights) if weights.any() else np.zeros(weights.shape, dtype=np.bool_)
        share = 100 * (1 - int(layer.costs[kept].sum()) / layer.dense_products)
        rows.append([layer.name, weights.size, int(kept.sum()), f"{share:.1f}", now[layer.name], trained[layer.name]])
    return Table(HEADS, rows)


def weights_shown(settings: SparsitySettings) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The weights of the layer that is drawn, as trained and as they stand."""
    index = layer_names(settings).index(settings.shown_layer)
    return base_of(settings.network).layers[index].weights, weights_of(settings.variation)[index]


def pattern(name: str, before: npt.NDArray[Any], after: npt.NDArray[Any]) -> Markup:
    """The nonzeros of a layer as a picture."""
    shape = (before.shape[0], -1)
    grey = np.where(after.reshape(shape) != 0, 20, np.where(before.reshape(shape) != 0, 205, 250)).astype(np.uint8)
    return Markup(
        f"<p><b>Pattern of {name}</b>: a row for each of the {grey.shape[0]} outputs, a column for each of the "
        f"{grey.shape[1]:,} inputs; black is kept, grey was pruned here.</p>"
        f'<img src="{png_address(grey)}" alt="nonzero weights of {name}" '
        'style="width:100%;height:150px;image-rendering:pixelated;border:1px solid #999">'
    )
