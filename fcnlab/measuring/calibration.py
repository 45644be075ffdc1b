"""Measuring the unit costs of this machine, with the functions that client and engines themselves use.

Processor time is taken, so that other programs hardly count: on a quiet machine it is the time that passes. Operations
of SEAL are measured for two numbers of primes and two sizes of ciphertexts, and a line is laid through them.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import optimize

from fcnlab.circuit.polynomials import products
from fcnlab.cost.units import MEASURED_RINGS, SEAL, Line, UnitCosts, load_costs, save_costs
from fcnlab.errors import DataError, FcnlabError
from fcnlab.he.client import CHUNK
from fcnlab.he.context import encrypt_slots, load_ciphertext, read_headers
from fcnlab.he.residues.evaluation_keys import make_key
from fcnlab.he.residues.symmetric import SymmetricEncryption, new_seed, secret_residues
from fcnlab.he.wire import Residues, read_ciphertext, write_ciphertext
from fcnlab.machine.machine import machine_name
from fcnlab.measuring.kernels import measure_kernels
from fcnlab.measuring.sessions import REPEATS, encode_slots, make_parameters, open_session, seconds_of
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import SCHEMES, Parameters, choose_primes

ENCRYPTIONS: Final = 15  # of a few ciphertexts each: their large arrays take some rounds to find warm memory
COPIES: Final = 4  # ciphertexts that an operation is applied to, one after the other
SMALLEST_S: Final = 1e-9  # of a difference of two measurements
LEVELS: Final = {4096: (30, 2, 3), 8192: (45, 2, 4), 16384: (45, 4, 8)}
"""Bits of a prime, and the fewer and the more primes that are measured, by ring degree."""

Report = Callable[[str, int, int], None]  # what, done, in all; an exception it raises stops the measurement
Point = tuple[int, int, float]  # parts, primes, seconds


def costs_of_this_machine(*, report: Report | None = None) -> UnitCosts:
    """The stored unit costs, measured now if there are none, or none that are whole and of this machine."""
    try:
        return load_costs()
    except DataError:
        return calibrate(report=report)


def calibrate(*, report: Report | None = None) -> UnitCosts:
    """Measure this machine, one thread, and store the result for this user; well under a minute.

    Args:
        report: Called with what is measured next, steps done and in all.
    """
    tell = report or (lambda what, done, total: None)
    places = [(scheme, ring) for scheme in SCHEMES for ring in MEASURED_RINGS]
    total = len(places) + 2
    seal: dict[str, dict[int, dict[str, Line]]] = {scheme: {} for scheme in SCHEMES}
    for done, (scheme, ring) in enumerate(places):
        tell(f"{scheme}, ring degree {ring}", done, total)
        seal[scheme][ring] = measure_seal(scheme, ring)
    tell("kernels", len(places), total)
    kernels, general = measure_kernels(seconds_of)
    tell("memory", len(places) + 1, total)
    costs = UnitCosts(machine_name(), kernels, {**general, "process_bytes": process_bytes()}, seal)
    with suppress(DataError):  # nowhere to store them: they will be measured again
        save_costs(costs)
    tell("done", total, total)
    return costs


def measure_seal(scheme: Scheme, ring_degree: int) -> dict[str, Line]:
    """Lines for every operation of SEAL in one scheme and ring."""
    bits, fewer, more = LEVELS[ring_degree]
    points: dict[str, list[Point]] = {unit: [] for unit in SEAL}
    for primes, sizes in ((fewer, (2,)), (more, (2, 3))):
        parameters = make_parameters(scheme, ring_degree, prime_bits=[bits] * primes)
        for unit, parts, seconds in measure_level(parameters, sizes):
            points[unit].append((parts, primes, seconds))
    return {unit: fit_line(measured) if measured else Line(0.0, 0.0, 0.0) for unit, measured in points.items()}


def measure_level(parameters: Parameters, sizes: Sequence[int]) -> Iterator[tuple[str, int, float]]:
    """Seconds of every operation for one ciphertext with these parameters: unit, parts, seconds."""

    def make_keys() -> None:
        he = open_session(parameters)
        read_headers(he, parameters)
        SymmetricEncryption(he, parameters, 0)

    yield "keys", 2, seconds_of(make_keys)

    columns = np.arange(CHUNK * parameters.slots, dtype=np.int64).reshape(CHUNK, -1) % 8
    out: Residues = np.empty((CHUNK, len(parameters.primes), parameters.ring_degree), dtype=np.uint64)
    he = open_session(parameters)
    encryption, seed = SymmetricEncryption(he, parameters, 0), new_seed()
    encrypt = lambda: encryption.encrypt(columns, seed=seed, place=0, out=out)  # noqa: E731
    yield "encrypt", 2, seconds_of(encrypt, repeats=ENCRYPTIONS) / CHUNK

    if parameters.scheme == "bgv":
        yield "lift", 2, lift_seconds(parameters)

    he.relinKeyGen()
    he.rotateKeyGen([1])
    keyed = len(parameters.primes) + 1
    yield "evaluation_key", keyed, time_key(parameters)
    ciphertext, other = (encrypt_slots(he, parameters, columns[row]) for row in range(2))
    yield "rotate", keyed, seconds_on_copies(ciphertext, lambda operand: he.rotate(operand, 1, in_new_ctxt=True))
    squared = he.square(ciphertext, in_new_ctxt=True)
    yield "relinearize", keyed, seconds_on_copies(squared, he.relinearize)
    for size in sizes:
        while ciphertext.size() < size:
            he.square(ciphertext)
        yield from measure_size(he, parameters, ciphertext, other, size)


def lift_seconds(parameters: Parameters) -> float:
    """Seconds that a sum with a plaintext takes beyond if the plain modulus is above the primes."""
    above = choose_primes(parameters.ring_degree, [parameters.primes[0].bit_length() + 4])
    if above is None:
        raise FcnlabError(f"There is no plain modulus above the primes for ring degree {parameters.ring_degree}.")

    def sum_seconds(chosen: Parameters) -> float:
        he = open_session(chosen)
        slots = np.full(chosen.slots, 3, dtype=np.int64)
        addend = he.encodeBGV(slots)
        return seconds_on_copies(encrypt_slots(he, chosen, slots), lambda operand: he.add_plain(operand, addend))

    return max(sum_seconds(replace(parameters, plain_moduli=above)) - sum_seconds(parameters), SMALLEST_S)


def time_key(parameters: Parameters) -> float:
    """Seconds to make one rotation key."""
    he = open_session(parameters)
    secret, seed = secret_residues(he, parameters.ring_degree), new_seed()
    return seconds_of(
        lambda: make_key(secret, parameters, 1, len(parameters.primes), error_factor=1, seed=seed, place=0)
    )


def measure_size(
    he: Any, parameters: Parameters, ciphertext: Any, other: Any, size: int
) -> Iterator[tuple[str, int, float]]:
    """Seconds of every operation for one ciphertext of `size` polynomials; `other` has two."""
    scheme = parameters.scheme
    header, residues = read_ciphertext(ciphertext.to_bytes("none"))
    decrypt = {"bgv": he.decryptBGV, "bfv": he.decryptInt, "ckks": he.decryptFrac}[scheme]
    switch = he.rescale_to_next if scheme == "ckks" else he.mod_switch_to_next
    slots = np.full(parameters.slots, 3, dtype=np.int64)
    constant, addend = (encode_slots(he, parameters, slots, scale=scale) for scale in (1.0, header.scale))
    operations: Mapping[str, Callable[[Any], object]] = {
        "decrypt": decrypt,
        "save": lambda operand: read_ciphertext(operand.to_bytes("none"))[1].copy(),
        "copy": lambda operand: operand.copy(),
        "add": lambda operand: he.add(operand, ciphertext),
        "negate": he.negate,
        "add_plain": lambda operand: he.add_plain(operand, addend),
        "multiply_plain": lambda operand: he.multiply_plain(operand, constant, in_new_ctxt=True),
        "square": he.square,
        "multiply": lambda operand: he.multiply(operand, other, in_new_ctxt=True),
        "switch": switch,
    }
    for unit, operation in operations.items():
        parts = {"square": products(size), "multiply": size * other.size()}.get(unit, size)
        yield unit, parts, seconds_on_copies(ciphertext, operation)
    yield "encode", 2, seconds_of(lambda: encode_slots(he, parameters, slots, scale=header.scale))
    load = lambda _: load_ciphertext(he, parameters, write_ciphertext(header, residues))  # noqa: E731
    yield "load", size, seconds_on_copies(ciphertext, load)


def seconds_on_copies(ciphertext: Any, operation: Callable[[Any], object]) -> float:
    """Median seconds of an operation that may change its operand; results are kept meanwhile, as an engine does."""
    seconds = []
    for _ in range(REPEATS + 1):
        copies = [ciphertext.copy() for _ in range(COPIES)]
        began = time.process_time()
        results = [operation(operand) for operand in copies]
        seconds.append((time.process_time() - began) / COPIES)
        del results
    return statistics.median(seconds[1:])


def fit_line(points: Sequence[Point]) -> Line:
    """The line with nonnegative coefficients that is nearest to the points, by relative error."""
    parts, primes, seconds = np.array(points, dtype=np.float64).T
    columns = [np.ones_like(primes), primes, primes * parts]
    if len(set(parts)) == 1:  # an operation that does not depend on the size
        columns[2] = np.zeros_like(primes)
    design: npt.NDArray[np.float64] = np.stack(columns, axis=1) / seconds[:, None]
    scales = np.linalg.norm(design, axis=0)
    scales[scales == 0] = 1
    coefficients, _ = optimize.nnls(design / scales, np.ones_like(seconds))
    return Line(*(float(value) for value in coefficients / scales))


def process_bytes() -> float:
    """Peak resident bytes of a process that has loaded everything.

    Raises:
        FcnlabError: If it fails.
    """
    code = (
        "import torch, fcnlab.compiler.compile, fcnlab.he.server, fcnlab.he.engines.fused as fused; fused.warm_up()\n"
        "from fcnlab.machine.machine import peak_resident_bytes; print(peak_resident_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise FcnlabError(
            f"A Python process could not be measured ({done.stderr.strip()[-200:]}): run `fcnlab doctor`."
        )
    return float(done.stdout)
