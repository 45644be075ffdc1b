"""First question: how operations and seconds fall with sparse weights that are powers of two."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fcnlab.data.encodings import EncodingStudy, reference_study
from fcnlab.data.measured import MEASURED, RECONSTRUCTED, Row, load_measurements
from fcnlab.data.published import PublishedSystem, published_systems
from fcnlab.errors import DataError
from fcnlab.findings.ablation import accuracy_lines
from fcnlab.findings.changes import usual_activation
from fcnlab.findings.networks import (
    Columns,
    TrainedNetwork,
    cheapest,
    describe_table,
    load_networks,
    pareto_front,
    spell_accuracy,
)

DENSE: Final = "CryptoNets"
SPARSE: Final = "Faster CryptoNets"
"""Published beside `DENSE`: their ratio is the claim of the paper."""
GOAL: Final = 99.0
RING: Final = 8192


@dataclass(frozen=True, eq=False)
class Reduction:
    """What is known of how operations and seconds fall.

    Attributes:
        networks: All trained settings.
        front: Those that none beats in HOPs and accuracy.
        runs: Measured under encryption, all with one engine and scheme; fewest HOPs first.
        published: The published systems by name.
        study: Stored measurements of the encodings.
    """

    networks: tuple[TrainedNetwork, ...]
    front: tuple[TrainedNetwork, ...]
    runs: tuple[Row, ...]
    published: dict[str, PublishedSystem]
    study: EncodingStudy

    @property
    def dense_run(self) -> Row | None:
        """CryptoNets as measured here; None if it was not."""
        return next((run for run in self.runs if run.system == DENSE.lower()), None)


def read_reduction() -> Reduction:
    """The facts of the shipped tables.

    Raises:
        DataError: If one is damaged.
    """
    networks = load_networks()
    return Reduction(networks, pareto_front(networks), read_runs(), published_systems(), reference_study())


def read_runs() -> tuple[Row, ...]:
    """Measured runs with both times, of the engine and scheme that most were measured with."""
    if not MEASURED.exists():
        return ()
    return comparable_runs(load_measurements())


def comparable_runs(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Runs with both times, of the engine and scheme that most have."""
    timed = [row for row in rows if row.inference_s and row.encrypt_decrypt_s and row.images]
    kinds = Counter((engine_of(row), row.scheme) for row in timed)
    if not kinds:
        return ()
    usual = max(sorted(kinds, key=str), key=lambda kind: kinds[kind])
    return tuple(sorted((row for row in timed if (engine_of(row), row.scheme) == usual), key=lambda row: row.total))


def engine_of(row: Row) -> str:
    """The engine of a run, with which its setting begins."""
    return row.setting.partition(",")[0]


# --- numbers ----------------------------------------------------------------------------------------------------------


def sweep_ends(networks: Sequence[TrainedNetwork]) -> list[TrainedNetwork]:
    """For each number of bits the settings with most and with fewest products, with the usual activation."""
    lines = accuracy_lines(networks, usual_activation(networks)).values()
    return [end for line in lines if len(line) > 1 for end in (line[-1], line[0])]


def growth(runs: Sequence[Row]) -> float | None:
    """The exponent e of evaluation seconds ~ HOPs^e, by least squares of logarithms; None with fewer than three."""
    if len(runs) < 3:
        return None
    seconds = [run.inference_s or 0.0 for run in runs]
    return float(np.polyfit(np.log([run.total for run in runs]), np.log(seconds), 1)[0])


def encoding_gain(study: EncodingStudy, *, scheme: str = "bfv", ring_degree: int = RING) -> float:
    """How many times less a product by a monomial takes than a general one.

    Raises:
        DataError: If the study has no such ring.
    """
    dense, monomial = (dict(zip(*study.curve(scheme, kind), strict=True)) for kind in ("dense", "monomial"))
    if ring_degree not in dense or ring_degree not in monomial:
        raise DataError(f"The stored study has no products in {scheme} with a ring of {ring_degree}.")
    return dense[ring_degree] / monomial[ring_degree]


# --- words ------------------------------------------------------------------------------------------------------------


