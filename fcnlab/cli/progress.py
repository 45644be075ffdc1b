"""Progress on standard error."""

import sys
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

if TYPE_CHECKING:
    from fcnlab.inference.report import Progress
    from fcnlab.training.sweep import SweepProgress
    from fcnlab.training.train import Progress as TrainingProgress

BAR = "{desc:<46.46} {bar} {n_fmt}/{total_fmt} [{elapsed}]"


class InferenceBar:
    """Progress of an encrypted run on standard error: a bar for each stage and layer."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._bar: tqdm[Any] | None = None
        self._title = ""

    def __enter__(self) -> "InferenceBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, progress: "Progress") -> None:
        """Show where the run stands."""
        if self._silent:
            return
        title = f"[{progress.turn}/{progress.turns}] {progress.stage} {progress.detail}".rstrip()
        if title != self._title:
            self._close()
            self._bar = tqdm(total=progress.total, desc=title, bar_format=BAR, file=sys.stderr, leave=True)
            self._title = title
        if self._bar is not None:
            self._bar.update(progress.done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


class StepBar:
    """Progress of a measurement on standard error: one bar, the step in its title, gone when it is done."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> "StepBar":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show what is measured now."""
        if self._silent:
            return
        if self._bar is None:
            self._bar = tqdm(total=total, bar_format=BAR, file=sys.stderr, leave=False)
        self._bar.set_description(what, refresh=False)
        self._bar.update(done - self._bar.n)
        self._bar.refresh()


def print_epoch(progress: "TrainingProgress") -> None:
    """Show the epoch of a training that has ended, on standard error."""
    print(
        f"{progress.recipe} {progress.phase:<9} epoch {progress.epoch:>3}/{progress.epochs}  loss {progress.loss:.4f}  "
        f"validation {progress.validation_percent:.2f} %  {progress.products:>7,} products  "
        f"{progress.elapsed_s / 60:.1f} min",
        file=sys.stderr,
    )


def print_sweep(progress: "SweepProgress") -> None:
    """Show the epoch of a sweep that has ended, on standard error."""
    left = f"  {progress.remaining_s / 60:.0f} min left" if progress.remaining_s else ""
    print(
        f"{progress.what} {progress.phase:<9} epoch {progress.epochs_done:>3}/{progress.epochs}  "
        f"validation {progress.validation_percent:.2f} %{left}",
        file=sys.stderr,
    )
