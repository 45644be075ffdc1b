"""Students: networks in training, in memory and on disk."""

from pathlib import Path
from typing import Final

import torch
from torch import nn

from fcnlab.compression.connections import freeze_in_turn
from fcnlab.compression.conversion import convert
from fcnlab.compression.layers import Compression
from fcnlab.compression.untying import equalise_units, normalise_units, untie
from fcnlab.networks.architectures import Architecture, fold_batch_norm, seeded
from fcnlab.networks.checkpoint import load_checkpoint
from fcnlab.networks.fitting import load_state, restore_optimizer, save_state
from fcnlab.networks.retina import Retina, image_tensors
from fcnlab.training.distillation import training_images
from fcnlab.training.recipes import PHASES, Recipe

WEIGHT_DECAY: Final = 1e-4
MEASURED_IMAGES: Final = 2000


class Student:
    """A network in training, with everything that its next epoch depends on.

    Attributes:
        phase: Name of the phase it is in.
        epoch: Epochs of that phase that are done.
        validation_percent: Accuracy after the last epoch.
        elapsed_s: Seconds of work so far.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.phase = PHASES[0]
        self.epoch = 0
        self.validation_percent = 0.0
        self.elapsed_s = 0.0
        self.adopt(first_network(recipe))

    @property
    def architecture(self) -> Architecture:
        """What is trained in this phase: an untied network begins as its convolution."""
        if self.phase == "dense" and self.recipe.convolution is not None:
            return self.recipe.convolution
        return self.recipe.architecture

    @property
    def lessons_read(self) -> int:
        """Epochs of all phases so far: each one read a lesson."""
        before = PHASES[: PHASES.index(self.phase)]
        return sum(self.recipe.epochs(phase) for phase in before) + self.epoch

    def adopt(self, network: nn.Sequential) -> None:
        """Train `network` from here on, all of its weights free."""
        self.network = network.requires_grad_()
        self.compression = Compression(network, input_shape=self.architecture.input_shape)
        self.optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0)

    def enter(self, phase: str) -> None:
        """Begin a phase, with a fresh optimiser: on leaving ``dense`` batch norm is folded, and positions part."""
        left, self.phase, self.epoch = self.phase, phase, 0
        if left == "dense":
            folded = fold_batch_norm(self.network)
            self.adopt(part_positions(folded, recipe=self.recipe) if self.recipe.convolution else folded)
        if phase == "quantise" and self.recipe.hops:
            equalise_units(self.network, layers=self.compression.layers, exponents=self.recipe.exponents)
        if phase == "calibrate" and self.recipe.hops and self.recipe.quantise_epochs:
            freeze_in_turn(self.compression, done=1.0, exponents=self.recipe.exponents)
        if phase == "calibrate" and self.recipe.quantise_epochs:
            self.settle_first_bias()
        decay = WEIGHT_DECAY if phase in ("dense", "prune") else 0.0
        self.optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=decay)

    def settle_first_bias(self) -> None:
        """Make the first layer's biases whole numbers of its unit, for good, so that the later layers adapt to them.

        The first layer's integers are small and the circuit's rounding of its biases would be felt; the units of the
        later layers are so fine that it is not.
        """
        name, layer = next(iter(self.compression.layers.items()))
        weights = layer.values()
        built = self.recipe.architecture
        unit = weights[weights != 0].abs().min() / 2**built.pixel_bits
        bias = self.network.get_parameter(f"{name}.bias")
        bias.requires_grad_(False).copy_((bias / unit).round() * unit)

    def save(self, path: Path) -> None:
        """Write the state; the older one stays whole until this one is."""
        notes = {"phase": self.phase, "epoch": str(self.epoch)}
        notes |= {name: repr(getattr(self, name)) for name in ("validation_percent", "elapsed_s")}
        save_state(path, network=self.network, optimizer=self.optimizer, extra=self.compression.state(), notes=notes)

    @classmethod
    def load(cls, path: Path, *, recipe: Recipe) -> "Student":
        """The student as it was saved."""
        parts, notes = load_state(path)
        student = cls(recipe)
        if notes["phase"] != student.phase:
            student.enter(notes["phase"])
        student.network.load_state_dict(parts["network"])
        student.compression.load_state(parts["extra"])
        restore_optimizer(student.optimizer, parts["optimizer"])
        student.epoch = int(notes["epoch"])
        student.validation_percent = float(notes["validation_percent"])
        student.elapsed_s = float(notes["elapsed_s"])
        return student


def first_network(recipe: Recipe) -> nn.Sequential:
    """What a training begins with: a new network with batch norm, or the shipped one that the recipe starts from."""
    if recipe.start:
        return convert(load_checkpoint(recipe.start).network, target=recipe.architecture)
    first = recipe.convolution or recipe.architecture
    return seeded(lambda: first.build(batch_norm=True), seed=recipe.seed)


def part_positions(network: nn.Sequential, *, recipe: Recipe) -> nn.Sequential:
    """The untied network that a convolution becomes, its hidden units of size 1 over training images."""
    untied = untie(network, target=recipe.architecture)
    pixels, _ = image_tensors(training_images(recipe.teacher)[0][:MEASURED_IMAGES])
    normalise_units(untied, inputs=Retina(recipe.architecture)(pixels))
    return untied
