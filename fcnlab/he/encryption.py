"""Encrypting many pixels at once, on every core.

Pyfhel never releases the GIL, so each core is a process that encrypts its share; with one worker everything stays in
this process. Workers are the client's own processes and are given its secret key, which goes nowhere else: they return
first polynomials, which hide what the key hides.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from loky import ProcessPoolExecutor
from loky.process_executor import BrokenProcessPool

from fcnlab.errors import FcnlabError
from fcnlab.he.context import open_context
from fcnlab.he.symmetric import SymmetricEncryption
from fcnlab.he.wire import Residues
from fcnlab.memory import peak_resident_bytes
from fcnlab.parameters import Parameters

CHUNK = 8  # ciphertexts a task: small enough for smooth progress, large enough to hide the transfer
Task = tuple[Parameters, int, bytes, bytes, int, npt.NDArray[np.int64]]  # what `encrypt_chunk` is given
_encryptions: dict[tuple[Parameters, int, bytes], SymmetricEncryption] = {}


@dataclass(frozen=True)
class Chunk:
    """What a worker sends back: residues of its ciphertexts, and how much memory it has used at most."""

    residues: bytes  # first polynomials, shape (ciphertexts, primes, n)
    process: int
    peak_bytes: int


def encrypt_chunk(
    parameters: Parameters, index: int, secret: bytes, seed: bytes, place: int, columns: npt.NDArray[np.int64]
) -> Chunk:
    """Encrypt rows of slot values, shape (ciphertexts, images), from this place in the upload on."""
    name = (parameters, index, secret)
    if name not in _encryptions:
        _encryptions.clear()
        modulus = parameters.plain_moduli[index] if parameters.plain_moduli else None
        residues = np.frombuffer(secret, dtype=np.int64).reshape(-1, parameters.ring_degree)
        _encryptions[name] = SymmetricEncryption(open_context(parameters, index), parameters, modulus, residues)
    slots = np.zeros((len(columns), parameters.slots), dtype=np.int64)
    slots[:, : columns.shape[1]] = columns
    first: Residues = np.empty((len(columns), len(parameters.primes), parameters.ring_degree), dtype=np.uint64)
    _encryptions[name].encrypt(slots, seed=seed, place=place, out=first)
    return Chunk(first.tobytes(), os.getpid(), peak_resident_bytes())


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
        secret: bytes,
        columns: npt.NDArray[np.int64],
        *,
        seed: bytes,
        out: Residues,
        report: Callable[[int], None] | None = None,
    ) -> None:
        """Encrypt each row of `columns` into `out`.

        Args:
            parameters: Of the plan.
            index: Plain modulus.
            secret: Residues of the secret key in NTT form, the bytes of shape (primes, n).
            columns: Slot values, shape (ciphertexts, images).
            seed: Of this upload and of no other.
            out: First polynomials, shape (ciphertexts, primes, n), filled in place.
            report: Called with the number of ciphertexts done; an exception it raises stops the work.

        Raises:
            FcnlabError: If the system ended a worker.
        """
        starts = range(0, len(columns), CHUNK)
        tasks = [(parameters, index, secret, seed, start, columns[start : start + CHUNK]) for start in starts]
        done = 0
        for start, chunk in zip(starts, self._map(tasks), strict=True):
            target = out[start : start + CHUNK]
            target[:] = np.frombuffer(chunk.residues, dtype="<u8").reshape(target.shape)
            self._peaks[chunk.process] = chunk.peak_bytes
            done += len(target)
            if report is not None:
                report(done)

    def _map(self, tasks: list[Task]) -> Iterator[Chunk]:
        if self._executor is None:
            for task in tasks:
                yield encrypt_chunk(*task)
            return
        # A few tasks ahead of the reader: results are megabytes each and must not pile up.
        pending: list[Future[Chunk]] = []
        try:
            for task in tasks:
                if len(pending) == 2 * self.workers:
                    yield pending.pop(0).result()
                pending.append(self._executor.submit(encrypt_chunk, *task))
            while pending:
                yield pending.pop(0).result()
        except BrokenProcessPool as error:
            raise FcnlabError(
                "The system ended a process that encrypts, most likely for want of memory: use fewer threads."
            ) from error
        finally:
            for future in pending:
                future.cancel()
