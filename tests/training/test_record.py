"""Shipped networks have rows, and these are written only when something changed."""

from dataclasses import replace
from pathlib import Path

from fcnlab.data.trained import load_trained
from fcnlab.networks.checkpoint import MODELS, load_checkpoint
from fcnlab.training.recipes import find_recipe
from fcnlab.training.record import dense_products, record_point, record_shipped


def test_shipped_networks_have_their_rows(tmp_path: Path) -> None:
    table = tmp_path / "frontier.csv"
    for suffix in ("json", "safetensors"):
        (tmp_path / f"fcn-20k.{suffix}").write_bytes((MODELS / f"fcn-20k.{suffix}").read_bytes())
    (row,) = record_shipped(table=table, folder=tmp_path)
    card = load_checkpoint("fcn-20k").card
    assert (row.name, row.products, row.accuracy_test) == ("fcn-20k", card.products, card.accuracy)
    before = table.stat().st_mtime_ns
    assert record_shipped(table=table, folder=tmp_path) == (row,)
    assert table.stat().st_mtime_ns == before


def test_a_network_trained_again_is_one_row(tmp_path: Path) -> None:
    table, checkpoint = tmp_path / "frontier.csv", load_checkpoint("fcn-12k")
    for accuracy in (98.0, 98.5):
        card = replace(checkpoint.card, name="fcn-12k-seed-7", accuracy=accuracy)
        record_point(replace(checkpoint, card=card), table=table)
    (row,) = load_trained(table)
    assert (row.name, row.accuracy_test) == ("fcn-12k-seed-7", 98.5)


def test_an_untied_network_is_compared_with_its_convolution() -> None:
    card = load_checkpoint("fcn-12k").card
    convolution = find_recipe("fcn-12k").convolution
    assert convolution is not None
    expected = 4_096 * convolution.maps + (169 * convolution.maps + 10) * convolution.units
    assert dense_products(card) == dense_products(replace(card, name="fcn-12k-seed-3")) == expected
