import numpy as np

from fcnlab.transfer.records.clinical import MEASURES, RANGES, scale_measures


def test_ranges_are_round_declared_figures_of_all_measures() -> None:
    assert RANGES.shape == (3 * len(MEASURES), 2)
    assert (RANGES[:, 0] > 0).all()
    assert (RANGES[:, 1] > RANGES[:, 0]).all()
    for value in RANGES.ravel():
        assert float(f"{value:.2g}") == value


def test_scaling_is_logarithmic_and_takes_zero() -> None:
    ends = scale_measures(np.stack([RANGES[:, 0], np.sqrt(RANGES.prod(axis=1)), RANGES[:, 1]]), reach=2.0)
    assert np.allclose(ends, [[-2.0] * 30, [0.0] * 30, [2.0] * 30])
    assert np.allclose(scale_measures(np.zeros((1, 30)), reach=2.0), -2.0)


def test_a_record_is_scaled_alone() -> None:
    records = np.random.default_rng(0).uniform(0, 100, size=(5, 30))
    assert np.array_equal(scale_measures(records, reach=2.0)[2:3], scale_measures(records[2:3], reach=2.0))
