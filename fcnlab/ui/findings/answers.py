"""What lab 07 says: large numbers, the sentences of each question, and its tables."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fcnlab.data.measured import Row
from fcnlab.data.published import PublishedSystem
from fcnlab.defaults import DEFAULT_NETWORK
from fcnlab.findings import ablation, expressiveness, reduction, scaling
from fcnlab.findings.ablation import Cost
from fcnlab.findings.changes import signed
from fcnlab.findings.networks import TrainedNetwork, describe_table, spell_accuracy
from fcnlab.findings.reduction import Reduction
from fcnlab.findings.scaling import Plans
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.kit.views import escape, table, text_table, tiles

if TYPE_CHECKING:
    from fcnlab.ui.findings.ablation import AblationSettings, ExpressivenessSettings


def paragraphs(sentences: Sequence[str]) -> str:
    """The first one larger: it is the answer."""
    first, *rest = sentences
    notes = "".join(f'<p class="note">{escape(sentence)}</p>' for sentence in rest)
    return f'<p class="verdict">{escape(first)}</p>{notes}'


def unfolded(content: str) -> str:
    """Tables that are opened on demand."""
    return f"<details><summary><b>The numbers as tables</b></summary>{content}</details>"


# --- all questions ----------------------------------------------------------------------------------------------------


def answers_of() -> list[tuple[str, str]]:
    """Each question with its answer, from the tables as they are."""
    facts = reduction.read_reduction()
    plans = scaling.plan_network(DEFAULT_NETWORK, "bgv")
    return [
        ("RQ1 How do operations and time fall?", reduction.answer(facts)),
        ("RQ2 What do powers of two cost an activation?", expressiveness.answer(facts.networks)),
        ("RQ3 What does each choice cost in accuracy?", ablation.answer(facts.networks)),
        ("RQ4 How does it scale?", scaling.answer(plans, facts.runs)),
        ("What this rests on", describe_table(facts.networks)),
    ]


def answers_text() -> str:
    """For readers without a kernel, and to be compared."""
    return "\n".join(f"{question}\n  {answer}" for question, answer in answers_of())


def answers_markup() -> str:
    """As HTML."""
    return "".join(
        f'<p class="note"><b>{escape(question)}</b><br>{escape(answer)}</p>' for question, answer in answers_of()
    )


# --- first question ---------------------------------------------------------------------------------------------------


def reduction_tiles(
    facts: Reduction, network: TrainedNetwork | None, run: Row | None, *, beside: PublishedSystem
) -> str:
    """A network of the table beside a published system."""
    if network is None:
        return f'<p class="note">{escape(describe_table(facts.networks))}</p>'
    times = f"{beside.total / network.hops:.1f} ×"
    figures = {
        "HOPs, published convention": f"{network.hops:,}",
        f"fewer than {beside.method}": times,
        "accuracy": spell_accuracy(network),
        "HOPs executed, one pass": f"{network.executed:,}",
        "widest value": f"{network.range_bits} bits",
    }
    note = "This network was not measured under encryption; the shipped ones were."
    if run is not None and run.inference_s and run.encrypt_decrypt_s:
        figures["evaluate, measured"] = spell_seconds(run.inference_s)
        figures["encrypt and decrypt"] = spell_seconds(run.encrypt_decrypt_s)
        note = (
            f"Measured: {run.scheme}, {run.setting}. Published: {beside.method}, {beside.inference_s:g} s to evaluate "
            "on its authors' machine."
        )
    return f'<p class="verdict">{escape(network.name)}</p>{tiles(figures)}<p class="note">{escape(note)}</p>'


def reduction_text(facts: Reduction, line: str) -> str:
    """All numbers that do not depend on the machine that reads."""
    return "\n".join(
        [
            line, *reduction.sentences(facts),
            "Front", text_table(reduction.FRONT_HEADS, reduction.front_rows(facts)),
            "Measured", text_table(reduction.RUN_HEADS, reduction.run_rows(facts.runs)),
        ]
    )  # fmt: skip


def reduction_markup(facts: Reduction) -> str:
    """As HTML."""
    how = f"{reduction.engine_of(facts.runs[0])}, {facts.runs[0].scheme}" if facts.runs else "none"
    return paragraphs(reduction.sentences(facts)) + unfolded(
        f"<p><b>The front</b>: no trained network is both cheaper and more "
        f"accurate</p>{table(reduction.FRONT_HEADS, reduction.front_rows(facts))}"
        f"<p><b>Measured under encryption</b>, one batch, all passes: {escape(how)}</p>"
        f"{table(reduction.RUN_HEADS, reduction.run_rows(facts.runs))}"
    )


# --- second question --------------------------------------------------------------------------------------------------


def expressiveness_tiles(fits: expressiveness.Fits) -> str:
    """One function at one degree."""
    return tiles(
        {
            "error, real coefficients": f"{fits.real.error:.4f}",
            "error, ±2ᵏ": f"{fits.power.error:.4f}",
            "of the real optimum": f"{fits.penalty:.2f} ×",
            "error, two ±2ᵏ": f"{fits.powers.error:.4f}",
            "HOPs a value, real": f"{fits.real.cost.total}",
            "HOPs a value, ±2ᵏ": f"{fits.power.cost.total}",
        }
    )


def expressiveness_text(settings: "ExpressivenessSettings", networks: Sequence[TrainedNetwork], line: str) -> str:
    """All numbers."""
    trained = expressiveness.trained_rows(networks)
    return "\n".join(
        [
            line, *expressiveness.sentences(settings.target, settings.degree, networks),
            text_table(expressiveness.FIT_HEADS, expressiveness.fit_rows(settings.target)),
            text_table(expressiveness.TARGET_HEADS, expressiveness.target_rows(settings.degree)),
            *([text_table(expressiveness.TRAINED_HEADS, trained)] if trained else []),
        ]
    )  # fmt: skip


def expressiveness_markup(settings: "ExpressivenessSettings", networks: Sequence[TrainedNetwork]) -> str:
    """As HTML."""
    trained = expressiveness.trained_rows(networks)
    end = (
        f"<p><b>In trained networks</b>, beside the usual activation</p>{table(expressiveness.TRAINED_HEADS, trained)}"
        if trained
        else ""
    )
    return paragraphs(expressiveness.sentences(settings.target, settings.degree, networks)) + unfolded(
        f"<p><b>{escape(settings.target)}</b>, largest error by degree</p>"
        f"{table(expressiveness.FIT_HEADS, expressiveness.fit_rows(settings.target))}"
        f"<p><b>All functions</b>, degree {settings.degree}</p>"
        f"{table(expressiveness.TARGET_HEADS, expressiveness.target_rows(settings.degree))}{end}"
    )


# --- third question ---------------------------------------------------------------------------------------------------


def ablation_tiles(settings: "AblationSettings", network: TrainedNetwork | None, costs: Sequence[Cost]) -> str:
    """One setting."""
    figures = {"accuracy": spell_accuracy(network) if network else "not trained"}
    for cost in costs:
        figures[f"points, {cost.stage}: {cost.before} to {cost.after}"] = signed(cost.change.points)
    return tiles(figures)


def ablation_sentences(settings: "AblationSettings", networks: Sequence[TrainedNetwork]) -> list[str]:
    """As `ablation.sentences`."""
    return ablation.sentences(
        networks, activation=settings.activation, budget=int(settings.budget), weight_bits=int(settings.weight_bits),
        study=settings.study if settings.study in ablation.study_names() else "",
    )  # fmt: skip


def ablation_tables(
    settings: "AblationSettings", networks: Sequence[TrainedNetwork]
) -> list[tuple[Sequence[str], list[list[object]]]]:
    """Heads and rows: the grid, and every choice over all pairs."""
    lines = ablation.accuracy_lines(networks, settings.activation)
    return [
        (("products", *map(ablation.spell_bits, lines)), ablation.grid_rows(lines)),
        (ablation.CHANGE_HEADS, ablation.change_rows(ablation.costs_over_all(networks))),
    ]


def ablation_text(settings: "AblationSettings", networks: Sequence[TrainedNetwork], line: str) -> str:
    """All numbers."""
    tables = [text_table(*each) for each in ablation_tables(settings, networks)]
    return "\n".join([line, *ablation_sentences(settings, networks), *tables])


def ablation_markup(settings: "AblationSettings", networks: Sequence[TrainedNetwork]) -> str:
    """As HTML."""
    grid, changes = (table(*each) for each in ablation_tables(settings, networks))
    return paragraphs(ablation_sentences(settings, networks)) + unfolded(
        f"<p><b>Accuracy on the test images</b>, "
        f"{escape(settings.activation)}</p>{grid}<p><b>Over all pairs of the table</b></p>{changes}"
    )


# --- fourth question --------------------------------------------------------------------------------------------------


def scaling_tiles(plans: Plans, *, images: int, batch_s: float | None, packed_s: float | None) -> str:
    """So many images, in both layouts."""
    figures = {
        "images in hand": f"{images:,}",
        "batch pays from": f"{plans.crossing:,} images" if plans.crossing else "–",
    }
    for label, seconds in (("an image in a batch", batch_s), ("an image, packed", packed_s)):
        if seconds is not None:
            figures[f"{label}, projected"] = spell_seconds(seconds) if seconds >= 1 else f"{1000 * seconds:,.3g} ms"
    best = plans.cheapest_batch
    if best is not None:
        figures["upload of a batch"] = f"{best.upload_bytes / 1e6:,.0f} MB"
    if plans.packed is not None:
        figures["upload, packed"] = f"{plans.packed.upload_bytes / 1e6:,.1f} MB"
    return tiles(figures)


def scaling_text(plans: Plans, runs: Sequence[Row], line: str) -> str:
    """All numbers that do not depend on the machine that reads."""
    parts = scaling.all_parts()
    return "\n".join(
        [
            line, *scaling.sentences(plans, runs), text_table(scaling.PLAN_HEADS, scaling.plan_rows(plans)),
            text_table(scaling.IMAGE_HEADS, scaling.image_rows(runs)),
            text_table(scaling.HEAD_HEADS, scaling.head_rows(parts)),
        ]
    )  # fmt: skip


def scaling_markup(plans: Plans, runs: Sequence[Row]) -> str:
    """As HTML."""
    return paragraphs(scaling.sentences(plans, runs)) + unfolded(
        f"<p><b>Layouts and rings</b></p>"
        f"{table(scaling.PLAN_HEADS, scaling.plan_rows(plans))}<p><b>Size of the network</b>, stored measurements of "
        f"full batches</p>{table(scaling.IMAGE_HEADS, scaling.image_rows(runs))}<p><b>Heads on public features</b></p>"
        f"{table(scaling.HEAD_HEADS, scaling.head_rows(scaling.all_parts()))}"
    )
