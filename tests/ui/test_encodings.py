"""The lab of encodings without a browser."""

import pytest

from fcnlab.data.encodings import reference_study
from fcnlab.errors import SettingsError
from fcnlab.ui.encodings import EncodingLab, EncodingSettings, binary_terms, encodings, weight_sentence


@pytest.fixture
def lab() -> EncodingLab:
    return encodings()


def test_opens_with_stored_measurements_and_says_so(lab):
    study = reference_study()
    assert "Stored measurements" in lab.numbers.value
    assert study.processor in lab.numbers.value
    assert tuple(lab.figure.data[0].y) == tuple(study.curve("bfv", "dense")[1])
    assert [row.operation for row in study.noise] == list(lab.figure.data[-1].y)
    assert "transparent" in lab.numbers.value


def test_scheme_and_ring_change_curves_and_table(lab):
    lab.model.change(scheme="ckks", ring_degree="4096")
    study = reference_study()
    assert tuple(lab.figure.data[1].y) == tuple(study.curve("ckks", "constant")[1])
    assert not len(lab.figure.data[2].x or ())
    assert lab.figure.layout.shapes[0].x0 == 4096
    assert "transformed" in lab.numbers.value
    assert "by a monomial plaintext" not in lab.numbers.value


def test_weights_are_spelled():
    assert binary_terms(8) == ["x^3"]
    assert binary_terms(7) == ["x^2", "x", "1"]
    assert binary_terms(-6) == ["−x^2", "−x"]
    assert "a monomial" in weight_sentence(EncodingSettings(weight=-16))
    assert "3 coefficients" in weight_sentence(EncodingSettings(weight=7))
    assert "transparent" in weight_sentence(EncodingSettings(weight=0))


def test_presets_and_lines(lab):
    lab.frame.buttons["a zero weight"].click()
    assert lab.model.line == "encodings(weight=0)"
    with pytest.raises(SettingsError, match="scheme"):
        lab.model.change(scheme="tfhe")


def test_a_measurement_replaces_the_stored_one(lab):
    pytest.importorskip("Pyfhel")
    text = repr(lab)
    lab.panel.start_button.click()
    assert lab.panel.start_button.disabled
    lab.task.wait()
    assert lab.task.state == "done", lab.task.message
    assert "just now" in lab.numbers.value
    assert lab.study.zero
    assert all(row.right for row in lab.study.switches)
    assert {row.operation for row in lab.study.noise} == {row.operation for row in reference_study().noise}
    assert repr(lab) == text  # what a notebook stores does not depend on the machine
