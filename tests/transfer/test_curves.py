import math

import pytest

from fcnlab.data.releases import EPSILONS, CurvePoint, curve_path, read_curve, write_rows
from fcnlab.errors import DataError
from fcnlab.transfer.curves import describe_curve, measure_curve
from fcnlab.transfer.records.studies import STUDIES, load_study

# Percent without privacy and at epsilon 2 that each study has to reach.
TARGETS = {"uci-digits": (97.0, 93.0), "mnist-split": (98.5, 97.0), "breast-cancer": (96.0, 93.0)}


@pytest.mark.parametrize("study", STUDIES)
def test_shipped_curves_reach_their_targets(study: str) -> None:
    points = {point.epsilon: point for point in read_curve(study)}
    assert tuple(points) == EPSILONS
    assert points[math.inf].trained_accuracy >= TARGETS[study][0]
    assert points[2.0].accuracy >= TARGETS[study][1]
    for point in points.values():
        assert point.seeds == 5
        assert point.advantage_low <= point.advantage <= point.advantage_high
        assert point.advantage_low <= point.advantage_bound


def test_a_curve_is_measured_written_and_read_again(tmp_path) -> None:
    told = []
    points = measure_curve(
        load_study("breast-cancer"), epsilons=(4.0, math.inf), seeds=2, progress=lambda *step: told.append(step)
    )
    assert [step[1:] for step in told] == [(0, 4), (1, 4), (2, 4), (3, 4)]
    path = curve_path("breast-cancer", folder=tmp_path)
    write_rows(CurvePoint, points, path=path)
    assert read_curve("breast-cancer", folder=tmp_path) == points
    assert points[1].as_dict()["epsilon"] is None
    assert describe_curve(points).count("\n") == 2
    path.write_text("epsilon,accuracy\n1,2\n")
    with pytest.raises(DataError, match=r"not such a table.*--curve"):
        read_curve("breast-cancer", folder=tmp_path)
