"""Unit costs of the fused engine's kernels and of what surrounds them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, sparse

from fcnlab.circuit.polynomials import products
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.cost.units import KERNELS
from fcnlab.errors import FcnlabError
from fcnlab.he.engines.blocks import Block, BlockOperations, Label, Scratch
from fcnlab.he.engines.fused import kernel_program, read_only
from fcnlab.he.residues import kernels
from fcnlab.he.residues.key_switching import moved_places, sum_products
from fcnlab.he.residues.ring import add_weighted, reduce_all, ring_tables, to_ntt, work_space
from fcnlab.he.residues.switching import make_basis
from fcnlab.he.residues.symmetric import expand_mask, new_seed
from fcnlab.he.wire import Residues
from fcnlab.planning.execution import BLOCK
from fcnlab.planning.parameters import choose_primes

Clock = Callable[[Callable[[], object]], float]  # seconds of a piece of work

INPUTS, OUTPUTS, ENTRIES, SIZE = 845, 100, 96, 2  # a dense layer of a CryptoNets: its block is wider than a cache
PRIME = (1 << 45) - 229375
FRESH_BYTES = 1 << 26


def measure_kernels(clock: Clock) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds for each residue by kernel (KERNELS); and seconds of a digit, a block and a byte of fresh memory."""
    rng = np.random.default_rng(0)
    residues = rng.integers(0, PRIME, size=(INPUTS, SIZE * BLOCK))
    measured = {**fit_affine(clock, residues, rng), **time_transfers(clock, residues)}
    block, other = (Block(residues, Label(SIZE, 1.0, 1)) for _ in range(2))
    scratch = Scratch()
    operations = BlockOperations(PRIME, None, scratch)

    def reuse(work: Callable[[], object]) -> float:
        """Seconds of an operation whose result goes where the last one went, as from block to block."""

        def once() -> None:
            scratch.restart()
            work()

        return clock(once)

    pairs = INPUTS * BLOCK  # of polynomials that are multiplied
    measured |= {
        "square": reuse(lambda: operations.multiply(block, block)) / (products(SIZE) * pairs),
        "multiply": reuse(lambda: operations.multiply(block, other)) / (SIZE * SIZE * pairs),
        "multiply_plain": reuse(lambda: operations.scale(block, 3)) / residues.size,
        "add": reuse(lambda: operations.add(block, other)) / residues.size,
        "add_plain": reuse(lambda: operations.add_constant(block, 3)) / residues.size,
    }
    measured |= time_packed(clock, rng)
    weights = layer_weights(rng.choice([-2, -1, 1, 2], size=(OUTPUTS, ENTRIES)), rng)
    single = kernel_program(signed_digits(layer_weights(np.ones((1, 1), dtype=np.int64), rng)), None)

    def make_program() -> None:  # the engine makes it to run it, and splits the weights once more to count it
        kernel_program(signed_digits(weights), None)
        signed_digits(weights)

    general = {
        "digit_s": clock(make_program) / weights.nnz,
        "block_s": clock(lambda: run_program(residues, single, 1)),
        "fresh_byte_s": clock(lambda: bytearray(FRESH_BYTES)) / FRESH_BYTES,
    }
    return {kernel: measured[kernel] for kernel in KERNELS}, general


def time_transfers(clock: Clock, residues: npt.NDArray[np.int64]) -> dict[str, float]:
    """Seconds a residue of reading blocks out of an upload, and of writing them to memory that is not yet in use."""
    degree = 32 * BLOCK
    upload: Residues = np.ones((INPUTS, SIZE, 1, degree), dtype=np.uint64)

    def load() -> None:
        for start in range(0, degree, BLOCK):
            kernels.load_block(read_only(upload), 0, start, PRIME, 0, BLOCK, np.empty_like(residues))

    def store() -> None:
        out: Residues = np.empty_like(upload)
        for start in range(0, degree, BLOCK):
            kernels.store_block(residues, out.view(np.int64), 0, start)

    return {"load": clock(load) / upload.size, "store": clock(store) / upload.size}


