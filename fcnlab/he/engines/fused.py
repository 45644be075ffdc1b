"""The fused engine: linear layers and squares as kernels on residues, one block at a time.

Between two operations that mix coefficients (dropping primes, and activations in bfv), everything is local to a
coefficient and a prime. Such a run of steps is executed block by block: a few hundred coefficients of every
ciphertext pass through all steps of the run while they are in the cache, so an input is read from memory once and only
the last step of the run is written back. Blocks are independent and share out over threads.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Polynomial, Step
from fcnlab.circuit.polynomials import apply_polynomial
from fcnlab.circuit.signed_digits import Digits, signed_digits
from fcnlab.he.context import load_ciphertext
from fcnlab.he.engines.blocks import Block, BlockOperations, Label, LabelOperations, Scratch, encode_constant
from fcnlab.he.engines.engine import Account, Engine, Result, Setting, Task, drop_title
from fcnlab.he.engines.seal import SealOperations
from fcnlab.he.residues import kernels
from fcnlab.he.residues.ring import work_space
from fcnlab.he.residues.switching import drop_last, make_basis
from fcnlab.he.residues.symmetric import Masks
from fcnlab.he.wire import Residues, SealHeader, altered_residue, read_ciphertext, write_ciphertext
from fcnlab.planning.execution import BLOCK, step_runs
from fcnlab.planning.plan import Plan

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")


@dataclass(frozen=True, eq=False)
class Layer:
    """An affine step made ready for the kernels, or an activation as it is."""

    step: Step
    program: tuple[npt.NDArray[Any], ...] | None  # of an affine step
    bias: npt.NDArray[np.int64] | None  # residues, shape (primes, outputs)


@dataclass(frozen=True, eq=False)
class State:
    """Ciphertexts of a layer with their common label.

    Attributes:
        sent: Residues (ciphertexts, polynomials, primes, n): of a fresh upload the first polynomials alone.
        label: Of every ciphertext.
        masks: Second polynomials of a fresh upload.
    """

    sent: Residues
    label: Label
    masks: Masks | None = None

    @property
    def residues(self) -> Residues:
        """All polynomials together; a fresh upload has run through the first steps before anybody asks."""
        assert self.masks is None
        return self.sent


def make_engine(setting: Setting[Plan]) -> Engine:
    """The engine for one pass; of the pass itself it needs to know nothing beforehand."""
    del setting
    warm_up()
    return evaluate


def evaluate(task: Task) -> Result:
    """The logits of one upload."""
    setting, observe = task.setting, task.observe
    steps, parameters = setting.circuit.steps, setting.parameters
    state = State(task.sent, Label(2, parameters.scale, 1), task.masks)
    timer = Timer(setting)
    one_by_one = ((index,) for index in range(len(steps)))
    for run in step_runs(setting.circuit, parameters) if observe is None else one_by_one:
        last, drops = steps[run[-1]], parameters.drops[run[-1]]
        if isinstance(last, Polynomial) and parameters.scheme == "bfv":
            state = activate_with_seal(task, last, state, timer)
        else:
            state = run_blocks(task, [steps[index] for index in run], state, timer=timer)
        if drops:
            state = drop_primes(task, last, state, drops, timer)
        if observe is not None:
            observe(last.name, write_ciphertext(current_header(setting, state), state.residues[0]))
    return Result(state.residues, state.label.scale, state.label.correction, timer.accounts())


class Timer:
    """Seconds by step."""

    def __init__(self, setting: Setting[Plan]) -> None:
        self._setting = setting
        self._seconds = {step.name: 0.0 for step in setting.circuit.steps}

    def add(self, name: str, elapsed_s: float) -> None:
        """Book time on a step."""
        self._seconds[name] += elapsed_s

    def accounts(self) -> tuple[Account, ...]:
        """One account a step; operations are those of the programs that the kernels execute."""
        counted = self._setting.plan.count_executed(self._setting.circuit, engine="fused")
        kinds = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "doublings", "mod_switches")
        return tuple(
            Account(layer.name, self._seconds[layer.name], {kind: getattr(layer, kind) for kind in kinds})
            for layer in counted.layers
        )


def prepare(setting: Setting[Plan], steps: list[Step], state: State) -> tuple[list[Layer], Label]:
    """Programs and bias residues for a run of steps, and the label of its results."""
    primes = setting.parameters.primes[: state.sent.shape[2]]
    label = state.label
    layers = []
    for step in steps:
        if isinstance(step, Affine):
            columns = np.asarray(setting.plan.inputs) if step is setting.circuit.steps[0] else None
            bias = bias_residues(setting, step, label, primes)
            layers.append(Layer(step, kernel_program(signed_digits(step.weights), columns), bias))
        else:
            layers.append(Layer(step, None, None))
            label = apply_polynomial(step.coefficients, label, LabelOperations(setting.plain_modulus))
    return layers, label


def kernel_program(digits: Digits, inputs: npt.NDArray[np.int64] | None) -> tuple[npt.NDArray[Any], ...]:
    """The digit program as the kernels take it; columns renumbered to the ciphertexts that were sent."""
    columns = digits.columns if inputs is None else np.searchsorted(inputs, digits.columns).astype(np.int32)
    return (digits.indptr, columns, digits.signs, digits.doublings, digits.last_doublings, digits.runs)


def bias_residues(setting: Setting[Plan], step: Affine, label: Label, primes: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """The bias as SEAL would add it to the first polynomial, modulo each prime; shape (primes, outputs)."""
    values = [int(value) for value in step.bias]
    t = setting.plain_modulus
    if setting.parameters.scheme == "bfv" and t is not None:
        # Rounding of q m / t as in SEAL's multiply_add_plain_with_scaling_variant.
        q = prod(primes)
        constants = [(q * (value % t) + (t + 1) // 2) // t for value in values]
    else:
        constants = [encode_constant(value, t, label=label) for value in values]
    return np.array([[constant % prime for constant in constants] for prime in primes], dtype=np.int64)


def run_blocks(task: Task, steps: list[Step], state: State, *, timer: Timer) -> State:
    """Execute a run of local steps on every block."""
    layers, label = prepare(task.setting, steps, state)
    primes, degree = state.sent.shape[2:]
    out: Residues = np.empty((steps[-1].outputs, label.size, primes, degree), dtype=np.uint64)
    width = min(BLOCK, degree)
    blocks = list(product(range(primes), range(0, degree, width)))

    scratches = threading.local()

    def run(block: tuple[int, int]) -> list[float]:
        if not hasattr(scratches, "of_thread"):
            scratches.of_thread = Scratch()
        return run_block(task, layers, state, out, *block, width, scratches.of_thread)

    for done, seconds in enumerate(map_threads(run, blocks, task.setting.threads), start=1):
        for layer, elapsed_s in zip(layers, seconds, strict=True):
            timer.add(layer.step.name, elapsed_s / task.setting.threads)
        task.report("+".join(step.name for step in steps), done, len(blocks))
    return State(out, label)


def map_threads(run: Callable[[Job], Outcome], jobs: Iterable[Job], threads: int) -> Iterator[Outcome]:
    """Run jobs in order, on one thread or several; on an exception those not yet begun are dropped."""
    if threads == 1:
        yield from map(run, jobs)
        return
    with ThreadPoolExecutor(threads) as executor:
        try:
            yield from executor.map(run, jobs)
        except BaseException:
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def run_block(
    task: Task,
    layers: list[Layer],
    state: State,
    out: Residues,
    prime_index: int,
    start: int,
    width: int,
    scratch: Scratch,
) -> list[float]:
    """Take one block through the layers; returns the seconds of each."""
    prime = task.setting.parameters.primes[prime_index]
    scratch.restart()
    operations = BlockOperations(prime, task.setting.plain_modulus, scratch)
    began = time.perf_counter()
    residues = scratch.empty(len(state.sent), state.label.size * width)
    if not kernels.load_block(read_only(state.sent), prime_index, start, prime, 0, width, residues):
        raise altered_residue(prime)
    if state.masks is not None:
        masks, polynomials = state.masks.of_prime(prime_index), state.sent.shape[1]
        kernels.load_block(read_only(masks), 0, start, prime, polynomials, width, residues)
    block = Block(residues, state.label)
    seconds = []
    for layer in layers:
        if isinstance(layer.step, Polynomial):
            block = apply_polynomial(layer.step.coefficients, block, operations)
        elif layer.program is not None and layer.bias is not None:
            sums = scratch.empty(layer.step.outputs, block.label.size * width)
            constants = width if task.setting.parameters.scheme != "bfv" else int(start == 0)
            kernels.affine_block(block.residues, layer.program, layer.bias[prime_index], constants, prime, sums)
            block = Block(sums, block.label)
        now = time.perf_counter()
        seconds.append(now - began)
        began = now
    kernels.store_block(block.residues, out.view(np.int64), prime_index, start)
    seconds[-1] += time.perf_counter() - began
    return seconds


def read_only(residues: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """A read-only signed view: one type for the compiler, whatever buffer the residues came in."""
    view = residues.view(np.int64)
    view.flags.writeable = False
    return view


def warm_up() -> None:
    """Compile the kernels, or load them from the cache on disk, before anything is timed."""
    residues: Residues = np.zeros((1, 2, 1, 8), dtype=np.uint64)
    block, squares = np.zeros((1, 16), dtype=np.int64), np.zeros((1, 24), dtype=np.int64)
    kernels.load_block(read_only(residues), 0, 0, 97, 0, 8, block)
    program = kernel_program(signed_digits(sparse.csr_array(np.ones((1, 1), dtype=np.int64))), None)
    kernels.affine_block(block, program, np.zeros(1, dtype=np.int64), 8, 97, block.copy())
    kernels.square_block(block, 2, 97, squares)
    kernels.store_block(block, residues.view(np.int64), 0, 0)
    basis, pair = make_basis((257, 641), 64, None), np.zeros((2, 2, 64), dtype=np.int64)
    drop_last(pair, basis, work_space(64), pair[:, 1:].copy())


def current_header(setting: Setting[Plan], state: State) -> SealHeader:
    """SEAL's header for a ciphertext of this state."""
    header = setting.headers[state.sent.shape[2]]
    return replace(header, scale=state.label.scale, correction=state.label.correction)


