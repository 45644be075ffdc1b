"""Lab 06: private heads on public features, from epsilon to an encrypted run."""

import math
import threading
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Final

import ipywidgets as widgets
import traitlets

from fcnlab.data.releases import EPSILONS, PRUNED
from fcnlab.errors import FcnlabError
from fcnlab.plots.transfer import (
    Marks,
    spell_epsilon,
    transfer_figure,
    update_bars,
    update_curve,
    update_pruning,
    update_setting,
)
from fcnlab.transfer.records.outlines import OUTLINES
from fcnlab.ui.kit.background import Newest, Superseded, Task, TaskPanel
from fcnlab.ui.kit.controls import Choice, Steps, Whole
from fcnlab.ui.kit.figures import LiveFigure
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel
from fcnlab.ui.kit.views import Display, View, block, escape
from fcnlab.ui.transfer.runs import (
    PLAIN_FEATURE_BITS,
    PLAIN_WEIGHT_BITS,
    HeadRun,
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
    text_of,
)

AS_IN_STUDY: Final = "study"
NOTHING_TRAINED: Final = "Train a head first; then it can be run encrypted."
TRAIN_COST: Final = "In a process of its own, under a minute; most of it is loading, for mnist-split also its features."
RUN_COST: Final = "Encrypts the held-out records' features, evaluates the head and compares every logit: some seconds."


@dataclass(frozen=True)
class PrivateSettings:
    """What the controls set.

    Attributes:
        study: A private set.
        epsilon: As text, ``inf`` for no privacy.
        clipping: Largest norm of one record's gradient, as text.
        head: ``study``, or hidden units as text, 0 for a linear head.
        feature_bits: Of a quantised feature.
        pruned: Percent of the trained weights that are left out, as text.
        weight_bits: Of a power of two.
    """

    study: str = "uci-digits"
    epsilon: str = "2"
    clipping: str = "1"
    head: str = AS_IN_STUDY
    feature_bits: int = PLAIN_FEATURE_BITS
    pruned: str = "0"
    weight_bits: int = PLAIN_WEIGHT_BITS

    @property
    def training(self) -> Training:
        """What a training of it depends on."""
        units = OUTLINES[self.study].units if self.head == AS_IN_STUDY else int(self.head)
        clipping = 1.0 if self.epsilon == "inf" else float(self.clipping)
        return Training(self.study, float(self.epsilon), clipping, units, self.feature_bits)


CONTROLS: Final = (
    Choice(
        name="study", label="study", help="Whose records are private.",
        options={"uci-digits": "UCI digits, 1,797", "mnist-split": "MNIST 5 to 9, 34,265",
                 "breast-cancer": "breast cancer, 569 patients"},
    ),
    Steps(
        name="epsilon", label="privacy ε", help="To be spent by a training: small is private, infinity is not at all.",
        options={f"{epsilon:g}": spell_epsilon(epsilon) for epsilon in EPSILONS},
    ),
    Steps(
        name="clipping", label="clip norm", help="One record's gradient counts for at most this; noise grows with it.",
        options={text: text for text in ("0.1", "0.3", "1", "3", "10")},
    ),
    Choice(
        name="head", label="head", help="Hidden units with a square cost CT-CT mults; a linear head has none.",
        options={AS_IN_STUDY: "as in the study", "0": "linear", "4": "4 units", "8": "8 units", "16": "16 units",
                 "32": "32 units"},
    ),
    Whole(name="feature_bits", label="feature", low=1, high=8, unit="bits", help="Features are rounded to these."),
    Steps(
        name="pruned", label="prune", help="After training: the smallest weights of each layer. It spends no privacy.",
        options={f"{share}": f"{share} %" for share in PRUNED},
    ),
    Whole(name="weight_bits", label="weight", low=2, high=5, unit="bits", help="Powers of two, after training."),
)  # fmt: skip

PRESETS: Final = {
    "private": PrivateSettings(),
    "strictest": PrivateSettings(epsilon="0.5"),
    "no privacy": PrivateSettings(epsilon="inf"),
    "sparse": PrivateSettings(pruned="70"),
    "patients": PrivateSettings(study="breast-cancer"),
}


