import numpy as np
import pytest
import torch

from fcnlab.data.mnist import Images, load_mnist
from fcnlab.transfer.features import pretext
from fcnlab.transfer.features.extractors import ExtractorRecipe, extract_features, load_extractor
from fcnlab.transfer.features.pretext import ORIENTATIONS, ExtractorProgress, make_lesson, train_extractor, turn


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> dict[str, Images]:
    """MNIST, cut down to digits 0 and 1 of its first images."""
    parts = {}
    for split in ("train", "test"):
        images = load_mnist(split)
        parts[split] = images[np.flatnonzero(np.isin(images.labels, (0, 1)))[:600]]
    monkeypatch.setattr(pretext, "public_images", lambda split, *, recipe: parts[split])
    monkeypatch.setattr(pretext, "load_mnist", lambda split: parts[split])
    return parts


def test_training_stores_a_white_extractor_that_is_the_same_every_time(few_images, tmp_path) -> None:
    recipe = ExtractorRecipe("mnist-features", digits=(0, 1), coarse=True, epochs=1)
    told: list[ExtractorProgress] = []
    first = train_extractor(recipe, progress=told.append, folder=tmp_path)
    again = train_extractor(recipe, folder=tmp_path / "again")
    assert [step.epoch for step in told] == [1]
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, again.network.state_dict()[name])
    stored = load_extractor("mnist-features", folder=tmp_path)
    assert stored.card["digits"] == [0, 1]
    pixels = torch.from_numpy(few_images["train"].pixels.copy())[:, None]
    assert np.array_equal(extract_features(stored.network, pixels), extract_features(first.network, pixels))
    half = len(pixels) // 2
    coarse = (pretext.coarsen(pixels[:half].float() / 255) * 255).round().to(torch.uint8)
    features = extract_features(stored.network, torch.cat([coarse, pixels[half:]]))
    assert np.abs(features.mean(axis=0)).max() < 0.01
    assert np.allclose(np.cov(features, rowvar=False, bias=True), np.eye(64), atol=0.05)


def test_each_turn_is_another_image_and_has_a_class_of_its_own() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    turned = turn(image.repeat(ORIENTATIONS, 1, 1, 1), torch.arange(ORIENTATIONS))
    assert len({tuple(each.flatten().tolist()) for each in turned}) == ORIENTATIONS
    assert torch.equal(turned[1], image[0].rot90(1, dims=(-2, -1)))
    assert torch.equal(turned[4], image[0].flip(-1))
    recipe = ExtractorRecipe("x", digits=(0, 1), coarse=False)
    digits = torch.tensor([0, 1] * 50)
    pixels = torch.zeros(100, 1, 28, 28, dtype=torch.uint8)
    _, classes = make_lesson(pixels, digits, recipe=recipe, generator=torch.Generator().manual_seed(0))
    assert torch.equal(classes // ORIENTATIONS, digits)
    assert len(classes.unique()) == 2 * ORIENTATIONS
