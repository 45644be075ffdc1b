"""A student's way from dense to sparse powers of two, in phases, with a state on disk after every epoch.

Phases: ``dense`` with batch norm, which is then folded; ``part``, if the positions of a convolution part; ``prune``
while the product budget shrinks; ``quantise`` while growing shares of the weights become powers of two; ``calibrate``
while only the biases still learn. The validation images judge; the test images are looked at once, for the card.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from fcnlab.compression.connections import freeze_in_turn, prune_to_hops
from fcnlab.compression.pruning import cubic_budget
from fcnlab.compression.untying import remove_dead_units
from fcnlab.data.mnist import load_mnist
from fcnlab.networks import fitting
from fcnlab.networks.checkpoint import MODELS, Checkpoint, ModelCard, measure_circuit, save_checkpoint
from fcnlab.networks.retina import Retina, image_tensors
from fcnlab.training.distillation import Lesson, Lessons, distillation_loss, prepare_lessons, training_images
from fcnlab.training.recipes import PHASES, Recipe, fingerprint
from fcnlab.training.student import Student

WORK: Final = Path("runs")
SETTLE_SHARE: Final = 0.3  # of the pruning epochs pass at the final budget
SALIENCY_BATCHES: Final = 40
STRIDE: Final = 25  # batches between two steps of compression of an untied network
PRUNE_SHARE: Final = 0.75  # of the pruning, after which the connections stay the same
FREEZE_SHARE: Final = 0.9  # of the quantization, after which all weights are frozen
RECONSTRUCTION: Final = "a reconstruction: its layers are not published, and were chosen for counts near the published"


@dataclass(frozen=True)
class TrainingProgress:
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


@dataclass(frozen=True, eq=False)
class Material:
    """What students learn from and are judged by.

    Attributes:
        lessons: Augmented passes with the teacher's logits.
        pixels: Validation images, uint8, shape (N, 1, 28, 28).
        labels: Their digits, int64, shape (N,).
    """

    lessons: Lessons
    pixels: Tensor
    labels: Tensor

    @classmethod
    def of(cls, recipe: Recipe, *, lessons: Lessons) -> "Material":
        """The lessons with the validation images of their teacher."""
        pixels, labels = image_tensors(training_images(recipe.teacher)[1])
        return cls(lessons, pixels, labels)


@fitting.single_thread()
def train(
    recipe: Recipe,
    *,
    progress: Callable[[TrainingProgress], None] | None = None,
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
    tell = progress or (lambda _: None)
    started = time.perf_counter()

    def tell_teacher(phase: str, epoch: int, epochs: int, loss: float, accuracy: float) -> None:
        tell(TrainingProgress(recipe.name, phase, epoch, epochs, loss, accuracy, 0, time.perf_counter() - started))

    lessons = prepare_lessons(recipe.teacher, work=work, tell=tell_teacher)
    state = work / f"{recipe.name}-{fingerprint(recipe)}.safetensors"
    student = Student.load(state, recipe=recipe) if resume and state.exists() else Student(recipe)
    material = Material.of(recipe, lessons=lessons)
    for phase in PHASES[PHASES.index(student.phase) :]:
        if phase != student.phase:
            student.enter(phase)
        while student.epoch < recipe.epochs(phase):
            state_of_epoch = advance(student, material=material)
            student.save(state)
            tell(state_of_epoch)
    checkpoint = finish(student)
    save_checkpoint(checkpoint.network, checkpoint.card, folder=folder)
    return checkpoint


def advance(student: Student, *, material: Material) -> TrainingProgress:
    """One epoch of the phase the student is in, and a look at the validation images."""
    started = time.perf_counter()
    loss = run_epoch(student, lesson=material.lessons[student.lessons_read])
    inputs = Retina(student.architecture)(material.pixels)
    with student.compression.applied():
        student.validation_percent = fitting.accuracy_percent(student.network, inputs=inputs, labels=material.labels)
    student.elapsed_s += time.perf_counter() - started
    return TrainingProgress(
        recipe=student.recipe.name,
        phase=student.phase,
        epoch=student.epoch,
        epochs=student.recipe.epochs(student.phase),
        loss=loss,
        validation_percent=student.validation_percent,
        products=student.compression.products,
        elapsed_s=student.elapsed_s,
    )


def run_epoch(student: Student, *, lesson: Lesson) -> float:
    """Take the step of compression that is due, then one epoch of gradient descent; returns the mean loss."""
    recipe, phase, epoch = student.recipe, student.phase, student.epoch
    epochs = recipe.epochs(phase)
    compression, retina = student.compression, Retina(student.architecture)
    noise = recipe.noise if phase == "dense" else 0.0
    chance = fitting.epoch_generator(seed=recipe.seed, phase="noise", epoch=epoch)

    def loss(network: nn.Module, batch: fitting.Batch) -> Tensor:
        pixels, goal, labels = batch
        inputs = retina(pixels)
        if noise:
            inputs = inputs + noise * torch.randn(inputs.shape, generator=chance)
        return distillation_loss(
            network(inputs), goal=goal, labels=labels, temperature=recipe.temperature, soft_share=recipe.soft_share
        )

    def batches() -> Iterable[fitting.Batch]:
        generator = fitting.epoch_generator(seed=recipe.seed, phase=phase, epoch=epoch)
        return fitting.shuffled_batches(lesson.pixels, lesson.logits, lesson.labels, generator=generator)

    def batches_between_steps() -> Iterable[fitting.Batch]:
        for index, batch in enumerate(batches()):
            if recipe.hops and index % STRIDE == 0:
                compress_connections(student, done=(epoch + index / fitting.batch_count(len(lesson.labels))) / epochs)
            yield batch

    if phase == "prune" and not recipe.hops:
        done = (epoch + 1) / (epochs * (1 - SETTLE_SHARE))
        budgets = {
            name: cubic_budget(dense=int(layer.costs.sum()), target=recipe.budgets[name], progress=done)
            for name, layer in compression.layers.items()
        }
        with compression.applied():
            curvature = fitting.squared_gradients(
                student.network, batches=islice(batches(), SALIENCY_BATCHES), loss=loss
            )
        compression.prune(curvature, budgets=budgets)
    if phase == "quantise" and not recipe.hops:
        step = math.ceil((epoch + 1) * len(recipe.shares) / epochs) - 1
        compression.freeze(share=recipe.shares[step], exponents=recipe.exponents)
    mean_loss = fitting.fit_epoch(
        student.network,
        optimizer=student.optimizer,
        batches=batches_between_steps(),
        count=fitting.batch_count(len(lesson.labels)),
        loss=loss,
        rate=fitting.cosine_rate(recipe.rate(phase), epoch=epoch, epochs=epochs),
        applied=compression.applied,
    )
    student.epoch += 1
    return mean_loss


def compress_connections(student: Student, *, done: float) -> None:
    """Take the step of compression that is due in an untied network at a share `done` of its phase, 0 to 1.

    The optimiser's mean squared gradients serve as the curvature.
    """
    recipe, compression = student.recipe, student.compression
    if student.phase == "prune":
        moments = {name: student.optimizer.state[layer.weight] for name, layer in compression.layers.items()}
        if all(moments.values()):
            prune_to_hops(
                compression,
                curvature={name: moment["exp_avg_sq"] for name, moment in moments.items()},
                hops=cubic_budget(dense=recipe.dense_hops, target=recipe.hops, progress=done / PRUNE_SHARE),
            )
    if student.phase == "quantise":
        freeze_in_turn(compression, done=min(done / FREEZE_SHARE, 1.0), exponents=recipe.exponents)


def finish(student: Student) -> Checkpoint:
    """Put the compressed weights in place, look at the test images once, and write the card."""
    recipe, network = student.recipe, student.network
    network.requires_grad_(False).eval()
    for layer in student.compression.layers.values():
        layer.weight.copy_(layer.values())
    architecture = recipe.architecture
    if recipe.hops:
        network, architecture = remove_dead_units(network, architecture=architecture)
        network.requires_grad_(False).eval()
    pixels, labels = image_tensors(load_mnist("test"))
    hops, range_bits = measure_circuit(network, architecture=architecture)
    card = ModelCard(
        name=recipe.name,
        architecture=architecture,
        accuracy=fitting.accuracy_percent(network, inputs=Retina(architecture)(pixels), labels=labels),
        validation=student.validation_percent,
        products=student.compression.products,
        hops=hops,
        range_bits=range_bits,
        weight_bits=recipe.weight_bits,
        seed=recipe.seed,
        command=recipe.command,
        minutes=round(student.elapsed_s / 60, 1),
        note=RECONSTRUCTION if recipe.architecture.is_reconstruction else "",
    )
    return Checkpoint(network, card)
