"""The first lab: one encrypted run on MNIST's test images, its account, its layers, its digits."""

import os
from collections.abc import Callable
from typing import Any, Final

import ipywidgets as widgets
import numpy as np
from IPython.display import display

from fcnlab.data.published import published_systems
from fcnlab.defaults import DEFAULT_NETWORK
from fcnlab.inference.report import LayerReport
from fcnlab.plots.activations import KINDS, layers_figure, update_layers
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.images import png_address
from fcnlab.ui.kit.run_panel import RunPanel
from fcnlab.ui.kit.runs import Outcome, RunModel
from fcnlab.ui.kit.views import View, block, escape, table, text_table, tiles

IMAGES: Final = 8192  # as many as the slots of one batch
SHOWN_RIGHT, SHOWN_WRONG = 20, 8
NOTHING_YET: Final = "No run has ended yet."


class FirstRun:
    """An encrypted run and the views of it; each view fills itself in when the run ends.

    Args:
        network: A shipped network.
        images: How many test images.
    """

    def __init__(self, *, network: str = DEFAULT_NETWORK, images: int = IMAGES) -> None:
        self.network, self.images = network, images
        self.run = RunModel()
        panel = RunPanel(self.run, start=self.start, cost=f"{self.summary} Two cores need 10 to 40 seconds.")
        self.panel = View(panel.widget, text=lambda: self.summary, markup=lambda: f"<p>{escape(self.summary)}</p>")
        self.account = self._view(account_markup, account_live, account_text)
        self.digits = self._view(digits_markup, digits_markup, digits_text)
        self.layers = self._layers_view()

    @property
    def summary(self) -> str:
        """What is run, in one sentence."""
        return (
            f"{self.images:,} MNIST test images through the network {self.network} under encryption "
            "(scheme bgv, fused engine, client and server on this machine)."
        )

    def start(self) -> None:
        """Start the run in its worker process."""
        self.run.start(network=self.network, images=self.images, scheme="bgv", engine="fused")

    def _view(
        self, markup: Callable[[Outcome], str], live: Callable[[Outcome], str], text: Callable[[Outcome], str]
    ) -> View:
        area = widgets.HTML(block(NOTHING_YET), layout={"width": "100%"})

        def show(change: Any) -> None:
            area.value = block(live(change.new))

        self.run.observe(show, names="outcome")
        return View(area, text=lambda: self._either(text), markup=lambda: self._either(markup))

    def _layers_view(self) -> View:
        figure = LiveFigure(layers_figure())

        def show(change: Any) -> None:
            layers = change.new.report.layers
            update_layers(
                figure,
                names=[layer.name for layer in layers],
                counts=[layer.operations for layer in layers],
                seconds=[layer.elapsed_s for layer in layers],
            )

        self.run.observe(show, names="outcome")
        return View(figure, text=lambda: self._either(layers_text), markup=lambda: self._either(layers_markup))

    def _either(self, say: Callable[[Outcome], str]) -> str:
        if self.run.outcome is not None:
            return say(self.run.outcome)
        return self.run.message or NOTHING_YET


def first_run(*, network: str = DEFAULT_NETWORK, images: int = IMAGES) -> FirstRun:
    """Show the panel and run; returns when the run has ended, the notebook's stop button cancels it.

    In an application (Voila) it only shows the panel: a visitor starts the run when ready.
    """
    lab = FirstRun(network=network, images=images)
    display(lab.panel)  # type: ignore[no-untyped-call]
    if "VOILA_BASE_URL" not in os.environ:
        lab.start()
        lab.run.wait()
    return lab


# --- the account ------------------------------------------------------------------------------------------------------

HEADS = ("layer", "outputs", *(label for label, *_ in KINDS.values()), "HOPs")


def layer_row(layer: LayerReport) -> list[object]:
    """Name, outputs, the four kinds and their sum."""
    return [layer.name, layer.outputs, *(layer.operations.get(kind, 0) for kind in KINDS), layer.total]


def total_row(outcome: Outcome) -> list[object]:
    """The sums of all layers."""
    hops = outcome.report.hops
    return ["one pass", None, *(hops[kind] for kind in KINDS), hops["total"]]


def plan_sentence(outcome: Outcome) -> str:
    """The parameters in one sentence."""
    plan = outcome.plan.as_dict()
    *primes, special = plan["prime_bits"]
    return (
        f"Plan: {plan['scheme']}, ring degree {plan['ring_degree']:,}, ciphertext modulus of primes with "
        f"{', '.join(map(str, primes))} bits (and {special} for keys), {plan['security_bits']}-bit security; "
        f"{outcome.report.passes} pass{'es' if outcome.report.passes > 1 else ''} with plain moduli of "
        f"{' and '.join(map(str, plan['plain_modulus_bits']))} bits hold every value of every possible image; "
        f"{plan['encrypted_pixels']} pixels are encrypted, each as one ciphertext with {plan['slots']:,} slots."
    )