def through_seal(task: Task, state: State, operation: Callable[[Any], Any], name: str) -> State:
    """Apply Pyfhel operations to every ciphertext."""
    setting, ciphertexts = task.setting, state.residues
    header = current_header(setting, state)
    parts: list[Residues] = []
    for done, ciphertext in enumerate(ciphertexts, start=1):
        loaded = load_ciphertext(setting.he, setting.parameters, write_ciphertext(header, ciphertext))
        after, residues = read_ciphertext(operation(loaded).to_bytes("none"))
        parts.append(residues)
        task.report(name, done, len(ciphertexts))
    return State(np.stack(parts), Label(after.size, after.scale, after.correction))


def drop_primes(task: Task, step: Step, state: State, drops: int, timer: Timer) -> State:
    """Modulus switches (bgv) or rescales (ckks): one ciphertext at a time, all its drops while it is in the cache."""
    began = time.perf_counter()
    t = task.setting.plain_modulus
    count, size, primes, degree = state.residues.shape
    chain = [task.setting.parameters.primes[:kept] for kept in range(primes, primes - drops, -1)]
    bases = [make_basis(primes_left, degree, t) for primes_left in chain]
    source, out = state.residues.view(np.int64), np.empty((count, size, primes - drops, degree), dtype=np.uint64)

    def drop(place: int) -> None:
        current, work = source[place], work_space(degree)
        for basis in bases:
            smaller = np.empty((size, len(basis.primes) - 1, degree), dtype=np.int64)
            drop_last(current, basis, work, smaller)
            current = smaller
        out[place] = current

    for done, _ in enumerate(map_threads(drop, range(count), task.setting.threads), start=1):
        task.report(drop_title(step.name, drops), done, count)
    label = state.label
    for *_, last in chain:
        scale = label.scale if t else label.scale / last
        label = Label(size, scale, label.correction * pow(last, -1, t) % t if t else 1)
    timer.add(step.name, time.perf_counter() - began)
    return State(out, label)


def activate_with_seal(task: Task, step: Polynomial, state: State, timer: Timer) -> State:
    """Activations in bfv, which are not local: SEAL's multiplication without relinearisation."""
    began, setting, primes = time.perf_counter(), task.setting, state.sent.shape[2]
    operations = SealOperations(setting.he, setting.parameters, setting.plain_modulus, primes=primes)
    state = through_seal(task, state, lambda x: apply_polynomial(step.coefficients, x, operations), step.name)
    timer.add(step.name, time.perf_counter() - began)
    return state
