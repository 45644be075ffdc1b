"""The runs of lab 04: drawn or chosen digits in a worker process that was made ready before they were known.

The kernel itself loads no encryption library: circuit and plan go to the worker, arrays and reports come back.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.inference.report import Progress, Report
from fcnlab.machine.jobs import Worker, submit
from fcnlab.planning.plan import Plan
from fcnlab.ui.encrypted.settings import Picture
from fcnlab.ui.kit.task import Task

GREYS: Final = 256
IDLE_S: Final = 600
"""A worker that has had nothing to do for so long is dismissed."""


@dataclass(frozen=True, eq=False)
class Setup:
    """All that a run needs but the image.

    Attributes:
        circuit: The network.
        plan: Its parameters.
        engine: fused or stepwise.
        threads: Threads of the server.
    """

    circuit: Circuit
    plan: Plan
    engine: str
    threads: int

    def same_as(self, other: "Setup") -> bool:
        """Whether the same network runs with the same parameters on the same engine."""
        return self.plan.fingerprint == other.plan.fingerprint and self.engine == other.engine


@dataclass(frozen=True, eq=False)
class Overheard:
    """What the server was given, as greys: a residue modulo p becomes floor(256 r / p).

    Attributes:
        ciphertexts: How many.
        bytes: In all.
        first: All residues of the first ciphertext, uint8, shape (polynomials, primes, n).
        one_each: One residue of each ciphertext, uint8.
    """

    ciphertexts: int
    bytes: int
    first: npt.NDArray[np.uint8]
    one_each: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a run gave.

    Attributes:
        setup: What it ran with.
        picture: What was classified.
        logits: Decrypted, in real units, float64, shape (N, 10).
        clear: The same from the circuit in the clear.
        report: The account.
        overheard: What the server saw of the first pass.
    """

    setup: Setup
    picture: Picture
    logits: npt.NDArray[np.float64]
    clear: npt.NDArray[np.float64]
    report: Report
    overheard: Overheard

    @property
    def digits(self) -> npt.NDArray[np.int64]:
        """Read under encryption, shape (N,)."""
        return np.asarray(self.logits.argmax(axis=1), dtype=np.int64)

    @property
    def clear_digits(self) -> npt.NDArray[np.int64]:
        """Read in the clear, shape (N,)."""
        return np.asarray(self.clear.argmax(axis=1), dtype=np.int64)


def overhear(upload: memoryview, plan: Plan) -> Overheard:
    """The residues of an upload as greys; they are its last bytes.

    One polynomial of each ciphertext is sent, and a seed from which the server makes the other.
    """
    chosen = plan.parameters
    shape = (plan.steps[0].outputs, 1, len(chosen.primes), chosen.ring_degree)
    residues = np.frombuffer(upload[len(upload) - 8 * int(np.prod(shape)) :], dtype="<u8").reshape(shape)
    primes = np.array(chosen.primes, dtype=np.float64)

    def greys(values: npt.NDArray[Any], moduli: Any) -> npt.NDArray[np.uint8]:
        return np.asarray(values * (GREYS / moduli), dtype=np.uint8)

    return Overheard(
        len(residues), len(upload), greys(residues[0], primes[:, None]), greys(residues[:, 0, 0, 0], primes[0])
    )


_ready: dict[str, Any] = {}  # in a worker: the parties that have met, and for which setup


def get_ready(*, setup: Setup, progress: Callable[[Progress], None]) -> None:
    """In a worker, before it has an image: load the library and the kernels, make the keys."""
    from fcnlab.inference.infer import meet

    if not _ready or not setup.same_as(_ready["setup"]):
        _ready.clear()  # keys may take hundreds of megabytes
        parties = meet(setup.circuit, setup.plan, engine=setup.engine, threads=setup.threads)
        _ready.update(setup=setup, parties=parties)


def read_digits(*, setup: Setup, picture: Picture, progress: Callable[[Progress], None]) -> Reading:
    """The worker's function: classify under encryption, with the keys of the runs before where they fit."""
    from fcnlab.inference.infer import infer

    heard: list[Overheard] = []

    def listen(upload: memoryview) -> None:
        if not heard:
            heard.append(overhear(upload, setup.plan))

    progress(Progress("keys", "and the server loads its kernels (compiled once on a machine)", 0, 1, 1, 1))
    get_ready(setup=setup, progress=progress)
    pixels, watch_noise = setup.circuit.quantise(picture.pixels), setup.plan.parameters.scheme == "bfv"
    how: dict[str, Any] = {"engine": setup.engine, "threads": setup.threads, "parties": _ready["parties"]}
    how |= {"observe_noise": watch_noise, "progress": progress, "overhear": listen}
    result = infer(setup.circuit, setup.plan, pixels, labels=picture.labels, **how)
    logits, clear = (each.astype(np.float64) * setup.plan.unit for each in (result.logits, result.reference))
    return Reading(setup, picture, logits, clear, result.report, heard[0])


class DigitRun(Task):
    """Runs of lab 04, all in one worker process, which is made ready for the next as soon as it is known.

    Attributes:
        result: A `Reading`.
    """

    def __init__(self) -> None:
        super().__init__(read_digits)
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._ready_for: Setup | None = None
        self._idle: threading.Timer | None = None

    def make_ready(self, setup: Setup) -> None:
        """Have the worker get ready for this setup, unless it is; returns at once."""
        threading.Thread(target=self._make_ready, args=(setup,), daemon=True).start()

    @override
    def cancel(self) -> None:
        if self.state == "running":
            with self._lock:
                self._worker = None  # it ends with the run
        super().cancel()

    def dismiss(self) -> None:
        """End the worker, if it does nothing: it holds keys and the library in memory."""
        with self._lock:
            worker, self._worker = (None, self._worker) if self.state == "running" else (self._worker, None)
        if worker is not None:
            worker.kill()
            worker.close()

    def close(self) -> None:
        """End everything."""
        self.cancel()
        self._wake()
        self.dismiss()

    def _make_ready(self, setup: Setup) -> None:
        if self.state == "running":
            return
        worker = self._get_worker()
        if self._ready_for is None or not setup.same_as(self._ready_for):
            self._ready_for = setup
            submit(get_ready, arguments={"setup": setup}, worker=worker)
        self._wake()
        self._idle = threading.Timer(IDLE_S, self.dismiss)
        self._idle.daemon = True
        self._idle.start()

    def _get_worker(self) -> Worker:
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self._worker, self._ready_for = Worker(), None
            return self._worker

    def _wake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()

    @override
    def worker_for(self, arguments: dict[str, Any]) -> Worker | None:
        self._wake()
        worker = self._get_worker()
        self._ready_for = arguments["setup"]
        return worker
