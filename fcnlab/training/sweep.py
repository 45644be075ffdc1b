"""Train a network for each pruning budget and weight width: the rows of the frontier table.

All points of one base (its seed, maps, units and activation) share one dense student. It is pruned from budget to
budget, most products first; at each budget a copy is quantised to each width. Only what is kept for later points is a
state on disk: an interrupt loses one point at most.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from fcnlab.compression.quantization import window_length
from fcnlab.data.trained import TRAINED, TrainedPoint, load_trained, save_trained
from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture
from fcnlab.networks.checkpoint import Checkpoint, save_checkpoint
from fcnlab.networks.fitting import single_thread
from fcnlab.training.distillation import prepare_lessons
from fcnlab.training.recipes import Recipe, fingerprint
from fcnlab.training.record import describe_point
from fcnlab.training.student import Student
from fcnlab.training.train import WORK, Material, advance, finish

BUDGETS: Final = (60_000, 40_000, 30_000, 20_000, 14_000, 10_000, 7_000)
"""Weight products per image, in the order in which the student is pruned to them."""
WEIGHT_BITS: Final = (4, 3, 2)
CONVOLUTION_SHARE, CONVOLUTION_LIMIT = 0.4, 16_000
LOGIT_SHARE, LOGIT_BASE = 0.025, 300
BASE: Final = Recipe(
    name="sweep", architecture=Architecture(kind="faster-cryptonets", activation="swish-aq-2"), dense_epochs=24
)
OPTIONS: Final = {
    "maps": BASE.architecture.maps,
    "units": BASE.architecture.units,
    "activation": "swish-aq-2",
    "seed": 0,
}
"""What a base may differ in, and the values that its name and command leave out."""
PRUNE_EPOCHS, QUANTISE_EPOCHS, CALIBRATE_EPOCHS = 6, 6, 2


@dataclass(frozen=True, order=True)
class SweepPoint:
    """One network of the sweep.

    Attributes:
        products: Weight products per image it may need, one of BUDGETS.
        weight_bits: One of WEIGHT_BITS.
    """

    products: int
    weight_bits: int

    def __post_init__(self) -> None:
        if self.products not in BUDGETS or self.weight_bits not in WEIGHT_BITS:
            raise DataError(
                f"{self} is no point of the sweep: products are {', '.join(map(str, BUDGETS))}, "
                f"bits {', '.join(map(str, WEIGHT_BITS))}, such as 20000x3."
            )

    def __str__(self) -> str:
        return f"{self.products}x{self.weight_bits}"

    @classmethod
    def parse(cls, text: str) -> "SweepPoint":
        """The point that is written ``products x bits``, as in 20000x3.

        Raises:
            DataError: If it is not.
        """
        products, _, bits = text.partition("x")
        if not (products.isdecimal() and bits.isdecimal()):
            raise DataError(f"A point of the sweep is written products x bits, such as 20000x3; got {text!r}.")
        return cls(int(products), int(bits))


ALL_POINTS: Final = tuple(SweepPoint(products, bits) for products in BUDGETS for bits in WEIGHT_BITS)


@dataclass(frozen=True)
class SweepProgress:
    """Where a sweep stands, after an epoch.

    Attributes:
        what: ``teacher`` or ``lessons``, or the name of the network that is trained.
        phase: What is done with it.
        epochs_done: Epochs of this run of the sweep so far.
        epochs: Epochs of this run of the sweep in all.
        validation_percent: Accuracy on the validation images.
        remaining_s: Seconds that are left at the pace so far; 0 while the teacher is at work.
    """

    what: str
    phase: str
    epochs_done: int
    epochs: int
    validation_percent: float
    remaining_s: float


OnSweep = Callable[[SweepProgress], None]


@single_thread()
def sweep(
    points: Sequence[SweepPoint] = ALL_POINTS,
    *,
    base: Recipe = BASE,
    progress: OnSweep | None = None,
    resume: bool = True,
    table: Path = TRAINED,
    work: Path = WORK,
) -> tuple[TrainedPoint, ...]:
    """Train the points that the table lacks, and add each to it as soon as it is done.

    Args:
        points: What to train; points with more products come first, whatever their order here.
        base: Architecture, dense epochs, seed and teacher that all points share.
        progress: Called after every epoch.
        resume: Keep the rows and states there are; False trains the given points, and what they share, anew.
        table: Where the rows go.
        work: Where states and checkpoints are kept.

    Returns:
        All rows of the table.

    Raises:
        DataError: If MNIST is missing or altered, or a file is damaged or cannot be written.
    """
    known = {point.name: point for point in load_trained(table)}
    if not resume:
        known = {name: known[name] for name in known.keys() - {point_name(point, base=base) for point in points}}
    wanted = [point for point in sorted(points, reverse=True) if point_name(point, base=base) not in known]
    run = Run(base, wanted, work=work, tell=progress or (lambda _: None), resume=resume)
    for point in wanted:
        row = run.train_point(point)
        known[row.name] = row
        save_trained(known.values(), path=table)
    return load_trained(table)


class Run:
    """One session of a sweep: the material, the states on disk, and the count of epochs for the estimate."""

    def __init__(self, base: Recipe, points: Sequence[SweepPoint], *, work: Path, tell: OnSweep, resume: bool) -> None:
        self.base, self.work, self.tell = base, work, tell
        budgets = [budget for budget in BUDGETS if points and budget >= points[-1].products]
        self.stages = [base, *(pruned_recipe(base, budgets[: count + 1]) for count in range(len(budgets)))]
        if not resume:
            for stage in self.stages:
                self.state_of(stage).unlink(missing_ok=True)
        missing = [stage for stage in self.stages if not self.state_of(stage).exists()] if points else []
        shared = sum(stage.prune_epochs or stage.dense_epochs for stage in missing)
        self.epochs = shared + len(points) * (QUANTISE_EPOCHS + CALIBRATE_EPOCHS)
        self.epochs_done = 0
        if points:
            self.material = Material.of(base, lessons=prepare_lessons(base.teacher, work=work, tell=self.tell_teacher))
        self.started = time.perf_counter()

    def tell_teacher(self, phase: str, epoch: int, epochs: int, loss: float, accuracy: float) -> None:
        """Pass the teacher's progress on."""
        self.tell(SweepProgress("teacher", phase, epoch, epochs, accuracy, 0.0))

    def state_of(self, stage: Recipe) -> Path:
        """Where the student is kept at the end of a shared stage."""
        return self.work / f"{stage.name}-{fingerprint(stage)}.safetensors"

    def train_point(self, point: SweepPoint) -> TrainedPoint:
        """Bring the student to the point's budget, quantise it, store the checkpoint, and describe it."""
        pruned = self.reach(1 + BUDGETS.index(point.products))
        recipe = replace(
            pruned.recipe,
            name=point_name(point, base=self.base),
            quantise_epochs=QUANTISE_EPOCHS,
            calibrate_epochs=CALIBRATE_EPOCHS,
            exponents=dict.fromkeys(pruned.recipe.budgets, window_length(point.weight_bits)),
        )
        pruned.recipe = recipe
        for phase in ("quantise", "calibrate"):
            pruned.enter(phase)
            self.finish_phase(pruned)
        checkpoint = finish(pruned)
        card = replace(checkpoint.card, command=point_command(point, base=self.base))
        save_checkpoint(checkpoint.network, card, folder=self.work / "sweep")
        return describe_point(Checkpoint(checkpoint.network, card))

    def reach(self, index: int) -> Student:
        """The student at the end of stage `index`: from disk, or trained from the stage before."""
        stage = self.stages[index]
        state = self.state_of(stage)
        if state.exists():
            return Student.load(state, recipe=stage)
        if index == 0:
            student = Student(stage)
        else:
            student = self.reach(index - 1)
            student.recipe = stage
            student.enter("prune")
        self.finish_phase(student)
        student.save(state)
        return student

    def finish_phase(self, student: Student) -> None:
        """All epochs of the phase that the student has entered."""
        while student.epoch < student.recipe.epochs(student.phase):
            epoch = advance(student, material=self.material)
            self.epochs_done += 1
            pace_s = (time.perf_counter() - self.started) / self.epochs_done
            left_s, percent = pace_s * (self.epochs - self.epochs_done), epoch.validation_percent
            what, phase = student.recipe.name, student.phase
            self.tell(SweepProgress(what, phase, self.epochs_done, self.epochs, percent, left_s))


