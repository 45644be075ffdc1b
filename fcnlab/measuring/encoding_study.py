"""A study of encodings: what products cost, what operations do to noise, zero weights, and modulus switches.

Everything is measured with Pyfhel on one thread, in a few seconds; the result is data without Pyfhel in it.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from fcnlab.data.encodings import EncodingStudy, NoiseRow, ProductRow, SwitchRow
from fcnlab.he.context import encrypt_slots, open_context
from fcnlab.machine.machine import machine_name
from fcnlab.measuring.encodings import make_plaintext, measure_products, open_session, power_plaintext
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import SPECIAL_PRIME, Parameters, choose_primes

RING: Final = 8192
PRIME_SIZES: Final = (45, 45, 45, 45)
PLAIN_BITS: Final = 20
REPEATS: Final = 7
VALUES: Final = np.arange(RING, dtype=np.int64) % 8

Tell = Callable[[tuple[str, int, int]], None]


def study_encodings(*, progress: Tell | None = None) -> EncodingStudy:
    """Measure everything; a few seconds.

    Args:
        progress: Called with what comes next, steps done and in all; an exception it raises stops the work.
    """
    schemes: tuple[Scheme, ...] = ("bfv", "bgv", "ckks")
    total = 15 + 3
    tell = progress or (lambda _: None)
    costs = measure_products(schemes=schemes, report=lambda what, done, _: tell((f"products, {what}", done, total)))
    tell(("noise of operations, bfv", 15, total))
    noise = tuple(measure_noise())
    tell(("a zero weight", 16, total))
    zero = multiply_by_zero()
    tell(("modulus switches, bgv", 17, total))
    switches = tuple(measure_switches())
    products = tuple(
        ProductRow(cost.scheme, cost.encoding, cost.ring_degree, round(1e6 * cost.seconds, 2)) for cost in costs
    )
    return EncodingStudy(machine_name()["processor"], products, noise, zero, switches)


def open_ring(scheme: Scheme) -> tuple[Any, Parameters]:
    """A session with keys in the ring of the noise and switch studies."""
    plain = choose_primes(RING, [PLAIN_BITS], avoid=(SPECIAL_PRIME,))
    primes = choose_primes(RING, PRIME_SIZES, avoid=(SPECIAL_PRIME,))
    assert plain
    assert primes
    drops = (len(primes) - 1,) if scheme == "bgv" else ()
    parameters = Parameters(scheme=scheme, ring_degree=RING, primes=primes, plain_moduli=plain, drops=drops)
    he = open_context(parameters, 0)
    he.keyGen()
    return he, parameters


def measure_noise() -> Iterator[NoiseRow]:
    """The noise budget that bfv reports after each operation on a fresh ciphertext."""
    he, parameters = open_ring("bfv")
    fresh = encrypt_slots(he, parameters, VALUES)

    def row(name: str, result: Any) -> NoiseRow:
        return NoiseRow(name, int(he.noise_level(result)))

    yield row("fresh", fresh)
    yield row("+ a ciphertext", he.add(fresh, fresh, in_new_ctxt=True))
    total = he.add(fresh, fresh, in_new_ctxt=True)
    for _ in range(998):
        he.add(total, fresh)
    yield row("+ 999 ciphertexts", total)
    yield row("× constant 4", he.multiply_plain(fresh, make_plaintext(he, parameters, "constant"), in_new_ctxt=True))
    monomial = power_plaintext(he, parameters, exponent=2, sign=1)
    yield row("× monomial x²", he.multiply_plain(fresh, monomial, in_new_ctxt=True))
    negative = he.encodeInt(np.full(RING, -4, dtype=np.int64))
    yield row("× constant −4", he.multiply_plain(fresh, negative, in_new_ctxt=True))
    yield row("× dense", he.multiply_plain(fresh, make_plaintext(he, parameters, "dense"), in_new_ctxt=True))
    square = he.square(fresh, in_new_ctxt=True)
    yield row("square", square)
    yield row("square, twice", he.square(square, in_new_ctxt=True))


def multiply_by_zero() -> str:
    """What SEAL says to a product by the plaintext zero."""
    he, parameters = open_session("bfv", RING, primes=1)
    ciphertext = encrypt_slots(he, parameters, VALUES)
    try:
        he.multiply_plain(ciphertext, he.encodeInt(np.zeros(RING, dtype=np.int64)), in_new_ctxt=True)
    except (RuntimeError, ValueError) as error:
        return str(error)
    return ""


def measure_switches() -> Iterator[SwitchRow]:
    """A bgv ciphertext at each level: its size, what a product costs there, and whether it still decrypts."""
    he, parameters = open_ring("bgv")
    ciphertext = encrypt_slots(he, parameters, VALUES)
    for primes in range(len(parameters.primes), 0, -1):
        if primes < len(parameters.primes):
            he.mod_switch_to_next(ciphertext)
        samples = []
        for _ in range(REPEATS):
            began = time.process_time()
            he.square(ciphertext, in_new_ctxt=True)
            samples.append(time.process_time() - began)
        size = len(ciphertext.to_bytes("none"))
        right = bool(np.array_equal(np.asarray(he.decryptBGV(ciphertext))[: len(VALUES)], VALUES))
        yield SwitchRow(primes, size, round(1e6 * statistics.median(samples), 1), right)


def save_reference(path: Path) -> None:
    """Measure, and store the result as the reference that the lab shows before it measures by itself."""
    path.write_text(f"{json.dumps(asdict(study_encodings()), indent=1, ensure_ascii=False)}\n", encoding="utf-8")