def time_packed(clock: Clock, rng: np.random.Generator) -> dict[str, float]:
    """Seconds a residue of the packed layout's kernels: two data primes and a special one."""
    degree, chosen = 8192, choose_primes(8192, [53, 53, 55])
    if chosen is None:
        raise FcnlabError("There are no primes of 53 bits for ring degree 8192.")
    *data, _ = chosen
    basis, work = make_basis(chosen, degree, None), work_space(degree)
    values = rng.integers(0, data[0], size=degree)
    residues, weights = rng.integers(0, data[1], size=(2, 2, degree)), rng.integers(0, data[1], size=(2, degree))
    digits, key = rng.integers(0, data[1], size=(2, 3, degree)), rng.integers(0, data[1], size=(2, 2, 3, degree))
    sums, total = np.zeros((2, 3, degree), dtype=np.int64), np.zeros_like(residues)
    moduli, places, tables = np.array(data, dtype=np.int64), moved_places(1, degree), ring_tables(data[0], degree)[0]
    seed = new_seed()

    def weigh() -> None:
        add_weighted(residues, weights, moduli, total)
        reduce_all(total, moduli)

    return {
        "transform": clock(lambda: to_ntt(values, tables, work, data[0])) / degree,
        "weigh": clock(weigh) / residues.size,
        "key_product": clock(lambda: sum_products(digits, key, places, sums, basis.primes, sums)) / key.size,
        "mask": clock(lambda: expand_mask(seed, 0, (data[0],), degree)) / degree,
    }


def fit_affine(clock: Clock, residues: npt.NDArray[np.int64], rng: np.random.Generator) -> dict[str, float]:
    """Seconds a residue of the four parts of `affine_block`, from four layers that mix them differently."""
    ones, alternating = np.ones((OUTPUTS, ENTRIES), dtype=np.int64), np.ones((OUTPUTS, ENTRIES), dtype=np.int64)
    alternating[:, 1::2] = -1
    powers = np.tile(2 ** np.arange(16, dtype=np.int64), (OUTPUTS, 1))
    layers = [ones, alternating, powers, np.ones((INPUTS, 1), dtype=np.int64)]
    design, seconds = [], []
    for layer in layers:
        digits = signed_digits(layer_weights(layer, rng))
        rows, entries = len(layer), len(digits.columns)
        eights = entries if layer is ones else 0
        design.append([eights, entries - eights, np.count_nonzero(digits.doublings), rows])
        seconds.append(clock(partial(run_program, residues, kernel_program(digits, None), rows)))
    amounts, taken = np.array(design, dtype=np.float64), np.array(seconds)
    solved, _ = optimize.nnls(amounts / taken[:, None] / 1e6, np.ones(len(taken)))
    names = ("add_eight", "add_one", "double", "reduce")
    return {name: float(value) / 1e6 / residues.shape[1] for name, value in zip(names, solved, strict=True)}


def layer_weights(values: npt.NDArray[np.int64], rng: np.random.Generator) -> sparse.csr_array:
    """A layer whose rows hold the given weights, in this order, at random inputs."""
    rows, entries = values.shape
    columns = np.sort(np.stack([rng.choice(INPUTS, entries, replace=False) for _ in range(rows)]), axis=1)
    indptr = np.arange(rows + 1) * entries
    return sparse.csr_array((values.ravel(), columns.ravel(), indptr), shape=(rows, INPUTS))


def run_program(residues: npt.NDArray[np.int64], program: tuple[npt.NDArray[Any], ...], rows: int) -> None:
    """An affine step on one block."""
    sums = np.empty((rows, residues.shape[1]), dtype=np.int64)
    kernels.affine_block(residues, program, np.zeros(rows, dtype=np.int64), BLOCK, PRIME, sums)
