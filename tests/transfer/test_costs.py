import pytest
import torch
from torch import nn

from fcnlab.circuit.hops import count_published
from fcnlab.compiler.compile import compile_circuit
from fcnlab.inference.infer import infer
from fcnlab.planning.choose import make_plan
from fcnlab.transfer.costs import cost_head, cost_shape, count_head, count_whole_network, square_network
from fcnlab.transfer.features.extractors import build_extractor
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.heads import HeadShape, Release, release_head
from fcnlab.transfer.heads.training import train_head
from fcnlab.transfer.records.studies import load_study


def test_the_whole_network_is_counted_as_its_circuit_is() -> None:
    torch.manual_seed(0)
    shape = HeadShape(features=64, classes=5)
    extractor = build_extractor()
    head = shape.build()
    nn.init.normal_(head.fc1.weight)
    counted = count_whole_network(extractor, input_shape=(1, 28, 28), head=shape)
    network = square_network(extractor, head)
    assert network is not None
    circuit = compile_circuit(network, name="whole", weight_bits=24, merge=False, complete_squares=False)
    exact = count_published(circuit).total
    for column in ("pt_ct_adds", "ct_ct_mults"):
        assert getattr(counted, column) == getattr(exact, column)
    # A few of a million weights may round to zero.
    assert abs(counted.total - exact.total) < 1e-4 * exact.total


def test_a_linear_head_costs_two_operations_a_weight_and_one_a_class() -> None:
    head = HeadShape(features=64, classes=10).build().requires_grad_(False)
    nn.init.normal_(head.fc1.weight)
    hops = count_head(release_head(head, release=Release()), features=FeatureRange())
    assert hops.total == 2 * 640 + 10
    sparse = count_head(release_head(head, release=Release(keep=0.25)), features=FeatureRange())
    assert sparse.pt_ct_mults == 160


def test_only_plain_sequences_with_a_linear_head_are_multiplied_out() -> None:
    linear, hidden = HeadShape(features=64, classes=2).build(), HeadShape(features=64, classes=2, units=2).build()
    assert square_network(None, linear) is None
    assert square_network(build_extractor(), hidden) is None


def test_costs_are_those_of_the_run() -> None:
    study = load_study("breast-cancer")
    head = train_head(study, epsilon=2.0, release=Release(keep=0.3))
    rows = study.folds[0][1]
    cost = cost_head(head.released, features=study.features, images=len(rows))
    report = infer(head.circuit, make_plan(head.circuit, images=len(rows)), study.values[rows], threads=1).report
    assert cost.inputs == report.plan["encrypted_pixels"]
    assert cost.ring_degree == report.plan["ring_degree"]
    assert cost.passes == report.passes
    assert 0 <= report.upload_bytes - cost.upload_bytes < 1000 * cost.inputs * cost.passes  # envelopes


@pytest.mark.parametrize("keep", [1.0, 0.5, 0.1])
def test_an_untrained_head_of_the_shape_has_the_hops_of_a_trained_one(keep: float) -> None:
    study = load_study("breast-cancer")
    head = train_head(study, epsilon=2.0, release=Release(keep=keep))
    trained = cost_head(head.released, features=study.features, images=114)
    alike = cost_shape(study.shape, features=study.features, release=Release(keep=keep), images=114)
    assert alike.hops == pytest.approx(trained.hops, abs=8)  # rows that keep their last weight may differ