def make_base(*, maps: int = 5, units: int = 100, activation: str = "swish-aq-2", seed: int = 0) -> Recipe:
    """What the points of a sweep share, under a name that tells how it differs from BASE.

    Args:
        maps: Feature maps of the convolution.
        units: Units of the hidden layer.
        activation: Its name.
        seed: Decides the initial weights and the order of the images; the teacher and its lessons stay.
    """
    architecture = replace(BASE.architecture, maps=maps, units=units, activation=activation)
    base = replace(BASE, architecture=architecture, seed=seed)
    return replace(base, name="-".join([BASE.name, *(f"{name}-{value}" for name, value in differences(base).items())]))


def differences(base: Recipe) -> dict[str, str | int]:
    """Those of OPTIONS in which a base differs from BASE."""
    values = vars(base.architecture) | {"seed": base.seed}
    return {name: values[name] for name, usual in OPTIONS.items() if values[name] != usual}


def point_name(point: SweepPoint, *, base: Recipe = BASE) -> str:
    """Name of a point's checkpoint and row."""
    return f"{base.name}-{point.products}-{point.weight_bits}-bits"


def point_command(point: SweepPoint, *, base: Recipe) -> str:
    """What trains a point again."""
    options = [f"--{name} {value}" for name, value in differences(base).items()]
    return " ".join([f"fcnlab sweep --points {point}", *options])


def pruned_recipe(base: Recipe, budgets: Sequence[int]) -> Recipe:
    """The stage that ends at the last of the budgets; its name tells the way, since the way matters."""
    return replace(
        base,
        name="-".join([base.name, *map(str, budgets)]),
        prune_epochs=PRUNE_EPOCHS,
        budgets=split_budget(budgets[-1]),
    )


def split_budget(products: int) -> dict[str, int]:
    """Products for each layer: a tap of the convolution is worth its many products only up to a point."""
    convolution = round(min(CONVOLUTION_SHARE * products, CONVOLUTION_LIMIT))
    logits = round(min(LOGIT_BASE + LOGIT_SHARE * products, 1_000))
    return {"conv1": convolution, "fc1": products - convolution - logits, "fc2": logits}
