"""Long work in a process of its own, so that a notebook stays alive: progress, cancel, and the cause of a death.

Encrypted arithmetic never releases Python's global lock, so a thread would freeze every slider. A job is one function
in a spawned process, called with its arguments and a `progress` callback; the process can be made ready before the job
is known. Both ends are the same machine and the same user: what travels through the pipe is trusted.
"""

import atexit
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final, Generic, TypeVar

from fcnlab.errors import Cancelled, FcnlabError, JobError

REPORT_INTERVAL_S: Final = 0.05  # between two progress reports of one stage
GRACE_S: Final = 0.1  # a cancelled worker has this long to tidy up before it is killed

R = TypeVar("R")


class Job(Generic[R]):
    """A function at work in its own process; made by `submit`.

    It ends in one of three ways, told once through `on_end`: with a result, with an error, or cancelled (the error is
    then `Cancelled`). Callbacks come from a listening thread: they may set traits, never print or display.
    """

    def __init__(
        self,
        worker: "Worker | None",
        function: Callable[..., R],
        arguments: Mapping[str, Any],
        on_progress: Callable[[Any], None],
        on_end: Callable[["Job[R]"], None],
    ) -> None:
        self._on_progress, self._on_end = on_progress, on_end
        self._result: R | None = None
        self._error: FcnlabError | None = None
        self._cancelling = False
        self._ordered, self._ended = threading.Event(), threading.Event()
        order = bytes(ForkingPickler.dumps((function, dict(arguments))))  # what cannot be sent fails here
        self._worker = worker or Worker()
        threading.Thread(target=self._listen, args=(order,), daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return not self._ended.is_set()

    @property
    def error(self) -> FcnlabError | None:
        """Why there is no result; None while running and after success."""
        return self._error

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; False if `timeout_s` passed first."""
        return self._ended.wait(timeout_s)

    def result(self) -> R:
        """Wait for the end and return what the function returned.

        Raises:
            Cancelled: If the job was cancelled.
            JobError: If the worker died, or the function failed in a way nobody foresaw.
            FcnlabError: As raised by the function.
        """
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # set whenever there is no error

    def cancel(self) -> None:
        """Ask it to stop, and kill it with all its own workers if it has not done so at once. Returns immediately."""
        if self.running and not self._cancelling:
            self._cancelling = True
            if not self._ordered.is_set():  # it is still getting ready
                self._worker.kill()
                return
            with suppress(OSError):
                self._worker.pipe.send(None)
            timer = threading.Timer(GRACE_S, self._worker.kill)
            timer.daemon = True
            timer.start()

    def _listen(self, order: bytes) -> None:
        kind, value = "died", None
        pipe = self._worker.pipe
        with suppress(EOFError, OSError):
            pipe.send_bytes(order)  # a long one waits until the worker is ready to read it
            self._ordered.set()
            while (message := pipe.recv())[0] == "progress":
                if not self._cancelling:
                    self._on_progress(message[1])
            kind, value = message
        if kind == "died" or self._cancelling:
            self._worker.kill()
        status = self._worker.close()
        if self._cancelling:
            self._error = Cancelled("The run was cancelled; nothing of it was kept.")
        elif kind == "result":
            self._result = value
        else:
            self._error = value or JobError(explain_death(status))
        self._ended.set()
        self._on_end(self)


class Worker:
    """A spawned process that waits for one job.

    Args:
        warm: Called in the process before it waits, to load and make what the job will need; importable by name.
    """

    def __init__(self, warm: Callable[[], object] | None = None) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        # Not a daemon: it has worker processes of its own. `atexit` stops it when this process ends.
        self._process = spawn.Process(target=work, args=(theirs, warm))
        self._process.start()
        theirs.close()
        atexit.register(self.kill)

    def kill(self) -> None:
        """End it, with all its own workers."""
        if self._process.pid is not None and self._process.exitcode is None:
            with suppress(ProcessLookupError):
                try:
                    os.killpg(self._process.pid, signal.SIGKILL)
                except ProcessLookupError:  # it has not yet made its own group
                    os.kill(self._process.pid, signal.SIGKILL)

    def dismiss(self) -> None:
        """End it; it has no job."""
        self.kill()
        self.close()

    def close(self) -> int | None:
        """Wait for its end; returns the exit status."""
        self._process.join()
        self.pipe.close()
        atexit.unregister(self.kill)
        return self._process.exitcode


def submit(
    function: Callable[..., R],
    *,
    arguments: Mapping[str, Any],
    on_progress: Callable[[Any], None] | None = None,
    on_end: Callable[[Job[R]], None] | None = None,
    worker: Worker | None = None,
) -> Job[R]:
    """Start ``function(**arguments, progress=...)`` in a spawned process.

    Args:
        function: Importable by name; what it takes and returns must pickle.
        arguments: Keyword arguments.
        on_progress: Called in a thread with what the function gives to its `progress`, at most every 50 ms.
        on_end: Called in the same thread once, at the very end.
        worker: A process that was made ready beforehand; it takes this one job.
    """
    return Job(worker, function, arguments, on_progress or (lambda _: None), on_end or (lambda _: None))


def work(pipe: Connection, warm: Callable[[], object] | None) -> None:
    """The worker's side: get ready, wait for the job, run it, report, obey."""
    # A group of its own: its worker processes are stopped with it, and an interrupt of the notebook spares it.
    os.setsid()
    trouble = None
    try:
        if warm is not None:
            warm()
    except FcnlabError as error:
        trouble = ("failed", error)
    except Exception as error:
        trouble = ("failed", JobError(f"The worker could not get ready: {type(error).__name__}: {error}"))
    try:
        function, arguments = pipe.recv()
    except (EOFError, OSError):  # the other side is gone, and had no job
        return
    pipe.send(trouble or perform(pipe, function, arguments))


def perform(pipe: Connection, function: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[str, Any]:
    """Run the job; how it ended."""
    cancelled = threading.Event()
    threading.Thread(target=obey, args=(pipe, cancelled), daemon=True).start()
    reported_s = 0.0

    def progress(value: Any) -> None:
        nonlocal reported_s
        if cancelled.is_set():
            raise Cancelled("The run was cancelled.")
        now = time.monotonic()
        if now - reported_s >= REPORT_INTERVAL_S:
            pipe.send(("progress", value))
            reported_s = now

    try:
        return "result", function(**arguments, progress=progress)
    except FcnlabError as error:
        return "failed", error
    except Exception as error:
        return "failed", JobError(f"The worker failed unexpectedly: {type(error).__name__}: {error}")


def obey(pipe: Connection, cancelled: threading.Event) -> None:
    """Wait for the word to stop; if the other side is gone, end this process and its workers."""
    with suppress(EOFError, OSError):
        pipe.recv()
        cancelled.set()
        pipe.recv()  # nothing more is sent: this waits for the other side to close
    os.killpg(0, signal.SIGKILL)


def explain_death(status: int | None) -> str:
    """One sentence on a worker that ended without a word, by its exit status."""
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        reason = {
            "SIGKILL": "the system killed it, most often for lack of memory",
            "SIGSEGV": "it crashed in compiled code",
            "SIGTERM": "it was told to terminate",
        }.get(name, "a signal ended it")
        return f"The worker process died ({name}): {reason}. Start the run again, with fewer images if memory is short."
    return f"The worker process ended without a result (status {status}): its last words are in the terminal."
