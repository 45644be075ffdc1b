"""What a training begins with, and that a state on disk is the student."""

from dataclasses import replace
from pathlib import Path

import torch

from fcnlab.networks.architectures import Architecture
from fcnlab.networks.checkpoint import load_checkpoint
from fcnlab.training.recipes import RECIPES, Recipe
from fcnlab.training.student import Student, first_network

TINY = Recipe(
    name="tiny",
    architecture=Architecture(kind="faster-cryptonets", activation="swish-aq-2", maps=2, units=8),
    dense_epochs=1,
    prune_epochs=2,
    budgets={"conv1": 3_000, "fc1": 900, "fc2": 70},
)


def test_a_training_begins_anew_or_where_another_network_ended() -> None:
    torch.testing.assert_close(first_network(TINY).conv1.weight, first_network(TINY).conv1.weight)
    assert not torch.equal(first_network(TINY).conv1.weight, first_network(replace(TINY, seed=1)).conv1.weight)
    images = torch.rand(20, 1, 28, 28)
    begun = first_network(RECIPES["faster-cryptonets"])(images)
    ended = load_checkpoint("cryptonets").network(images)
    torch.testing.assert_close(begun, ended, rtol=1e-3, atol=1e-2)


def test_a_state_brings_the_student_back(tmp_path: Path) -> None:
    student = Student(TINY)
    student.enter("prune")
    student.epoch = 1
    layer = student.compression.layers["fc1"]
    layer.keep[:3] = False
    student.save(tmp_path / "state.safetensors")
    again = Student.load(tmp_path / "state.safetensors", recipe=TINY)
    assert (again.phase, again.epoch, again.lessons_read) == ("prune", 1, 2)
    torch.testing.assert_close(again.compression.layers["fc1"].values(), layer.values(), rtol=0, atol=0)
    assert again.compression.products == student.compression.products
