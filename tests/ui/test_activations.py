"""The lab of activations without a browser: settings, the figure they make, impossible ones."""

import numpy as np
import pytest

from fcnlab.approximation import PowersOfTwo, approximate
from fcnlab.errors import SettingsError
from fcnlab.networks.preactivations import preactivation_norm
from fcnlab.plots.activations import FLOOR
from fcnlab.ui.activations import PRESETS, ActivationSettings, activations


def test_it_opens_with_the_published_activation():
    lab = activations()
    assert "p(x) = 2^-3 + 2^-1 x + 2^-3 x^2" in repr(lab)
    assert "0.1969" in repr(lab)
    assert "0.1536" in repr(lab)
    bundle = lab._repr_mimebundle_()
    assert "0.1969" in bundle["text/html"]
    assert bundle["text/plain"] == repr(lab)


def test_a_setting_changes_curve_numbers_and_line():
    lab = activations()
    before = np.array(lab.figure.data[1].y)
    lab.model.change(target="relu", degree=4)
    fit, optimum = lab.fits()
    assert not np.allclose(before, lab.figure.data[1].y)
    np.testing.assert_allclose(lab.figure.data[1].y, fit.curve.fit[::2])
    np.testing.assert_allclose(lab.figure.data[4].y, optimum.curve.error[::2])
    np.testing.assert_allclose(np.abs(lab.figure.data[5].y), fit.max_error)
    assert list(lab.figure.data[8].x) == [4]
    assert f"{fit.max_error:.4f}" in lab.numbers.value
    assert lab.frame.line.value == "activations(target='relu', degree=4)"


def test_the_line_restores_the_lab():
    lab = activations()
    lab.frame.line.value = "activations(target='tanh', interval=(-3, 3), degree=3)"
    assert lab.model.settings == ActivationSettings(target="tanh", interval=(-3.0, 3.0), degree=3)
    assert eval(lab.model.line, {"activations": activations}).model.settings == lab.model.settings


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("activations(degree=9)", "1 to 6"),
        ("activations(colour='red')", "no setting 'colour'"),
        ("activations(target='sine')", "is one of relu"),
        ("activations(interval=(2, -2))", "at least 0.5 above"),
        ("activations(interval=3)", "pair such as"),
        ("activations(degree=__import__('os'))", "literal values"),
        ("rm -rf", "looks like 'activations()'"),
        ("other(degree=2)", "looks like"),
    ],
)
def test_a_wrong_line_changes_nothing_and_says_why(line, words):
    lab = activations()
    lab.frame.line.value = line
    assert words in lab.model.problem
    assert words in lab.frame.status.value.replace("&#x27;", "'")
    assert lab.model.settings == ActivationSettings()


def test_what_takes_too_long_is_refused_beside_the_controls():
    lab = activations(coefficients="two-powers", degree=4)
    assert lab.model.problem == ""
    lab.model.change(degree=5)
    assert "up to degree 4" in lab.model.problem
    assert "up to degree 4" in repr(lab)
    lab.model.change(degree=3)
    assert lab.model.problem == ""


def test_presets_and_reset():
    lab = activations(target="gelu")
    for name, settings in PRESETS.items():
        lab.frame.buttons[name].click()
        assert lab.model.settings == settings
        assert lab.model.problem == ""
    lab.frame.buttons["Reset"].click()
    assert lab.model.settings == ActivationSettings()


def test_the_optimum_is_a_bound_for_every_target_and_norm():
    for target in ("relu", "elu", "sigmoid"):
        for norm in ("linf", "l2", "gaussian"):
            lab = activations(target=target, norm=norm, coefficients="two-powers", degree=3)
            fit, optimum = lab.fits()
            assert fit.error >= optimum.error * (1 - 1e-9)
            assert lab.model.problem == ""


def test_a_trained_layer_weighs_the_mean_square():
    lab = activations()
    lab.model.change(norm="histogram", layer="fcn-20k act2", target="tanh")
    assert lab.worker.wait()
    fit, optimum = lab.fits()
    norm = preactivation_norm("fcn-20k", "act2", reach=8.0)
    assert fit.problem.norm == norm
    direct = approximate("tanh", norm=norm, coefficients=PowersOfTwo(-8, 2))
    assert (fit.coefficients, fit.rms_error) == (direct.coefficients, direct.rms_error)
    assert fit.error >= optimum.error
    assert f"{fit.rms_error:.4f}" in lab.numbers.value
    assert "of what act2 of fcn-20k sees" in lab.numbers.value
    outline = lab.figure.data[12]
    assert outline.visible
    assert np.max(outline.y) == pytest.approx(FLOOR + 1)
    assert lab.frame.line.value == "activations(target='tanh', norm='histogram', layer='fcn-20k act2')"
    assert "of what act2 of fcn-20k sees" in repr(activations(norm="histogram", layer="fcn-20k act2"))
    lab.model.change(norm="l2")
    assert not outline.visible
    assert "of what act2" not in lab.numbers.value


def test_an_interval_without_values_of_the_layer_is_refused_beside_the_controls():
    lab = activations(norm="histogram", layer="cryptonets act1", interval=(7.0, 8.0))
    assert lab.worker.wait()
    assert "no mass on the interval 7 to 8" in lab.frame.status.value
    lab.model.change(interval=(-4.0, 4.0))
    assert lab.worker.wait()
    assert lab.model.problem == ""


def test_a_page_loaded_again_finds_the_figure_as_it_is():
    lab = activations()
    lab.model.change(target="relu")
    assert lab.figure.widget.get_state()["figure"] == lab.figure.to_json()


def test_wrong_settings_in_a_cell_are_an_error():
    with pytest.raises(SettingsError, match="1 to 6"):
        activations(degree=True)
