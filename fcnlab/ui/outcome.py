"""The run of lab 00 in its worker process; it gives arrays and reports: the kernel loads neither torch nor Pyfhel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.inference.report import Progress, Report
from fcnlab.planning.plan import Plan


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a run gave.

    Attributes:
        report: The account.
        plan: The proven parameters.
        published_hops: HOPs of the network by the published convention.
        images: uint8, shape (N, 28, 28).
        labels: Their digits, shape (N,).
        logits: Decrypted, shape (N, 10).
    """

    report: Report
    plan: Plan
    published_hops: int
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    logits: npt.NDArray[Any]

    @property
    def digits(self) -> npt.NDArray[np.int64]:
        """Predicted digits, shape (N,)."""
        return np.asarray(np.argmax(self.logits, axis=1), dtype=np.int64)


def run_encrypted(
    *, network: str, images: int, scheme: Any, engine: str, progress: Callable[[Progress], None]
) -> Outcome:
    """The worker's function: the demonstration, its result without what only torch can hold."""
    from fcnlab.inference.demonstration import demonstrate

    run = demonstrate(network=network, images=images, scheme=scheme, engine=engine, progress=progress)
    return Outcome(
        report=run.inference.report,
        plan=run.plan,
        published_hops=run.card.hops["total"],
        images=run.images,
        labels=run.labels,
        logits=run.inference.logits,
    )
