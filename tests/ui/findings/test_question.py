"""What the questions of lab 07 share."""

import re

import pytest

from fcnlab.errors import SettingsError
from fcnlab.ui.findings.ablation import ablation
from fcnlab.ui.findings.expressiveness import expressiveness
from fcnlab.ui.findings.reduction import reduction
from fcnlab.ui.findings.scaling import scaling


@pytest.mark.parametrize("opened", [reduction, expressiveness, ablation, scaling])
def test_texts_are_tables_and_carry_no_timings(opened):
    lab = opened()
    bundle = lab._repr_mimebundle_()
    assert bundle["text/plain"] == repr(lab)
    assert not re.search(r"\d (s|ms|seconds)\b", repr(lab))
    assert "nan" not in repr(lab)
    assert bundle["text/html"]
    assert not hasattr(lab, "worker") or lab.worker.wait()  # a thread that still plans would outlive the tests


@pytest.mark.parametrize(
    ("opened", "wrong"),
    [
        (reduction, {"network": "unheard-of"}),
        (expressiveness, {"degree": 9}),
        (ablation, {"budget": "17"}),
        (scaling, {"images": 0}),
    ],
)
def test_wrong_settings_are_refused(opened, wrong):
    with pytest.raises(SettingsError):
        opened(**wrong)
