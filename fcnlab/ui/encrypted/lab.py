"""Lab 04: a digit is chosen or drawn, encrypted, read by a server that cannot see it, and decrypted."""

import random
import threading
from dataclasses import replace
from typing import Any, Final

import ipywidgets as widgets
import numpy as np
import traitlets
from typing_extensions import override

from fcnlab.data.drawing import digit_image
from fcnlab.data.published import published_systems
from fcnlab.page import Sentence, Table
from fcnlab.plots.reading import reading_figure, update_reading
from fcnlab.ui.cost.estimates import MeasurePanel
from fcnlab.ui.encrypted.account import account, drawn, measured_amounts, projected_amounts, published_amounts
from fcnlab.ui.encrypted.canvas import DrawingPad
from fcnlab.ui.encrypted.forecasts import Forecast, Forecaster, circuit_of, wish_of
from fcnlab.ui.encrypted.runs import DigitRun, Reading
from fcnlab.ui.encrypted.server_view import server_view
from fcnlab.ui.encrypted.settings import PICKING, DigitSettings, Picture, make_presets, pick_digits
from fcnlab.ui.encrypted.words import (
    aged,
    big_answer,
    cost_before,
    describe_reading,
    hops_sentence,
    preview,
    progress_table,
    verdict,
)
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page
from fcnlab.ui.kit.task import TaskPanel

REST_S: Final = 0.3
"""How long the pen must be off the sheet before a run starts; the next stroke cancels it."""
POLL_S: Final = 0.05
NOTHING_DRAWN: Final = "Nothing is drawn yet: draw a digit on the sheet, or set the image to test digits."
NOTHING_RUN: Final = "Nothing has been encrypted yet."
NOT_PROVEN: Final = "The parameters for these settings are still being proven."