class PrivateTransferLab(Display, traitlets.HasTraits):
    """The laboratory; its settings are those of `PrivateSettings`.

    Attributes:
        answers: How many settings were worked out so far.
    """

    answers = traitlets.Int()

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.model = LabModel("private_transfer", PrivateSettings(), controls=CONTROLS, presets=PRESETS)
        self.model.change(**settings)
        self.tables = cache(read_tables)
        self.figure = LiveFigure(transfer_figure())
        whole = {"layout": {"width": "calc(100% - 4px)"}}
        self.numbers, self.here, self.account, self.stored = (widgets.HTML(**whole) for _ in range(4))
        self.training, self.running = Task(), Task()
        self.train_panel = TaskPanel(self.training, label="Train with privacy", start=self._train, cost=TRAIN_COST)
        self.run_panel = TaskPanel(self.running, label="Run it encrypted", start=self._run, cost=RUN_COST)
        self.run_panel.forbid(NOTHING_TRAINED)
        self.heads: list[tuple[Trained, Released]] = []
        self._new: list[Trained] = []
        self._known: dict[PrivateSettings, Shown] = {}
        self._drawing = threading.RLock()  # plotly mixes up two batches of changes that overlap
        self.worker = Newest(self._answer)
        for panel in (self.train_panel, self.run_panel):
            panel.widget.layout.flex = "1 1 300px"
        panels = widgets.HBox(
            [self.train_panel.widget, self.run_panel.widget],
            layout={"flex_flow": "row wrap", "grid_gap": "0 18px", "width": "calc(100% - 4px)"},
        )
        body = [self.numbers, panels, self.here, self.account, self.figure, self.stored]
        self.frame = Frame(self.model, body)
        self.model.observe(self._update, names="settings")
        self.observe(self._update, names="answers")
        self.training.observe(self._keep, names="result")
        self.running.observe(self._show_account, names="result")
        self._update()
        self._view = View(self.frame.widget, text=self._text, markup=self._markup)

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def _train(self) -> None:
        self.training.start(train_in_worker, asdict(self.model.settings.training))

    def _run(self) -> None:
        settings = self.model.settings
        release = {"pruned": int(settings.pruned), "weight_bits": settings.weight_bits}
        self.running.start(run_in_worker, {"trained": self.chosen() or self.heads[-1][0], **release})

    def chosen(self) -> Trained | None:
        """The newest head trained with the settings as they are; none if there is none."""
        training = self.model.settings.training
        return next((trained for trained, _ in reversed(self.heads) if trained.training == training), None)

    def _keep(self, change: Any) -> None:
        self._new.append(change.new)
        self.worker.ask(self.model.settings)

    def _show_account(self, change: Any) -> None:
        run: HeadRun = change.new
        self.account.value = block(describe_run(run))

    # --- answers ------------------------------------------------------------------------------------------------------

    def _look_up(self, settings: PrivateSettings) -> Shown:
        tables = self.tables(settings.study)
        return Shown(settings.training, int(settings.pruned), settings.weight_bits, tables)

    def _answer(self, settings: PrivateSettings, superseded: Superseded) -> None:
        with self.model.guard():
            while self._new:
                trained = self._new.pop(0)
                self.heads.append((trained, judge_release(trained, pruned=0, weight_bits=PLAIN_WEIGHT_BITS)))
                self._known.clear()
            if not superseded():
                self._known[settings] = self._work_out(settings)
                self.answers += 1

    def _work_out(self, settings: PrivateSettings) -> Shown:
        shown, way = self._look_up(settings), {"pruned": int(settings.pruned), "weight_bits": settings.weight_bits}
        training = settings.training
        trained = next((each for each, _ in reversed(self.heads) if each.training == training), None)
        try:
            if trained is not None:
                return replace(shown, released=judge_release(trained, **way))
            return shown if shown.point else replace(shown, cost=cost_untrained(training, **way))
        except FcnlabError as error:
            return replace(shown, problem=str(error))

    def _update(self, _: object = None) -> None:
        settings = self.model.settings
        with self.model.guard(), self._drawing:
            shown = self._known.get(settings) or self._look_up(settings)
            with self.figure.batch_update():  # one message for all panels
                self._draw(shown)
            self.numbers.value = block(describe(shown))
            self.here.value = block(describe_here(self.heads, settings.study))
            self.stored.value = block(describe_tables(shown))
            self._offer(settings)
            if settings not in self._known and (shown.point is None or self.chosen() is not None):
                self.worker.ask(settings)
            if shown.problem:
                self.model.problem = f"Impossible: {shown.problem}"

    def _draw(self, shown: Shown) -> None:
        tables, epsilon = shown.tables, shown.training.epsilon
        rounded = [point for point in tables.releases if point.weight_bits == shown.weight_bits]
        lowest = floor_of(point.accuracy - point.accuracy_std for point in tables.curve)
        update_curve(self.figure, points=tables.curve, lowest=lowest)
        update_pruning(
            self.figure, epsilon=epsilon,
            releases={each: [point for point in rounded if point.epsilon == each] for each in EPSILONS},
            lowest=floor_of(point.accuracy - point.accuracy_std for point in tables.releases),
        )  # fmt: skip
        here = [pair for pair in self.heads if pair[0].training.study == shown.training.study]
        plain = shown.training.is_measured and (shown.pruned, shown.weight_bits) == (0, PLAIN_WEIGHT_BITS)
        update_setting(
            self.figure, epsilon=epsilon, at_curve=shown.point.accuracy if plain and shown.point else None,
            pruned=shown.pruned, at_pruning=shown.point.accuracy if shown.point else None,
            yours=Marks(
                [trained.training.epsilon for trained, _ in here], [released.head.accuracy for _, released in here],
                [released.attack.advantage for _, released in here],
            ),
            sweep=shown.released.sweep if shown.released else {},
        )  # fmt: skip
        if (cost := cost_of(shown)) is not None:
            networks = tuple(reversed(tables.networks))  # the shipped one, and the whole
            update_bars(
                self.figure, names=["the head", *map(bar_name, networks)],
                hops=[cost.hops, *(each.hops for each in networks)],
                message_kb=[record_kb(cost), *map(record_kb, networks)],
            )  # fmt: skip

    def _offer(self, settings: PrivateSettings) -> None:
        without = math.isinf(settings.training.epsilon)
        self.train_panel.start_button.description = "Train without privacy" if without else "Train with privacy"
        if not self.heads:
            return
        trained = self.chosen()
        self.run_panel.forbid(
            "" if trained is not None else
            f"No head was trained with these settings; the newest is of {head_name(self.heads[-1][0].training)}, "
            f"ε = {spell_epsilon(self.heads[-1][0].training.epsilon)}. Train one, or go back to them."
        )  # fmt: skip

    def _final(self) -> Shown:
        settings = self.model.settings
        known = self._known.get(settings) or self._look_up(settings)
        return known if cost_of(known) else self._work_out(settings)

    def _text(self) -> str:
        shown = self._final()
        return "\n".join([self.model.line, text_of(shown), shown.problem]).rstrip()

    def _markup(self) -> str:
        shown = self._final()
        problem = f"<p>{escape(shown.problem)}</p>" if shown.problem else ""
        return f"<p>{escape(summary(shown))}</p>{problem}{describe(shown)}{describe_tables(shown)}"


def floor_of(accuracies: Any) -> float:
    """Where an axis of accuracies begins: one to five percent below the lowest."""
    lowest = min(accuracies)
    step = 1 if lowest > 90 else 5
    return float(max(step * math.floor(lowest / step) - (step if lowest > 90 else 0), 0))


def private_transfer(**settings: Any) -> PrivateTransferLab:
    """Open the lab of private transfer; any setting of `PrivateSettings` may be given.

    Raises:
        SettingsError: If one is unknown or out of its range.
    """
    return PrivateTransferLab(**settings)