def comparison_sentence(outcome: Outcome) -> str:
    """The published counts beside this network's, by the same convention."""
    published = published_systems()
    theirs, dense = published["Faster CryptoNets"].total, published["CryptoNets"].total
    return (
        f"Counted as the paper counts, this network takes {outcome.published_hops:,} HOPs: "
        f"{dense / outcome.published_hops:.1f} times fewer than CryptoNets ({dense:,}) and "
        f"{theirs / outcome.published_hops:.1f} times fewer than Faster CryptoNets as published ({theirs:,}). The "
        f"table counts what this engine really did: additions instead of products."
    )


def account_text(outcome: Outcome) -> str:
    """Everything computed, nothing timed."""
    rows = [*map(layer_row, outcome.report.layers), total_row(outcome)]
    sentences = [outcome.report.verdict, text_table(HEADS, rows), comparison_sentence(outcome), plan_sentence(outcome)]
    return "\n".join(sentences)


def account_markup(outcome: Outcome) -> str:
    """The same as HTML."""
    return (
        f'<p class="verdict"><b>{escape(outcome.report.verdict)}</b></p>'
        + table(HEADS, map(layer_row, outcome.report.layers), total=total_row(outcome))
        + f'<p class="note">{escape(comparison_sentence(outcome))}</p>'
        + f'<p class="note">{escape(plan_sentence(outcome))}</p>'
    )


def account_live(outcome: Outcome) -> str:
    """With what was measured."""
    report = outcome.report
    work_s = report.seconds.encrypt + report.seconds.evaluate + report.seconds.decrypt
    figures = {
        "images a second": f"{report.images_per_second:,.0f}",
        "encrypt": f"{report.seconds.encrypt:.1f} s",
        "evaluate": f"{report.seconds.evaluate:.1f} s",
        "decrypt": f"{report.seconds.decrypt:.2f} s",
        "an image": f"{1000 * work_s / report.images:.2f} ms",
        "sent": f"{report.upload_bytes / 1e6:,.0f} MB",
        "received": f"{report.download_bytes / 1e6:,.1f} MB",
        "peak memory": f"{report.peak_memory_bytes / 2**30:.1f} GiB",
    }
    verdict, rest = account_markup(outcome).split("</p>", 1)
    return f"{verdict}</p>{tiles(figures)}{rest}"


# --- the layers -------------------------------------------------------------------------------------------------------


def layers_text(outcome: Outcome) -> str:
    """HOPs by layer as bars of characters."""
    totals = {layer.name: layer.total for layer in outcome.report.layers}
    most, width = max(totals.values()), max(map(len, totals))
    return "\n".join(
        f"{name:<{width}}  {'█' * max(1, round(40 * total / most))} {total:,} HOPs" for name, total in totals.items()
    )


def layers_markup(outcome: Outcome) -> str:
    """The same, for readers without a kernel."""
    return f"<pre>{escape(layers_text(outcome))}</pre>"


# --- the digits -------------------------------------------------------------------------------------------------------


def chosen_images(outcome: Outcome) -> list[int]:
    """The first images, and the first that were misread."""
    wrong = np.flatnonzero(outcome.digits != outcome.labels)[:SHOWN_WRONG]
    first = [index for index in range(min(SHOWN_RIGHT, len(outcome.labels))) if index not in wrong]
    return [*first, *map(int, wrong)]


def digits_text(outcome: Outcome) -> str:
    """Image number, prediction and label of those shown."""
    rows = [[index, int(outcome.digits[index]), int(outcome.labels[index])] for index in chosen_images(outcome)]
    return text_table(("image", "encrypted", "label"), [[f"{image}", reads, is_] for image, reads, is_ in rows])


def digits_markup(outcome: Outcome) -> str:
    """The images with what was read under encryption; misread ones last, with their label."""
    cells = []
    for index in chosen_images(outcome):
        reads, label = int(outcome.digits[index]), int(outcome.labels[index])
        caption = f"<b>{reads}</b>" if reads == label else f'<b class="wrong">{reads}</b> is {label}'
        picture = f'<img src="{png_address(outcome.images[index])}" alt="test image {index}" width="56" height="56">'
        cells.append(f'<div class="digit">{picture}{caption}</div>')
    wrong = int(np.sum(outcome.digits != outcome.labels))
    return (
        f'<div class="digits">{"".join(cells)}</div><p class="note">Below each image, the digit read from its '
        f"encrypted pixels. {wrong:,} of {len(outcome.labels):,} were misread; the first of them stand last, with "
        "their label.</p>"
    )
