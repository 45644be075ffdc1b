"""The residue kernels against the time that moving their bytes must take.

Two bandwidths of this machine are measured in the same run, on one thread: `memory`, copying arrays that no cache
holds, and `cache`, summing rows that stay in the second-level cache. A run of layers moves through memory what it reads
and writes once (uploaded ciphertexts, results), and through the cache one residue for each digit of a weight, and each
value that a layer hands to the next. The bound is the sum of the two.
"""

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from fcnlab.circuit.circuit import Affine, Circuit
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.he.engines.blocks import Label
from fcnlab.he.engines.engine import Task
from fcnlab.he.engines.fused import State, Timer, run_blocks
from fcnlab.he.residues import kernels
from fcnlab.he.server import Server
from fcnlab.inference.demonstration import prepare
from fcnlab.planning.choose import choose_plan
from fcnlab.planning.execution import BLOCK, step_sizes
from fcnlab.planning.plan import Plan

WORD = 8


def run(*, network: str, repeats: int) -> Iterator[str]:
    """One line for each scheme: measured, bound, ratio."""
    memory, cache = memory_bandwidth(repeats), cache_bandwidth(repeats)
    yield f"one thread: memory {memory / 1e9:.1f} GB/s, cache {cache / 1e9:.1f} GB/s"
    yield f"{'scheme':<6}{'ring':>6}{'primes':>7}{'moved':>12}{'in cache':>12}{'bound s':>9}{'taken s':>10}{'ratio':>7}"
    for scheme, degree in (("bgv", 8192), ("ckks", 4096)):
        circuit = prepare(network).circuit
        plan, _ = choose_plan(circuit, scheme=scheme, ring_degree=degree, layout="batch")
        moved, touched = bytes_of(circuit, plan)
        bound = moved / memory + touched / cache
        measured = time_kernels(circuit, plan, repeats)
        yield (
            f"{scheme:<6}{degree:>6}{len(plan.parameters.primes):>7}{moved / 1e6:>9.0f} MB{touched / 1e6:>9.0f} MB"
            f"{bound:>9.3f}{measured:>10.3f}{measured / bound:>7.2f}"
        )


def first_run(plan: Plan) -> int:
    """Number of steps before the first primes are dropped: most of the work."""
    drops = plan.parameters.drops
    return next((index + 1 for index, count in enumerate(drops) if count), len(drops))


def bytes_of(circuit: Circuit, plan: Plan) -> tuple[int, int]:
    """Bytes that the first run of steps moves through memory, and through the cache."""
    residues = len(plan.parameters.primes) * plan.parameters.ring_degree * WORD
    steps = list(step_sizes(circuit))[: first_run(plan)]
    moved = (len(plan.inputs) * 2 + steps[-1][0].outputs * steps[-1][2]) * residues
    touched = 0
    for step, size, after in steps:
        operands = len(signed_digits(step.weights).columns) if isinstance(step, Affine) else step.outputs
        touched += (operands * size + step.outputs * after) * residues
    return moved, touched


def time_kernels(circuit: Circuit, plan: Plan, repeats: int) -> float:
    """Median seconds of the first run of steps on one thread, on random residues in place of ciphertexts.

    Both polynomials are there: expanding the masks is bound by AES, not by memory.
    """
    server = Server(circuit, plan)
    rng = np.random.default_rng(0)
    primes = np.array(plan.parameters.primes, dtype=np.uint64)[:, None]
    shape = (len(plan.inputs), 2, len(primes), plan.parameters.ring_degree)
    state = State(
        rng.integers(0, 2**63, size=shape, dtype=np.uint64) % primes, Label(2, plan.parameters.scale, 1), masks=None
    )
    setting = server._settings[0]
    task = Task(setting=setting, sent=state.sent, masks=None, report=lambda step, done, total: None, observe=None)
    steps = list(circuit.steps[: first_run(plan)])
    return median_seconds(lambda: run_blocks(task, steps, state, timer=Timer(setting)), repeats)


def memory_bandwidth(repeats: int) -> float:
    """Bytes a second read and written while copying 512 MB."""
    source = np.ones(1 << 25, dtype=np.int64)
    target = np.empty_like(source)
    seconds = median_seconds(lambda: np.copyto(target, source), repeats)
    return (2 * source.nbytes - WORD) / seconds


def cache_bandwidth(repeats: int) -> float:
    """Bytes a second read while summing rows of a block that fits the second-level cache."""
    block = np.ones((64, 2 * BLOCK), dtype=np.int64)
    total = np.zeros(2 * BLOCK, dtype=np.int64)
    rounds = 2000

    def sum_rows() -> None:
        kernels_sum(block, total, rounds)

    return rounds * block.nbytes / median_seconds(sum_rows, repeats)


@kernels.compiled
def kernels_sum(block, total, rounds):
    """Add all rows of a block to `total`, eight at a time, over and over."""
    for _ in range(rounds):
        for row in range(0, block.shape[0], 8):
            kernels.add_rows_8(
                total,
                block[row],
                block[row + 1],
                block[row + 2],
                block[row + 3],
                block[row + 4],
                block[row + 5],
                block[row + 6],
                block[row + 7],
            )


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median over `repeats` runs, after one that warms up."""
    work()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
