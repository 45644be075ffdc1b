import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from fcnlab.errors import Cancelled, DataError
from fcnlab.transfer.heads.guarantee import find_noise
from fcnlab.transfer.heads.heads import HeadShape
from fcnlab.transfer.heads.privacy import (
    HeadProgress,
    NoiseOptimizer,
    Settings,
    draw,
    normal,
    rate_of,
    train_private,
    uniform,
)

SETTINGS = Settings(steps=10, rate=0.5)
GENERATOR = torch.Generator().manual_seed(0)
INPUTS = torch.randn(300, 6, generator=GENERATOR)
LABELS = (INPUTS @ torch.tensor([1.0, -1, 2, 0, 0, 1]) > 0).long()
HEAD = HeadShape(features=6, classes=2).build()


def test_a_guarantee_says_what_was_spent() -> None:
    _, guarantee = train_private(HEAD, INPUTS, LABELS, settings=SETTINGS, epsilon=2.0)
    assert 1.9 < guarantee.epsilon <= 2.0
    assert guarantee.delta == 1 / 30_000
    assert (guarantee.accountant, guarantee.steps, guarantee.sample_rate) == ("prv", 10, 1.0)


def test_a_seed_repeats_a_training_and_another_does_not() -> None:
    def weights(**options) -> torch.Tensor:
        head, _ = train_private(HEAD, INPUTS, LABELS, settings=SETTINGS, epsilon=2.0, **options)
        return head.fc1.weight

    assert torch.equal(weights(seed=3), weights(seed=3))
    assert not torch.equal(weights(seed=3), weights(seed=4))
    assert not torch.equal(weights(seed=3, secure_random=True), weights(seed=3, secure_random=True))
    assert not HEAD.fc1.weight.any()


@pytest.mark.parametrize("secure", [False, True])
def test_released_weights_spread_as_the_noise_demands(secure: bool) -> None:
    """One step from zero with a tiny gradient: the weights are the noise, rate * noise multiplier * clipping / N."""
    settings = Settings(steps=1, rate=1.0, momentum=0.0, clipping=0.01)
    wide, inputs = HeadShape(features=500, classes=2).build(), torch.zeros(50, 500)
    head, guarantee = train_private(
        wide, inputs, LABELS[:50], settings=settings, epsilon=1.0, delta=0.01, secure_random=secure
    )
    expected = guarantee.noise_multiplier * 0.01 / 50
    assert head.fc1.weight.std().item() == pytest.approx(expected, rel=0.15)
    assert guarantee.secure_random is secure


def test_one_record_moves_a_step_by_the_clipping_norm_at_most() -> None:
    """The same noise, one record more: the sum of clipped gradients differs by at most the clipping norm."""
    settings = Settings(steps=1, rate=1.0, momentum=0.0, clipping=0.5)
    outlier = torch.cat([INPUTS[:20], 1000 * torch.ones(1, 6)])
    sums = []
    for inputs, labels in ((INPUTS[:20], LABELS[:20]), (outlier, torch.cat([LABELS[:20], torch.ones(1).long()]))):
        head, _ = train_private(HEAD, inputs, labels, settings=settings, epsilon=50.0, delta=0.01, seed=1)
        sums.append(len(labels) * torch.cat([head.fc1.weight.flatten(), head.fc1.bias]))
    assert (sums[0] - sums[1]).norm().item() <= 0.5 * 1.001


def test_private_training_learns() -> None:
    head, _ = train_private(HEAD, INPUTS, LABELS, settings=replace(SETTINGS, steps=30), epsilon=8.0)
    assert (head(INPUTS).argmax(dim=1) == LABELS).float().mean() > 0.9


def test_batches_are_drawn_record_by_record() -> None:
    sizes = [len(draw(1000, sample_rate=0.1, generator=torch.Generator().manual_seed(seed))) for seed in range(50)]
    assert 80 < np.mean(sizes) < 120
    assert np.std(sizes) > 3
    assert 50 < len(draw(1000, sample_rate=0.1, generator=None)) < 150
    assert torch.equal(draw(5, sample_rate=1.0, generator=None), torch.arange(5))
    settings = replace(SETTINGS, batch=100, steps=60)
    _, guarantee = train_private(HEAD, INPUTS, LABELS, settings=settings, epsilon=0.5)
    assert guarantee.sample_rate == pytest.approx(1 / 3)
    assert guarantee.noise_multiplier < find_noise(epsilon=0.5, delta=1 / 300, sample_rate=1.0, steps=60)


