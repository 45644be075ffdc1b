import pytest

from fcnlab.inference.infer import infer
from fcnlab.planning.choose import make_plan
from fcnlab.transfer.head_costs import cost_head, cost_shape
from fcnlab.transfer.heads.heads import Release
from fcnlab.transfer.heads.training import train_head
from fcnlab.transfer.records.studies import load_study


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
