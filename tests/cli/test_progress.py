"""Bars on standard error."""

from fcnlab.cli.progress import InferenceBar
from fcnlab.inference.report import Progress


def test_a_bar_for_each_stage_and_layer_and_none_when_silent(capsys) -> None:
    places = [("keys", "", 1, 1, 1, 2), ("encrypt", "", 3, 9, 1, 2), ("encrypt", "", 9, 9, 1, 2)]
    steps = [Progress(*place) for place in [*places, ("evaluate", "conv1", 5, 5, 2, 2)]]
    with InferenceBar(silent=False) as bar:
        for step in steps:
            bar(step)
    err = capsys.readouterr().err
    for part in ("[1/2] keys", "[1/2] encrypt", "9/9", "[2/2] evaluate conv1", "5/5"):
        assert part in err
    with InferenceBar(silent=True) as bar:
        for step in steps:
            bar(step)
    assert capsys.readouterr().err == ""