def test_progress_tells_each_step_and_can_stop() -> None:
    told: list[HeadProgress] = []
    train_private(HEAD, INPUTS, LABELS, settings=SETTINGS, epsilon=2.0, progress=told.append)
    assert [step.step for step in told] == list(range(1, 11))

    def stop(progress: HeadProgress) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        train_private(HEAD, INPUTS, LABELS, settings=SETTINGS, epsilon=2.0, progress=stop)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"epsilon": 0.0}, "positive number.*got 0"),
        ({"epsilon": -1.0}, "positive number.*got -1"),
        ({"epsilon": math.nan}, "positive number.*got nan"),
        ({"delta": 1.0}, "between 0 and 1"),
        ({"delta": 1 / 299}, "above 1 over the 300 records"),
        ({"settings": replace(SETTINGS, batch=4)}, "16 to 300 records here; got 4"),
        ({"settings": replace(SETTINGS, batch=301)}, "16 to 300 records here; got 301"),
        ({"epsilon": 1e-7}, "larger epsilon or delta"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(change, match: str) -> None:
    with pytest.raises(DataError, match=match):
        train_private(HEAD, INPUTS, LABELS, **({"settings": SETTINGS, "epsilon": 2.0} | change))


def test_settings_are_checked() -> None:
    assert rate_of(None, count=7) == 1.0
    for change in (
        {"steps": 0},
        {"rate": 0.0},
        {"rate": math.nan},
        {"rate": math.inf},
        {"momentum": 1.0},
        {"averaged": 0.0},
    ):
        with pytest.raises(DataError, match="at least one step"):
            Settings(**change)
    with pytest.raises(DataError, match="clipping norm"):
        Settings(clipping=-1.0)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1e30])
def test_records_that_are_not_finite_are_refused(broken: float) -> None:
    inputs = INPUTS.clone()
    inputs[7, 2] = broken
    with pytest.raises(DataError, match="Records must be finite"):
        train_private(HEAD, inputs, LABELS, settings=SETTINGS, epsilon=2.0)


def test_no_records_no_training() -> None:
    with pytest.raises(DataError, match="no records"):
        train_private(HEAD, INPUTS[:0], LABELS[:0], settings=SETTINGS, epsilon=2.0)


@pytest.mark.parametrize("secure", [False, True])
def test_noise_is_added_in_double_precision(secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The low bits of a single-precision sum would tell what it was added to."""
    sums = []
    add_noise = NoiseOptimizer.add_noise

    def watch(optimizer: NoiseOptimizer) -> None:
        add_noise(optimizer)
        sums.extend((parameter.summed_grad, parameter.grad, parameter) for parameter in optimizer.params)

    monkeypatch.setattr(NoiseOptimizer, "add_noise", watch)
    train_private(HEAD, INPUTS, LABELS, settings=SETTINGS, epsilon=2.0, secure_random=secure)
    assert len(sums) == 2 * SETTINGS.steps
    for values in sums:
        assert {value.dtype for value in values} == {torch.float64}
        assert not torch.equal(values[1], values[1].float().double())


def test_numbers_have_their_distributions_and_never_repeat() -> None:
    for generator in (None, torch.Generator().manual_seed(0)):
        flat, bell = uniform(5000, generator=generator), normal((50, 100), generator=generator)
        assert bell.shape == (50, 100)
        assert ((flat > 0) & (flat <= 1)).all()
        # True samples fall below this once in a hundred million runs.
        assert kstest(flat.numpy(), "uniform").pvalue > 1e-8
        assert kstest(bell.flatten().numpy(), "norm").pvalue > 1e-8
        assert not torch.equal(normal((4,), generator=generator), normal((4,), generator=generator))
