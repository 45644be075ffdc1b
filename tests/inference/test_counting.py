"""The same network in every convention."""

from pathlib import Path

import pytest

from fcnlab.circuit.hops import count_fused, count_stepwise
from fcnlab.data.published import published_systems
from fcnlab.errors import DataError
from fcnlab.inference.counting import CONVENTIONS, count_network, describe_hops
from fcnlab.inference.demonstration import plan_for, prepare
from fcnlab.networks.checkpoint import available_networks, load_checkpoint
from fcnlab.planning.packed.plan import PackedPlan
from tests.support.checkpoints import tiny_checkpoint


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("name", available_networks())
def test_shipped_cards_hold_the_published_count(name: str) -> None:
    hops = load_checkpoint(name).card.hops
    total = count_network(name).total
    assert {column: getattr(total, column) for column in hops} == hops


def test_faster_cryptonets_counts_as_published() -> None:
    total, published = count_network("faster-cryptonets").total, published_systems()["Faster CryptoNets"]
    assert (total.pt_ct_adds, total.ct_ct_mults) == (published.pt_ct_adds, published.ct_ct_mults)
    assert total.pt_ct_mults <= published.pt_ct_mults
    assert total.ct_ct_adds - (total.pt_ct_mults - 945) == 15_295  # the taps of the two poolings


def test_engines_count_the_compiled_circuit(network: Path) -> None:
    circuit = prepare(network).circuit
    assert count_network(network, convention="fused") == count_fused(circuit)
    assert count_network(network, convention="stepwise") == count_stepwise(circuit)


@pytest.mark.parametrize("engine", ["fused", "stepwise"])
@pytest.mark.parametrize("scheme", ["bgv", "bfv", "ckks"])
def test_executed_adds_the_switches_of_the_plan(network: Path, engine: str, scheme: str) -> None:
    table = count_network(network, convention="executed", engine=engine, scheme=scheme)  # type: ignore[arg-type]
    plan = plan_for(prepare(network).circuit, scheme=scheme)  # type: ignore[arg-type]
    assert [layer.mod_switches for layer in table.layers] == [step.drops * step.outputs for step in plan.steps[1:]]
    assert table.total.total == count_network(network, convention=engine).total.total


def test_the_packed_layout_counts_rotations_and_relinearizations(network: Path) -> None:
    table = count_network(network, convention="executed", scheme="ckks", layout="packed")
    plan = plan_for(prepare(network).circuit, scheme="ckks", layout="packed")
    assert isinstance(plan, PackedPlan)
    assert table.total.rotations + table.total.relinearizations == plan.key_switches
    lines = describe_hops(table).splitlines()
    assert lines[0].endswith("packed layout")
    assert {"rotations", "relins"} <= set(lines[1].split())
    assert max(map(len, lines)) <= 120


def test_published_keeps_every_layer(network: Path) -> None:
    published = count_network(network)
    assert len(published.layers) >= len(count_network(network, convention="fused").layers)
    assert published.convention == "published"


def test_what_is_unknown_is_named(network: Path) -> None:
    with pytest.raises(DataError, match=f"Unknown convention 'best': choose one of {', '.join(CONVENTIONS)}"):
        count_network(network, convention="best")
    with pytest.raises(DataError, match="Unknown engine 'warp'"):
        count_network(network, convention="executed", engine="warp")
    with pytest.raises(DataError, match="Unknown network 'nobody'"):
        count_network("nobody")


def test_the_table_shows_every_layer_and_the_total(network: Path) -> None:
    table = count_network(network)
    lines = describe_hops(table).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*(layer.name for layer in table.layers), "total"]
    assert f"{table.total.total:,}" in lines[-1]
    assert max(map(len, lines)) <= 120
