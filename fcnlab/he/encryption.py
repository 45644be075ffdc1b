"""Encrypting many pixels at once, on every core.

Pyfhel never releases the GIL, so each core is a process that rebuilds the public context and encrypts its share; with
one worker everything stays in this process. Workers hold public keys only.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from loky import ProcessPoolExecutor
from loky.process_executor import BrokenProcessPool

from fcnlab.errors import FcnlabError
from fcnlab.he.context import encrypt_slots, open_context
from fcnlab.he.wire import Residues, read_ciphertext
from fcnlab.memory import peak_resident_bytes
from fcnlab.parameters import Parameters

CHUNK = 8  # ciphertexts a task: small enough for smooth progress, large enough to hide the transfer
_contexts: dict[tuple[Parameters, int, bytes], Any] = {}


@dataclass(frozen=True)
class Chunk:
    """What a worker sends back: residues of its ciphertexts, and how much memory it has used at most."""

    residues: bytes
    process: int
    peak_bytes: int


def encrypt_chunk(parameters: Parameters, index: int, public_key: bytes, columns: npt.NDArray[np.int64]) -> Chunk:
    """Encrypt rows of slot values, shape (ciphertexts, images)."""
    name = (parameters, index, public_key)
    if name not in _contexts:
        _contexts.clear()
        he = open_context(parameters, index)
        he.from_bytes_public_key(public_key)
        _contexts[name] = he
    he = _contexts[name]
    parts = [read_ciphertext(encrypt_slots(he, parameters, values).to_bytes("none"))[1] for values in columns]
    return Chunk(np.stack(parts).tobytes(), os.getpid(), peak_resident_bytes())


def leave_interrupts() -> None:
    """Leave Ctrl-C to the process that asked for the work: it ends the workers in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class EncryptionPool:
    """Processes that encrypt; a context manager.

    Args:
        workers: Processes; None for one a core, 1 to stay in this process.
    """

    def __init__(self, *, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self._executor: ProcessPoolExecutor | None = None
        self._peaks: dict[int, int] = {}

    @property
    def peak_bytes(self) -> int:
        """Largest resident sizes of the workers so far, summed; 0 while all work is done in this process."""
        return sum(peak for process, peak in self._peaks.items() if process != os.getpid())

    def __enter__(self) -> Self:
        if self.workers > 1:
            self._executor = ProcessPoolExecutor(self.workers, initializer=leave_interrupts)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    def encrypt(
        self,
        parameters: Parameters,
        index: int,
        public_key: bytes,
        columns: npt.NDArray[np.int64],
        *,
        out: Residues,
        report: Callable[[int], None] | None = None,
    ) -> None:
        """Encrypt each row of `columns` into `out`.

        Args:
            parameters: Of the plan.
            index: Plain modulus.
            public_key: Serialised by Pyfhel.
            columns: Slot values, shape (ciphertexts, images).
            out: Residues, shape (ciphertexts, 2, primes, n), filled in place.
            report: Called with the number of ciphertexts done; an exception it raises stops the work.

        Raises:
            FcnlabError: If the system ended a worker.
        """
        starts = range(0, len(columns), CHUNK)
        chunks = [columns[start : start + CHUNK] for start in starts]
        done = 0
        for start, chunk in zip(starts, self._map(parameters, index, public_key, chunks), strict=True):
            target = out[start : start + CHUNK]
            target[:] = np.frombuffer(chunk.residues, dtype="<u8").reshape(target.shape)
            self._peaks[chunk.process] = chunk.peak_bytes
            done += len(target)
            if report is not None:
                report(done)

    def _map(
        self, parameters: Parameters, index: int, public_key: bytes, chunks: list[npt.NDArray[np.int64]]
    ) -> Iterator[Chunk]:
        if self._executor is None:
            for chunk in chunks:
                yield encrypt_chunk(parameters, index, public_key, chunk)
            return
        # A few tasks ahead of the reader: results are megabytes each and must not pile up.
        pending: list[Future[Chunk]] = []
        try:
            for chunk in chunks:
                if len(pending) == 2 * self.workers:
                    yield pending.pop(0).result()
                pending.append(self._executor.submit(encrypt_chunk, parameters, index, public_key, chunk))
            while pending:
                yield pending.pop(0).result()
        except BrokenProcessPool as error:
            raise FcnlabError(
                "The system ended a process that encrypts, most likely for want of memory: use fewer threads."
            ) from error
        finally:
            for future in pending:
                future.cancel()
