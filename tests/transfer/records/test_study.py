import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.transfer.records.study import cross_validation, default_settings


def test_cross_validation_tests_each_record_once_and_spreads_classes() -> None:
    labels = np.repeat([0, 1, 2], [50, 7, 23])
    folds = cross_validation(labels)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(80))
    for label, count in ((0, 50), (1, 7), (2, 23)):
        held = [np.count_nonzero(labels[test] == label) for _, test in folds]
        assert max(held) - min(held) <= 1
        assert sum(held) == count
    with pytest.raises(DataError, match="Class 1 has 3 records"):
        cross_validation(np.repeat([0, 1], [20, 3]))


def test_settings_follow_from_public_facts() -> None:
    small, large = default_settings(count=400, epsilon=1.0), default_settings(count=40_000, epsilon=1.0)
    assert (small.batch, large.batch) == (None, 4096)
    assert small.rate == pytest.approx(0.1)
    assert large.rate == pytest.approx(1.0)
    assert default_settings(count=10**6, epsilon=100.0).rate == 4.0
