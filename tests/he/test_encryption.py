import multiprocessing
import os
import signal

import numpy as np
import pytest

from fcnlab.errors import FcnlabError
from fcnlab.he import encryption
from fcnlab.he.context import load_ciphertext
from fcnlab.he.encryption import CHUNK, EncryptionPool, encrypt_chunk
from fcnlab.he.symmetric import expand_mask, new_seed
from fcnlab.he.wire import write_ciphertext

COUNT = 2 * CHUNK + 3


class Stopped(Exception):
    pass


def stop(done: int) -> None:
    raise Stopped


@pytest.fixture(scope="module")
def two_workers():
    with EncryptionPool(workers=2) as pool:
        yield pool
    assert not multiprocessing.active_children()


def encrypt(bgv, pool: EncryptionPool, columns: np.ndarray, **options) -> np.ndarray:
    chosen = bgv.plan.parameters
    out = np.zeros((len(columns), 2, len(chosen.primes), chosen.ring_degree), dtype=np.uint64)
    seed = new_seed()
    pool.encrypt(chosen, 0, bgv.client._secrets[0], columns, seed=seed, out=out[:, 0], **options)
    for place, ciphertext in enumerate(out):
        ciphertext[1] = expand_mask(seed, place, chosen.primes, chosen.ring_degree)
    return out


def processes(pool: EncryptionPool) -> list[int]:
    """Ids of the processes that have begun."""
    return list(pool._executor._processes)


def decrypt(bgv, residues: np.ndarray) -> np.ndarray:
    he, header = bgv.client._contexts[0], bgv.client._headers[0][2]
    loaded = [load_ciphertext(he, bgv.plan.parameters, write_ciphertext(header, part)) for part in residues]
    return np.array([he.decryptBGV(ciphertext) for ciphertext in loaded])


def test_two_workers_encrypt_what_one_does(bgv, two_workers) -> None:
    columns = np.random.default_rng(0).integers(0, 16, size=(COUNT, 30))
    here, there = encrypt(bgv, EncryptionPool(workers=1), columns), encrypt(bgv, two_workers, columns)
    assert not (here == there).all(axis=(1, 2, 3)).any(), "randomness is fresh"
    expected = np.pad(columns, ((0, 0), (0, bgv.plan.parameters.slots - 30)))
    assert np.array_equal(decrypt(bgv, here), expected)
    assert np.array_equal(decrypt(bgv, there), expected)
    assert two_workers.peak_bytes > 2**20


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_pixel_encrypts_differently_every_time(bgv, two_workers, workers) -> None:
    pool = two_workers if workers == 2 else EncryptionPool(workers=1)
    residues = encrypt(bgv, pool, np.ones((COUNT, 4), dtype=np.int64))
    assert len({part.tobytes() for part in residues}) == COUNT
    assert (decrypt(bgv, residues)[:, :4] == 1).all()


@pytest.mark.parametrize("workers", [1, 2])
def test_progress_counts_up_to_all_and_never_back(bgv, two_workers, workers) -> None:
    pool = two_workers if workers == 2 else EncryptionPool(workers=1)
    told: list[int] = []
    encrypt(bgv, pool, np.zeros((COUNT, 1), dtype=np.int64), report=told.append)
    assert told == [CHUNK, 2 * CHUNK, COUNT]


def test_a_run_that_is_stopped_leaves_the_pool_ready(bgv, two_workers) -> None:
    columns = np.zeros((40 * CHUNK, 1), dtype=np.int64)
    with pytest.raises(Stopped):
        encrypt(bgv, two_workers, columns, report=stop)
    assert encrypt(bgv, two_workers, columns[:1]).any()


def test_a_run_that_is_stopped_leaves_no_process_behind(bgv) -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(Stopped), EncryptionPool(workers=2) as pool:
        encrypt(bgv, pool, np.zeros((40 * CHUNK, 1), dtype=np.int64), report=stop)
    assert set(multiprocessing.active_children()) <= before


@pytest.mark.parametrize("killed", [1, 2])
def test_a_worker_that_the_system_ends_is_reported(bgv, killed) -> None:
    before = set(multiprocessing.active_children())
    with EncryptionPool(workers=2) as pool:
        encrypt(bgv, pool, np.zeros((1, 1), dtype=np.int64))
        for process in processes(pool)[:killed]:
            os.kill(process, signal.SIGKILL)
        with pytest.raises(FcnlabError, match="use fewer threads"):
            encrypt(bgv, pool, np.zeros((40 * CHUNK, 1), dtype=np.int64))
    assert set(multiprocessing.active_children()) <= before


def test_workers_leave_interrupts_to_their_parent(bgv, two_workers) -> None:
    columns = np.zeros((COUNT, 1), dtype=np.int64)
    encrypt(bgv, two_workers, columns)
    for process in processes(two_workers):
        os.kill(process, signal.SIGINT)
    assert encrypt(bgv, two_workers, columns).any()


def test_tables_are_kept_for_one_key_only(bgv, session) -> None:
    columns = np.zeros((1, 1), dtype=np.int64)
    for owner in (bgv, session):
        encrypt_chunk(owner.plan.parameters, 0, owner.client._secrets[0], new_seed(), 0, columns)
        assert list(encryption._encryptions) == [(owner.plan.parameters, 0, owner.client._secrets[0])]
    assert EncryptionPool(workers=1).peak_bytes == 0
    assert EncryptionPool().workers == os.cpu_count()
