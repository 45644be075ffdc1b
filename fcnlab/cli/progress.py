"""Bars of progress on standard error."""

import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from tqdm import tqdm

    from fcnlab.inference.report import Progress
    from fcnlab.transfer.heads.privacy import HeadProgress

BAR = "{desc:<46.46} {bar} {n_fmt}/{total_fmt} [{elapsed}]"


class Bar:
    """One bar at a time; none where standard error is to stay silent."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._bar: tqdm[Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the bar; the next one is new."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def show(self, title: str, done: int, total: int, *, stays: bool) -> None:
        """Bring the bar to where the work stands, under this title."""
        if self._silent:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(desc=title, total=total, bar_format=BAR, file=sys.stderr, leave=stays)
        self._bar.set_description_str(title, refresh=False)
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        self._bar.refresh()


class StepBar(Bar):
    """Progress of a measurement: one bar, the step in its title, gone when it is done."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show what is measured now."""
        self.show(what, done, total, stays=False)

    def extracting(self, done: int, total: int) -> None:
        """Show how many records have features."""
        self.show("extracting features", done, total, stays=False)

    def training(self, where: "HeadProgress") -> None:
        """Show the steps of a private training."""
        self.show("noisy gradient steps", where.step, where.steps, stays=False)


class InferenceBar(Bar):
    """Progress of an encrypted run: a bar for each stage and layer, which stays."""

    _title = ""

    def __call__(self, progress: "Progress") -> None:
        """Show where the run stands."""
        title = f"[{progress.turn}/{progress.turns}] {progress.stage} {progress.detail}".rstrip()
        if title != self._title:
            self.close()
        self._title = title
        self.show(title, progress.done, progress.total, stays=True)
