"""Lab 06: private heads on public features, from epsilon to an encrypted run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import ipywidgets as widgets
import traitlets
from typing_extensions import override

from fcnlab.data.releases import EPSILONS, PRUNED, CurvePoint, ReleasePoint, spell_epsilon
from fcnlab.errors import FcnlabError
from fcnlab.page import Sentence
from fcnlab.plots.transfer import Marks, transfer_figure, update_bars, update_curve, update_pruning, update_setting
from fcnlab.transfer.records.outlines import OUTLINES
from fcnlab.ui.kit.background import Answers, Superseded
from fcnlab.ui.kit.controls import Choice, Steps, Whole, setting
from fcnlab.ui.kit.lab import Lab, area
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.page import Page
from fcnlab.ui.kit.task import Task, TaskPanel
from fcnlab.ui.transfer.runs import (
    PLAIN_FEATURE_BITS,
    PLAIN_WEIGHT_BITS,
    Released,
    Trained,
    Training,
    cost_untrained,
    judge_release,
    run_in_worker,
    train_in_worker,
)
from fcnlab.ui.transfer.words import (
    Shown,
    bar_name,
    cost_of,
    describe,
    describe_here,
    describe_run,
    describe_tables,
    head_name,
    read_tables,
    record_kb,
    summary,
)

AS_IN_STUDY: Final = "study"
NOTHING_TRAINED: Final = "Train a head first; then it can be run encrypted."
TRAIN_COST: Final = "In a process of its own, under a minute; most of it is loading, for mnist-split also its features."
RUN_COST: Final = "Encrypts the held-out records' features, evaluates the head and compares every logit: some seconds."


STUDIES: Final = {
    "uci-digits": "UCI digits, 1,797",
    "mnist-split": "MNIST 5 to 9, 34,265",
    "breast-cancer": "breast cancer, 569 patients",
}
EPSILON_NAMES: Final = {f"{epsilon:g}": spell_epsilon(epsilon) for epsilon in EPSILONS}
CLIPPINGS: Final = {text: text for text in ("0.1", "0.3", "1", "3", "10")}
HEADS: Final = {AS_IN_STUDY: "as in the study", "0": "linear", **{f"{n}": f"{n} units" for n in (4, 8, 16, 32)}}
SHARES: Final = {f"{share}": f"{share} %" for share in PRUNED}
HELP: Final = {
    "epsilon": "To be spent by a training: small is private, infinity is not at all.",
    "clipping": "One record's gradient counts for at most this; noise grows with it.",
    "head": "Hidden units with a square cost CT-CT mults; a linear head has none.",
    "pruned": "After training: the smallest weights of each layer. It spends no privacy.",
}
FEATURE: Final = Whole(label="feature", low=1, high=8, unit="bits", help="Features are rounded to these.")
WEIGHT: Final = Whole(label="weight", low=2, high=5, unit="bits", help="Powers of two, after training.")


@dataclass(frozen=True)
class PrivateSettings:
    """What the controls set; numbers are text where only some can be had, and an epsilon of ``inf`` is no privacy."""

    study: str = setting("uci-digits", Choice(label="study", options=STUDIES, help="Whose records are private."))
    epsilon: str = setting("2", Steps(label="privacy ε", options=EPSILON_NAMES, help=HELP["epsilon"]))
    clipping: str = setting("1", Steps(label="clip norm", options=CLIPPINGS, help=HELP["clipping"]))
    head: str = setting(AS_IN_STUDY, Choice(label="head", options=HEADS, help=HELP["head"]))
    feature_bits: int = setting(PLAIN_FEATURE_BITS, FEATURE)
    pruned: str = setting("0", Steps(label="prune", options=SHARES, help=HELP["pruned"]))
    weight_bits: int = setting(PLAIN_WEIGHT_BITS, WEIGHT)

    @property
    def training(self) -> Training:
        """What a training of it depends on."""
        units = OUTLINES[self.study].units if self.head == AS_IN_STUDY else int(self.head)
        clipping = 1.0 if self.epsilon == "inf" else float(self.clipping)
        return Training(self.study, float(self.epsilon), clipping, units, self.feature_bits)

    @property
    def release(self) -> dict[str, int]:
        """How a trained head is released."""
        return {"pruned": int(self.pruned), "weight_bits": self.weight_bits}


PRESETS: Final = {
    "private": PrivateSettings(),
    "strictest": PrivateSettings(epsilon="0.5"),
    "no privacy": PrivateSettings(epsilon="inf"),
    "sparse": PrivateSettings(pruned="70"),
    "patients": PrivateSettings(study="breast-cancer"),
}


class PrivateTransferLab(Lab):
    """The lab of private transfer; any setting of `PrivateSettings` may be given.

    Attributes:
        answers: How many settings were worked out so far.
    """

    answers = traitlets.Int()

    def __init__(self, **settings: Any) -> None:
        model = LabModel("private_transfer", PrivateSettings(), presets=PRESETS)
        super().__init__(model, transfer_figure(), settings)
        self.tables = cache(read_tables)
        self.numbers, self.here, self.account, self.stored = (area() for _ in range(4))
        self.training, self.running = Task(train_in_worker), Task(run_in_worker)
        self.train_panel = TaskPanel(self.training, label="Train with privacy", start=self._train, cost=TRAIN_COST)
        self.run_panel = TaskPanel(self.running, label="Run it encrypted", start=self._run, cost=RUN_COST)
        self.run_panel.forbid(NOTHING_TRAINED)
        self.heads: list[tuple[Trained, Released]] = []
        self._new: list[Trained] = []
        self.worker: Answers[PrivateSettings, Shown] = Answers(
            self._answer,
            refuse=lambda settings, reason: replace(self._look_up(settings), problem=reason),
            tell=lambda _: self.set_trait("answers", self.answers + 1),
        )
        self.observe(self.update, names="answers")
        self.training.observe(self._keep, names="result")
        self.running.observe(self._show_account, names="result")
        panels = widgets.HBox([self.train_panel.widget, self.run_panel.widget])
        panels.layout = {"flex_flow": "row wrap", "grid_gap": "0 18px", "width": "calc(100% - 4px)"}
        for panel in panels.children:
            panel.layout.flex = "1 1 300px"
        self.open([self.numbers, panels, self.here, self.account, self.figure, self.stored])

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def _train(self) -> None:
        self.training.start(training=self.model.settings.training)

    def _run(self) -> None:
        self.running.start(trained=self.chosen() or self.heads[-1][0], **self.model.settings.release)

    def chosen(self) -> Trained | None:
        """The newest head trained with the settings as they are; none if there is none."""
        return self._trained_for(self.model.settings)

    def _trained_for(self, settings: PrivateSettings) -> Trained | None:
        return next((each for each, _ in reversed(self.heads) if each.training == settings.training), None)

    def _keep(self, change: Any) -> None:
        self._new.append(change.new)
        self.worker.ask(self.model.settings)

    def _show_account(self, change: Any) -> None:
        self.account.value = describe_run(change.new).live

    # --- answers ------------------------------------------------------------------------------------------------------

    def _look_up(self, settings: PrivateSettings) -> Shown:
        tables = self.tables(settings.study)
        return Shown(settings.training, int(settings.pruned), settings.weight_bits, tables)

    def _answer(self, settings: PrivateSettings, superseded: Superseded) -> Shown | None:
        while self._new:
            trained = self._new.pop(0)
            self.heads.append((trained, judge_release(trained, pruned=0, weight_bits=PLAIN_WEIGHT_BITS)))
            self.worker.forget()
        return None if superseded() else self._work_out(settings)

    def _work_out(self, settings: PrivateSettings) -> Shown:
        shown, trained = self._look_up(settings), self._trained_for(settings)
        try:
            if trained is not None:
                return replace(shown, released=judge_release(trained, **settings.release))
            return shown if shown.point else replace(shown, cost=cost_untrained(settings.training, **settings.release))
        except FcnlabError as error:
            return replace(shown, problem=str(error))

    @override
    def show(self, settings: PrivateSettings) -> None:
        shown = self.worker.recall(settings) or self._look_up(settings)
        with self.figure.batch_update():  # one message for all panels
            self._draw(shown)
        self.numbers.value = describe(shown).live
        self.here.value = describe_here(self.heads, settings.study).live
        self.stored.value = describe_tables(shown).live
        self._offer(settings)
        unknown = self.worker.recall(settings) is None
        if unknown and (shown.point is None or self.chosen() is not None):
            self.worker.ask(settings)
        if shown.problem:
            self.model.problem = f"Impossible: {shown.problem}"

    def _draw(self, shown: Shown) -> None:
        tables, epsilon = shown.tables, shown.training.epsilon
        rounded = [point for point in tables.releases if point.weight_bits == shown.weight_bits]
        releases = {each: [point for point in rounded if point.epsilon == each] for each in EPSILONS}
        update_curve(self.figure, points=tables.curve, lowest=floor_of(tables.curve))
        update_pruning(self.figure, epsilon=epsilon, releases=releases, lowest=floor_of(tables.releases))
        here = [pair for pair in self.heads if pair[0].training.study == shown.training.study]
        spent = [trained.training.epsilon for trained, _ in here]
        accuracies = [released.head.accuracy for _, released in here]
        plain = shown.training.is_measured and (shown.pruned, shown.weight_bits) == (0, PLAIN_WEIGHT_BITS)
        update_setting(
            self.figure,
            epsilon=epsilon,
            at_curve=shown.point.accuracy if plain and shown.point else None,
            pruned=shown.pruned,
            at_pruning=shown.point.accuracy if shown.point else None,
            yours=Marks(spent, accuracies, [released.attack.advantage for _, released in here]),
            sweep=shown.released.sweep if shown.released else {},
        )
        if (cost := cost_of(shown)) is not None:
            networks = tuple(reversed(tables.networks))  # the shipped one, and the whole
            names, parts = ["the head", *map(bar_name, networks)], (cost, *networks)
            hops, sent = [each.hops for each in parts], [record_kb(each) for each in parts]
            update_bars(self.figure, names=names, hops=hops, message_kb=sent)

    def _offer(self, settings: PrivateSettings) -> None:
        without = math.isinf(settings.training.epsilon)
        self.train_panel.start_button.description = "Train without privacy" if without else "Train with privacy"
        if not self.heads:
            return
        newest = self.heads[-1][0].training
        other = (
            f"No head was trained with these settings; the newest is of {head_name(newest)}, "
            f"ε = {spell_epsilon(newest.epsilon)}. Train one, or go back to them."
        )
        self.run_panel.forbid(other if self.chosen() is None else "")

    @override
    def facts(self) -> Page:
        settings = self.model.settings
        known = self.worker.recall(settings) or self._look_up(settings)
        shown = known if cost_of(known) else self._work_out(settings)
        said = [Sentence(each, kind="plain") for each in (summary(shown), shown.problem)]
        return Page(*said, describe(shown), describe_tables(shown))


def floor_of(points: Sequence[CurvePoint | ReleasePoint]) -> float:
    """Where an axis of accuracies begins: one to five percent below the lowest, spread included."""
    lowest = min(point.accuracy - point.accuracy_std for point in points)
    step = 1 if lowest > 90 else 5
    return float(max(step * math.floor(lowest / step) - (step if lowest > 90 else 0), 0))


private_transfer = PrivateTransferLab  # as notebooks and settings lines call it
