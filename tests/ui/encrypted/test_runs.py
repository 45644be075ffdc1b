"""Runs of drawn and chosen digits in real workers, on a tiny network."""

import time

import numpy as np
import pytest

from fcnlab.data.mnist import quantise_pixels
from fcnlab.planning.choose import choose_plan, make_plan
from fcnlab.planning.sample import sample_for
from fcnlab.ui.encrypted.runs import GREYS, DigitRun, Setup, overhear
from fcnlab.ui.encrypted.server_view import chi_squared
from fcnlab.ui.encrypted.settings import DigitSettings, Picture, pick_digits
from tests.support.circuits import tiny_circuit

pytest.importorskip("Pyfhel")
PICTURE = pick_digits(DigitSettings(count=3))


@pytest.fixture(scope="module")
def setup() -> Setup:
    circuit = tiny_circuit(0, widths=(784, 6, 10))
    return Setup(circuit, make_plan(circuit, images=1), "fused", 1)


@pytest.fixture
def run():
    model = DigitRun()
    yield model
    model.close()
    assert model._worker is None


def test_a_reading_is_that_of_the_circuit_in_the_clear(run, setup):
    run.start(setup=setup, picture=PICTURE)
    run.wait()
    assert run.state == "done", run.message
    reading = run.result
    exact = setup.circuit.evaluate(quantise_pixels(PICTURE.pixels, bits=setup.circuit.pixel_bits))
    assert np.array_equal(reading.clear, exact.astype(float) * setup.plan.unit)
    assert np.array_equal(reading.logits, reading.clear)
    assert np.array_equal(reading.digits, exact.argmax(axis=1))
    assert reading.setup.same_as(setup)
    assert reading.picture.same_as(PICTURE)
    heard = reading.overheard
    assert heard.ciphertexts == len(setup.plan.inputs) == len(heard.one_each)
    assert heard.first.shape == (1, len(setup.plan.parameters.primes), setup.plan.parameters.ring_degree)
    assert 100 < chi_squared(heard.first) < 400  # 255 give or take 23


def wait_for_worker(run: DigitRun):
    deadline = time.monotonic() + 60
    while run._worker is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return run._worker


def test_a_worker_is_made_ready_and_kept_with_its_keys(run, setup):
    run.make_ready(setup)
    worker = wait_for_worker(run)
    run.make_ready(setup)  # twice is once
    keygen_s = []
    for _ in range(2):
        run.start(setup=setup, picture=PICTURE)
        run.wait()
        assert run.state == "done", run.message
        assert run._worker is worker
        keygen_s.append(run.result.report.seconds.keygen)
    assert keygen_s[0] == keygen_s[1] > 0
    run.dismiss()
    assert not worker.alive


def test_a_worker_ready_for_something_else_makes_other_keys(run, setup):
    run.make_ready(Setup(setup.circuit, setup.plan, "stepwise", 1))
    worker = wait_for_worker(run)
    run.start(setup=setup, picture=PICTURE)
    run.wait()
    assert run.state == "done", run.message
    assert run.result.report.engine == "fused"
    assert run._worker is worker


def test_an_idle_worker_is_dismissed(run, setup, monkeypatch):
    monkeypatch.setattr("fcnlab.ui.encrypted.runs.IDLE_S", 0.05)
    run.make_ready(setup)
    worker = wait_for_worker(run)
    deadline = time.monotonic() + 30
    while (worker.alive or run._worker is not None) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not worker.alive
    assert run._worker is None


def test_one_image_in_a_few_ciphertexts(run):
    circuit = tiny_circuit(0, widths=(784, 6, 10))
    sample = sample_for("ckks", circuit)
    plan, _ = choose_plan(circuit, layout="packed", scheme="ckks", images=1, sample=sample)
    assert plan.layout == "packed"
    run.start(setup=Setup(circuit, plan, "fused", 1), picture=Picture(PICTURE.pixels[:1]))
    run.wait()
    assert run.state == "done", run.message
    reading = run.result
    assert np.abs(reading.logits - reading.clear).max() < 0.05 * np.ptp(reading.clear)
    assert reading.overheard.ciphertexts == plan.steps[0].outputs
    assert reading.overheard.first.shape == (1, len(plan.parameters.primes), plan.parameters.ring_degree)
    assert chi_squared(reading.overheard.first) < 400


def test_cancelled_at_once_and_started_again(run, setup):
    waits_s = []
    for _ in range(4):
        run.start(setup=setup, picture=PICTURE)
        time.sleep(0.2)
        began = time.monotonic()
        run.cancel()
        run.wait()
        waits_s.append(time.monotonic() - began)
        assert run.state == "cancelled"
        assert run.result is None
    assert min(waits_s) < 0.3  # a busy machine may need longer now and then
    run.start(setup=setup, picture=PICTURE)
    run.wait()
    assert run.state == "done", run.message


def test_noise_is_measured_in_bfv_and_a_drawing_has_no_label(run, setup):
    exact = Setup(setup.circuit, make_plan(setup.circuit, scheme="bfv", images=1), "fused", 1)
    run.start(setup=exact, picture=Picture(PICTURE.pixels[:1]))
    run.wait()
    assert run.state == "done", run.message
    report = run.result.report
    assert report.accuracy is None
    assert all(layer.measured_budget_bits >= int(layer.budget_bits) for layer in report.layers)
    assert run.result.picture.name(0) == "the drawing"


def test_a_setup_that_cannot_be_run_is_reported(run, setup):
    other = tiny_circuit(1, widths=(784, 6, 10))
    run.make_ready(Setup(other, setup.plan, "fused", 1))
    run.start(setup=Setup(other, setup.plan, "fused", 1), picture=PICTURE)
    run.wait()
    assert run.state == "failed"
    assert "plan again" in run.message


def test_residues_become_greys_in_proportion_to_their_primes(setup):
    chosen = setup.plan.parameters
    shape = (len(setup.plan.inputs), 1, len(chosen.primes), chosen.ring_degree)
    residues = np.zeros(shape, dtype="<u8")
    for place, prime in enumerate(chosen.primes):
        residues[0, :, place] = prime // 2
    residues[1:, 0, 0, 0] = chosen.primes[0] - 1
    heard = overhear(memoryview(b"head" + residues.tobytes()), setup.plan)
    assert set(heard.first.ravel().tolist()) <= {GREYS // 2 - 1, GREYS // 2}
    assert heard.one_each[1:].tolist() == [255] * (shape[0] - 1)
    assert heard.bytes == 4 + residues.nbytes
