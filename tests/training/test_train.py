"""Training on a tiny recipe: phases, exact resumption after an interrupt, and what is left on disk."""

import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from fcnlab.data.mnist import load_mnist, quantise_pixels
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture
from fcnlab.networks.checkpoint import compile_checkpoint, load_checkpoint
from fcnlab.networks.retina import Retina
from fcnlab.training import distillation
from fcnlab.training.recipes import PHASES, Recipe, TeacherRecipe
from fcnlab.training.train import TrainingProgress, train
from tests.support.fidelity import measure_fidelity

TINY = Recipe(
    name="tiny",
    architecture=Architecture(kind="faster-cryptonets", activation="swish-aq-2", maps=2, units=8, pixel_bits=3),
    dense_epochs=2,
    prune_epochs=2,
    quantise_epochs=4,
    calibrate_epochs=1,
    budgets={"conv1": 3_000, "fc1": 900, "fc2": 70},
    exponents={"conv1": 1, "fc1": 2, "fc2": 3},
    teacher=TeacherRecipe(epochs=1, lessons=2, images=768),
)

UNTIED = Recipe(
    name="untied",
    architecture=Architecture(kind="untied", activation="square", maps=2, hidden=2 * 169, units=8, window=2),
    convolution=Architecture(kind="cryptonets", activation="square", maps=2, maps2=3, units=8),
    dense_epochs=2,
    noise=0.1,
    part_epochs=1,
    prune_epochs=4,
    quantise_epochs=2,
    calibrate_epochs=1,
    hops=6_000,
    exponents={"conv1": 3, "fc1": 4, "fc2": 4},
    teacher=TINY.teacher,
)


@pytest.fixture(scope="module", autouse=True)
def _one_reading_of_mnist() -> Iterator[None]:
    """Unpack and verify the data once for all the short runs."""
    with pytest.MonkeyPatch.context() as patch:
        cached = cache(load_mnist)
        patch.setattr(distillation, "load_mnist", cached)
        patch.setattr("fcnlab.training.train.load_mnist", cached)
        yield


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which one uninterrupted run has finished."""
    folder = tmp_path_factory.mktemp("work")
    train(TINY, folder=folder / "models", work=folder)
    return folder


def fresh_work(work: Path, target: Path) -> Path:
    """A work folder with the teacher's lessons and nothing else."""
    (teacher,) = work.glob("teacher-*")
    (target / teacher.name).symlink_to(teacher)
    return target


def stop_after(count: int, error: BaseException) -> Callable[[TrainingProgress], None]:
    """A progress callback that raises at its `count`-th call."""
    calls = []

    def progress(step: TrainingProgress) -> None:
        calls.append(step)
        if len(calls) == count:
            raise error

    return progress


def test_nothing_but_powers_of_two_is_left(work: Path) -> None:
    checkpoint = load_checkpoint("tiny", folder=work / "models")
    for name, exponents in TINY.exponents.items():
        weights = checkpoint.network.get_submodule(name).weight.detach().numpy()
        magnitudes = np.unique(np.abs(weights[weights != 0]))
        assert set(np.frexp(magnitudes)[0]) == {0.5}
        assert magnitudes.max() / magnitudes.min() <= 2 ** (exponents - 1)


def test_the_circuit_is_the_network(work: Path) -> None:
    checkpoint = load_checkpoint("tiny", folder=work / "models")
    circuit = compile_checkpoint(checkpoint)
    pixels = circuit.quantise(load_mnist("test").pixels[:200])
    fidelity = measure_fidelity(circuit, checkpoint.network, pixels=pixels)
    assert fidelity.digit_agreement == 1.0
    assert fidelity.max_logit_difference < 1e-3 * fidelity.max_logit
    assert checkpoint.card.range_bits == max(interval.bits for interval in circuit.ranges)


def test_the_card_tells_what_was_made(work: Path) -> None:
    card = load_checkpoint("tiny", folder=work / "models").card
    assert card.architecture == TINY.architecture
    assert 0 < card.products <= sum(TINY.budgets.values())
    assert card.hops["pt_ct_mults"] == card.products + 2 * 169 + 8  # one more for each activation x (a x + b) + c
    assert card.hops["total"] == sum(value for column, value in card.hops.items() if column != "total")
    assert (card.weight_bits, card.seed, card.command) == (3, TINY.seed, "fcnlab train tiny")


def test_progress_names_each_epoch_of_each_phase(work: Path, tmp_path: Path) -> None:
    steps: list[TrainingProgress] = []
    train(TINY, progress=steps.append, folder=tmp_path, work=fresh_work(work, tmp_path))
    assert [(step.phase, step.epoch) for step in steps] == [
        (phase, epoch) for phase in PHASES for epoch in range(1, TINY.epochs(phase) + 1)
    ]
    elapsed = [step.elapsed_s for step in steps]
    assert elapsed == sorted(elapsed)
    assert all(0 <= step.validation_percent <= 100 for step in steps)
    assert steps[-1].products < steps[0].products


