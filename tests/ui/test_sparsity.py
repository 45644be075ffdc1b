"""The lab of sparsity without a browser."""

import pytest

from fcnlab.compression.variants import base_of, count_variant, measure_accuracy
from fcnlab.data.frontier import points
from fcnlab.data.published import published_systems
from fcnlab.ui.sparsity import SparsityLab, SparsitySettings, nearest_to, sparsity


@pytest.fixture(scope="module")
def opened() -> SparsityLab:
    return sparsity()


@pytest.fixture
def lab(opened: SparsityLab) -> SparsityLab:
    opened.model.reset()
    assert opened.worker.wait()
    return opened


def test_opens_dense_with_the_accuracy_of_the_card(lab):
    card = base_of("cryptonets").checkpoint.card
    assert f"{card.hops['total']:,}" in lab.numbers.value
    assert f"{card.accuracy:.2f} %" in lab.numbers.value
    assert "as trained" in repr(lab)
    assert "1.00 × fewer than CryptoNets" in repr(lab)
    assert lab.figure.data[-1].y == lab.figure.data[-2].y


def test_a_slider_changes_hops_at_once_and_accuracy_after_it(lab):
    lab.model.change(overall=30)
    counts = count_variant(lab.model.settings.variation)
    assert list(lab.figure.data[-1].y) == [layer.total for layer in counts.layers]
    assert f"{counts.total.total:,}" in lab.numbers.value
    assert lab.worker.wait()
    accuracy = measure_accuracy(lab.model.settings.variation)
    assert lab.measured.accuracy == accuracy
    assert "accuracy as it stands" in lab.numbers.value
    assert f"{accuracy:.2f} %" in lab.numbers.value
    assert f"{accuracy:.2f} %" in lab.figure.data[5].text[0]
    assert "30.0" in lab.pattern.value


def test_one_layer_can_be_pruned_more_and_is_drawn(lab):
    lab.model.change(overall=20, fc1=90, shown="fc1", weight_bits="3")
    assert lab.worker.wait()
    before, after = lab.figure.data[:2]
    assert sum(after.y) < 0.12 * sum(before.y)
    assert sum(count > 0 for count in after.y) <= 6
    assert lab.model.settings.variation.pruned[0] == 20
    assert lab.model.settings.variation.pruned[2] == 90


def test_the_nearest_trained_network_is_shown_as_what_it_is(lab):
    lab.model.change(overall=90)
    nearest = nearest_to(lab.model.settings)
    assert nearest in points()
    assert nearest.name in lab.numbers.value
    assert f"{nearest.accuracy:.2f} %" in lab.numbers.value
    assert lab.figure.data[4].x == (nearest.hops,)
    assert lab.worker.wait()


def test_what_is_impossible_is_said(lab):
    lab.model.change(network="fcn-20k", overall=99)
    assert lab.worker.wait()
    assert "Impossible" in lab.frame.status.value
    assert "prune less" in lab.frame.status.value
    lab.model.change(overall=0, conv2=50, shown="conv2")
    assert lab.worker.wait()
    assert "no conv2" in lab.numbers.value
    assert not lab.frame.status.value


def test_the_published_preset_counts_like_the_published_row(lab):
    lab.frame.buttons["published"].click()
    total = count_variant(lab.model.settings.variation).total.total
    assert total == pytest.approx(published_systems()["Faster CryptoNets"].total, rel=0.01)
    assert lab.model.line == "sparsity(overall=92, weight_bits='4')"
    lab.frame.line.value = "sparsity(fc2=5)"
    assert lab.model.settings == SparsitySettings(fc2=5)
    assert lab.worker.wait()
