"""The lab of costs without a browser: a setting is changed, figures and words are read."""

from typing import Any

import pytest

from fcnlab.circuit.hops import count_published
from fcnlab.compiler.compile import compile_circuit
from fcnlab.compression.variants import base_of, build_network
from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.frontier import cheapest, nearest_trained, points
from fcnlab.data.published import published_systems
from fcnlab.errors import SettingsError
from fcnlab.networks.checkpoint import compile_network
from fcnlab.plots.accuracy import accuracy_place
from fcnlab.plots.activations import KINDS
from fcnlab.plots.cost import BAR_COUNT, SOURCES
from fcnlab.ui.cost.estimates import CostSettings
from fcnlab.ui.cost.lab import CostLab, cost, near_trained

HERE = BAR_COUNT + len(SOURCES)


@pytest.fixture(scope="module")
def lab() -> CostLab:
    opened = cost()
    assert opened.worker.wait()
    return opened


@pytest.fixture
def fresh(lab: CostLab) -> CostLab:
    lab.model.reset()
    assert lab.worker.wait()
    return lab


def test_opens_with_the_trained_network(fresh):
    card = base_of(DEFAULT_NETWORK).checkpoint.card
    text = repr(fresh)
    assert f"{card.hops['total']:,} HOPs" in text
    assert f"{card.accuracy:.2f} % right" in text
    assert "128-bit security" in text
    assert f"{card.accuracy:.2f} %" in fresh.numbers.value
    assert fresh.figure.data[HERE].x == (card.hops["total"],)
    assert fresh.figure.data[HERE].y == (accuracy_place(card.accuracy),)
    assert not fresh.model.problem


def test_a_slider_moves_counts_plan_and_accuracy(fresh):
    before = fresh.estimate
    fresh.model.change(thinned=15, weight_bits="2")
    variation = fresh.model.settings.variation
    architecture = base_of(variation.network).checkpoint.card.architecture
    circuit = compile_network(build_network(variation), architecture=architecture, merge=False, complete_squares=False)
    counted = count_published(circuit)
    bars = fresh.figure.data[:BAR_COUNT]
    for kind, bar in zip(KINDS, bars, strict=True):
        assert list(bar.x) == [getattr(layer, kind) for layer in counted.layers]
    assert fresh.worker.wait()
    assert fresh.estimate is not before
    assert fresh.estimate.accuracy < 98
    assert "stale" not in fresh.numbers.value
    assert f"{counted.total.total:,}" in fresh.numbers.value
    assert "as it stands" in fresh.numbers.value
    noise, left = fresh.figure.data[HERE + 1 : HERE + 3]
    steps = fresh.estimate.plan.steps
    assert list(noise.y) == [step.name for step in steps]
    assert list(left.x) == [round(step.budget_bits, 1) for step in steps]


def test_numbers_of_an_older_setting_are_marked(fresh):
    fresh.worker.ask = lambda settings: None  # as if the thread were slow
    try:
        fresh.model.change(thinned=3)
        assert "the setting before" in fresh.numbers.value
        assert 'class="stale"' in fresh.numbers.value
    finally:
        del fresh.worker.ask
        fresh.model.reset()


def test_what_is_impossible_is_said_and_the_lab_goes_on(fresh):
    fresh.model.change(degree1=4, degree2=4)
    assert fresh.worker.wait()
    assert "Impossible" in fresh.frame.status.value
    assert "lower degree" in fresh.frame.status.value
    assert fresh.estimate.plan is None
    assert "lower degree" in repr(fresh)
    fresh.model.change(degree2=2)
    assert fresh.worker.wait()
    assert fresh.estimate.plan is not None
    assert not fresh.frame.status.value


def test_every_point_can_be_picked(fresh):
    for point in points():
        fresh.picker.value = point.name
        settings = fresh.model.settings
        if point.source == "shipped":
            assert settings.network == point.name
            assert settings.is_trained
        elif point.source == "published":
            assert settings.beside == point.name
    assert [name for trace in fresh.figure.data[BAR_COUNT:HERE] for name in trace.customdata] == [
        point.name for point in points()
    ]


def test_a_click_picks(fresh):
    class Clicked:
        point_inds = (1,)

    trace: Any = fresh.figure.data[BAR_COUNT]
    fresh._clicked(trace, Clicked(), None)
    assert fresh.model.settings.beside == list(published_systems())[1]
    assert fresh.model.settings.network == "cryptonets"


def test_presets_and_settings_lines_restore_the_lab(fresh):
    assert {"published", "fewest HOPs at 99 %", "dense"} <= set(fresh.model.presets)
    fresh.frame.buttons["dense"].click()
    assert fresh.model.line == "cost(network='cryptonets', beside='CryptoNets')"
    fresh.frame.line.value = "cost(thinned=7, scheme='bfv')"
    assert (fresh.model.settings.thinned, fresh.model.settings.scheme) == (7, "bfv")
    fresh.frame.buttons["Reset"].click()
    assert fresh.model.settings == CostSettings()
    with pytest.raises(SettingsError, match="thinned"):
        fresh.model.change(thinned=100)
    assert fresh.worker.wait()


def test_the_published_preset_counts_like_the_published_system():
    settings = cost().model.presets["published"]
    total = count_published(
        compile_circuit(build_network(settings.variation), name="x", merge=False, complete_squares=False)
    ).total.total
    assert total == pytest.approx(published_systems()["Faster CryptoNets"].total, rel=0.01)


def test_points_are_found_by_accuracy_and_by_products():
    best = cheapest(accuracy=99.0)
    assert best is not None
    assert best.accuracy >= 99
    assert cheapest(accuracy=100.0) is None
    nearest = nearest_trained(products=300_000)
    assert nearest is not None
    assert nearest.name == "cryptonets"
    settings = near_trained(best, CostSettings())
    assert (settings.network, settings.thinned) == (best.name, 0)
