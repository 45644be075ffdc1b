"""The teacher, and the lessons it marks: augmented images with its logits, made once and read by every student.

Both are cached in a folder whose name changes with the teacher's recipe, and both survive an interrupt: the teacher
loses at most one epoch, the lessons at most one pass.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from fcnlab.data.mnist import Images, load_mnist, split_validation
from fcnlab.networks import fitting
from fcnlab.networks.architectures import seeded, teacher
from fcnlab.networks.augmentation import warp_images
from fcnlab.networks.retina import image_tensors
from fcnlab.networks.storage import load_tensors, save_tensors
from fcnlab.training.recipes import TeacherRecipe, fingerprint

PEAK_RATE: Final = 3e-3
WEIGHT_DECAY: Final = 1e-3

OnEpoch = Callable[[str, int, int, float, float], None]
"""Called after each epoch with: phase, epochs done, epochs in all, loss, validation accuracy in percent."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """One pass over the training images, each warped anew, with the teacher's opinion.

    Attributes:
        pixels: uint8, shape (N, 1, 28, 28).
        logits: float32, shape (N, 10).
        labels: int64, shape (N,).
    """

    pixels: Tensor
    logits: Tensor
    labels: Tensor


@dataclass(frozen=True, eq=False)
class Lessons:
    """All passes of one teacher, read from disk one at a time."""

    files: tuple[Path, ...]
    labels: Tensor

    def __getitem__(self, number: int) -> Lesson:
        """Lesson `number`, counted round and round."""
        tensors, _ = load_tensors(self.files[number % len(self.files)])
        return Lesson(tensors["pixels"], tensors["logits"].float(), self.labels)


def training_images(recipe: TeacherRecipe) -> tuple[Images, Images]:
    """The images to learn from and the images to choose with; the test images are neither."""
    training, validation = split_validation(load_mnist("train"), seed=recipe.seed)
    return (training[: recipe.images] if recipe.images else training), validation


def prepare_lessons(recipe: TeacherRecipe, *, work: Path, tell: OnEpoch) -> Lessons:
    """Train the teacher and let it mark its lessons, unless that is done already.

    Args:
        recipe: The teacher's.
        work: Folder of unfinished work; a subfolder of it is used.
        tell: Called after each epoch and each lesson.

    Raises:
        DataError: If MNIST is missing or altered, or the work cannot be written.
    """
    folder = work / f"teacher-{fingerprint(recipe)}"
    training, validation = training_images(recipe)
    pixels, labels = image_tensors(training)
    files = tuple(folder / f"lesson-{number:02d}.safetensors" for number in range(recipe.lessons))
    if not all(file.exists() for file in files):
        networks = [
            train_member(recipe, member, pixels=pixels, labels=labels, validation=validation, folder=folder, tell=tell)
            for member in range(recipe.members)
        ]
        for number, file in enumerate(files):
            if not file.exists():
                save_tensors(file, mark_lesson(networks, pixels=pixels, recipe=recipe, number=number))
            tell("lessons", number + 1, recipe.lessons, 0.0, 0.0)
    return Lessons(files, labels)


def train_member(
    recipe: TeacherRecipe,
    member: int,
    *,
    pixels: Tensor,
    labels: Tensor,
    validation: Images,
    folder: Path,
    tell: OnEpoch,
) -> nn.Sequential:
    """Train one of the teacher's networks on freshly warped images, from its last epoch on disk if there is one."""
    seed = recipe.seed + member
    state = folder / f"member-{member}.safetensors"
    network = seeded(teacher, seed=seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    start = 0
    if state.exists():
        parts, notes = fitting.load_state(state)
        network.load_state_dict(parts["network"])
        fitting.restore_optimizer(optimizer, parts["optimizer"])
        start = int(notes["epoch"])
    checked, truth = image_tensors(validation)
    for epoch in range(start, recipe.epochs):
        generator = fitting.epoch_generator(seed=seed, phase="teacher", epoch=epoch)

        def warped(generator: torch.Generator = generator) -> Iterable[fitting.Batch]:
            for images, digits in fitting.shuffled_batches(pixels, labels, generator=generator):
                yield warp_images(images.float(), warp=recipe.warp, generator=generator) / 256, digits

        loss = fitting.fit_epoch(
            network,
            optimizer=optimizer,
            batches=warped(),
            count=fitting.batch_count(len(pixels)),
            loss=teacher_loss,
            rate=fitting.cosine_rate(PEAK_RATE, epoch=epoch, epochs=recipe.epochs),
        )
        fitting.save_state(state, network=network, optimizer=optimizer, extra={}, notes={"epoch": str(epoch + 1)})
        accuracy = fitting.accuracy_percent(network, inputs=checked.float() / 256, labels=truth)
        tell("teacher", member * recipe.epochs + epoch + 1, recipe.members * recipe.epochs, loss, accuracy)
    return network.eval()


def teacher_loss(network: nn.Module, batch: fitting.Batch) -> Tensor:
    """Mean cross entropy, the convolutions in bfloat16: twice as fast on a CPU that has it."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = network(batch[0])
    return functional.cross_entropy(logits.float(), batch[1])


def mark_lesson(
    networks: Sequence[nn.Module], *, pixels: Tensor, recipe: TeacherRecipe, number: int
) -> dict[str, Tensor]:
    """Warp every image once and ask the teacher: the tensors of one lesson file."""
    generator = fitting.epoch_generator(seed=recipe.seed, phase="lesson", epoch=number)
    warped, logits = [], []
    with torch.no_grad():
        for images in torch.split(pixels, fitting.EVALUATION_SIZE):
            image = warp_images(images.float(), warp=recipe.lesson_warp, generator=generator).round()
            warped.append(image.to(torch.uint8))
            logits.append(torch.stack([network(image / 256) for network in networks]).mean(dim=0).half())
    return {"pixels": torch.cat(warped), "logits": torch.cat(logits)}


def distillation_loss(logits: Tensor, *, goal: Tensor, labels: Tensor, temperature: float, soft_share: float) -> Tensor:
    """Mean loss of a student: mostly to answer as the teacher does, and a little to be right.

    A high temperature makes the student imitate how the teacher ranks the wrong digits too. A student with few weights
    left has none to spare for that, and does better at a temperature not far above 1.

    Args:
        logits: The student's, shape (N, 10).
        goal: The teacher's, same shape.
        labels: True digits, shape (N,).
        temperature: Divides both logits where they are compared.
        soft_share: Share of the comparison in the loss; the rest is the cross entropy with the labels.

    Source: Hinton, Vinyals and Dean 2015, "Distilling the knowledge in a neural network", section 2.
    """
    student = functional.log_softmax(logits / temperature, dim=1)
    wanted = functional.softmax(goal / temperature, dim=1)
    soft = functional.kl_div(student, wanted, reduction="batchmean") * temperature**2
    return soft_share * soft + (1 - soft_share) * functional.cross_entropy(logits, labels)
