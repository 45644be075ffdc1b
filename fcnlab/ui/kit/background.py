"""Work beside the sliders: the newest question in a thread, and long jobs in a worker process with a panel."""

import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import ipywidgets as widgets
import traitlets

from fcnlab.errors import Cancelled
from fcnlab.machine.jobs import Job, submit
from fcnlab.ui.kit.views import block, escape

T = TypeVar("T")
Superseded = Callable[[], bool]


class Newest(Generic[T]):
    """Answers the newest question in a thread; older ones that still wait are dropped.

    Args:
        answer: Called in the thread with a question, and a function that says whether a newer one has come. It sets
            traits with what it finds. What it raises is told by `threading.excepthook`, and the next question answered.
        rest_s: How long no newer question must come before work begins, so that it does not slow a hand that moves.
    """

    def __init__(self, answer: Callable[[T, Superseded], None], *, rest_s: float = 0.15) -> None:
        self._answer, self._rest_s = answer, rest_s
        self._waiting: list[T] = []
        self._condition = threading.Condition()
        self._busy = False

    def ask(self, question: T) -> None:
        """Give up what waits, and answer this instead."""
        with self._condition:
            self._waiting = [question]
            self._condition.notify_all()
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._work, daemon=True).start()

    def wait(self, timeout_s: float = 60.0) -> bool:
        """Wait until everything is answered; False if `timeout_s` passed first."""
        with self._condition:
            return self._condition.wait_for(lambda: not self._busy, timeout_s)

    def _work(self) -> None:
        while True:
            with self._condition:
                if not self._waiting:
                    self._busy = False
                    self._condition.notify_all()
                    return
                question = self._waiting[0]
                if self._condition.wait(self._rest_s):  # told that a newer one has come
                    continue
                self._waiting.clear()
            try:
                self._answer(question, lambda: bool(self._waiting))
            except Exception:
                # It is told where threads tell; without this the thread would end, and no question be answered again.
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


class Task(traitlets.HasTraits):
    """The state of a job in a worker process.

    Attributes:
        state: idle, running, done, cancelled or failed.
        progress: What is done next, steps done and in all.
        message: Why it failed or stopped; empty otherwise.
        result: Of the last job that ended well.
    """

    state = traitlets.Enum(("idle", "running", "done", "cancelled", "failed"), default_value="idle")
    progress = traitlets.Tuple(("", 0, 1))
    message = traitlets.Unicode()
    result = traitlets.Any()

    def __init__(self) -> None:
        super().__init__()
        self._job: Job[Any] | None = None

    def start(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        """Start ``function(**arguments, progress=...)``, unless a job is already at work."""
        if self.state == "running":
            return
        self.progress, self.message, self.state = ("Starting the worker", 0, 1), "", "running"
        self._job = submit(function, arguments=arguments, on_progress=self._tell, on_end=self._end)

    def cancel(self) -> None:
        """Stop the job, if there is one."""
        if self._job is not None:
            self._job.cancel()

    def wait(self) -> None:
        """Wait for the end."""
        while self.state == "running":
            time.sleep(0.02)

    def _tell(self, progress: tuple[str, int, int]) -> None:
        self.progress = progress

    def _end(self, job: Job[Any]) -> None:
        state = "done"
        if job.error is not None:
            state = "cancelled" if isinstance(job.error, Cancelled) else "failed"
            self.message = str(job.error)
        try:
            if job.error is None:
                self.result = job.result()
        finally:
            self.state = state


class TaskPanel:
    """Start, cancel, a bar and one line of words for a `Task`.

    Args:
        task: The model.
        label: Of the button that starts it.
        start: Called by that button.
        cost: What it will take, said before it starts.

    Attributes:
        widget: What to show.
    """

    def __init__(self, task: Task, *, label: str, start: Callable[[], None], cost: str) -> None:
        self._task, self._cost, self._obstacle = task, cost, ""
        self.start_button = widgets.Button(description=label, button_style="primary", layout={"width": "auto"})
        self.cancel_button = widgets.Button(description="Cancel", tooltip="Stop at once; nothing is kept.")
        self._bar = widgets.FloatProgress(min=0, max=1, layout={"width": "calc(100% - 4px)", "max_width": "420px"})
        self._words = widgets.HTML(layout={"width": "100%"})
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
        what, done, total = task.progress
        self.start_button.disabled = running or bool(self._obstacle)
        self.start_button.tooltip = "It is under way." if running else self._obstacle or self._cost
        # Only while there is something to cancel: a lab has other panels, and two buttons of one name are too many.
        self.cancel_button.layout.display = "flex" if running else "none"
        self._bar.value = done / max(total, 1) if running else float(task.state == "done")
        self._bar.bar_style = {"done": "success", "failed": "danger", "cancelled": "warning"}.get(task.state, "info")
        if running:
            words = escape(f"{what} · {done} of {total}")
        elif task.message:
            words = f'<div class="error">{escape(task.message)}</div>'
        else:
            words = "Done." if task.state == "done" else escape(self._obstacle or self._cost)
        self._words.value = block(words)
