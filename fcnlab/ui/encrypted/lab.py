"""Lab 04: a digit is chosen or drawn, encrypted, read by a server that cannot see it, and decrypted."""

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets
import numpy as np
import traitlets

from fcnlab.circuit.hops import count_fused, count_stepwise
from fcnlab.compression.variants import base_of
from fcnlab.data.drawing import digit_image
from fcnlab.data.published import published_systems
from fcnlab.plots.reading import reading_figure, update_reading
from fcnlab.ui.cost.estimates import calibrate_in_worker, unit_costs
from fcnlab.ui.encrypted.canvas import DrawingPad
from fcnlab.ui.encrypted.forecasts import Forecast, Forecaster, Wish, circuit_of
from fcnlab.ui.encrypted.runs import DigitRun, Reading
from fcnlab.ui.encrypted.server_view import server_view
from fcnlab.ui.encrypted.settings import PICKING, DigitSettings, Picture, make_controls, make_presets, pick_digits
from fcnlab.ui.encrypted.words import (
    ACCOUNT_HEADS,
    account_rows,
    agreement,
    amounts_of,
    big_answer,
    cost_before,
    digit_cells,
    preview,
    progress_table,
    verdict,
)
from fcnlab.ui.kit.background import Newest, Task, TaskPanel
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.run_panel import RunPanel
from fcnlab.ui.kit.views import Display, View, block, escape, table, text_table

REST_S: Final = 0.3
"""How long the pen must be off the sheet before a run starts; the next stroke cancels it."""
POLL_S: Final = 0.05
WIDE: Final = "calc(100% - 4px)"
NOTHING_DRAWN: Final = "Nothing is drawn yet: draw a digit on the sheet, or set the image to test digits."
NOT_PROVEN: Final = "The parameters for these settings are still being proven."


