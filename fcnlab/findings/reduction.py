"""First question: how operations and seconds fall with sparse weights that are powers of two."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from fcnlab.data.measured import MEASURED, RECONSTRUCTED, Row, load_measurements
from fcnlab.findings.ablation import accuracy_lines
from fcnlab.findings.changes import usual_activation
from fcnlab.findings.networks import Columns, TrainedNetwork

GOAL: Final = 99.0
"""Percent on the test images that a network should reach."""


def read_runs() -> tuple[Row, ...]:
    """The stored measurements that can be compared; none if nothing was measured.

    Raises:
        DataError: If the table is damaged.
    """
    return comparable_runs(load_measurements()) if MEASURED.exists() else ()


def comparable_runs(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Runs with both times, of the engine and scheme that most have."""
    timed = [row for row in rows if row.inference_s and row.encrypt_decrypt_s and row.images]
    kinds = Counter((engine_of(row), row.scheme) for row in timed)
    usual = max(sorted(kinds, key=str), key=lambda kind: kinds[kind], default=None)
    return tuple(sorted((row for row in timed if (engine_of(row), row.scheme) == usual), key=lambda row: row.total))


def engine_of(row: Row) -> str:
    """The engine of a run, with which its setting begins."""
    return row.setting.partition(",")[0]


def measured_seconds(run: Row, images: int) -> float:
    """Seconds of encryption, evaluation and decryption for each of so many images; a batch is never cheaper."""
    batch_s = (run.encrypt_decrypt_s or 0.0) + (run.inference_s or 0.0)
    return math.ceil(images / (run.images or 1)) * batch_s / images


def sweep_ends(networks: Sequence[TrainedNetwork]) -> list[TrainedNetwork]:
    """For each number of bits the settings with most and with fewest products, with the usual activation."""
    lines = accuracy_lines(networks, usual_activation(networks)).values()
    return [end for line in lines if len(line) > 1 for end in (line[-1], line[0])]


def run_columns(runs: Sequence[Row]) -> Columns:
    """A table of whole batches; reconstructed networks are marked."""
    marks = {run.system: " (reconstructed)" for run in runs if run.system.startswith(RECONSTRUCTED)}
    return {
        "measured here": [run.system + marks.get(run.system, "") for run in runs],
        "HOPs": [run.total for run in runs],
        "evaluate s": [f"{run.inference_s:.2f}" for run in runs],
        "enc + dec s": [f"{run.encrypt_decrypt_s:.2f}" for run in runs],
        "images": [run.images for run in runs],
        "accuracy %": [None if run.accuracy is None else f"{run.accuracy:.2f}" for run in runs],
    }


def image_columns(runs: Sequence[Row]) -> Columns:
    """A table of what an image takes in a full batch."""
    counts, sent = [run.images or 1 for run in runs], [run.message_mb for run in runs]
    evaluate = [f"{1e6 * (run.inference_s or 0) / count:,.0f}" for run, count in zip(runs, counts, strict=True)]
    each = [None if size is None else f"{1000 * size / count:,.0f}" for size, count in zip(sent, counts, strict=True)]
    return {head: cells for head, cells in run_columns(runs).items() if head in ("measured here", "HOPs", "images")} | {
        "evaluate, µs an image": evaluate,
        "all, ms an image": [f"{1000 * measured_seconds(run, run.images or 1):.2f}" for run in runs],
        "MB": [None if size is None else f"{size:,.0f}" for size in sent],
        "kB an image": each,
    }