class EncryptedLab(Lab):
    """The lab of the encrypted run; any setting of `DigitSettings` may be given.

    Attributes:
        forecast: The newest one that is ready; it may be of earlier settings.
    """

    forecast = traitlets.Instance(Forecast, allow_none=True)

    def __init__(self, **settings: Any) -> None:
        model = LabModel("encrypted_mnist", DigitSettings(), presets=make_presets())
        super().__init__(model, reading_figure(), settings)
        self.run = DigitRun()
        self.pad = DrawingPad(changed=self._drawn, down=self._pen_down, up=self._pen_up)
        self.preview, self.cost, self.layers, self.result, self.account, self.seen = (area() for _ in range(6))
        self.shuffle_button = widgets.Button(description="Shuffle", tooltip="Other test digits, at random.")
        self.shuffle_button.on_click(lambda _: self.shuffle())
        self.panel = TaskPanel(self.run, label="Run encrypted", start=self.start, cost=NOTHING_RUN)
        self.measuring = MeasurePanel(self._measured)
        self._picture: Picture | None = None
        self._timer: threading.Timer | None = None
        self._wanted = False  # a run, as soon as its parameters are proven
        self.worker = Forecaster(lambda found: self.set_trait("forecast", found))
        self.observe(self._forecast_came, names="forecast")
        self.run.observe(self._show_progress, names=["progress", "state"])
        self.run.observe(self._show_preview, names="state")
        self.run.observe(self._ended, names="state")
        beside = widgets.VBox([self.preview, self.shuffle_button], layout={"flex": "1 1 220px"})
        image = widgets.HBox([self.pad.widget, beside])
        image.layout = {"flex_flow": "row wrap", "width": "calc(100% - 4px)", "grid_gap": "4px 14px"}
        below = [self.layers, self.result, self.figure, self.seen, self.account]
        self.open([image, self.cost, self.measuring.widget, self.panel.widget, *below])

    # --- what can be done ---------------------------------------------------------------------------------------------

    @property
    def picture(self) -> Picture | None:
        """What a run would classify now; None if nothing is drawn."""
        return self._picture

    @property
    def reading(self) -> Reading | None:
        """What the last run that ended well gave."""
        reading: Reading | None = self.run.result
        return reading

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
        if found is not None and found.runnable is not None and picture is not None:
            self._wanted = False
            self.run.start(setup=found.runnable, picture=picture)

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
        return self.worker.recall(wish_of(self.model.settings))

    @override
    def update(self, event: Any = None) -> None:
        moved = event is not None and any(getattr(event.old, name) != getattr(event.new, name) for name in PICKING)
        if moved and event.new.source == event.old.source == "drawn":
            self.model.settings = replace(event.new, source="test")
        else:
            super().update()

    @override
    def show(self, settings: DigitSettings) -> None:
        self._take_picture()
        if self._known() is None:
            self.worker.ask(wish_of(settings))
        self._show_known()

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
            self._show_known()
        if self._wanted:
            self.start()

    def _measured(self) -> None:
        self.worker.forget()
        self.update()

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
            self.update()

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _show_known(self) -> None:
        found = self._known()
        impossible = f"Impossible: {found.refusal}" if found is not None and found.refusal else ""
        self.cost.value = cost_before(found).live
        nothing = NOTHING_DRAWN if self.picture is None else ""
        self.panel.forbid(NOT_PROVEN if found is None else impossible or nothing)
        self._show_progress()
        self._show_result()
        if impossible:
            self.model.problem = impossible

    def _show_progress(self, _: Any = None) -> None:
        self.layers.value = progress_table(self._known(), self.run.progress, self.run.state, self.reading).live

    def _ended(self, event: Any) -> None:
        with self.model.guard():
            self._show_result()
        found = self._known()
        if event.old == "running" and found is not None and found.runnable is not None:
            self.run.make_ready(found.runnable)  # the next one begins at once

    def _show_result(self) -> None:
        settings, picture, reading = self.model.settings, self.picture, self.reading
        current = reading if self.is_current else None
        self._show_preview()
        shown = min(settings.shown, len(picture.pixels)) - 1 if picture is not None else 0
        last = min(shown, len(reading.digits) - 1) if reading is not None else 0
        if reading is not None:  # the answer first
            self.result.value = aged(describe_reading(reading, last), old=current is None).live
        clear = self._clear_logits()
        published = published_amounts(published_systems()[settings.beside])
        amounts = measured_amounts(current), projected_amounts(self._known()), published
        with self.drawing:
            update_reading(
                self.figure,
                clear=clear[shown].tolist() if clear is not None else [],
                encrypted=current.logits[shown].tolist() if current is not None else None,
                amounts=[drawn(each) for each in amounts],
                pixels=None if picture is None else picture.pixels[shown],
                residues=None if current is None else current.overheard.first,
            )
        if reading is not None:
            self.seen.value = aged(server_view(reading, last), old=current is None).live
        self.account.value = Page(account(*amounts)).live

    def _show_preview(self, _: Any = None) -> None:
        circuit = circuit_of(self.model.settings.network)
        reading, running = self.reading, self.run.state == "running"
        digit = int(reading.digits[0]) if reading is not None and self.is_current else None
        self.preview.value = preview(self._picture, circuit=circuit, answer=big_answer(digit, running=running)).live

    def _clear_logits(self) -> Any:
        picture, circuit = self.picture, circuit_of(self.model.settings.network)
        if picture is None:
            return None
        return circuit.evaluate(circuit.quantise(picture.pixels)).astype(np.float64) * circuit.steps[-1].unit

    @override
    def facts(self) -> Page:
        settings, picture, reading = self.model.settings, self.picture, self.reading
        hops = Sentence(hops_sentence(settings), kind="plain")
        if picture is None:
            return Page(hops, NOTHING_DRAWN)
        clear = self._clear_logits()
        labels = [None] * len(clear) if picture.labels is None else picture.labels.tolist()
        read = [[picture.name(index), labels[index], int(logits.argmax())] for index, logits in enumerate(clear)]
        return Page(
            hops,
            preview(picture, circuit=circuit_of(settings.network)),
            Table(("image", "label", "read in the clear"), read),
            Table(("digit", *map(str, range(10))), [["logit in the clear", *(f"{v:.2f}" for v in clear[0])]]),
            Sentence(verdict(reading, 0) if reading is not None and self.is_current else NOTHING_RUN, kind="plain"),
        )


encrypted_mnist = EncryptedLab  # as notebooks and settings lines call it
