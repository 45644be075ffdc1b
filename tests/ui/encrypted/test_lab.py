"""The lab of the encrypted run without a browser; what a run gives is made from the circuit in the clear."""

import dataclasses
import re
import time

import numpy as np
import pytest

from fcnlab.circuit.hops import count_fused
from fcnlab.compression.variants import base_of
from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.drawing import digit_image
from fcnlab.data.mnist import load_mnist
from fcnlab.errors import SettingsError
from fcnlab.planning.execution import count_executed
from fcnlab.ui.encrypted.forecasts import circuit_of
from fcnlab.ui.encrypted.lab import NOT_PROVEN, NOTHING_DRAWN, EncryptedLab, encrypted_mnist
from fcnlab.ui.encrypted.runs import Overheard, Reading
from fcnlab.ui.encrypted.words import quantised
from fcnlab.ui.kit.images import png_address
from tests.support.reports import made_up_layer, made_up_report
from tests.support.strokes import DIGITS

TEST = load_mnist("test")


@pytest.fixture(scope="module")
def opened() -> EncryptedLab:
    lab = encrypted_mnist(scheme="bgv", layout="batch", start="button")  # planned in a moment
    assert lab.worker.wait()
    yield lab
    lab.close()


@pytest.fixture
def lab(opened: EncryptedLab) -> EncryptedLab:
    opened.pad.clear()
    opened.run.set_trait("state", "idle")
    opened.run.result = None
    opened.model.reset()
    opened.model.change(scheme="bgv", layout="batch", start="button")
    assert opened.worker.wait()
    return opened


def finish(lab: EncryptedLab, *, off: float = 0.0) -> Reading:
    """What a run of the present settings would give, put in its place; no worker is started for the next."""
    setup, picture = lab._known().setup, lab.picture
    circuit, plan = setup.circuit, setup.plan
    clear = circuit.evaluate(circuit.quantise(picture.pixels)).astype(float) * plan.unit
    counted = count_executed(circuit, plan.parameters, engine=setup.engine)
    left = 61 if plan.parameters.scheme == "bfv" else None
    layers = tuple(
        made_up_layer(row.name, outputs=row.outputs, operations={"ct_ct_adds": row.total}, measured_budget_bits=left)
        for row in counted.layers
    )
    run = {"network": circuit.name, "scheme": plan.parameters.scheme, "engine": setup.engine, "images": len(clear)}
    sent = {"upload_bytes": 123_000_000, "passes": plan.parameters.passes}
    report = made_up_report(**run, **sent, layers=layers, plan=plan.as_dict())
    rng = np.random.default_rng(0)
    greys = rng.integers(0, 256, size=(2, len(plan.parameters.primes), plan.parameters.ring_degree), dtype=np.uint8)
    heard = Overheard(len(plan.inputs), 10**8, greys, rng.integers(0, 256, size=len(plan.inputs), dtype=np.uint8))
    reading = Reading(setup, picture, clear + off, clear, report, heard)
    lab.run.result = reading
    lab.run.set_trait("state", "done")
    return reading


def words(widget) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", widget.value, flags=re.DOTALL))


def test_opens_with_the_first_test_digit_and_what_it_will_cost(lab):
    assert "test image 0" in repr(lab)
    circuit, card = circuit_of(DEFAULT_NETWORK), base_of(DEFAULT_NETWORK).checkpoint.card
    executed, published = count_fused(circuit).total.total, card.hops["total"]
    assert f"{executed:,} HOPs a pass of a batch, {published:,} by the published convention" in repr(lab)
    assert "Nothing has been encrypted yet." in repr(lab)
    assert "Before it starts" in words(lab.cost)
    assert "2 passes" in words(lab.cost)
    plan = lab._known().setup.plan
    assert f"{len(plan.inputs)} pixels in {len(plan.inputs)} ciphertexts" in words(lab.cost)
    assert not lab.panel.start_button.disabled
    assert png_address(quantised(TEST.pixels[:1], circuit)[0]) in lab.preview.value
    clear = circuit.evaluate(circuit.quantise(TEST.pixels[:1]))
    assert np.argmax(lab.figure.data[0].y) == clear.argmax() == 7
    assert not len(lab.figure.data[1].y)


