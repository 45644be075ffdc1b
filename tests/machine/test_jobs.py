"""Jobs run in real spawned processes: results, errors, deaths, cancels, and what is left behind."""

import os
import signal
import threading
import time
from pickle import PicklingError

import pytest

from fcnlab.errors import Cancelled, DataError, JobError
from fcnlab.machine.jobs import Job, Worker, explain_death, submit


def add(*, a, b, progress):
    progress("adding")
    return a + b


def refuse(*, progress):
    raise DataError("Only even numbers, please.")


def stumble(*, progress):
    return 1 // 0


def vanish(*, how, progress):
    progress("about to go")
    os.kill(os.getpid(), how) if how else os._exit(3)


def count_politely(*, progress):
    for number in range(100_000):
        progress(number)
        time.sleep(0.01)


def sleep_deaf_with_a_child(*, progress):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    progress((os.getpid(), child))
    time.sleep(60)


def flood(*, progress):
    for number in range(20_000):
        progress(number)
    return "done"


def get_ready(*, progress):
    os.environ["FCNLAB_READY"] = str(os.getpid())
    return os.getpid()


def who_is_ready(*, ballast, progress):
    return int(os.environ["FCNLAB_READY"]), os.getpid(), len(ballast)


def sleep_deaf(*, progress):
    time.sleep(60)


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def started(function, **arguments) -> tuple[Job, list, threading.Event]:
    reports: list = []
    first = threading.Event()

    def note(value):
        reports.append(value)
        first.set()

    return submit(function, arguments=arguments, on_progress=note), reports, first


def test_the_result_and_the_progress_arrive():
    ends: list[Job] = []
    reports: list = []
    job = submit(add, arguments={"a": 2, "b": 3}, on_progress=reports.append, on_end=ends.append)
    assert job.result() == 5
    assert job.wait(1)
    assert reports == ["adding"]
    assert not job.running
    assert job.error is None
    deadline = time.monotonic() + 5  # the event is set just before the callback
    while not ends and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ends == [job]


def test_an_error_of_ours_arrives_as_it_is():
    job, _, _ = started(refuse)
    with pytest.raises(DataError, match=r"^Only even numbers, please\.$"):
        job.result()


def test_an_unforeseen_error_is_named():
    job, _, _ = started(stumble)
    with pytest.raises(JobError, match="ZeroDivisionError"):
        job.result()


@pytest.mark.parametrize(
    ("how", "words"), [(signal.SIGKILL, "lack of memory"), (signal.SIGSEGV, "compiled code"), (0, "status 3")]
)
def test_a_dead_worker_is_reported_with_its_cause(how, words):
    job, _, _ = started(vanish, how=int(how))
    with pytest.raises(JobError, match=words):
        job.result()


@pytest.mark.parametrize("function", [count_politely, sleep_deaf_with_a_child])
def test_cancel_ends_the_worker_and_its_children(function):
    job, reports, first = started(function)
    assert first.wait(60)
    job.cancel()
    job.cancel()  # twice is once
    assert job.wait(10)
    with pytest.raises(Cancelled):
        job.result()
    if function is sleep_deaf_with_a_child:
        deadline = time.monotonic() + 5  # the last of them may still be on its way out
        while any(map(is_alive, reports[0])) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not any(map(is_alive, reports[0]))


def test_cancel_before_the_worker_is_up():
    job, _, _ = started(add, a=1, b=2)
    job.cancel()
    assert job.wait(10)
    assert isinstance(job.error, Cancelled)


def test_a_kept_worker_does_jobs_in_turn_however_long_their_orders():
    worker = Worker()
    ready = submit(get_ready, arguments={}, worker=worker)
    jobs = [submit(who_is_ready, arguments={"ballast": bytes(3_000_000)}, worker=worker) for _ in range(2)]
    for job in jobs:
        prepared, at_work, length = job.result()
        assert prepared == at_work == ready.result() != os.getpid()
        assert length == 3_000_000
    with pytest.raises(DataError, match="even"):
        submit(refuse, arguments={}, worker=worker).result()
    assert submit(add, arguments={"a": 1, "b": 2}, worker=worker).result() == 3
    assert worker.alive
    assert worker.close() == 0
    assert not worker.alive
    assert not is_alive(at_work)


def test_a_cancelled_job_ends_the_worker_and_those_that_wait_for_it():
    worker = Worker()
    job = submit(sleep_deaf, arguments={}, worker=worker)
    waiting = submit(add, arguments={"a": 1, "b": 2}, worker=worker)
    waiting.cancel()
    assert waiting.wait(10)
    assert isinstance(waiting.error, Cancelled)
    assert job.wait(10)
    assert isinstance(job.error, JobError)
    assert not worker.alive


def test_what_cannot_be_sent_is_refused_at_once():
    with pytest.raises((AttributeError, TypeError, PicklingError)):
        submit(add, arguments={"a": lambda: 1, "b": 2})


def test_progress_is_thinned_out():
    job, reports, _ = started(flood)
    assert job.result() == "done"
    assert 1 <= len(reports) < 2_000


def test_unknown_signals_are_explained_too():
    assert "SIGUSR1" in explain_death(-signal.SIGUSR1)
    assert "status None" in explain_death(None)
