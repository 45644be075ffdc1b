"""Changes are taken over pairs that differ in one choice alone."""

import pytest

from fcnlab.findings.changes import find_change, signed, usual_activation, usual_bits, values_of
from tests.support.rows import full, plain


def test_pairs_have_the_same_seed_and_all_else():
    change = find_change(full(), "weight_bits", before=4, after=3)
    assert change.points == pytest.approx(-0.25)
    assert change.spread == pytest.approx(0, abs=1e-9)
    assert change.pairs == 6  # two budgets of two seeds, and of another activation


def test_what_is_held_narrows_the_pairs():
    change = find_change(full(), "budget", before=20_000, after=10_000, weight_bits=4, activation="swish-aq-2")
    assert (change.points, change.pairs) == (pytest.approx(-0.5), 2)
    assert str(change) == "−0.50 ± 0.00 points (2 pairs)"


def test_real_weights_are_a_choice_like_others():
    change = find_change(full(), "weight_bits", before=0, after=2)
    assert (change.points, change.pairs) == (pytest.approx(-3.25), 2)
    assert (change.low, change.high) == (pytest.approx(-3.25), pytest.approx(-3.25))


def test_without_pairs_there_is_no_change():
    assert find_change(plain(), "activation", before="swish-aq-2", after="relu-aq-2") is None
    assert find_change((), "weight_bits", before=4, after=3) is None


def test_values_and_the_usual_ones():
    assert values_of(full(), "weight_bits") == (0, 2, 3, 4)
    assert values_of(full(), "budget") == (10_000, 20_000)
    assert usual_activation(full()) == "swish-aq-2"
    assert usual_bits(full()) == 4
    assert usual_activation(()) == ""
    assert usual_bits(()) == 0


def test_numbers_have_their_sign():
    assert (signed(0.5), signed(-1.234), signed(0)) == ("+0.50", "−1.23", "+0.00")
