"""The second question: optima of three kinds of coefficients, and what they mean for trained networks."""

import pytest

from fcnlab.findings.expressiveness import (
    DEGREES,
    all_fits,
    answer,
    compare_activations,
    degree_sentence,
    error_of,
    find_fits,
    fit_rows,
    overview_sentence,
    sentences,
    target_rows,
    target_sentence,
    trained_rows,
)
from tests.support.rows import full, plain


@pytest.mark.parametrize("target", ["relu", "swish", "softplus", "tanh"])
def test_more_freedom_is_never_further_away(target):
    for degree in DEGREES:
        fits = find_fits(target, degree)
        assert fits.real.error <= fits.powers.error * (1 + 1e-9)
        assert fits.powers.error <= fits.power.error * (1 + 1e-9)


def test_the_published_optima():
    assert find_fits("relu", 2).penalty == pytest.approx(1)
    assert find_fits("swish", 2).power.error == pytest.approx(0.1969, abs=1e-4)
    assert "1.28 times" in target_sentence(find_fits("swish", 2))


def test_a_higher_degree_is_judged_by_its_numbers():
    assert "is below that of the real optimum" in degree_sentence("swish")
    assert "is not below" in degree_sentence("softplus")


def test_errors_of_activations_by_name():
    assert error_of("swish-aq-2") == find_fits("swish", 2).power.error
    assert error_of("swish-2") == find_fits("swish", 2).real.error
    assert error_of("square") is None
    assert error_of("swish-aq-9") is None


def test_trained_activations_are_compared_in_pairs():
    (use,) = compare_activations(full())
    assert use.activation == "relu-aq-2"
    assert (use.change.points, use.change.pairs) == (pytest.approx(-0.125), 2)
    assert "relu-aq-2 (error 0.250) −0.12" in answer(full())
    assert trained_rows(full())[0][0] == "relu-aq-2"


def test_without_a_second_activation_that_is_said():
    assert compare_activations(plain()) == ()
    assert "no two activations" in answer(plain())
    assert "no two activations" in sentences("swish", 2, ())[-1]


def test_tables_and_overview():
    assert len(fit_rows("gelu")) == len(DEGREES)
    assert len(target_rows(2)) == len(all_fits(2))
    assert "1.00 (relu)" in overview_sentence()
