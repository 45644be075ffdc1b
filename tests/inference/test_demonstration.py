from pathlib import Path

import numpy as np
import pytest

from fcnlab.circuit.hops import count_fused, count_stepwise
from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.data.published import published_systems
from fcnlab.errors import DataError, FcnlabError, PlanError
from fcnlab.inference.demonstration import CONVENTIONS, count_network, demonstrate, prepare
from fcnlab.inference.report import Progress
from fcnlab.networks.checkpoint import available_networks, load_checkpoint
from fcnlab.planning.choose import choose_plan
from fcnlab.planning.packed.plan import PackedPlan
from tests.support.checkpoints import tiny_checkpoint


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("models"))


def test_a_network_is_prepared_from_its_file(network: Path) -> None:
    prepared = prepare(network)
    assert prepared.card.name == prepared.circuit.name == "tiny"
    assert prepared.circuit.pixel_bits == 2
    assert len(prepared.circuit.used_inputs) == 4


@pytest.mark.parametrize(("scheme", "engine"), [("bgv", "fused"), ("bfv", "stepwise"), ("ckks", "fused")])
def test_a_demonstration_classifies_the_first_test_images(network: Path, scheme: str, engine: str) -> None:
    told: list[Progress] = []
    result = demonstrate(network=network, images=12, scheme=scheme, engine=engine, threads=1, progress=told.append)
    test = load_mnist("test")
    assert np.array_equal(result.images, test.pixels[:12])
    assert np.array_equal(result.labels, test.labels[:12])
    expected = result.circuit.evaluate(quantise_pixels(test.pixels[:12], bits=2))
    report = result.inference.report
    if scheme == "ckks":
        assert np.array_equal(result.inference.reference, expected)
        assert report.mismatched_digits == 0
    else:
        assert np.array_equal(result.inference.logits, expected)
    assert (report.scheme, report.engine, report.images) == (scheme, engine, 12)
    assert report.accuracy == report.reference_accuracy
    assert result.plan.as_dict() == report.plan
    assert told[0].stage == "keys"
    assert told[-1].stage == "decrypt"


def test_the_ring_that_is_asked_for_is_used(network: Path) -> None:
    result = demonstrate(network=network, images=1, ring_degree=16384, threads=1)
    assert result.plan.parameters.ring_degree == 16384


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"images": 0}, DataError, "There are 10,000 test images; asked for 0"),
        ({"images": 10_001}, DataError, "asked for 10,001"),
        ({"engine": "magic"}, FcnlabError, "choose one of fused, stepwise"),
        ({"scheme": "rsa"}, PlanError, "choose one of bgv, bfv, ckks"),
        ({"ring_degree": 5000}, PlanError, "Ring degree 5000"),
        ({"ring_degree": 4096}, PlanError, "or a larger ring"),
        ({"network": "nowhere"}, DataError, "Unknown network 'nowhere'"),
        ({"network": "nowhere.safetensors"}, DataError, "no file nowhere.safetensors"),
        ({"observe_noise": True}, FcnlabError, "bfv only"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(network: Path, options, error, match) -> None:
    with pytest.raises(error, match=match):
        demonstrate(**({"network": network, "images": 2, "threads": 1} | options))


def test_an_exception_in_progress_stops_the_run(network: Path) -> None:
    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        demonstrate(network=network, images=2, threads=1, progress=stop)


# --- counting --------------------------------------------------------------------------------------------------------


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
    plan, _ = choose_plan(prepare(network).circuit, scheme=scheme, layout="batch")  # type: ignore[arg-type]
    assert [layer.mod_switches for layer in table.layers] == [step.drops * step.outputs for step in plan.steps[1:]]
    assert table.total.total == count_network(network, convention=engine).total.total


def test_the_packed_layout_counts_rotations_and_relinearizations(network: Path) -> None:
    table = count_network(network, convention="executed", scheme="ckks", layout="packed")
    plan, _ = choose_plan(prepare(network).circuit, scheme="ckks", layout="packed")
    assert isinstance(plan, PackedPlan)
    assert table.total.rotations + table.total.relinearizations == plan.key_switches
    lines = str(table).splitlines()
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
    lines = str(table).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*(layer.name for layer in table.layers), "total"]
    assert f"{table.total.total:,}" in lines[-1]
    assert max(map(len, lines)) <= 120
