import numpy as np
import pytest

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.records import studies
from fcnlab.transfer.records.studies import FOLDS, cross_validation, default_settings, load_study

SIZES = {"uci-digits": (1797, 64, 10), "breast-cancer": (569, 30, 2)}


@pytest.mark.parametrize("name", ["uci-digits", "breast-cancer"])
def test_a_study_is_whole_and_its_folds_never_mix(name: str) -> None:
    study = load_study(name)
    assert (*study.values.shape, len(study.classes)) == SIZES[name]
    assert study.values.min() >= 0
    assert study.values.max() < study.features.levels
    assert study.clipped < 0.01 * study.values.size
    assert len(study.folds) == FOLDS
    for train, test in study.folds:
        assert not set(train) & set(test)
        assert len(train) + len(test) == len(study.labels)
        assert set(study.labels[test]) == set(range(len(study.classes)))
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


def test_options_and_unknown_names() -> None:
    study = load_study("breast-cancer", bits=3, units=2)
    assert (study.features.bits, study.shape.units) == (3, 2)
    for name in ("cats", "folder:", "folder", "cifar100"):
        with pytest.raises(
            DataError, match="choose one of uci-digits, mnist-split, breast-cancer, folder:PATH or cifar10"
        ):
            load_study(name)


def test_settings_follow_from_public_facts() -> None:
    small, large = default_settings(count=400, epsilon=1.0), default_settings(count=40_000, epsilon=1.0)
    assert (small.batch, large.batch) == (None, 4096)
    assert small.rate == pytest.approx(0.1)
    assert large.rate == pytest.approx(1.0)
    assert default_settings(count=10**6, epsilon=100.0).rate == 4.0
