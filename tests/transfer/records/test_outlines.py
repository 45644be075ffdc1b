import pytest

from fcnlab.transfer.records.outlines import OUTLINES
from fcnlab.transfer.records.studies import load_study


@pytest.mark.parametrize("name", ["uci-digits", "breast-cancer"])
def test_an_outline_tells_of_the_study_what_the_data_say(name: str) -> None:
    outline, study = OUTLINES[name], load_study(name)
    assert (outline.records, outline.features) == study.values.shape
    assert outline.tested == len(study.folds[0][1])
    assert study.outline is outline
    assert len(outline.classes) == study.labels.max() + 1
    assert (outline.units, outline.reach) == (study.shape.units, study.features.reach)
    assert bool(outline.extractor) == (study.extractor is not None)


def test_the_split_outline_counts_mnists_digits_5_to_9() -> None:
    from fcnlab.data.mnist import load_mnist

    train, test = (sum(load_mnist(part).labels >= 5) for part in ("train", "test"))
    outline = OUTLINES["mnist-split"]
    assert (outline.records, outline.tested, len(outline.classes)) == (train + test, test, 5)


def test_classes_are_named_in_the_order_of_the_labels() -> None:
    from sklearn.datasets import load_breast_cancer

    assert OUTLINES["breast-cancer"].classes == tuple(map(str, load_breast_cancer().target_names))