class EncryptedLab(Display, traitlets.HasTraits):
    """The laboratory; its settings are those of `DigitSettings`.

    Attributes:
        forecast: The newest one that is ready; it may be of earlier settings.
    """

    forecast = traitlets.Instance(Forecast, allow_none=True)

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.model = LabModel("encrypted_mnist", DigitSettings(), controls=make_controls(), presets=make_presets())
        self.model.change(**settings)
        self.run = DigitRun()
        self.pad = DrawingPad(changed=self._drawn, down=self._pen_down, up=self._pen_up)
        self.preview, self.cost, self.layers, self.result, self.account, self.seen = (
            widgets.HTML(layout={"width": WIDE}) for _ in range(6)
        )
        self.shuffle_button = widgets.Button(description="Shuffle", tooltip="Other test digits, at random.")
        self.shuffle_button.on_click(lambda _: self.shuffle())
        self.figure = LiveFigure(reading_figure())
        self.panel = RunPanel(self.run, start=self.start, cost="")
        self.measuring = Task()
        self.measuring.observe(self._measured, names="state")
        self.measure_panel = TaskPanel(
            self.measuring, label="Measure this machine", start=lambda: self.measuring.start(calibrate_in_worker, {}),
            cost="Seconds are unknown until this machine has been measured, once; that takes under a minute.",
        ).widget  # fmt: skip
        self.measure_panel.layout.display = "none" if unit_costs() is not None else "flex"
        self._drawing = threading.RLock()  # plotly mixes up two batches of changes that overlap
        self._picture: Picture | None = None
        self._timer: threading.Timer | None = None
        self._wanted = False  # a run, as soon as its parameters are proven
        self.forecaster = Forecaster(lambda found: self.set_trait("forecast", found))
        self.worker = Newest(self.forecaster.answer)
        self.frame = Frame(self.model, self._body())
        self.model.observe(self._set, names="settings")
        self.observe(self._forecast_came, names="forecast")
        self.run.observe(self._show_progress, names=["progress", "state"])
        self.run.observe(self._show_preview, names="state")
        self.run.observe(self._ended, names="state")
        self._update()
        self._view = View(self.frame.widget, text=self._text, markup=self._markup)

    def _body(self) -> list[widgets.Widget]:
        beside = widgets.VBox([self.preview, self.shuffle_button], layout={"flex": "1 1 220px"})
        image = widgets.HBox([self.pad.widget, beside], layout={"flex_flow": "row wrap", "width": WIDE})
        image.layout.grid_gap = "4px 14px"
        panel = self.panel.widget
        return [
            image, self.cost, self.measure_panel, panel, self.layers, self.result, self.figure, self.seen, self.account,
        ]  # fmt: skip

    # --- what can be done ---------------------------------------------------------------------------------------------

    @property
    def picture(self) -> Picture | None:
        """What a run would classify now; None if nothing is drawn."""
        return self._picture

    @property
    def reading(self) -> Reading | None:
        """Of the last run that ended well."""
        return self.run.outcome

    @property
    def is_current(self) -> bool:
        """Whether the reading is that of the present picture and settings."""
        reading, found = self.reading, self._known()
        return (
            reading is not None
            and self.run.state == "done"
            and found is not None
            and found.setup is not None
            and reading.setup.same_as(found.setup)
            and reading.picture.same_as(self.picture)
        )

    def start(self) -> None:
        """Start an encrypted run, if it can be."""
        found, picture = self._known(), self.picture
        if found is not None and found.setup is not None and picture is not None and not found.refusal:
            self._wanted = False
            self.run.start(setup=found.setup, picture=picture)

    def shuffle(self) -> None:
        """Take other test digits."""
        self.model.change(source="test", order=random.randint(1, 9999))

    def close(self) -> None:
        """End all processes of this lab."""
        if self._timer is not None:
            self._timer.cancel()
        self.run.close()

    # --- what follows from what ---------------------------------------------------------------------------------------

    def _known(self) -> Forecast | None:
        return self.forecaster.recall(Wish.of(self.model.settings))

    def _set(self, event: Any) -> None:
        moved = any(getattr(event.old, name) != getattr(event.new, name) for name in PICKING)
        if moved and event.new.source == event.old.source == "drawn":
            self.model.settings = replace(event.new, source="test")
        else:
            self._update()

    def _update(self) -> None:
        settings = self.model.settings
        with self.model.guard():
            self._take_picture()
            known = self._known()
            if known is None:
                self.worker.ask(Wish.of(settings))
            self._show_offer()
            self._show_result()
            if known is not None and known.refusal:
                self.model.problem = f"Impossible: {known.refusal}"

    def _take_picture(self) -> None:
        settings, self._picture = self.model.settings, None
        if settings.source == "test":
            self._picture = pick_digits(settings)
        elif not self.pad.is_empty:
            self._picture = Picture(digit_image(self.pad.sheet.strokes)[None])
        self._show_preview()

    def _forecast_came(self, _: Any) -> None:
        if self.forecast is None or self.forecast is not self._known():
            return  # the hand has moved on
        with self.model.guard():
            self._show_offer()
            self._show_result()
            if self.forecast.refusal:
                self.model.problem = f"Impossible: {self.forecast.refusal}"
        if self._wanted:
            self.start()

    def _measured(self, change: Any) -> None:
        if change.new == "done":
            self.measure_panel.layout.display = "none"
            self.forecaster.forget()
            self._update()

    # --- the pen ------------------------------------------------------------------------------------------------------

    def _pen_down(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._wanted = False
        found = self._known()
        if found is None or found.setup is None:
            return
        if self.model.settings.start == "rest" and found.setup.plan.layout == "batch":
            self.run.cancel()  # whatever it reads, it is not this drawing; in the packed layout it is over as soon
        self.run.make_ready(found.setup)

    def _pen_up(self) -> None:
        if self.model.settings.start == "rest":
            self._wait_for_rest(REST_S)

    def _wait_for_rest(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._rested)
        self._timer.daemon = True
        self._timer.start()

    def _rested(self) -> None:
        if self.run.state == "running":  # an earlier one is not yet gone
            self._wait_for_rest(POLL_S)
        elif not self.pad.is_empty and self.model.settings.source == "drawn":
            self._wanted = True
            self.start()

    def _drawn(self) -> None:
        if not self.pad.is_empty and self.model.settings.source != "drawn":
            self.model.change(source="drawn")
        elif self.model.settings.source == "drawn":
            self._update()

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _show_offer(self) -> None:
        found = self._known()
        self.cost.value = block(cost_before(found))
        refusal = ""
        if found is None:
            refusal = NOT_PROVEN
        elif found.refusal:
            refusal = f"Impossible: {found.refusal}"
        elif self.picture is None:
            refusal = NOTHING_DRAWN
        self.panel.offer("Nothing has been encrypted yet.", refusal=refusal)
        self._show_progress()

    def _show_progress(self, _: Any = None) -> None:
        self.layers.value = block(progress_table(self._known(), self.run.progress, self.run.state, self.reading))

    def _ended(self, event: Any) -> None:
        with self.model.guard():
            self._show_result()
        found = self._known()
        if event.old == "running" and found is not None and found.setup is not None and not found.refusal:
            self.run.make_ready(found.setup)  # the next one begins at once

    def _show_result(self) -> None:
        settings, picture, found, reading = self.model.settings, self.picture, self._known(), self.reading
        beside = published_systems()[settings.beside]
        current = reading if self.is_current else None
        self._show_preview()
        shown = min(settings.shown, len(picture.pixels)) - 1 if picture is not None else 0
        last = min(shown, len(reading.digits) - 1) if reading is not None else 0
        if reading is not None:  # the answer first
            self.result.value = block(faded(describe_reading(reading, last), old=current is None))
        clear = self._clear_logits()
        measured, projected = amounts_of(current, found)
        with self._drawing:
            update_reading(
                self.figure, clear=clear[shown].tolist() if clear is not None else [],
                encrypted=current.logits[shown].tolist() if current is not None else None,
                measured=measured, projected=projected,
                published=[beside.encrypt_decrypt_s, beside.inference_s, beside.message_mb],
                pixels=None if picture is None else picture.pixels[shown],
                residues=None if current is None else current.overheard.first,
            )  # fmt: skip
        if reading is not None:
            self.seen.value = block(faded(server_view(reading, last), old=current is None))
        rows = account_rows(current, found, beside)
        self.account.value = block(f"<p><b>The account</b></p>{table(ACCOUNT_HEADS, rows)}")

    def _show_preview(self, _: Any = None) -> None:
        circuit = circuit_of(self.model.settings.network)
        reading, running = self.reading, self.run.state == "running"
        digit = int(reading.digits[0]) if reading is not None and self.is_current else None
        self.preview.value = block(preview(self._picture, circuit=circuit, answer=big_answer(digit, running=running)))

    def _clear_logits(self) -> Any:
        picture, circuit = self.picture, circuit_of(self.model.settings.network)
        if picture is None:
            return None
        return circuit.evaluate(circuit.quantise(picture.pixels)).astype(np.float64) * circuit.steps[-1].unit

    # --- for readers without a kernel ---------------------------------------------------------------------------------

    def _text(self) -> str:
        settings, picture = self.model.settings, self.picture
        lines = [self.model.line, hops_sentence(settings)]
        if picture is None:
            return "\n".join([*lines, NOTHING_DRAWN])
        reads = self._clear_logits().argmax(axis=1).tolist()
        labels = [None] * len(reads) if picture.labels is None else picture.labels.tolist()
        rows = [
            [picture.name(index), label, read] for index, (label, read) in enumerate(zip(labels, reads, strict=True))
        ]
        return "\n".join([*lines, text_table(("image", "label", "read in the clear"), rows), self._word()])

    def _markup(self) -> str:
        circuit = circuit_of(self.model.settings.network)
        found = f"<p>{escape(hops_sentence(self.model.settings))}</p>{preview(self.picture, circuit=circuit)}"
        clear = self._clear_logits()
        if clear is not None:
            found += table(("digit", *map(str, range(10))), [["logit in the clear", *(f"{v:.2f}" for v in clear[0])]])
        return f"{found}<p>{escape(self._word())}</p>"

    def _word(self) -> str:
        reading = self.reading
        return verdict(reading, 0) if reading is not None and self.is_current else "Nothing has been encrypted yet."


def encrypted_mnist(**settings: Any) -> EncryptedLab:
    """Open the lab of the encrypted run; any setting of `DigitSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return EncryptedLab(**settings)


def describe_reading(reading: Reading, shown: int) -> str:
    """What was read, and how well it agrees."""
    return (
        f'<p class="verdict">{escape(verdict(reading, shown))}</p>{digit_cells(reading)}'
        f'<p class="note">{escape(agreement(reading))}</p>'
    )


def faded(content: str, *, old: bool) -> str:
    """The same, marked as old if it is."""
    if not old:
        return content
    return f'<p class="note"><i>Old, of an earlier run:</i></p><div class="stale" style="opacity: .45">{content}</div>'


def hops_sentence(settings: DigitSettings) -> str:
    """What the network costs in operations, without a plan."""
    counting: Callable[..., Any] = count_fused if settings.engine == "fused" else count_stepwise
    executed = counting(circuit_of(settings.network)).total.total
    published = base_of(settings.network).checkpoint.card.hops["total"]
    beside = published_systems()[settings.beside]
    return (
        f"{settings.network}, {settings.scheme}, {settings.engine} engine: {executed:,} HOPs a pass of a batch, "
        f"{published:,} by the published convention ({beside.method}: {beside.total:,})."
    )
