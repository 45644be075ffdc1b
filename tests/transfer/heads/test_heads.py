import numpy as np
import pytest
import torch

from fcnlab.errors import DataError
from fcnlab.transfer.features.ranges import FeatureRange
from fcnlab.transfer.heads.heads import (
    HeadShape,
    Release,
    compile_head,
    fold_range,
    linear_layers,
    release_head,
    train_clear,
)

FEATURES = FeatureRange(bits=5)


def random_head(units: int, *, seed: int = 0) -> torch.nn.Sequential:
    head = HeadShape(features=12, classes=3, units=units).build(seed=seed).requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for layer in linear_layers(head):
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) / 4)
        layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator))
    return head


@pytest.mark.parametrize("units", [0, 4])
def test_the_circuit_of_a_released_head_is_the_head(units: int) -> None:
    released = release_head(random_head(units), release=Release(exponents=3))
    circuit = compile_head(released, features=FEATURES, name="head")
    assert circuit.input_shape == (12,)
    values = np.random.default_rng(0).integers(0, FEATURES.levels, size=(50, 12))
    expected = released(torch.from_numpy(FEATURES.restore(values))).double().numpy()
    assert np.abs(circuit.evaluate(values) * circuit.unit - expected).max() < 0.1
    folded = fold_range(released, features=FEATURES)
    inside = folded(torch.from_numpy(values / FEATURES.levels).float()).numpy()
    assert np.allclose(inside, expected, atol=1e-3)


@pytest.mark.parametrize("keep", [0.1, 0.5, 1.0])
def test_a_release_keeps_the_largest_weights_as_powers_of_two(keep: float) -> None:
    head = random_head(0)
    before = linear_layers(head)[0].weight.clone()
    released = linear_layers(release_head(head, release=Release(keep=keep, exponents=4)))[0].weight.numpy()
    assert torch.equal(linear_layers(head)[0].weight, before)
    kept = released != 0
    assert kept.any(axis=1).all()
    assert round(keep * 36) <= kept.sum() <= round(keep * 36) + 3
    exponents = np.log2(np.abs(released[kept]))
    assert np.array_equal(exponents, np.rint(exponents))
    assert exponents.max() - exponents.min() < 4
    assert (np.sign(released[kept]) == np.sign(before.numpy()[kept])).all()


def test_an_untrained_head_can_be_released() -> None:
    zero = HeadShape(features=3, classes=2).build().requires_grad_(False)
    assert not linear_layers(release_head(zero, release=Release()))[0].weight.any()


def test_first_weights_depend_on_the_seed_alone() -> None:
    shape = HeadShape(features=5, classes=2, units=3)
    assert torch.equal(shape.build(seed=1).fc1.weight, shape.build(seed=1).fc1.weight)
    assert not torch.equal(shape.build(seed=1).fc1.weight, shape.build(seed=2).fc1.weight)


def test_clear_training_separates_what_is_separable() -> None:
    inputs = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    labels = (inputs[:, 0] > inputs[:, 1]).long()
    trained = train_clear(HeadShape(features=2, classes=2).build(), inputs, labels)
    assert (trained(inputs).argmax(dim=1) == labels).float().mean() > 0.96


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: HeadShape(features=3, classes=1), "two classes"),
        (lambda: Release(keep=0.0), "keeps more than 0"),
        (lambda: Release(exponents=0), "1 or more exponents"),
    ],
)
def test_heads_that_cannot_be_are_refused(make, match: str) -> None:
    with pytest.raises(DataError, match=match):
        make()
