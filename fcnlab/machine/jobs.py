"""Long work in a process of its own, so that a notebook stays alive: progress, cancel, and the cause of a death.

Encrypted arithmetic never releases Python's global lock, so a thread would freeze every slider. A job is one function
in a spawned process, called with its arguments and a `progress` callback. A process can be kept for several jobs, with
what the earlier ones have loaded. Both ends are the same machine and the same user: what travels through the pipe is
trusted.
"""

import atexit
import multiprocessing
import os
import queue
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
CANCEL, LEAVE = b"cancel", b"leave"  # beside orders, which are pickled
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
        self._ended = threading.Event()
        order = bytes(ForkingPickler.dumps((function, dict(arguments))))  # what cannot be sent fails here
        self._keeps_worker = worker is not None
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
        """Ask it to stop, and kill it with all its processes if it has not done so at once. Returns immediately."""
        if self.running and not self._cancelling:
            self._cancelling = True
            self._worker.ask_to_stop()
            timer = threading.Timer(GRACE_S, self._worker.kill)
            timer.daemon = True
            timer.start()

    def _listen(self, order: bytes) -> None:
        kind, value = "died", None
        with self._worker.busy, suppress(EOFError, OSError):
            self._worker.send(order)
            while (message := self._worker.pipe.recv())[0] == "progress":
                if not self._cancelling:
                    self._on_progress(message[1])
            kind, value = message
        if kind == "died" or self._cancelling:
            self._worker.kill()
        gone = kind == "died" or self._cancelling or not self._keeps_worker
        status = self._worker.close() if gone else None
        if self._cancelling:
            self._error = Cancelled("The run was cancelled; nothing of it was kept.")
        elif kind == "result":
            self._result = value
        else:
            self._error = value or JobError(explain_death(status))
        self._ended.set()
        self._on_end(self)


class Worker:
    """A spawned process that does jobs, one after the other; when one is cancelled it ends.

    Attributes:
        pipe: To it.
        busy: Held by the job that it works on.
    """

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.busy = threading.Lock()
        self._sending, self._closing = threading.Lock(), threading.Lock()
        # Not a daemon: a job may start processes of its own. `atexit` stops it when this process ends.
        self._process = spawn.Process(target=work, args=(theirs,))
        self._process.start()
        theirs.close()
        atexit.register(self.kill)

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""
        return not self.pipe.closed and self._process.is_alive()

    def send(self, message: bytes) -> None:
        """Send an order; a long one waits until the process is ready to read it."""
        with self._sending:
            self.pipe.send_bytes(message)

    def ask_to_stop(self) -> None:
        """Have the job stop at its next report; kill a worker that is not even ready to hear it."""
        if self._sending.acquire(blocking=False):
            try:
                with suppress(OSError):
                    self.pipe.send_bytes(CANCEL)
            finally:
                self._sending.release()
        else:
            self.kill()

    def kill(self) -> None:
        """End it, with all processes that its job started."""
        if self._process.pid is not None and self._process.exitcode is None:
            with suppress(ProcessLookupError):
                try:
                    os.killpg(self._process.pid, signal.SIGKILL)
                except ProcessLookupError:  # it has not yet made its own group
                    os.kill(self._process.pid, signal.SIGKILL)

    def close(self) -> int | None:
        """Let it end, and wait for that; returns the exit status."""
        with self._closing:
            if not self.pipe.closed:
                with suppress(OSError):
                    self.send(LEAVE)
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
        worker: A process to do it in, once it has done what it was given before; it is kept for further jobs, unless
            this one is cancelled.
    """
    return Job(worker, function, arguments, on_progress or (lambda _: None), on_end or (lambda _: None))


def work(pipe: Connection) -> None:
    """The worker's side: take orders, report, obey."""
    # A group of its own: what a job starts is stopped with it, and an interrupt of the notebook spares it.
    os.setsid()
    orders: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    cancelled = threading.Event()
    threading.Thread(target=obey, args=(pipe, orders, cancelled), daemon=True).start()
    while (order := orders.get()) != LEAVE:
        pipe.send(perform(pipe, order, cancelled))


def perform(pipe: Connection, order: bytes, cancelled: threading.Event) -> tuple[str, Any]:
    """Do one job; how it ended."""
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
        function, arguments = ForkingPickler.loads(order)
        return "result", function(**arguments, progress=progress)
    except FcnlabError as error:
        return "failed", error
    except Exception as error:
        return "failed", JobError(f"The worker failed unexpectedly: {type(error).__name__}: {error}")


def obey(pipe: Connection, orders: "queue.SimpleQueue[bytes]", cancelled: threading.Event) -> None:
    """Listen for orders and for the word to stop; if the other side is gone, end this process and what it started."""
    with suppress(EOFError, OSError):
        while (message := pipe.recv_bytes()) != LEAVE:
            if message == CANCEL:
                cancelled.set()
            else:
                orders.put(message)
        orders.put(LEAVE)
        return
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
