"""Long work in a worker process: its state, and the panel that starts it, cancels it and says how it goes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets
import traitlets

from fcnlab.errors import Cancelled
from fcnlab.machine.jobs import Job, Worker, submit
from fcnlab.page import Sentence
from fcnlab.ui.kit.page import Page


class Advance(Protocol):
    """What a worker's function gives to its `progress`; as a string, in words."""

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""


@dataclass(frozen=True)
class Step:
    """One step of several.

    Attributes:
        what: Is done next.
        done: Steps done.
        total: Steps in all.
    """

    what: str
    done: int
    total: int

    @property
    def share(self) -> float:
        """The part that is done, 0 to 1."""
        return self.done / max(self.total, 1)

    def __str__(self) -> str:
        return f"{self.what} · {self.done} of {self.total}" if self.total > 1 else self.what


class Task(traitlets.HasTraits):
    """The state of a job in a worker process; views observe it.

    Args:
        function: The job's; importable by name. Its `progress` takes an `Advance`.

    Attributes:
        state: idle, running, done, cancelled or failed.
        progress: The last `Advance`; None before the worker's first word.
        message: Why it failed or stopped; empty otherwise.
        result: What the last job that ended well gave; it stays when a later one fails.
        elapsed_s: Seconds since the start, until the end.
    """

    state = traitlets.Enum(("idle", "running", "done", "cancelled", "failed"), default_value="idle")
    progress = traitlets.Any()
    message = traitlets.Unicode()
    result = traitlets.Any()
    elapsed_s = traitlets.Float()

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self._function = function
        self._job: Job[Any] | None = None
        self._began = 0.0

    def start(self, **arguments: Any) -> None:
        """Start the function with these arguments, unless it is already at work."""
        if self.state == "running":
            return
        self._began = time.monotonic()
        self.progress, self.message, self.elapsed_s, self.state = None, "", 0.0, "running"
        worker = self.worker_for(arguments)
        self._job = submit(self._function, arguments=arguments, on_progress=self._tell, on_end=self._end, worker=worker)

    def worker_for(self, arguments: dict[str, Any]) -> Worker | None:
        """The process to work in; None for a new one that ends with the job."""
        return None

    def cancel(self) -> None:
        """Stop the job, if there is one."""
        if self._job is not None:
            self._job.cancel()

    def wait(self) -> None:
        """Wait for the end; an interrupt of the kernel cancels the job."""
        try:
            while self.state == "running":
                time.sleep(0.02)
        except KeyboardInterrupt:
            self.cancel()
            if self._job is not None:
                self._job.wait()

    def _tell(self, progress: Advance) -> None:
        self.elapsed_s = time.monotonic() - self._began
        self.progress = progress

    def _end(self, job: Job[Any]) -> None:
        self.elapsed_s = time.monotonic() - self._began
        state = "done"
        if job.error is not None:
            state, self.message = "cancelled" if isinstance(job.error, Cancelled) else "failed", str(job.error)
        try:
            if job.error is None:
                self.result = job.result()
        finally:  # whatever a view does with the result, the job has ended
            self.state = state


class TaskPanel:
    """Start, cancel, a bar and a line of words for a `Task`.

    Args:
        task: The model.
        label: The start button's.
        start: Called by that button.
        cost: What it will take, said before it starts.
        loading: What the worker does before its first word.

    Attributes:
        widget: What to show.
    """

    def __init__(
        self, task: Task, *, label: str, start: Callable[[], None], cost: str, loading: str = "Starting the worker"
    ) -> None:
        self._task, self._cost, self._loading, self._obstacle = task, cost, loading, ""
        self.start_button = widgets.Button(description=label, button_style="primary", layout={"width": "auto"})
        self.cancel_button = widgets.Button(description="Cancel", tooltip="Stop at once; nothing is kept.")
        self._bar = widgets.FloatProgress(min=0, max=1, layout={"width": "calc(100% - 4px)", "max_width": "640px"})
        self._words = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self.start_button.on_click(lambda _: start())
        self.cancel_button.on_click(lambda _: task.cancel())
        task.observe(self._refresh, names=["state", "progress"])
        self._refresh()
        self.widget = widgets.VBox([widgets.HBox([self.start_button, self.cancel_button]), self._bar, self._words])

    def forbid(self, obstacle: str) -> None:
        """Say why the job cannot be started now, and forbid it; allow it again with an empty reason."""
        self._obstacle = obstacle
        self._refresh()

    def _refresh(self, _: object = None) -> None:
        task = self._task
        running = task.state == "running"
        self.start_button.disabled = running or bool(self._obstacle)
        self.start_button.tooltip = "It is under way." if running else self._obstacle or self._cost
        # Only while there is something to cancel: a lab has other panels, and two buttons of one name are too many.
        self.cancel_button.layout.display = "flex" if running else "none"
        share = task.progress.share if task.progress is not None else 0.0
        self._bar.value = share if running else float(task.state == "done")
        self._bar.bar_style = {"done": "success", "failed": "danger", "cancelled": "warning"}.get(task.state, "info")
        self._words.value = self._say().live

    def _say(self) -> Page:
        task = self._task
        if task.state == "running":
            return Page(f"{task.progress or self._loading} · {task.elapsed_s:.1f} s")
        obstacle = Sentence(self._obstacle, kind="obstacle")
        if task.state == "done":
            return Page(f"Done in {task.elapsed_s:.1f} s, the start of the worker included.", obstacle)
        if task.state == "idle":
            return Page(obstacle if self._obstacle else self._cost)
        kept = " What is shown below is the run before." if task.result is not None else ""
        return Page(Sentence(task.message + kept, kind="error"), obstacle)
