"""Against torch's own optimiser steps."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fcnlab.networks.fitting import (
    BATCH_SIZE,
    Batch,
    accuracy_percent,
    batch_count,
    cosine_rate,
    epoch_generator,
    fit_epoch,
    load_state,
    restore_optimizer,
    save_state,
    shuffled_batches,
    single_thread,
    squared_gradients,
)


def squared_error(network: nn.Module, batch: Batch) -> Tensor:
    error: Tensor = (network(batch[0]) - batch[1]).square().mean()
    return error


def make_problem() -> tuple[nn.Linear, torch.optim.AdamW, list[Batch]]:
    network = nn.Linear(3, 2)
    for index, parameter in enumerate(network.parameters()):
        parameter.data.fill_(0.1 * (index + 1))
    generator = torch.Generator().manual_seed(1)
    batches = [(torch.rand(8, 3, generator=generator), torch.rand(8, 2, generator=generator)) for _ in range(4)]
    return network, torch.optim.AdamW(network.parameters()), batches


def fit(network: nn.Linear, optimizer: torch.optim.AdamW, batches: list[Batch]) -> float:
    return fit_epoch(
        network, optimizer=optimizer, batches=batches, count=len(batches), loss=squared_error, rate=lambda done: 0.1
    )


def test_every_epoch_has_its_own_randomness() -> None:
    draws = {
        torch.rand(1, generator=epoch_generator(seed=seed, phase=phase, epoch=epoch)).item()
        for seed in (0, 1)
        for phase in ("dense", "prune")
        for epoch in (0, 1)
    }
    assert len(draws) == 8


def test_the_rate_is_half_a_cosine() -> None:
    assert cosine_rate(1.0, epoch=0, epochs=4)(0.0) == pytest.approx(1.0)
    assert cosine_rate(1.0, epoch=3, epochs=4, floor=0.1)(1.0) == pytest.approx(0.1)
    assert cosine_rate(2.0, epoch=1, epochs=4, floor=0.0)(0.5) == pytest.approx(1 + math.cos(math.pi * 1.5 / 4))


def test_an_epoch_takes_the_optimiser_steps_of_torch() -> None:
    network, optimizer, batches = make_problem()
    mean_loss = fit(network, optimizer, batches)
    other, reference, _ = make_problem()
    losses = []
    for group in reference.param_groups:
        group["lr"] = 0.1
    for batch in batches:
        reference.zero_grad()
        loss = squared_error(other, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(other.parameters(), 1.0)
        reference.step()
        losses.append(loss.item())
    assert torch.equal(network.weight, other.weight)
    assert mean_loss == pytest.approx(sum(losses) / len(losses))


def test_one_thread_is_for_the_block_alone() -> None:
    before = torch.get_num_threads()
    with single_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_batches_are_whole_shuffled_and_aligned() -> None:
    rows = torch.arange(2 * BATCH_SIZE + 5)
    batches = list(shuffled_batches(rows, rows * 2, generator=torch.Generator().manual_seed(0)))
    assert batch_count(len(rows)) == len(batches) == 2
    assert all(len(first) == BATCH_SIZE and torch.equal(first * 2, second) for first, second in batches)
    seen = torch.cat([first for first, _ in batches])
    assert len(seen.unique()) == 2 * BATCH_SIZE
    assert not torch.equal(seen, seen.sort().values)


def test_accuracy_counts_the_largest_logits() -> None:
    inputs = torch.eye(10).repeat(120, 1)
    labels = torch.arange(10).repeat(120)
    labels[:300] = 0
    assert accuracy_percent(nn.Identity(), inputs=inputs, labels=labels) == pytest.approx(100 * (900 + 30) / 1200)


def test_a_saved_state_goes_on_exactly(tmp_path: Path) -> None:
    network, optimizer, batches = make_problem()
    fit(network, optimizer, batches)
    save_state(tmp_path / "s", network=network, optimizer=optimizer, extra={"m": torch.ones(2)}, notes={"epoch": "1"})
    fit(network, optimizer, batches)
    parts, notes = load_state(tmp_path / "s")
    other, second, _ = make_problem()
    other.load_state_dict(parts["network"])
    restore_optimizer(second, parts["optimizer"])
    fit(other, second, batches)
    assert torch.equal(other.weight, network.weight)
    assert notes == {"epoch": "1"}
    assert torch.equal(parts["extra"]["m"], torch.ones(2))


def test_squared_gradients_are_summed_over_batches() -> None:
    network = nn.Sequential()
    network.add_module("fc", nn.Linear(2, 1))
    batches = [(torch.tensor([[1.0, 2.0]]),), (torch.tensor([[3.0, -1.0]]),)]
    sums = squared_gradients(network, batches=batches, loss=lambda model, batch: model(batch[0]).sum())
    assert sums["fc"].tolist() == [[10.0, 5.0]]
