import numpy as np
import pytest

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.records import studies
from fcnlab.transfer.records.studies import MEASURES, RANGES, load_study, scale_measures
from fcnlab.transfer.records.study import FOLDS

SIZES = {"uci-digits": (1797, 64, 10), "breast-cancer": (569, 30, 2)}


@pytest.mark.parametrize("name", ["uci-digits", "breast-cancer"])
def test_a_study_is_whole_and_its_folds_never_mix(name: str) -> None:
    study = load_study(name)
    assert (*study.values.shape, len(study.outline.classes)) == SIZES[name]
    assert study.values.min() >= 0
    assert study.values.max() < study.features.levels
    assert study.clipped < 0.01 * study.values.size
    assert len(study.folds) == FOLDS
    for train, test in study.folds:
        assert not set(train) & set(test)
        assert len(train) + len(test) == len(study.labels)
        assert set(study.labels[test]) == set(range(len(study.outline.classes)))
    inputs, labels = study.tensors(np.arange(3))
    assert inputs.shape == (3, SIZES[name][1])
    assert labels.tolist() == study.labels[:3].tolist()


def test_the_split_keeps_mnists_own_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"train": load_mnist("train")[:300], "test": load_mnist("test")[:200]}
    monkeypatch.setattr(studies, "load_mnist", parts.__getitem__)
    study = studies.mnist_split.__wrapped__(5)
    counts = [np.count_nonzero(part.labels >= 5) for part in parts.values()]
    assert {tuple(map(len, fold)) for fold in study.folds} == {tuple(counts)}
    assert study.labels[counts[0] :].tolist() == [label - 5 for label in parts["test"].labels if label >= 5]
    assert study.shape == HeadShape(features=64, classes=5)


def test_options_and_unknown_names() -> None:
    study = load_study("breast-cancer", bits=3, units=2)
    assert (study.features.bits, study.shape.units) == (3, 2)
    for name in ("cats", "folder:", "folder", "cifar100"):
        with pytest.raises(
            DataError, match="choose one of uci-digits, mnist-split, breast-cancer, folder:PATH or cifar10"
        ):
            load_study(name)


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


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_measure_that_is_not_finite_is_refused(broken: float) -> None:
    measures = np.sqrt(RANGES.prod(axis=1))[None].copy()
    measures[0, 3] = broken
    with pytest.raises(DataError, match="must be finite"):
        scale_measures(measures, reach=2.0)


def test_a_record_is_scaled_alone() -> None:
    records = np.random.default_rng(0).uniform(0, 100, size=(5, 30))
    assert np.array_equal(scale_measures(records, reach=2.0)[2:3], scale_measures(records[2:3], reach=2.0))
