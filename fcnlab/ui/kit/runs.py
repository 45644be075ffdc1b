"""An encrypted run as a lab sees it: a traitlets model of a job in a worker process.

The kernel itself loads neither torch nor Pyfhel: what comes back from the worker is made of arrays and reports.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import traitlets

from fcnlab.errors import Cancelled
from fcnlab.inference.report import Report
from fcnlab.machine.jobs import Job, submit
from fcnlab.planning.plan import Plan

STAGES: Final = {"keys": 0.02, "encrypt": 0.70, "evaluate": 0.26, "decrypt": 0.02}
"""Share of a turn's time, roughly: it only moves the bar."""


@dataclass(frozen=True)
class RunProgress:
    """Where a run stands, as `inference.Progress`: importable without the encryption library."""

    stage: str
    detail: str
    done: int
    total: int
    turn: int
    turns: int

    @property
    def share(self) -> float:
        """Of the whole run, 0 to 1."""
        names = list(STAGES)
        before = sum(STAGES[name] for name in names[: names.index(self.stage)])
        within = before + STAGES[self.stage] * self.done / max(self.total, 1)
        return min(1.0, (self.turn - 1 + within) / self.turns)


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
    *, network: str, images: int, scheme: Any, engine: str, progress: Callable[[RunProgress], None]
) -> Outcome:
    """The worker's function: the demonstration, its result without what only torch can hold."""
    from fcnlab.inference.demonstration import demonstrate
    from fcnlab.inference.infer import Progress

    def tell(where: Progress) -> None:
        progress(RunProgress(where.stage, where.detail, where.done, where.total, where.turn, where.turns))

    run = demonstrate(network=network, images=images, scheme=scheme, engine=engine, progress=tell)
    return Outcome(
        report=run.inference.report,
        plan=run.plan,
        published_hops=run.card.hops["total"],
        images=run.images,
        labels=run.labels,
        logits=run.inference.logits,
    )


class RunModel(traitlets.HasTraits):
    """The state of an encrypted run; views observe it.

    Attributes:
        state: idle, running, done, cancelled or failed.
        progress: Where it stands; None before the worker's first word.
        message: Why it failed or stopped; empty otherwise.
        outcome: Of the last run that ended well; it stays when a later one fails.
        elapsed_s: Seconds since the start, until the end.
    """

    state = traitlets.Enum(("idle", "running", "done", "cancelled", "failed"), default_value="idle")
    progress = traitlets.Instance(RunProgress, allow_none=True)
    message = traitlets.Unicode()
    outcome = traitlets.Instance(Outcome, allow_none=True)
    elapsed_s = traitlets.Float()

    def __init__(self) -> None:
        super().__init__()
        self._job: Job[Any] | None = None
        self._began = 0.0

    def start(self, **arguments: Any) -> None:
        """Start the worker's function, `run_encrypted`, with these arguments, unless one is already at work."""
        if self.state == "running":
            return
        self._began = time.monotonic()
        self.set_trait("progress", None)
        self.message, self.elapsed_s, self.state = "", 0.0, "running"
        self._job = self._submit(arguments)

    def _submit(self, arguments: dict[str, Any]) -> Job[Any]:
        return submit(run_encrypted, arguments=arguments, on_progress=self._tell, on_end=self._end)

    def cancel(self) -> None:
        """Stop the run, if there is one."""
        if self._job is not None:
            self._job.cancel()

    def wait(self) -> None:
        """Wait for the end; an interrupt of the kernel cancels the run."""
        try:
            while self.state == "running":
                time.sleep(0.05)
        except KeyboardInterrupt:
            self.cancel()
            if self._job is not None:
                self._job.wait()

    def _tell(self, progress: RunProgress) -> None:
        self.elapsed_s = time.monotonic() - self._began
        self.progress = progress

    def _end(self, job: Job[Any]) -> None:
        self.elapsed_s = time.monotonic() - self._began
        state, self.message = "done", ""
        if job.error is not None:
            state, self.message = "cancelled" if isinstance(job.error, Cancelled) else "failed", str(job.error)
        try:
            if job.error is None:
                self.outcome = job.result()
        finally:  # whatever a view does with the outcome, the run has ended
            self.state = state
