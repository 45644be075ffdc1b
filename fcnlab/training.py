"""A student's way from dense to sparse powers of two, in phases, with a state on disk after every epoch.

Phases: ``dense`` with batch norm, which is then folded; ``prune`` while the product budget shrinks; ``quantise`` while
growing shares of the weights become powers of two; ``calibrate`` while only the biases still learn.
The validation images judge; the test images are looked at once, for the card.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from fcnlab.checkpoint import MODELS, Checkpoint, ModelCard, measure_circuit, save_checkpoint
from fcnlab.compression import Compression, squared_gradients
from fcnlab.data import load_mnist, quantise_pixels
from fcnlab.distillation import Lesson, distillation_loss, image_tensors, prepare_lessons, training_images
from fcnlab.fitting import (
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
)
from fcnlab.network import fold_batch_norm, seeded
from fcnlab.pruning import cubic_budget
from fcnlab.quantization import INQ_SHARES
from fcnlab.recipes import PHASES, Recipe, fingerprint

WORK: Final = Path("runs")
PEAK_RATES: Final = {"dense": 3e-3, "prune": 1.5e-3, "quantise": 1.5e-3, "calibrate": 5e-4}
"""Learning rate at the start of each phase; it falls along a cosine."""
WEIGHT_DECAY: Final = 1e-4
SETTLE_SHARE: Final = 0.3  # of the pruning epochs pass at the final budget
SALIENCY_BATCHES: Final = 40


@dataclass(frozen=True)
class Progress:
    """Where a training run stands, after an epoch.

    Attributes:
        recipe: Name of the network.
        phase: ``teacher``, ``lessons`` or a name of PHASES.
        epoch: Epochs of the phase that are done.
        epochs: Epochs of the phase in all.
        loss: Mean training loss of the epoch.
        validation_percent: Accuracy on the validation images.
        products: Weight products per image at this point; 0 while the teacher is at work.
        elapsed_s: Seconds of work on this network so far, earlier sessions included.
    """

    recipe: str
    phase: str
    epoch: int
    epochs: int
    loss: float
    validation_percent: float
    products: int
    elapsed_s: float


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
        self.adopt(seeded(lambda: recipe.architecture.build(batch_norm=True), seed=recipe.seed))

    @property
    def lessons_read(self) -> int:
        """Epochs of all phases so far: each one read a lesson."""
        before = PHASES[: PHASES.index(self.phase)]
        return sum(self.recipe.epochs(phase) for phase in before) + self.epoch

    def adopt(self, network: nn.Sequential) -> None:
        """Train `network` from here on, all of its weights free."""
        self.network = network.requires_grad_()
        self.compression = Compression(network)
        self.optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0)

    def enter(self, phase: str) -> None:
        """Begin a phase: batch norm is folded on leaving ``dense``, and every phase has a fresh optimiser."""
        if self.phase == "dense":
            self.adopt(fold_batch_norm(self.network))
        if phase == "calibrate" and self.recipe.quantise_epochs:
            self.settle_first_bias()
        self.phase, self.epoch = phase, 0
        decay = WEIGHT_DECAY if phase in ("dense", "prune") else 0.0
        self.optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=decay)

    def settle_first_bias(self) -> None:
        """Make the first layer's biases whole numbers of its unit, for good, so that the later layers adapt to them.

        The first layer's integers are small and the circuit's rounding of its biases would be felt; the units of the
        later layers are so fine that it is not.
        """
        name, layer = next(iter(self.compression.layers.items()))
        weights = layer.values()
        unit = weights[weights != 0].abs().min() / 2**self.recipe.architecture.pixel_bits
        bias = self.network.get_parameter(f"{name}.bias")
        bias.requires_grad_(False).copy_((bias / unit).round() * unit)

    def save(self, path: Path) -> None:
        """Write the state; the older one stays whole until this one is."""
        notes = {
            "phase": self.phase,
            "epoch": str(self.epoch),
            "validation_percent": repr(self.validation_percent),
            "elapsed_s": repr(self.elapsed_s),
        }
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


@single_thread()
def train(
    recipe: Recipe,
    *,
    progress: Callable[[Progress], None] | None = None,
    resume: bool = True,
    folder: Path = MODELS,
    work: Path = WORK,
) -> Checkpoint:
    """Train a network from nothing, or go on where an interrupted run stopped, and store the checkpoint.

    Args:
        recipe: What to train and how; a run of another recipe is never mixed in.
        progress: Called after every epoch.
        resume: Use the state of an earlier run of the same recipe; False trains the student anew.
        folder: Where the finished checkpoint goes.
        work: Where unfinished work is kept: a state after each epoch, the teacher and its lessons.

    Returns:
        The checkpoint as stored.

    Raises:
        DataError: If MNIST is missing or altered, or a file cannot be written; older files stay whole.
    """
    report = progress or (lambda _: None)
    started = time.perf_counter()

    def report_teacher(phase: str, epoch: int, epochs: int, loss: float, accuracy: float) -> None:
        report(Progress(recipe.name, phase, epoch, epochs, loss, accuracy, 0, time.perf_counter() - started))

    lessons = prepare_lessons(recipe.teacher, work=work, report=report_teacher)
    state = work / f"{recipe.name}-{fingerprint(recipe)}.safetensors"
    student = Student.load(state, recipe=recipe) if resume and state.exists() else Student(recipe)
    table = pixel_values(recipe.architecture.pixel_bits)
    _, validation = training_images(recipe.teacher)
    pixels, labels = image_tensors(validation)
    inputs = table[pixels.int()]
    for phase in PHASES[PHASES.index(student.phase) :]:
        if phase != student.phase:
            student.enter(phase)
        epochs = recipe.epochs(phase)
        while student.epoch < epochs:
            started = time.perf_counter()
            loss = run_epoch(student, lesson=lessons[student.lessons_read], table=table)
            with student.compression.applied():
                student.validation_percent = accuracy_percent(student.network, inputs=inputs, labels=labels)
            student.elapsed_s += time.perf_counter() - started
            student.save(state)
            report(
                Progress(
                    recipe=recipe.name,
                    phase=phase,
                    epoch=student.epoch,
                    epochs=epochs,
                    loss=loss,
                    validation_percent=student.validation_percent,
                    products=student.compression.products,
                    elapsed_s=student.elapsed_s,
                )
            )
    checkpoint = finish(student, table=table)
    save_checkpoint(checkpoint.network, checkpoint.card, folder=folder)
    return checkpoint


def run_epoch(student: Student, *, lesson: Lesson, table: Tensor) -> float:
    """Take the step of compression that is due, then one epoch of gradient descent; returns the mean loss."""
    recipe, phase, epoch = student.recipe, student.phase, student.epoch
    epochs = recipe.epochs(phase)
    compression = student.compression

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        pixels, goal, labels = batch
        return distillation_loss(network(table[pixels.int()]), goal=goal, labels=labels)

    def batches() -> Iterable[Batch]:
        generator = epoch_generator(seed=recipe.seed, phase=phase, epoch=epoch)
        return shuffled_batches(lesson.pixels, lesson.logits, lesson.labels, generator=generator)

    if phase == "prune":
        done = (epoch + 1) / (epochs * (1 - SETTLE_SHARE))
        budgets = {
            name: cubic_budget(dense=int(layer.costs.sum()), target=recipe.budgets[name], progress=done)
            for name, layer in compression.layers.items()
        }
        with compression.applied():
            curvature = squared_gradients(student.network, batches=islice(batches(), SALIENCY_BATCHES), loss=loss)
        compression.prune(curvature, budgets=budgets)
    if phase == "quantise":
        step = math.ceil((epoch + 1) * len(INQ_SHARES) / epochs) - 1
        compression.freeze(share=INQ_SHARES[step], exponents=recipe.exponents)
    mean_loss = fit_epoch(
        student.network,
        optimizer=student.optimizer,
        batches=batches(),
        count=batch_count(len(lesson.labels)),
        loss=loss,
        rate=cosine_rate(PEAK_RATES[phase], epoch=epoch, epochs=epochs),
        applied=compression.applied,
    )
    student.epoch += 1
    return mean_loss


def finish(student: Student, *, table: Tensor) -> Checkpoint:
    """Put the compressed weights in place, look at the test images once, and write the card."""
    recipe, network = student.recipe, student.network
    network.requires_grad_(False).eval()
    for layer in student.compression.layers.values():
        layer.weight.copy_(layer.values())
    pixels, labels = image_tensors(load_mnist("test"))
    hops, range_bits = measure_circuit(network, architecture=recipe.architecture)
    card = ModelCard(
        name=recipe.name,
        architecture=recipe.architecture,
        accuracy=accuracy_percent(network, inputs=table[pixels.int()], labels=labels),
        validation=student.validation_percent,
        products=student.compression.products,
        hops=hops,
        range_bits=range_bits,
        weight_bits=recipe.weight_bits,
        seed=recipe.seed,
        command=f"fcnlab train {recipe.name}",
        minutes=round(student.elapsed_s / 60, 1),
    )
    return Checkpoint(network, card)


def pixel_values(bits: int) -> Tensor:
    """What a network sees for each of the 256 grey values: float, shape (256,)."""
    levels = quantise_pixels(np.arange(256, dtype=np.uint8), bits=bits)
    return torch.tensor(levels / 2**bits, dtype=torch.float32)
