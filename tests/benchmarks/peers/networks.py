"""The networks that the peers run: the architectures of their own examples, trained here on the same images.

Each is trained once, on one thread, and kept in ``build/peers`` as plain arrays, so that a peer's environment needs no
more than numpy to read it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fcnlab.compiler.layers import Square
from fcnlab.data.mnist import load_mnist
from fcnlab.networks.architectures import fold_batch_norm, seeded, sequential
from fcnlab.networks.fitting import (
    accuracy_percent,
    batch_count,
    cosine_rate,
    epoch_generator,
    fit_epoch,
    shuffled_batches,
    single_thread,
)

EPOCHS, PEAK_RATE, WEIGHT_DECAY = 6, 2e-3, 1e-4
TESTED: Final = 1000
"""Test images on which every system's accuracy is stated."""


def tutorial() -> nn.Sequential:
    """The network of TenSEAL's tutorial on encrypted convolution."""
    return sequential(
        {
            "conv1": nn.Conv2d(1, 4, kernel_size=7, stride=3),
            "act1": Square(),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(256, 64),
            "act2": Square(),
            "fc2": nn.Linear(64, 10),
        }
    )


def lola() -> nn.Sequential:
    """The LoLA of Orion's examples, 32 maps."""
    return sequential(
        {
            "conv1": nn.Conv2d(1, 32, kernel_size=5, stride=2, padding=2),
            "norm1": nn.BatchNorm2d(32),
            "act1": Square(),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(32 * 14 * 14, 100),
            "norm2": nn.BatchNorm1d(100),
            "act2": Square(),
            "fc2": nn.Linear(100, 10),
        }
    )


def mlp() -> nn.Sequential:
    """The multilayer perceptron of Orion's examples."""
    return sequential(
        {
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(784, 128),
            "norm1": nn.BatchNorm1d(128),
            "act1": Square(),
            "fc2": nn.Linear(128, 128),
            "norm2": nn.BatchNorm1d(128),
            "act2": Square(),
            "fc3": nn.Linear(128, 10),
        }
    )


def lenet() -> nn.Sequential:
    """The LeNet of Orion's examples."""
    return sequential(
        {
            "conv1": nn.Conv2d(1, 32, kernel_size=5, stride=2, padding=2),
            "norm1": nn.BatchNorm2d(32),
            "act1": Square(),
            "conv2": nn.Conv2d(32, 64, kernel_size=5, stride=2, padding=2),
            "norm2": nn.BatchNorm2d(64),
            "act2": Square(),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(64 * 7 * 7, 512),
            "norm3": nn.BatchNorm1d(512),
            "act3": Square(),
            "fc2": nn.Linear(512, 10),
        }
    )


def collapsed_cryptonets() -> nn.Sequential:
    """CryptoNets with its linear layers collapsed, as HElayers' example has it."""
    return sequential(
        {
            "pad": nn.ZeroPad2d((0, 1, 0, 1)),
            "conv1": nn.Conv2d(1, 5, kernel_size=5, stride=2),
            "norm1": nn.BatchNorm2d(5),
            "act1": Square(),
            "flatten": nn.Flatten(),
            "fc1": nn.Linear(845, 100),
            "norm2": nn.BatchNorm1d(100),
            "act2": Square(),
            "fc2": nn.Linear(100, 10),
        }
    )


NETWORKS: Final = {"tutorial": tutorial, "lola": lola, "mlp": mlp, "lenet": lenet, "cryptonets": collapsed_cryptonets}


def ready_network(name: str, *, folder: Path) -> tuple[Path, float]:
    """The trained network as a file of arrays, batch norm folded, and its accuracy in percent on the tested images.

    Args:
        name: One of NETWORKS.
        folder: Where trained networks are kept; a network that is there is not trained again.
    """
    path = folder / f"{name}.npz"
    if not path.exists():
        save_arrays(path, dict(trained(name).state_dict()))
    network = fold_batch_norm(NETWORKS[name]())
    network.load_state_dict({key: torch.from_numpy(value) for key, value in np.load(path).items()})
    pixels, labels = test_images()
    return path, accuracy_percent(network, inputs=pixels, labels=labels)


@single_thread()
def trained(name: str) -> nn.Sequential:
    """Train a network by the plain cross entropy, and fold its batch norm."""
    images = load_mnist("train")
    pixels, labels = torch.tensor(images.pixels).unsqueeze(1), torch.tensor(images.labels)
    network = seeded(NETWORKS[name], seed=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    for epoch in range(EPOCHS):
        generator = epoch_generator(seed=0, phase=name, epoch=epoch)
        loss = fit_epoch(
            network,
            optimizer=optimizer,
            batches=(
                (image.float() / 255, digit) for image, digit in shuffled_batches(pixels, labels, generator=generator)
            ),
            count=batch_count(len(pixels)),
            loss=lambda network, batch: functional.cross_entropy(network(batch[0]), batch[1]),
            rate=cosine_rate(PEAK_RATE, epoch=epoch, epochs=EPOCHS),
        )
        print(f"training {name}: epoch {epoch + 1} of {EPOCHS}, loss {loss:.4f}", flush=True)
    return fold_batch_norm(network)


def test_images() -> tuple[Tensor, Tensor]:
    """The tested images, float in [0, 1], shape (TESTED, 1, 28, 28), and their labels."""
    images = load_mnist("test")
    return torch.tensor(images.pixels[:TESTED]).unsqueeze(1).float() / 255, torch.tensor(images.labels[:TESTED])


def save_arrays(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as numpy arrays; a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **{name: tensor.detach().numpy() for name, tensor in tensors.items()})  # type: ignore[arg-type]
    partial.replace(path)
