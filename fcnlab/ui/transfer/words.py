"""Words and tables of lab 06: a setting, what was measured of it, and what was trained here."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fcnlab.data.releases import (
    CurvePoint,
    NetworkCost,
    ReleasePoint,
    curve_table,
    read_curve,
    read_networks,
    read_releases,
    spell_epsilon,
)
from fcnlab.page import Sentence, Table, counted
from fcnlab.transfer.heads.guarantee import SEEDED
from fcnlab.ui.kit.page import Page, Tiles
from fcnlab.ui.plans import hops_table, plan_sentence
from fcnlab.ui.transfer.runs import HeadRun, Released, Trained, Training

if TYPE_CHECKING:
    from fcnlab.data.releases import PassCost

WORKING: Final = "…"
RECORD_HEADS: Final = ("passes", "records a batch", "MB a batch", "kB a record")
NETWORK_HEADS: Final = ("encrypted part", "HOPs", "ciphertexts", *RECORD_HEADS)
HERE_HEADS: Final = ("head trained here", "ε", "clip", "noise", "accuracy %", "attack, 95 %")


@dataclass(frozen=True, eq=False)
class Tables:
    """What is stored of a study."""

    curve: tuple[CurvePoint, ...]
    releases: tuple[ReleasePoint, ...]
    networks: tuple[NetworkCost, ...]


@dataclass(frozen=True, eq=False)
class Shown:
    """A setting and all that is known of it.

    Attributes:
        training: What the head depends on.
        pruned: Percent, in the release.
        weight_bits: In the release.
        tables: The study's.
        cost: A head of this shape and release under encryption; None while it is worked out, or if it is impossible.
        released: The newest head trained here with these settings, in this release; None if there is none yet.
        problem: Why it is impossible; empty if it is not.
    """

    training: Training
    pruned: int
    weight_bits: int
    tables: Tables
    cost: "PassCost | None" = None
    released: Released | None = None
    problem: str = ""

    @property
    def point(self) -> ReleasePoint | None:
        """The stored measurement of exactly this setting."""
        if not self.training.is_measured:
            return None
        key = (self.training.epsilon, self.pruned, self.weight_bits)
        found = (each for each in self.tables.releases if (each.epsilon, each.pruned, each.weight_bits) == key)
        return next(found, None)


def read_tables(study: str) -> Tables:
    """The stored tables of a study.

    Raises:
        DataError: If one is missing.
    """
    return Tables(read_curve(study), read_releases(study), read_networks(study))


# --- a setting --------------------------------------------------------------------------------------------------------


def cost_of(shown: Shown) -> "PassCost | ReleasePoint | None":
    """The cost of the head trained here, as measured, or of an untrained one; None while it is worked out."""
    return shown.released.cost if shown.released else shown.point or shown.cost


def describe(shown: Shown) -> Page:
    """Large numbers, and where they come from."""
    point, released, cost = shown.point, shown.released, cost_of(shown)
    figures: dict[str, str] = {}
    if released is not None:
        figures["accuracy, trained here"] = f"{released.head.accuracy:.2f} %"
    figures["accuracy, five heads"] = f"{point.accuracy:.2f} ± {point.accuracy_std:.2f} %" if point else "not measured"
    missing = "none" if shown.problem else WORKING
    figures["HOPs of the head"] = f"{cost.hops:,}" if cost else missing
    figures["message of a batch"] = f"{cost.upload_bytes / 1e6:,.1f} MB" if cost else missing
    allowed = f"ε allows {bound_of(shown):.2f}"
    if released is not None:
        figures[f"attack, trained here; {allowed}"] = spell_attack(released)
    elif point is not None:
        half = (point.advantage_high - point.advantage_low) / 2
        figures[f"attack, five heads; {allowed}"] = f"{point.advantage:+.3f} ± {half:.3f}"
    return Page(Tiles(figures), *sentences(shown))


def spell_attack(released: Released) -> str:
    """The advantage of an attack on a head trained here, with its 95 % interval."""
    attack = released.attack
    return f"{attack.advantage:+.3f} ± {(attack.high - attack.low) / 2:.3f}"


def bound_of(shown: Shown) -> float:
    """The largest advantage of any attack, by epsilon and delta."""
    return next(each.advantage_bound for each in shown.tables.curve if each.epsilon == shown.training.epsilon)


def sentences(shown: Shown) -> list[str]:
    """What the numbers are, and what the setting cannot do."""
    found = [guarantee_sentence(shown)]
    if shown.point is None:
        found.append(
            "No heads of this clipping, shape and feature bits are stored: train one to see its accuracy. Until then "
            "HOPs and message are those of an untrained head of this shape."
        )
    if math.isinf(shown.training.epsilon):
        found.append("Clipping has no effect here: without privacy nothing is clipped.")
    found.append(spared_sentence(shown))
    return found


def guarantee_sentence(shown: Shown) -> str:
    """Epsilon in words."""
    epsilon, outline = shown.training.epsilon, shown.training.outline
    if math.isinf(epsilon):
        return f"{outline.title}: trained without privacy; the weights may give away who was in the training set."
    delta = shown.tables.curve[0].delta
    return (
        f"{outline.title}: a head spends at most ε = {epsilon:g} at δ = {delta:.2g}, a hundredth of one over the "
        f"number of records, by the prv accountant. It covers a record: {outline.record}. Pruning and rounding read "
        f"the noisy weights alone and spend nothing. Heads shown here have {SEEDED}."
    )


def spared_sentence(shown: Shown) -> str:
    """What the extractor on the client spares the server."""
    cost, networks = cost_of(shown), shown.tables.networks
    if not networks:
        return "Records are measurements: there is no extractor, and the whole classifier runs encrypted."
    if cost is None:
        return ""
    whole = networks[0]
    return (
        f"With the extractor on the client the server evaluates {cost.hops:,} HOPs instead of {whole.hops:,} "
        f"(1/{whole.hops / cost.hops:,.0f}), and a record takes {record_kb(cost):,.2f} kB of a full batch's message "
        f"instead of {record_kb(whole):,.0f} kB (1/{record_kb(whole) / record_kb(cost):,.0f})."
    )


def record_kb(cost: "PassCost | ReleasePoint | NetworkCost") -> float:
    """Share of one record in the message of a full batch, kB."""
    return cost.upload_bytes / cost.ring_degree / 1e3


def summary(shown: Shown) -> str:
    """One sentence of the accuracy."""
    epsilon, point = spell_epsilon(shown.training.epsilon), shown.point
    how = f"{shown.pruned} % pruned, {shown.weight_bits} weight bits"
    if point is None:
        return f"{shown.training.study}, ε = {epsilon}, {how}: not measured; train a head to see."
    return (
        f"{shown.training.study}, ε = {epsilon}, {how}: {point.accuracy:.2f} ± {point.accuracy_std:.2f} % of held-out "
        f"records by {point.seeds} heads; attack {point.advantage:+.3f} ({point.advantage_low:+.3f} to "
        f"{point.advantage_high:+.3f})."
    )


def network_row(name: str, cost: "PassCost | ReleasePoint | NetworkCost") -> list[object]:
    """The head, or a network that reads images itself."""
    sent = (f"{cost.upload_bytes / 1e6:,.1f}", f"{record_kb(cost):,.2f}")
    return [name, cost.hops, cost.inputs, cost.passes, cost.ring_degree, *sent]


def bar_name(network: NetworkCost) -> str:
    """A network that reads images, in words."""
    return "extractor and head" if network.network == "whole" else f"{network.network}, sparse"


def describe_tables(shown: Shown) -> Page:
    """Curve and networks."""
    cost, networks = cost_of(shown), shown.tables.networks
    rows = [network_row(bar_name(network), network) for network in networks]
    if cost is not None and networks:
        rows.insert(0, network_row("the head", cost))
    return Page(curve_table(shown.tables.curve), Table(NETWORK_HEADS, rows))


# --- heads trained here -----------------------------------------------------------------------------------------------


def head_name(training: Training) -> str:
    """Study and shape."""
    shape = f"{training.units} units" if training.units else "linear"
    return f"{training.study}, {shape}, {training.feature_bits} feature bits"


def here_row(trained: Trained, released: Released) -> list[object]:
    """A head trained here, as it was released first."""
    guarantee = trained.head.guarantee
    private = math.isfinite(guarantee.epsilon)
    spent = (f"{guarantee.epsilon:.3f}", f"{guarantee.clipping:g}") if private else ("∞", None)
    found = (f"{guarantee.noise_multiplier:.2f}", f"{released.head.accuracy:.2f}", spell_attack(released))
    return [head_name(trained.training), *spent, *found]


def describe_here(heads: Sequence[tuple[Trained, Released]], study: str) -> Page:
    """The heads trained here, and what all of them together would give away."""
    if not heads:
        return Page("No head was trained here yet.")
    spent = [trained.head.guarantee.epsilon for trained, _ in heads if trained.training.study == study]
    note = (
        f"{len(spent)} heads were trained here on the records of {study}. Each alone spends its own ε; whoever "
        f"released all of them would spend their sum, {spell_epsilon(round(sum(spent), 2))}. "
        if len(spent) > 1
        else ""
    )
    seeded = (
        "Noise here comes from a seed, so that a run can be repeated: for study only. A head for release takes its "
        f"noise from the operating system: fcnlab train {study} --private."
    )
    return Page(Table(HERE_HEADS, (here_row(*each) for each in heads)), note + seeded)


def describe_run(run: HeadRun) -> Page:
    """The account of an encrypted run."""
    report, plan = run.report, run.report.plan
    figures = {
        "encrypt": f"{report.seconds.encrypt:.2f} s",
        "evaluate": f"{report.seconds.evaluate:.3f} s",
        "decrypt": f"{report.seconds.decrypt:.3f} s",
        "sent": f"{report.upload_bytes / 1e6:,.1f} MB",
        "received": f"{report.download_bytes / 1e6:,.1f} MB",
        "wrong logits": f"{report.mismatched_logits:,}",
    }
    words = (
        f"{head_name(run.training)}, ε = {spell_epsilon(run.training.epsilon)}, {run.pruned} % pruned, "
        f"{run.weight_bits} weight bits. {plan_sentence(plan, inputs='features')} "
        f"{counted(report.batches, 'batch')} of up to {plan['slots']:,} records. The table counts what the "
        f"engine really did; counted as published it is {run.published_hops:,} HOPs."
    )
    verdict = Sentence(report.verdict.replace("images", "records"), kind="verdict")
    return Page(verdict, Tiles(figures), hops_table(report.layers), words)