def test_what_a_notebook_stores_needs_no_plan_and_has_no_timings(lab):
    stored = lab._repr_mimebundle_()
    assert stored["text/plain"] == repr(lab)
    assert "logit in the clear" in stored["text/html"]
    assert not re.search(r"\d (s|MB)\b", stored["text/html"])


def test_a_reading_fills_every_view(lab):
    reading = finish(lab, off=0.25)
    assert lab.is_current
    assert "Read under encryption: 7. In the clear the same network reads 7. The label says 7." in words(lab.result)
    assert "7 read under encryption" in words(lab.preview)
    assert "All 10 logits equal those in the clear" in words(lab.result)
    assert list(lab.figure.data[1].y) == pytest.approx(reading.logits[0].tolist())
    assert tuple(lab.figure.data[2].x) == (5.0, 0.75, 123.0)
    counted = f"{count_fused(reading.setup.circuit).total.total:,}"
    assert f"HOPs so far: {counted} of {counted}" in words(lab.layers)
    assert "5 s" in words(lab.account)
    assert "39.1 s" in words(lab.account)
    assert lab.seen.value.count("<img") == 3
    assert "pure chance gives 255 ± 23" in words(lab.seen)
    assert "Read under encryption: 7" in repr(lab)


def test_another_image_or_setting_marks_the_reading_as_old(lab):
    finish(lab)
    assert "stale" not in lab.result.value
    lab.model.change(first=1)
    assert "stale" in lab.result.value
    assert "? not read yet" in words(lab.preview)
    assert "stale" in lab.seen.value
    assert "Old, of an earlier run" in words(lab.result)
    assert not len(lab.figure.data[1].y)
    assert tuple(lab.figure.data[2].x) == (None, None, None)
    assert "Nothing has been encrypted yet." in repr(lab)
    lab.model.change(first=0)
    assert "stale" not in lab.result.value
    lab.model.change(engine="stepwise")
    assert lab.worker.wait()
    assert "stale" in lab.result.value


@pytest.mark.parametrize("state", ["cancelled", "failed", "running"])
def test_a_run_that_did_not_end_well_marks_the_reading_as_old(lab, state):
    finish(lab)
    lab.run.message = "It was not to be."
    lab.run.set_trait("state", state)
    lab._show_result()
    assert ("being read" if state == "running" else "not read yet") in words(lab.preview)
    assert "stale" in lab.result.value
    assert lab.panel.start_button.disabled == (state == "running")
    if state != "running":
        assert "It was not to be. What is shown below is the run before." in words(lab.panel.widget.children[-1])
    finish(lab)
    assert "stale" not in lab.result.value


def test_a_drawing_takes_the_place_of_test_digits_and_gives_it_back(lab):
    lab.pad.sheet.strokes = DIGITS[5]
    assert lab.model.settings.source == "drawn"
    assert np.array_equal(lab.picture.pixels[0], digit_image(DIGITS[5]))
    assert "your drawing" in words(lab.preview)
    assert np.argmax(lab.figure.data[0].y) == 5
    assert "the drawing" in repr(lab)
    finish(lab)
    assert "Read under encryption: 5. In the clear the same network reads 5." in words(lab.result)
    lab.model.change(first=3)
    assert lab.model.settings.source == "test"
    assert lab.picture.numbers.tolist() == [3]


def test_undo_and_clear(lab):
    undo, clear = lab.pad.undo_button, lab.pad.clear_button
    assert undo.disabled
    assert clear.disabled
    lab.pad.sheet.strokes = DIGITS[4]
    assert not undo.disabled
    undo.click()
    assert lab.pad.sheet.strokes == DIGITS[4][:1]
    clear.click()
    assert lab.picture is None
    assert clear.disabled
    assert lab.panel.start_button.disabled
    assert NOTHING_DRAWN in words(lab.panel.widget.children[-1])
    assert NOTHING_DRAWN in repr(lab)
    lab.start()
    assert lab.run.state == "idle"


def test_what_the_browser_sends_is_checked(lab):
    lab.pad.sheet.strokes = [[[0.5, 7]]]
    assert "from 0 to 1" in lab.model.problem
    lab.pad.clear()
    assert lab.picture is None


