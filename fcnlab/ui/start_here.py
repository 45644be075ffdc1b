"""Lab 00: one encrypted run on MNIST's test images, its account, its layers, its digits."""

import os
from collections.abc import Callable
from typing import Any, Final

import ipywidgets as widgets
import numpy as np
import numpy.typing as npt
from IPython.display import display

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.frontier import shipped_points
from fcnlab.data.mnist import load_mnist
from fcnlab.data.published import published_systems
from fcnlab.inference.report import Inference
from fcnlab.page import Sentence, Table, escape
from fcnlab.plots.activations import layers_figure, update_layers
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.images import digit_cell
from fcnlab.ui.kit.page import Markup, Page, Tiles, View
from fcnlab.ui.kit.task import Task, TaskPanel
from fcnlab.ui.outcome import run_encrypted
from fcnlab.ui.plans import hops_table, plan_sentence

IMAGES: Final = 8192  # as many as the slots of one batch
SHOWN_RIGHT, SHOWN_WRONG = 20, 8
NOTHING_YET: Final = "No run has ended yet."
WHAT_HOLDS: Final = (
    "Each plain modulus takes a pass of its own; together they hold every value of every possible image. Each pixel is "
    "encrypted as one ciphertext, with a slot for each of {slots:,} images."
)
LOADING: Final = "Starting the worker: it loads the network and proves its parameters"


class FirstRun:
    """An encrypted run and the views of it; each view fills itself in when the run ends.

    Args:
        network: A shipped network.
        images: How many test images.
    """

    def __init__(self, *, network: str = DEFAULT_NETWORK, images: int = IMAGES) -> None:
        self.network, self.images = network, images
        self.run = Task(run_encrypted)
        cost = f"{self.summary} Two cores need 10 to 40 seconds."
        panel = TaskPanel(self.run, label="Run encrypted", start=self.start, cost=cost, loading=LOADING)
        self.panel = View(panel.widget, lambda: Page(Sentence(self.summary, kind="plain")))
        self.account = self._view(account, live=lambda outcome: account(outcome, timed=True))
        self.digits = self._view(digits, live=digits)
        self.figure = LiveFigure(layers_figure())
        fill = lambda outcome: update_layers(self.figure, layers=outcome.report.layers)  # noqa: E731
        self.layers = self._filled(widgets.VBox([self.figure.widget]), layer_bars, fill=fill)

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

    def _view(self, say: Callable[[Inference], Page], *, live: Callable[[Inference], Page]) -> View:
        area = widgets.HTML(Page(NOTHING_YET).live, layout={"width": "100%"})
        return self._filled(area, say, fill=lambda outcome: area.set_trait("value", live(outcome).live))

    def _filled(self, widget: Any, say: Callable[[Inference], Page], *, fill: Callable[[Inference], None]) -> View:
        self.run.observe(lambda change: fill(change.new), names="result")

        def page() -> Page:
            outcome = self.run.result
            return say(outcome) if outcome is not None else Page(self.run.message or NOTHING_YET)

        return View(widget, page)


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


def comparison_sentence(network: str) -> str:
    """The published counts beside this network's, by the same convention; empty where no card tells it."""
    published, ours = published_systems(), {point.name: point.hops for point in shipped_points()}.get(network)
    if ours is None:
        return ""
    theirs, dense = published["Faster CryptoNets"].total, published["CryptoNets"].total
    return (
        f"Counted as the paper counts, this network takes {ours:,} HOPs: {dense / ours:.1f} times fewer than "
        f"CryptoNets ({dense:,}) and {theirs / ours:.1f} times fewer than Faster CryptoNets as published ({theirs:,}). "
        "The table counts what this engine really did: additions instead of products."
    )


def account(outcome: Inference, *, timed: bool = False) -> Page:
    """Everything computed; `timed` adds what was measured."""
    report = outcome.report
    return Page(
        Sentence(report.verdict, kind="verdict"),
        measured(outcome) if timed else None,
        hops_table(report.layers),
        comparison_sentence(report.network),
        plan_sentence(report.plan),
        WHAT_HOLDS.format(slots=report.plan["slots"]),
    )


def measured(outcome: Inference) -> Tiles:
    """Seconds, bytes and memory."""
    report, seconds = outcome.report, outcome.report.seconds
    work_s = seconds.encrypt + seconds.evaluate + seconds.decrypt
    return Tiles(
        {
            "images a second": f"{report.images_per_second:,.0f}",
            "encrypt": f"{seconds.encrypt:.1f} s",
            "evaluate": f"{seconds.evaluate:.1f} s",
            "decrypt": f"{seconds.decrypt:.2f} s",
            "an image": f"{1000 * work_s / report.images:.2f} ms",
            "sent": f"{report.upload_bytes / 1e6:,.0f} MB",
            "received": f"{report.download_bytes / 1e6:,.1f} MB",
            "peak memory": f"{report.peak_memory_bytes / 2**30:.1f} GiB",
        }
    )


# --- the layers -------------------------------------------------------------------------------------------------------


def layer_bars(outcome: Inference) -> Page:
    """HOPs by layer as bars of characters, for readers without a kernel."""
    totals = {layer.name: layer.total for layer in outcome.report.layers}
    most, width = max(totals.values()), max(map(len, totals))
    bars = "\n".join(
        f"{name:<{width}}  {'█' * max(1, round(40 * total / most))} {total:,} HOPs" for name, total in totals.items()
    )
    return Page(Markup(f"<pre>{escape(bars)}</pre>", words=bars))


# --- the digits -------------------------------------------------------------------------------------------------------


def chosen_images(misread: npt.NDArray[np.bool_]) -> list[int]:
    """The first images, and the first that were misread."""
    wrong = np.flatnonzero(misread)[:SHOWN_WRONG]
    first = [index for index in range(min(SHOWN_RIGHT, len(misread))) if index not in wrong]
    return [*first, *map(int, wrong)]


def digits(outcome: Inference) -> Page:
    """The images with what was read under encryption; misread ones last, with their label."""
    reads, test = outcome.classes, load_mnist("test")[: len(outcome.classes)]
    misread = reads != test.labels
    rows = [(index, int(reads[index]), int(test.labels[index])) for index in chosen_images(misread)]
    cells = "".join(
        digit_cell(test.pixels[index], name=f"test image {index}", reads=read, label=label)
        for index, read, label in rows
    )
    words = Table(("image", "encrypted", "label"), [[str(index), *rest] for index, *rest in rows]).text()
    return Page(
        Markup(f'<div class="digits">{cells}</div>', words=words),
        f"Below each image, the digit read from its encrypted pixels. {int(misread.sum()):,} of {len(reads):,} were "
        "misread; the first of them stand last, with their label.",
    )
