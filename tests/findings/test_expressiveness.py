"""The second question: optima of three kinds of coefficients, and what they mean for trained networks."""

import pytest

from fcnlab.findings.expressiveness import (
    DEGREES,
    all_fits,
    degree_columns,
    error_of,
    find_fits,
    function_columns,
    trained_columns,
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
    assert find_fits("swish", 2).penalty == pytest.approx(1.28, abs=0.005)


def test_a_higher_degree_may_make_up_for_coarse_coefficients():
    for target, makes_up in (("swish", True), ("softplus", False)):
        columns = degree_columns(target)
        assert (float(columns["±2ᵏ"][-1]) < float(columns["real"][1])) == makes_up


def test_errors_of_activations_by_name():
    assert error_of("swish-aq-2") == find_fits("swish", 2).power.error
    assert error_of("swish-2") == find_fits("swish", 2).real.error
    assert error_of("square") is None
    assert error_of("swish-aq-9") is None


def test_trained_activations_are_compared_in_pairs():
    columns = trained_columns(full())
    assert [columns[head] for head in ("activation", "pairs", "points")] == [["relu-aq-2"], [2], ["−0.12"]]
    assert columns["largest error"] == [f"{find_fits('relu', 2).power.error:.4f}"]


def test_without_a_second_activation_there_is_nothing_to_compare():
    assert not any(trained_columns(plain()).values())
    assert not any(trained_columns(()).values())


def test_tables_have_a_row_for_each():
    assert {len(cells) for cells in degree_columns("gelu").values()} == {len(DEGREES)}
    assert {len(cells) for cells in function_columns(2).values()} == {len(all_fits(2))}
