"""Training a head with differential privacy: DP-SGD by Opacus, with epsilon given and the noise computed from it.

What is promised: whoever sees the released weights, and everything computed from them, learns (epsilon, delta)-little
about whether any one record was in the training set (neighbouring sets differ by one record added or removed).

Why it holds:

* Each step adds up the records' gradients, each clipped to a fixed norm, and adds Gaussian noise in proportion to that
  norm. The accountant composes all steps.
* Everything before is independent of the private set: the extractor is public, ranges are declared, the first weights
  come from a seed, and the settings are constants chosen on public data.
* Everything after is post-processing: averaging the iterates, pruning, rounding to powers of two, compiling. It reads
  the noisy weights alone, and no function of them can reveal more than they do.

What is not covered:

* The loss told as progress and accuracies measured on private records are for the data's owner.
* The number of records, from which delta, the rate and the size of a step follow, is taken as public.
* The unit is one record. Who has many records in the set, such as a writer of many digits, is protected less: by the
  group property k of them spend k epsilon.
* Every training spends anew. Whoever releases several heads of the same records adds their epsilons up.
"""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from fcnlab.errors import DataError
from fcnlab.transfer.heads.guarantee import ACCOUNTANT, Guarantee, find_noise, quiet, spent_epsilon

MANTISSA_BITS: Final = 53
SMALLEST_BATCH: Final = 16  # below it a Poisson batch is often almost empty and all of its gradient is noise


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything a head's training depends on but the data, epsilon and the seed.

    Attributes:
        steps: Steps of gradient descent.
        rate: Learning rate.
        momentum: 0 to 1, of the noisy gradients.
        clipping: Largest norm of one record's gradient.
        batch: Expected records of a step, each drawn independently; None takes all records in every step.
        averaged: Share of the last iterates whose mean is released: it has less noise than the last one.
    """

    steps: int = 100
    rate: float = 1.0
    momentum: float = 0.9
    clipping: float = 1.0
    batch: int | None = None
    averaged: float = 0.5

    def __post_init__(self) -> None:
        if (
            self.steps < 1
            or min(self.rate, self.clipping) <= 0
            or not (0 <= self.momentum < 1 and 0 < self.averaged <= 1)
        ):
            raise DataError(
                f"Training needs at least one step, a positive rate and clipping norm, momentum from 0 to below 1 and "
                f"an averaged share of 0 to 1; got {self}."
            )


@dataclass(frozen=True)
class HeadProgress:
    """Where a training stands.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Mean loss of the last step's records; not private.
    """

    step: int
    steps: int
    loss: float


class SystemNoiseOptimizer(DPOptimizer):  # type: ignore[misc]  # Opacus has no types
    """Opacus's optimiser with noise from the operating system's generator, which nobody can predict or rewind.

    Each value is half the sum of four draws, so that the rounding of floating-point numbers does not give it away.

    Source: Holohan and Braghin 2021, "Secure random sampling in differential privacy", section 5.1.
    """

    @override
    def add_noise(self) -> None:
        for parameter in self.params:
            draws = [normal_from_system(parameter.shape) for _ in range(4)]
            noise = sum(draws, torch.zeros(())) / 2 * (self.noise_multiplier * self.max_grad_norm)
            parameter.grad = (parameter.summed_grad + noise.to(parameter.dtype)).view_as(parameter)


def train_private(
    head: nn.Sequential,
    inputs: Tensor,
    labels: Tensor,
    *,
    settings: Settings,
    epsilon: float,
    delta: float | None = None,
    seed: int = 0,
    secure_random: bool = False,
    progress: Callable[[HeadProgress], None] | None = None,
) -> tuple[nn.Sequential, Guarantee]:
    """Train a head by DP-SGD.

    Args:
        head: Its first weights; not changed.
        inputs: Float, shape (N, features).
        labels: int64, shape (N,).
        settings: Steps, rate, clipping and batch.
        epsilon: To spend at most.
        delta: 1 / N if not given.
        seed: Decides noise and sampling; it has no effect with `secure_random`.
        secure_random: Draw noise and samples from the operating system. For a release: whoever can guess the seed can
            subtract the noise.
        progress: Called after each step; an exception it raises stops the training and nothing is kept.

    Returns:
        A trained copy of the head, and its guarantee.

    Raises:
        DataError: If epsilon is not positive, or the batch is too small or too large.
    """
    count = len(labels)
    sample_rate = rate_of(settings.batch, count=count)
    delta = 1 / count if delta is None else delta
    noise = find_noise(epsilon=epsilon, delta=delta, sample_rate=sample_rate, steps=settings.steps)
    guarantee = Guarantee(
        epsilon=spent_epsilon(noise_multiplier=noise, delta=delta, sample_rate=sample_rate, steps=settings.steps),
        delta=delta,
        accountant=ACCOUNTANT,
        noise_multiplier=noise,
        clipping=settings.clipping,
        sample_rate=sample_rate,
        steps=settings.steps,
        secure_random=secure_random,
    )
    generator = torch.Generator().manual_seed(seed)
    network = GradSampleModule(copy.deepcopy(head).requires_grad_().train(), loss_reduction="mean")
    optimizer = (SystemNoiseOptimizer if secure_random else DPOptimizer)(
        torch.optim.SGD(network.parameters(), lr=settings.rate, momentum=settings.momentum),
        noise_multiplier=noise,
        max_grad_norm=settings.clipping,
        expected_batch_size=round(sample_rate * count),
        generator=generator,
    )
    mean = copy.deepcopy(head).requires_grad_(False)
    first = settings.steps - max(round(settings.averaged * settings.steps), 1)
    with quiet():
        for step in range(settings.steps):
            chosen = draw(count, sample_rate=sample_rate, generator=None if secure_random else generator)
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(inputs[chosen]), labels[chosen])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if step >= first:
                with torch.no_grad():
                    for average, latest in zip(mean.parameters(), network.parameters(), strict=True):
                        average.lerp_(latest, 1 / (step - first + 1))
            if progress is not None:
                progress(HeadProgress(step + 1, settings.steps, float(loss.detach())))
    return mean.eval(), guarantee


def rate_of(batch: int | None, *, count: int) -> float:
    """Probability of a record to take part in a step.

    Raises:
        DataError: If the batch is too small for the accountant's assumptions to leave any signal, or exceeds the set.
    """
    if batch is None:
        return 1.0
    if not min(SMALLEST_BATCH, count) <= batch <= count:
        raise DataError(
            f"A private batch has {min(SMALLEST_BATCH, count)} to {count} records here; got {batch}. Records are drawn "
            "independently, as the accountant needs it, and smaller batches are often almost empty."
        )
    return batch / count


def draw(count: int, *, sample_rate: float, generator: torch.Generator | None) -> Tensor:
    """Indices of the records of a step, each drawn independently; from the operating system without a generator."""
    if sample_rate == 1:
        return torch.arange(count)
    uniform = uniform_from_system(count) if generator is None else torch.rand(count, generator=generator)
    return (uniform < sample_rate).nonzero()[:, 0]


def uniform_from_system(count: int) -> Tensor:
    """`count` float64 numbers, uniform on (0, 1]."""
    words = np.frombuffer(bytearray(os.urandom(8 * count)), dtype=np.uint64)
    return torch.from_numpy(((words >> np.uint64(64 - MANTISSA_BITS)).astype(np.float64) + 1) / 2.0**MANTISSA_BITS)


def normal_from_system(shape: tuple[int, ...]) -> Tensor:
    """Standard normal float64 numbers of a shape.

    Source: Box and Muller 1958, "A note on the generation of random normal deviates".
    """
    count = int(np.prod(shape))
    radius, angle = uniform_from_system(count), uniform_from_system(count)
    return (torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * torch.pi * angle)).reshape(shape)