@pytest.mark.parametrize("epochs_before", [1, 2, 3, 6, 9])
def test_an_interrupted_run_resumes_to_the_same_network(work: Path, tmp_path: Path, epochs_before: int) -> None:
    fresh_work(work, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(TINY, progress=stop_after(epochs_before, KeyboardInterrupt()), folder=tmp_path, work=tmp_path)
    assert not (tmp_path / "tiny.safetensors").exists()
    steps: list[TrainingProgress] = []
    train(TINY, progress=steps.append, folder=tmp_path, work=tmp_path)
    assert len(steps) == sum(map(TINY.epochs, PHASES)) - epochs_before
    assert (tmp_path / "tiny.safetensors").read_bytes() == (work / "models" / "tiny.safetensors").read_bytes()


def test_a_run_can_be_started_anew(work: Path, tmp_path: Path) -> None:
    fresh_work(work, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(TINY, progress=stop_after(2, KeyboardInterrupt()), folder=tmp_path, work=tmp_path)
    steps: list[TrainingProgress] = []
    train(TINY, progress=steps.append, resume=False, folder=tmp_path, work=tmp_path)
    assert (steps[0].phase, steps[0].epoch) == ("dense", 1)


def test_another_recipe_does_not_take_up_the_state(work: Path, tmp_path: Path) -> None:
    fresh_work(work, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(TINY, progress=stop_after(2, KeyboardInterrupt()), folder=tmp_path, work=tmp_path)
    steps: list[TrainingProgress] = []
    with pytest.raises(KeyboardInterrupt):
        train(
            replace(TINY, seed=1),
            progress=lambda step: (steps.append(step), stop_after(1, KeyboardInterrupt())(step)),
            folder=tmp_path,
            work=tmp_path,
        )
    assert (steps[0].phase, steps[0].epoch) == ("dense", 1)


def test_a_full_disk_leaves_the_last_state_whole(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_work(work, tmp_path)
    synchronise, writes = os.fsync, []

    def fill_up(descriptor: int) -> None:
        writes.append(descriptor)
        if len(writes) == 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        synchronise(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill_up)
        with pytest.raises(DataError, match="No space left on device"):
            train(TINY, folder=tmp_path, work=tmp_path)
    train(TINY, folder=tmp_path, work=tmp_path)
    assert (tmp_path / "tiny.safetensors").read_bytes() == (work / "models" / "tiny.safetensors").read_bytes()
    assert not list(tmp_path.glob(".*.part"))


def test_the_teacher_resumes_after_an_interrupt(tmp_path: Path) -> None:
    recipe = replace(TINY, teacher=replace(TINY.teacher, epochs=2))
    with pytest.raises(KeyboardInterrupt):
        train(recipe, progress=stop_after(1, KeyboardInterrupt()), folder=tmp_path, work=tmp_path)
    steps: list[TrainingProgress] = []
    with pytest.raises(KeyboardInterrupt):
        train(
            recipe,
            progress=lambda step: (steps.append(step), stop_after(1, KeyboardInterrupt())(step)),
            folder=tmp_path,
            work=tmp_path,
        )
    assert (steps[0].phase, steps[0].epoch) == ("teacher", 2)


def test_a_network_without_compression_keeps_real_weights(work: Path, tmp_path: Path) -> None:
    recipe = Recipe(
        name="dense",
        architecture=Architecture(kind="cryptonets", activation="square", maps=1, maps2=2, units=4),
        dense_epochs=1,
        teacher=TINY.teacher,
    )
    checkpoint = train(recipe, folder=tmp_path, work=fresh_work(work, tmp_path))
    assert checkpoint.card.weight_bits == 0
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in checkpoint.network)
    assert len(np.unique(checkpoint.network.fc1.weight.detach().numpy())) > 10


def test_networks_see_quantised_pixels() -> None:
    images = load_mnist("test").pixels[:50]
    for window, bits in ((1, 4), (2, 5), (3, 8)):
        architecture = Architecture(kind="untied", activation="square", window=window, pixel_bits=bits)
        seen = Retina(architecture)(torch.tensor(images).unsqueeze(1))
        assert seen.shape == (50, *architecture.input_shape)
        expected = quantise_pixels(images, bits=bits, window=window) / 2**bits
        assert np.array_equal(seen[:, 0].numpy(), expected)


@pytest.fixture(scope="module")
def untied_work(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder in which an untied network has been trained without interruption."""
    folder = fresh_work(work, tmp_path_factory.mktemp("untied"))
    train(UNTIED, folder=folder / "models", work=folder)
    return folder


def test_an_untied_network_keeps_to_its_hops_and_to_powers_of_two(untied_work: Path) -> None:
    checkpoint = load_checkpoint("untied", folder=untied_work / "models")
    card, network = checkpoint.card, checkpoint.network
    assert 1_000 < card.hops["total"] <= UNTIED.hops
    assert card.hops["total"] == 2 * card.products + 2 * card.hops["ct_ct_mults"] + 10
    assert card.hops["ct_ct_mults"] == card.architecture.hidden + card.architecture.units
    for name, exponents in UNTIED.exponents.items():
        weights = network.get_submodule(name).weight.detach()
        assert weights.any(dim=1).all()
        magnitudes = np.unique(weights[weights != 0].abs().numpy())
        assert set(np.frexp(magnitudes)[0]) == {0.5}
        assert magnitudes.max() / magnitudes.min() <= 2 ** (exponents - 1)
    circuit = compile_checkpoint(checkpoint)
    pixels = circuit.quantise(load_mnist("test").pixels[:200])
    assert measure_fidelity(circuit, network, pixels=pixels).digit_agreement > 0.98


@pytest.mark.parametrize("epochs_before", [1, 2, 3, 5, 8])
def test_an_untied_run_resumes_to_the_same_network(
    work: Path, untied_work: Path, tmp_path: Path, epochs_before: int
) -> None:
    fresh_work(work, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(UNTIED, progress=stop_after(epochs_before, KeyboardInterrupt()), folder=tmp_path, work=tmp_path)
    train(UNTIED, folder=tmp_path, work=tmp_path)
    assert (tmp_path / "untied.safetensors").read_bytes() == (untied_work / "models/untied.safetensors").read_bytes()
