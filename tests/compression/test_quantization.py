"""Against exhaustive search over all powers of the window."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fcnlab.compression.quantization import (
    INQ_SHARES,
    ExponentWindow,
    choose_window,
    grow_frozen,
    round_to_powers_of_two,
    squared_error,
    window_length,
)
from fcnlab.errors import DataError

REALS = arrays(np.float64, st.integers(1, 20), elements=st.floats(-8, 8, allow_subnormal=False))
WINDOWS = st.tuples(st.integers(-6, 2), st.integers(0, 3)).map(lambda pair: ExponentWindow(pair[0], sum(pair)))


def levels(window: ExponentWindow) -> list[float]:
    powers = [2.0**k for k in range(window.low, window.high + 1)]
    return [0.0, *powers, *(-power for power in powers)]


@given(REALS, WINDOWS)
def test_each_weight_goes_to_the_nearest_level(weights: np.ndarray, window: ExponentWindow) -> None:
    rounded = round_to_powers_of_two(weights, window=window)
    for before, after in zip(weights, rounded, strict=True):
        assert after in levels(window)
        assert abs(before - after) <= min(abs(before - level) for level in levels(window)) + 1e-12


@given(REALS, WINDOWS)
def test_a_mask_survives_rounding(weights: np.ndarray, window: ExponentWindow) -> None:
    rounded = round_to_powers_of_two(weights, window=window, keep_nonzero=True)
    assert np.array_equal(rounded != 0, weights != 0)
    assert np.array_equal(np.sign(rounded), np.sign(weights))


def test_ties_go_up_and_types_stay() -> None:
    weights = np.array([0.25, 0.75, 1.5, 3.0, 100.0], dtype=np.float32)
    rounded = round_to_powers_of_two(weights, window=ExponentWindow(-1, 2))
    assert rounded.dtype == np.float32
    assert rounded.tolist() == [0.5, 1.0, 2.0, 4.0, 4.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_must_be_finite(bad: float) -> None:
    with pytest.raises(DataError, match="finite"):
        round_to_powers_of_two(np.array([1.0, bad]), window=ExponentWindow(0, 1))


@settings(max_examples=25)
@given(REALS.filter(lambda weights: bool(np.any(np.abs(weights) > 1e-3))), st.integers(1, 4))
def test_the_window_has_the_least_error(weights: np.ndarray, length: int) -> None:
    window = choose_window(weights, length=length)
    assert len(window) == length
    nonzero = weights[weights != 0]
    errors = [squared_error(nonzero, window=ExponentWindow(high - length + 1, high)) for high in range(-14, 6)]
    assert squared_error(nonzero, window=window) <= min(errors) * (1 + 1e-12)


def test_windows_need_something_to_fit() -> None:
    with pytest.raises(DataError, match="nonzero weight"):
        choose_window(np.zeros(3), length=2)
    with pytest.raises(DataError, match="low <= high"):
        ExponentWindow(2, 1)


def test_bits_count_the_exponents() -> None:
    assert [window_length(bits) for bits in (2, 3, 4, 5)] == [1, 3, 7, 15]
    with pytest.raises(DataError, match="2 to 5 bits"):
        window_length(1)


def test_shares_freeze_the_largest_first_and_end_with_all() -> None:
    weights = np.array([[0.1, -4.0, 0.0], [2.0, -0.3, 0.7]])
    frozen = np.zeros_like(weights, dtype=bool)
    counts = []
    for share in INQ_SHARES:
        grown = grow_frozen(weights, frozen=frozen, share=share)
        assert np.array_equal(grown & frozen, frozen)
        frozen = grown
        counts.append(int(frozen.sum()))
    assert counts == [2, 4, 4, 5]
    assert np.array_equal(frozen, weights != 0)
    assert grow_frozen(weights, frozen=np.zeros_like(frozen), share=0.4).nonzero()[0].tolist() == [0, 1]


def test_frozen_weights_stay_frozen_when_others_outgrow_them() -> None:
    frozen = np.array([True, False, False])
    assert grow_frozen(np.array([0.1, 5.0, 1.0]), frozen=frozen, share=2 / 3).tolist() == [True, True, False]
    with pytest.raises(DataError, match="0 to 1"):
        grow_frozen(np.ones(3), frozen=frozen, share=1.5)
