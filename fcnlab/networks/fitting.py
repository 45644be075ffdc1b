"""One epoch of gradient descent, one measurement of accuracy, and a state on disk after each epoch.

Shared by the teacher and its students. All randomness comes from `epoch_generator`, so that a run resumed after any
epoch takes exactly the steps of one that was never interrupted.
"""

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from fcnlab.networks.storage import load_tensors, save_tensors

BATCH_SIZE: Final = 256
EVALUATION_SIZE: Final = 1000
GRADIENT_NORM: Final = 1.0  # a quadratic activation has no bound on its slope: clipping keeps an odd batch harmless
Batch = tuple[Tensor, ...]
Rate = Callable[[float], float]


def epoch_generator(*, seed: int, phase: str, epoch: int) -> torch.Generator:
    """The source of randomness of one epoch of one phase, independent of everything before it."""
    digest = hashlib.sha256(f"{seed} {phase} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))


@contextmanager
def single_thread() -> Iterator[None]:
    """Let torch work on one thread for the time of the block.

    Sums are then taken in the same order on every run; and networks this small gain nothing from a second thread, but
    lose much by it when another process is busy.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def cosine_rate(peak: float, *, epoch: int, epochs: int, floor: float = 0.02) -> Rate:
    """Learning rate within `epoch` of `epochs`: half a cosine from `peak` down to the share `floor` of it.

    Returns:
        A function of the share of the epoch that is done, 0 to 1.
    """

    def rate(done: float) -> float:
        return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * (epoch + done) / epochs)) / 2)

    return rate


def fit_epoch(
    network: nn.Module,
    *,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[Batch],
    count: int,
    loss: Callable[[nn.Module, Batch], Tensor],
    rate: Rate,
    applied: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> float:
    """Take one optimiser step per batch.

    Args:
        network: Trained in place.
        optimizer: Has the network's parameters; its learning rate is set before each step.
        batches: What `loss` understands.
        count: Number of batches.
        loss: Mean loss of the network on one batch.
        rate: Learning rate by the share of the epoch that is done.
        applied: Context in which the gradient is taken, such as `Compression.applied`.

    Returns:
        Mean loss of the epoch.
    """
    network.train()
    total = 0.0
    for index, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = rate(index / count)
        optimizer.zero_grad()
        with applied():
            value = loss(network, batch)
            value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
        optimizer.step()
        total += value.item()
    return total / count


def squared_gradients(
    network: nn.Module, *, batches: Iterable[Batch], loss: Callable[[nn.Module, Batch], Tensor]
) -> dict[str, Tensor]:
    """Sum of the squared gradients of every weight over some batches, by layer: the diagonal of the Fisher matrix."""
    sums: dict[str, Tensor] = {}
    for batch in batches:
        network.zero_grad()
        loss(network, batch).backward()  # type: ignore[no-untyped-call]
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                layer = name.removesuffix(".weight")
                sums[layer] = sums.get(layer, torch.zeros(())) + parameter.grad**2
    return sums


def shuffled_batches(*tensors: Tensor, generator: torch.Generator) -> Iterable[Batch]:
    """Whole batches of BATCH_SIZE rows in random order; the few rows that are left over rest for this epoch."""
    order = torch.randperm(len(tensors[0]), generator=generator)
    for start in range(0, batch_count(len(order)) * BATCH_SIZE, BATCH_SIZE):
        rows = order[start : start + BATCH_SIZE]
        yield tuple(tensor[rows] for tensor in tensors)


def batch_count(rows: int) -> int:
    """Number of whole batches in `rows` rows."""
    return rows // BATCH_SIZE


def accuracy_percent(network: nn.Module, *, inputs: Tensor, labels: Tensor) -> float:
    """Percentage of images whose largest logit is at their label.

    Args:
        network: Evaluated, batch norm by its running statistics.
        inputs: Float tensor (N, 1, 28, 28), as the network wants it.
        labels: int64, shape (N,).
    """
    network.eval()
    with torch.no_grad():
        answers = torch.cat([network(part).argmax(dim=1) for part in torch.split(inputs, EVALUATION_SIZE)])
        hits = int((answers == labels).sum())
    return 100 * hits / len(labels)


def save_state(
    path: Path,
    *,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    extra: Mapping[str, Tensor],
    notes: Mapping[str, str],
) -> None:
    """Write everything that the next epoch depends on; an older state stays whole until this one is."""
    moments = optimizer.state_dict()["state"]
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"optimizer/{index}/{key}": tensor for index, part in moments.items() for key, tensor in part.items()}
    tensors |= {f"extra/{name}": tensor for name, tensor in extra.items()}
    save_tensors(path, tensors, notes=notes)


def load_state(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, str]]:
    """Read a state: its tensors by part ("network", "optimizer", "extra"), and its notes."""
    tensors, notes = load_tensors(path)
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "optimizer": {}, "extra": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = tensor
    return parts, notes


def restore_optimizer(optimizer: torch.optim.Optimizer, moments: Mapping[str, Tensor]) -> None:
    """Give an optimiser the moments that `save_state` wrote."""
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in moments.items():
        index, _, key = name.partition("/")
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