def test_several_digits_and_which_is_shown(lab):
    lab.model.change(count=12, label="2", shown=9)
    assert lab.worker.wait()
    reading = finish(lab)
    assert "12 digits read under encryption, 12 of them as in the clear." in words(lab.result)
    assert lab.result.value.count('class="digit"') == 12
    assert list(lab.figure.data[0].y) == pytest.approx(reading.clear[8].tolist())
    lab.model.change(shown=99)
    assert list(lab.figure.data[0].y) == pytest.approx(reading.clear[11].tolist())
    assert set(lab.picture.labels.tolist()) == {2}


def test_shuffle_takes_others(lab):
    lab.shuffle_button.click()
    assert lab.model.settings.order
    assert lab.picture.numbers.tolist() != [0]


def test_impossible_settings_are_refused_beside_the_controls(lab):
    lab.model.change(ring_degree="4096")
    assert lab.panel.start_button.disabled
    assert NOT_PROVEN in lab.panel.start_button.tooltip
    assert lab.worker.wait()
    assert lab.panel.start_button.disabled
    assert "No ring of degree 4096" in lab.model.problem
    assert "What helps" in lab.frame.status.value
    assert "or a larger ring" in lab.panel.start_button.tooltip
    lab.start()
    assert lab.run.state == "idle"
    lab.model.change(ring_degree="cheapest")
    assert not lab.model.problem
    assert not lab.panel.start_button.disabled


def test_settings_lines(lab):
    lab.model.restore("encrypted_mnist(first=12, count=3, scheme='bgv')")
    assert lab.picture.numbers.tolist() == [12, 13, 14]
    with pytest.raises(SettingsError, match="first"):
        lab.model.change(first=10_000)
    with pytest.raises(SettingsError, match="scheme"):
        encrypted_mnist(scheme="tfhe")


def test_noise_that_was_measured_is_shown_in_bfv(lab):
    lab.model.change(scheme="bfv")
    assert lab.worker.wait()
    assert "measured" not in words(lab.layers)
    finish(lab)
    assert "bits left, measured" in words(lab.layers)
    assert " 61 " in words(lab.layers)


def test_the_pen_cancels_what_runs_and_starts_it_when_it_rests(lab, monkeypatch):
    calls: list[str] = []
    monkeypatch.setattr(lab.run, "cancel", lambda: calls.append("cancel"))
    monkeypatch.setattr(lab.run, "make_ready", lambda setup: calls.append("make ready"))
    monkeypatch.setattr(lab.run, "start", lambda *, setup, picture: calls.append(f"start {len(picture.pixels)}"))
    lab.model.change(start="rest")
    sheet = lab.pad.sheet
    sheet.strokes, sheet.down = DIGITS[4][:1], True
    sheet.down = False
    sheet.down, sheet.strokes = True, DIGITS[4]
    assert calls == ["cancel", "make ready"] * 2
    sheet.down = False
    deadline = time.monotonic() + 10
    while len(calls) == 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert calls == ["cancel", "make ready"] * 2 + ["start 1"]


def test_a_run_that_was_wanted_too_early_starts_when_its_parameters_are_proven(lab, monkeypatch):
    started: list[object] = []
    monkeypatch.setattr(lab.run, "start", lambda *, setup, picture: started.append(setup.plan.parameters.scheme))
    lab.pad.sheet.strokes = DIGITS[1]
    lab.worker.known.clear()
    lab.worker.plans.clear()
    lab.model.change(scheme="bfv", start="rest")
    lab._rested()
    assert not started
    assert lab.worker.wait()
    assert started == ["bfv"]


def test_it_stays_usable_when_a_worker_cannot_be_used(lab):
    found = lab._known()
    broken = dataclasses.replace(found.setup, engine="magic")
    lab.worker.known[found.wish] = dataclasses.replace(found, setup=broken)
    lab.start()
    lab.run.wait()
    assert lab.run.state == "failed"
    assert "choose one of fused, stepwise" in words(lab.panel.widget.children[-1])
    assert not lab.panel.start_button.disabled
    lab.worker.forget()
