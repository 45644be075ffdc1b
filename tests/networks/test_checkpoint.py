"""Round trips, and every way a stored network can be wrong."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture, seeded
from fcnlab.networks.checkpoint import (
    MODELS,
    ModelCard,
    available_networks,
    load_checkpoint,
    measure_circuit,
    save_checkpoint,
)
from fcnlab.networks.fitting import accuracy_percent
from fcnlab.networks.retina import Retina
from fcnlab.networks.storage import load_tensors, save_tensors, seal
from fcnlab.training.recipes import find_recipe

SMALL = Architecture(kind="faster-cryptonets", activation="swish-aq-2", maps=2, units=6)

# HOPs at most, accuracy at least.
UNTIED_LIMITS = {"fcn-12k": (12_000, 99.0), "fcn-25k": (25_000, 99.13), "fcn-99.4": (67_194, 99.4)}


def make_network() -> nn.Sequential:
    return seeded(SMALL.build, seed=1)


def make_card(name: str = "small") -> ModelCard:
    hops = {"pt_ct_adds": 1, "ct_ct_adds": 2, "pt_ct_mults": 3, "ct_ct_mults": 4, "total": 10}
    return ModelCard(
        name=name,
        architecture=SMALL,
        accuracy=12.5,
        validation=12.0,
        products=100,
        hops=hops,
        range_bits=40,
        weight_bits=3,
        seed=1,
        command="fcnlab train small",
        minutes=0.1,
    )


def test_a_network_comes_back_as_it_was(tmp_path: Path) -> None:
    network = make_network()
    path = save_checkpoint(network, make_card(), folder=tmp_path)
    for source in ("small", path):
        checkpoint = load_checkpoint(source, folder=tmp_path)
        assert checkpoint.card == make_card()
        assert not checkpoint.network.training
        images = torch.rand(3, 1, 28, 28)
        assert torch.equal(checkpoint.network(images), network(images))
    assert available_networks(folder=tmp_path) == ("small",)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["small.json", "small.safetensors"]


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    save_checkpoint(make_network(), make_card("alpha"), folder=tmp_path)
    with pytest.raises(DataError, match="Unknown network 'beta': choose one of alpha"):
        load_checkpoint("beta", folder=tmp_path)
    with pytest.raises(DataError, match="There is no file"):
        load_checkpoint(tmp_path / "gone.safetensors")


def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path: Path) -> None:
    network = make_network()
    network.fc1.weight.data[0, 0] = torch.nan
    with pytest.raises(DataError, match=r"fc1\.weight is not finite"):
        save_checkpoint(network, make_card(), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["missing", "unknown", "shape"])
def test_the_wrong_tensors_are_refused_by_name(tmp_path: Path, damage: str) -> None:
    network = make_network()
    if damage == "missing":
        network.fc2.bias = None
    elif damage == "unknown":
        network.add_module("extra", nn.Linear(2, 2))
    else:
        network.fc2 = nn.Linear(6, 9)
    wanted = {"missing": r"fc2\.bias is missing", "unknown": r"extra\.weight is unknown", "shape": r"\(9, 6\) instead"}
    with pytest.raises(DataError, match=wanted[damage]):
        save_checkpoint(network, make_card(), folder=tmp_path)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_damaged_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path).with_suffix(suffix)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"sha256 differs|not a card"):
        load_checkpoint("small", folder=tmp_path)


def test_weights_of_another_training_do_not_pass_for_the_card(tmp_path: Path) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path)
    tensors, _ = load_tensors(path)
    save_tensors(path, {name: tensor + 1 for name, tensor in tensors.items()})
    with pytest.raises(DataError, match="sha256 differs"):
        load_checkpoint("small", folder=tmp_path)


@pytest.mark.parametrize("change", [{"architecture": {"kind": "lenet"}}, {"colour": "blue"}])
def test_a_card_of_another_format_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path).with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=r"not a card|Unknown kind"):
        load_checkpoint("small", folder=tmp_path)


@pytest.mark.parametrize("change", [{"accuracy": 99.9}, {"note": "better"}, {"architecture": {"pixel_bits": 5}}])
def test_an_altered_card_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path).with_suffix(".json")
    values = json.loads(path.read_text())
    if "architecture" in change:
        change = {"architecture": values["architecture"] | change["architecture"]}  # type: ignore[operator]
    path.write_text(json.dumps(values | change))
    with pytest.raises(DataError, match="sha256 differs"):
        load_checkpoint("small", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "recursion"),
        (" " * (1 << 21) + "{}", "at most 1,048,576 bytes"),
        (r'{"name": "\u001b[31mred", "sha256": "0"}', "control characters"),
        (r'{"name": "a\nb", "sha256": "0"}', "control characters"),
        ("[]", "not a card"),
    ],
)
def test_what_is_no_card_is_refused_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path).with_suffix(".json")
    path.write_text(text)
    with pytest.raises(DataError, match="missing or not a card") as caught:
        load_checkpoint("small", folder=tmp_path)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_card_of_a_huge_network_takes_no_memory(tmp_path: Path) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path)
    values = json.loads(path.with_suffix(".json").read_text())
    del values["sha256"]
    values["architecture"] |= {"maps": 60_000, "units": 60_000}  # 2.4 TB of weights
    values["sha256"] = seal(values, path.read_bytes())
    path.with_suffix(".json").write_text(json.dumps(values))
    with pytest.raises(DataError, match=r"fc1\.weight has shape \(6, 338\) instead of \(60000, 10140000\)"):
        load_checkpoint("small", folder=tmp_path)
    values["architecture"]["maps"] = 1 << 40
    path.with_suffix(".json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="at most 65,536"):
        load_checkpoint("small", folder=tmp_path)


def test_weights_that_are_no_plain_file_or_too_long_are_refused(tmp_path: Path) -> None:
    path = save_checkpoint(make_network(), make_card(), folder=tmp_path)
    with path.open("ab") as file:
        file.truncate(1 << 33)  # sparse: no disk, but 8 GB if read
    with pytest.raises(DataError, match="no plain file of at most"):
        load_checkpoint("small", folder=tmp_path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(DataError, match="no plain file of at most"):
        load_checkpoint("small", folder=tmp_path)


def test_weights_of_another_type_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fc1\.weight has type torch\.float64 instead of torch\.float32"):
        save_checkpoint(make_network().double(), make_card(), folder=tmp_path)


def test_the_dense_cryptonets_has_the_published_counts() -> None:
    architecture = Architecture(kind="cryptonets", activation="square")
    network = architecture.build()
    for parameter in network.parameters():
        parameter.data.fill_(0.5)  # a power of two, so that none is rounded to zero
    hops, range_bits = measure_circuit(network, architecture=architecture)
    assert hops["pt_ct_mults"] == 20_480 + 156_250 + 125_000 + 1_000
    assert hops["ct_ct_adds"] == hops["pt_ct_mults"] + 15_295
    assert (hops["pt_ct_adds"], hops["ct_ct_mults"]) == (2_205, 945)
    assert range_bits > 40


@pytest.mark.parametrize("name", available_networks(folder=MODELS))
def test_shipped_networks_are_as_accurate_as_their_cards(name: str) -> None:
    checkpoint = load_checkpoint(name)
    card, test = checkpoint.card, load_mnist("test")
    inputs = Retina(card.architecture)(torch.tensor(test.pixels).unsqueeze(1))
    accuracy = accuracy_percent(checkpoint.network, inputs=inputs, labels=torch.tensor(test.labels))
    assert accuracy == pytest.approx(card.accuracy, abs=0.02)  # a logit may tie on another processor
    assert measure_circuit(checkpoint.network, architecture=card.architecture) == (card.hops, card.range_bits)
    assert (card.name, card.command, card.seed) == (name, f"fcnlab train {name}", find_recipe(name).seed)
    recipe = find_recipe(name)
    if recipe.hops:  # dead units are gone
        assert card.architecture.hidden <= recipe.architecture.hidden
        assert card.architecture.units <= recipe.architecture.units
        built = recipe.architecture
        card = replace(card, architecture=replace(card.architecture, hidden=built.hidden, units=built.units))
    assert card.architecture == recipe.architecture


@pytest.mark.parametrize("name", sorted(UNTIED_LIMITS.keys() & set(available_networks(folder=MODELS))))
def test_untied_networks_keep_their_promises(name: str) -> None:
    checkpoint, recipe = load_checkpoint(name), find_recipe(name)
    hops, accuracy = UNTIED_LIMITS[name]
    assert checkpoint.card.hops["total"] <= hops
    assert checkpoint.card.accuracy >= accuracy
    assert checkpoint.card.range_bits <= 55  # two plain moduli of 28 bits hold every value
    for layer, exponents in recipe.exponents.items():
        weights = checkpoint.network.get_parameter(f"{layer}.weight").detach().numpy()
        magnitudes = np.unique(np.abs(weights[weights != 0]))
        assert set(np.frexp(magnitudes)[0]) == {0.5}
        assert magnitudes.max() / magnitudes.min() <= 2 ** (exponents - 1)


def test_the_sparse_network_keeps_its_promises() -> None:
    checkpoint = load_checkpoint("fcn-20k")
    recipe = find_recipe("fcn-20k")
    assert checkpoint.card.accuracy >= 99.0
    assert checkpoint.card.products <= sum(recipe.budgets.values()) <= 20_000
    assert checkpoint.card.range_bits <= 55  # two plain moduli of 28 bits hold every value
    for layer, exponents in recipe.exponents.items():
        weights = checkpoint.network.get_parameter(f"{layer}.weight").detach().numpy()
        magnitudes = np.unique(np.abs(weights[weights != 0]))
        assert set(np.frexp(magnitudes)[0]) == {0.5}
        assert len(magnitudes) <= exponents


def test_the_dense_network_keeps_its_promises() -> None:
    card = load_checkpoint("cryptonets").card
    assert card.accuracy >= 98.9
    assert (card.products, card.weight_bits, card.architecture.activation) == (302_730, 0, "square")
