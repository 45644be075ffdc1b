import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.transfer.records import studies
from fcnlab.transfer.records.study import FOLDS, Study, cross_validation, default_settings

RECORDS = np.random.default_rng(0).integers(0, 256, (400, 4, 4), dtype=np.uint8)
LABELS = np.arange(400) % 3
CLASSES = ("a", "b", "c")


def test_cross_validation_tests_each_record_once_about_a_fifth_at_a_time() -> None:
    folds = cross_validation(RECORDS, labels=LABELS, classes=CLASSES)
    assert np.array_equal(np.sort(np.concatenate([test for _, test in folds])), np.arange(400))
    for train, test in folds:
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(400))
        assert 55 < len(test) < 105


def test_a_record_more_or_less_moves_no_other_between_training_and_test() -> None:
    """Neighbouring sets differ by one record; so must what is trained on, wherever the record stands."""

    def sides(kept: np.ndarray) -> list[list[int]]:
        folds = cross_validation(RECORDS[kept], labels=LABELS[kept], classes=CLASSES)
        return [kept[train].tolist() for train, _ in folds]

    everyone = np.arange(400)
    for gone in (0, 17, 399):
        for whole, without in zip(sides(everyone), sides(np.delete(everyone, gone)), strict=True):
            assert without == [row for row in whole if row != gone]
    order = np.random.default_rng(1).permutation(400)
    assert [sorted(side) for side in sides(order)] == sides(everyone)


def test_a_record_more_trains_with_the_same_features_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn import datasets
    from sklearn.datasets import load_breast_cancer, load_digits

    def rows(study: Study, fold: int) -> list[tuple[int, ...]]:
        train = study.folds[fold][0]
        return [(*values, label) for values, label in zip(study.values[train], study.labels[train], strict=True)]

    for name, make, load in (
        ("load_digits", studies.uci_digits, load_digits),
        ("load_breast_cancer", studies.breast_cancer, load_breast_cancer),
    ):
        whole, less = make.__wrapped__(5), load()
        for part in {"data", "target", "images"} & set(less):
            less[part] = less[part][1:]
        monkeypatch.setattr(datasets, name, lambda less=less: less)
        without = make.__wrapped__(5)
        for fold in range(FOLDS):
            known = rows(whole, fold)
            assert rows(without, fold) == known[0 in whole.folds[fold][0] :]


def test_sets_that_cannot_be_split_are_refused() -> None:
    with pytest.raises(DataError, match="Class b has 3 records"):
        cross_validation(RECORDS[:23], labels=np.repeat([0, 1], [20, 3]), classes=CLASSES[:2])
    with pytest.raises(DataError, match="Class a has 0 records"):
        cross_validation(RECORDS[:0], labels=LABELS[:0], classes=CLASSES)
    with pytest.raises(DataError, match="one tests none"):
        cross_validation(RECORDS[[0] * 30], labels=LABELS[:30], classes=CLASSES)


def test_settings_follow_from_public_facts() -> None:
    small, large = default_settings(count=400, epsilon=1.0), default_settings(count=40_000, epsilon=1.0)
    assert (small.batch, large.batch) == (None, 4096)
    assert small.rate == pytest.approx(0.1)
    assert large.rate == pytest.approx(1.0)
    assert default_settings(count=10**6, epsilon=100.0).rate == 4.0
