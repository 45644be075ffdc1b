"""Training a head with differential privacy: DP-SGD by Opacus, with epsilon given and the noise computed from it.

What is promised: whoever sees the released weights, and everything computed from them, learns (epsilon, delta)-little
about whether any one record was in the training set (neighbouring sets differ by one record added or removed).

Why it holds:

* Each step adds up the records' gradients, each clipped to a fixed norm, and adds Gaussian noise in proportion to that
  norm, all in double precision. The accountant composes all steps.
* Everything before treats each record by itself: its features, by a public extractor one record at a time; their
  declared range; whether it trains or is held out, by a hash of its bytes. So one record more changes the training set
  by this record, or not at all. The first weights and the settings are constants chosen on public data.
* Everything after is post-processing: averaging the iterates, pruning, rounding to powers of two, compiling. It reads
  the noisy weights alone, and no function of them can reveal more than they do.

What is not covered:

* The loss told as progress and accuracies measured on private records are for the data's owner.
* The numbers of records, from which delta, the rate and the size of a step follow, and the names of the classes are
  taken as public. Where a record is replaced by another, so that no number changes, epsilon doubles: it is one removed
  and one added.
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
from fcnlab.transfer.heads.guarantee import (
    Guarantee,
    accountant_for,
    check_request,
    choose_delta,
    find_noise,
    quiet,
    spent_epsilon,
)

MANTISSA_BITS: Final = 53
LARGEST_INPUT: Final = 1e6
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
        check_request(clipping=self.clipping)
        if not (self.steps >= 1 and 0 < self.rate < np.inf and 0 <= self.momentum < 1 and 0 < self.averaged <= 1):
            raise DataError(
                f"Training needs at least one step, a positive rate, momentum from 0 to below 1 and an averaged share "
                f"of 0 to 1; got {self}."
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


class NoiseOptimizer(DPOptimizer):  # type: ignore[misc]  # Opacus has no types
    """Opacus's optimiser with noise in double precision; without a generator from the operating system.

    Each value is half the sum of four draws, so that the rounding of floating-point numbers does not give it away.

    Source: Holohan and Braghin 2021, "Secure random sampling in differential privacy", section 5.1.
    """

    @override
    def add_noise(self) -> None:
        for parameter in self.params:
            draws = torch.stack([normal(parameter.shape, generator=self.generator) for _ in range(4)])
            noise = draws.sum(dim=0) / 2 * (self.noise_multiplier * self.max_grad_norm)
            parameter.grad = (parameter.summed_grad.double() + noise).view_as(parameter)


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
        inputs: Float, finite, shape (N, features).
        labels: int64, shape (N,).
        settings: Steps, rate, clipping and batch.
        epsilon: To spend at most.
        delta: At most 1 / N; as `choose_delta` has it if not given.
        seed: Decides noise and sampling; it has no effect with `secure_random`.
        secure_random: Draw noise and samples from the operating system. For a release: whoever can guess the seed can
            subtract the noise.
        progress: Called after each step; an exception it raises stops the training and nothing is kept.

    Returns:
        A trained copy of the head, and its guarantee.

    Raises:
        DataError: If epsilon or delta is out of range, the batch is too small or too large, or a record is not finite.
    """
    count = len(labels)
    delta = choose_delta(delta, count=count)
    sample_rate = rate_of(settings.batch, count=count)
    if not inputs.abs().max() <= LARGEST_INPUT:
        raise DataError(
            f"Records must be finite, and at most {LARGEST_INPUT:,.0f}; at least one is not: mend or drop it."
        )
    noise = find_noise(epsilon=epsilon, delta=delta, sample_rate=sample_rate, steps=settings.steps)
    guarantee = Guarantee(
        epsilon=spent_epsilon(
            noise_multiplier=noise,
            delta=delta,
            sample_rate=sample_rate,
            steps=settings.steps,
            accountant_name=accountant_for(epsilon),
        ),
        delta=delta,
        accountant=accountant_for(epsilon),
        noise_multiplier=noise,
        clipping=settings.clipping,
        sample_rate=sample_rate,
        steps=settings.steps,
        secure_random=secure_random,
    )
    generator = None if secure_random else torch.Generator().manual_seed(seed)
    inputs = inputs.double()
    network = GradSampleModule(copy.deepcopy(head).double().requires_grad_().train(), loss_reduction="mean")
    optimizer = NoiseOptimizer(
        torch.optim.SGD(network.parameters(), lr=settings.rate, momentum=settings.momentum),
        noise_multiplier=noise,
        max_grad_norm=settings.clipping,
        expected_batch_size=round(sample_rate * count),
        generator=generator,
    )
    mean = copy.deepcopy(head).double().requires_grad_(False)
    first = settings.steps - max(round(settings.averaged * settings.steps), 1)
    with quiet():
        for step in range(settings.steps):
            chosen = draw(count, sample_rate=sample_rate, generator=generator)
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
    return mean.float().eval(), guarantee


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
    return (uniform(count, generator=generator) <= sample_rate).nonzero()[:, 0]


def uniform(count: int, *, generator: torch.Generator | None = None) -> Tensor:
    """`count` float64 numbers, uniform on (0, 1]; from the operating system without a generator."""
    if generator is not None:
        return 1 - torch.rand(count, generator=generator, dtype=torch.float64)
    words = np.frombuffer(bytearray(os.urandom(8 * count)), dtype=np.uint64)
    return torch.from_numpy(((words >> np.uint64(64 - MANTISSA_BITS)).astype(np.float64) + 1) / 2.0**MANTISSA_BITS)


def normal(shape: tuple[int, ...], *, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal float64 numbers of a shape; from the operating system without a generator.

    Source: Box and Muller 1958, "A note on the generation of random normal deviates".
    """
    count = int(np.prod(shape))
    radius, angle = (uniform(count, generator=generator) for _ in range(2))
    return (torch.sqrt(-2 * torch.log(radius)) * torch.cos(2 * torch.pi * angle)).reshape(shape)