def claim_sentence(facts: Reduction) -> str:
    """The published ratio."""
    dense, sparse = facts.published[DENSE], facts.published[SPARSE]
    return (
        f"Published: {sparse.total:,} HOPs instead of {dense.total:,}, {dense.total / sparse.total:.1f} times fewer, "
        f"and {dense.inference_s / sparse.inference_s:.1f} times less time to evaluate."
    )


def measured_sentence(facts: Reduction, system: str) -> str:
    """A measured run beside the dense one, measured in the same way."""
    run = next((each for each in facts.runs if each.system == system), None)
    dense = facts.dense_run
    if run is None or dense is None or run is dense:
        return ""
    whole, part = total_seconds(dense), total_seconds(run)
    return (
        f"Measured here ({engine_of(run)}, {run.scheme}): {system} executes {run.total:,} HOPs, all passes, instead of "
        f"the {dense.total:,} of {dense.system}, {dense.total / run.total:.1f} times fewer; it takes "
        f"{(dense.inference_s or 0) / (run.inference_s or 1):.1f} times less time to evaluate, and "
        f"{whole / part:.1f} times less with encryption and decryption, which are "
        f"{100 * (run.encrypt_decrypt_s or 0) / part:.0f} % of what is left."
    )


def total_seconds(run: Row) -> float:
    """Encryption, evaluation and decryption of a batch."""
    return (run.encrypt_decrypt_s or 0.0) + (run.inference_s or 0.0)


def goal_sentence(facts: Reduction) -> str:
    """The cheapest network that reaches the goal."""
    best, dense = cheapest(facts.networks, accuracy=GOAL), facts.published[DENSE]
    if best is None:
        return f"No trained network reaches {GOAL:g} %."
    return (
        f"The cheapest trained network of powers of two with at least {GOAL:g} % is {best.name}: {best.hops:,} HOPs, "
        f"{dense.total / best.hops:.1f} times fewer than {DENSE} as published, {spell_accuracy(best)}."
    )


def encoding_sentence(facts: Reduction) -> str:
    """What it saves that a weight is a power of two."""
    return (
        f"In the stored measurements a product by a monomial takes {encoding_gain(facts.study):.1f} times less than a "
        f"general one (bfv, n = {RING:,})."
    )


def time_sentence(facts: Reduction) -> str:
    """How time follows HOPs."""
    exponent = growth(facts.runs)
    if exponent is None:
        return ""
    slower = ": time falls more slowly, since squares and the reading of pixels stay" if exponent < 1 else ""
    return (
        f"Over the {len(facts.runs)} networks measured here evaluation time grows as HOPs to the power "
        f"{exponent:.2f}{slower}."
    )


def answer(facts: Reduction) -> str:
    """The first question in two sentences."""
    return f"{goal_sentence(facts)} {measured_sentence(facts, measured_choice(facts))}".rstrip()


def measured_choice(facts: Reduction) -> str:
    """The cheapest network that reaches the goal if it was measured, else the cheapest that was; empty without runs."""
    best = cheapest(facts.networks, accuracy=GOAL)
    systems = [run.system for run in facts.runs]
    return best.name if best is not None and best.name in systems else next(iter(systems), "")


def sentences(facts: Reduction) -> list[str]:
    """Everything, from the claim to what there is."""
    found = goal_sentence(facts), measured_sentence(facts, measured_choice(facts)), claim_sentence(facts)
    rest = encoding_sentence(facts), time_sentence(facts), describe_table(facts.networks)
    return [sentence for sentence in (*found, *rest) if sentence]


def run_columns(runs: Sequence[Row]) -> Columns:
    """A table of the runs; reconstructed networks are marked."""
    marks = {run.system: " (reconstructed)" for run in runs if run.system.startswith(RECONSTRUCTED)}
    return {
        "measured here": [run.system + marks.get(run.system, "") for run in runs],
        "HOPs": [run.total for run in runs],
        "evaluate s": [f"{run.inference_s:.2f}" for run in runs],
        "enc + dec s": [f"{run.encrypt_decrypt_s:.2f}" for run in runs],
        "images": [run.images for run in runs],
        "accuracy %": [None if run.accuracy is None else f"{run.accuracy:.2f}" for run in runs],
    }
