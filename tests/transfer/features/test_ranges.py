import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.errors import DataError
from fcnlab.transfer.features.ranges import FeatureRange, standardise


@given(bits=st.integers(1, 8), exponent=st.integers(-2, 4), seed=st.integers(0, 1000))
def test_quantised_features_are_the_nearest_steps_within_the_range(bits: int, exponent: int, seed: int) -> None:
    features = FeatureRange(bits=bits, reach=2.0**exponent)
    values = np.random.default_rng(seed).normal(size=(20, 3)) * features.reach
    quantised = features.quantise(values)
    assert quantised.values.min() >= 0
    assert quantised.values.max() < features.levels
    restored = features.restore(quantised.values)
    lowest, highest = -features.reach, features.reach - features.step
    assert np.abs(restored - np.clip(values, lowest, highest)).max() <= features.step / 2 + 1e-6
    outside = (values < lowest - features.step / 2) | (values > highest + features.step / 2)
    assert quantised.clipped == np.count_nonzero(outside)


def test_zero_is_a_level_of_its_own() -> None:
    features = FeatureRange(bits=5)
    assert features.quantise(np.zeros((1, 2))).values.tolist() == [[16, 16]]
    assert not features.restore(np.array([[16]])).any()


@pytest.mark.parametrize("change", [{"bits": 0}, {"bits": 9}, {"reach": 3.0}, {"reach": 0.0}, {"reach": float("nan")}])
def test_a_range_that_cannot_be_is_refused(change) -> None:
    with pytest.raises(DataError, match="got"):
        FeatureRange(**change)


def test_broken_features_are_refused() -> None:
    with pytest.raises(DataError, match="finite"):
        FeatureRange().quantise(np.array([[np.nan]]))


def test_declared_ends_become_the_ends_of_the_range() -> None:
    low, high = np.array([0.0, 10.0]), np.array([1.0, 30.0])
    scaled = standardise(np.array([[0.0, 30.0], [0.5, 20.0], [2.0, 0.0]]), low=low, high=high, reach=4.0)
    assert scaled.tolist() == [[-4, 4], [0, 0], [12, -8]]
    with pytest.raises(DataError, match="above the lower"):
        standardise(np.zeros((1, 2)), low=low, high=low, reach=4.0)
