import json
import shutil

import numpy as np
import pytest

from fcnlab.data.mnist import load_mnist
from fcnlab.errors import DataError
from fcnlab.transfer.features.extractors import EXTRACTORS_FOLDER, FEATURES, RECIPES, load_extractor


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_features_are_white_on_public_images(name: str) -> None:
    extractor = load_extractor(name)
    assert tuple(extractor.card["digits"]) == RECIPES[name].digits
    images = load_mnist("test")
    features = extractor.extract(images[np.isin(images.labels, RECIPES[name].digits)].pixels[:2000])
    assert features.shape == (2000, FEATURES)
    assert np.abs(features.mean(axis=0)).max() < 0.8  # the coarse half of the whitening is missing here
    assert 0.7 < features.std(axis=0).mean() < 1.3


def test_the_extractor_of_the_split_saw_no_private_digit() -> None:
    assert RECIPES["mnist-0-4-features"].digits == (0, 1, 2, 3, 4)


def test_a_feature_depends_on_its_own_image_alone() -> None:
    extractor, pixels = load_extractor("mnist-features"), load_mnist("test").pixels[:7]
    assert np.allclose(extractor.extract(pixels)[5:6], extractor.extract(pixels[5:6]), atol=1e-4)
    assert extractor.extract(pixels[:0]).shape == (0, FEATURES)


def test_unknown_missing_and_altered_extractors_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="Unknown extractor 'cats': choose one of mnist-features"):
        load_extractor("cats")
    with pytest.raises(DataError, match="missing"):
        load_extractor("mnist-features", folder=tmp_path)
    for suffix in (".json", ".safetensors"):
        shutil.copy(EXTRACTORS_FOLDER / f"mnist-features{suffix}", tmp_path)
    card = tmp_path / "mnist-features.json"
    values = json.loads(card.read_text())
    card.write_text(json.dumps(values | {"sha256": "0" * 64}))
    with pytest.raises(DataError, match="sha256 differs"):
        load_extractor("mnist-features", folder=tmp_path)
    card.write_text("[]")
    with pytest.raises(DataError, match="not a card"):
        load_extractor("mnist-features", folder=tmp_path)


def test_features_of_a_digit_are_the_same_bits_whoever_stands_beside_it() -> None:
    """The guarantee rests on it: a record more may not move the features of another."""
    pixels = load_mnist("test").pixels[:1203]
    extractor = load_extractor("mnist-features")
    features = extractor.extract(pixels)
    for rows in (slice(0, 1), slice(3, 1001), slice(1, 1203), slice(None, None, -1)):
        assert np.array_equal(extractor.extract(pixels[rows]), features[rows])
    assert extractor.extract(pixels[:0]).shape == (0, FEATURES)
