"""A study of encodings: what PT-CT products cost, what operations do to noise, zero weights, and modulus switches.

Faster CryptoNets encodes an integer by its binary digits, as the polynomial that takes its value at x = 2: a weight of
+-2^k is the monomial +-x^k, and multiplying by it shifts the coefficients of a ciphertext around, O(n), where a product
by a dense plaintext needs number-theoretic transforms, O(n log n). SEAL keeps such a path in bfv, for every plaintext
with a single coefficient that is not zero; a constant in every slot is one too.

Everything is measured with Pyfhel on one thread, in a few seconds; the result is data without Pyfhel in it.

Source: Chou et al. 2018 (arXiv 1811.09953), and SEAL 4.1, native/src/seal/evaluator.cpp, multiply_plain_normal.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from Pyfhel import PyPtxt

from fcnlab.data.encodings import EncodingStudy, NoiseRow, ProductRow, SwitchRow
from fcnlab.errors import FcnlabError
from fcnlab.he.context import encrypt_slots
from fcnlab.he.wire import SEAL_HEADER_BYTES, SEAL_MAGIC
from fcnlab.machine.machine import processor_name
from fcnlab.measuring.sessions import encode_slots, make_parameters, open_session, seconds_of
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import Parameters

Encoding = Literal["dense", "constant", "monomial"]
Coefficients = npt.NDArray[np.uint64]
Tell = Callable[[tuple[str, int, int]], None]

ENCODINGS: Final[dict[Scheme, tuple[Encoding, ...]]] = {
    "bfv": ("dense", "constant", "monomial"),
    "bgv": ("dense", "constant", "monomial"),
    "ckks": ("dense", "constant"),  # its plaintexts are stored transformed, so that a monomial is as dense as any
}
RINGS: Final = (2048, 4096, 8192, 16384, 32768)
PRIME_BITS: Final = 36  # one such prime and the special one are all that 128-bit security leaves to n = 2048
PRODUCTS, REPEATS = 10, 7
RING: Final = 8192  # of noise and switches
PRIME_SIZES: Final = (45, 45, 45, 45)
VALUES: Final = np.arange(RING, dtype=np.int64) % 8

# SEAL's plaintext, uncompressed: header, parameter id (zero unless in NTT form), number of coefficients, scale, then an
# array with a header of its own. Source: SEAL 4.1, native/src/seal/plaintext.cpp and dynarray.h.
PLAINTEXT = struct.Struct("<HBBBBHQ 32s Q d HBBBBHQ Q")


def study_encodings(*, progress: Tell | None = None) -> EncodingStudy:
    """Measure everything; a few seconds.

    Args:
        progress: Called with what comes next, steps done and in all; an exception it raises stops the work.
    """
    tell = progress or (lambda _: None)
    places = [(scheme, ring) for scheme in ENCODINGS for ring in RINGS]
    total = len(places) + 3
    products: list[ProductRow] = []
    for done, (scheme, ring) in enumerate(places):
        tell((f"products, {scheme}, ring degree {ring}", done, total))
        products += measure_products(scheme, ring)
    tell(("noise of operations, bfv", total - 3, total))
    noise = tuple(measure_noise())
    tell(("a zero weight", total - 2, total))
    zero = multiply_by_zero()
    tell(("modulus switches, bgv", total - 1, total))
    return EncodingStudy(processor_name(), tuple(products), noise, zero, tuple(measure_switches()))


def measure_products(scheme: Scheme, ring_degree: int, *, primes: int = 1) -> Iterator[ProductRow]:
    """A product by every encoding of one scheme in one ring, a new ciphertext for its result included.

    Args:
        scheme: bgv, bfv or ckks.
        ring_degree: A power of two from 2048 to 32768.
        primes: Data primes of 36 bits, as many as the ring allows.

    Raises:
        FcnlabError: If the ring has no such primes.
    """
    parameters = make_parameters(scheme, ring_degree, prime_bits=[PRIME_BITS] * primes)
    he = open_session(parameters)
    ciphertext = encrypt_slots(he, parameters, np.arange(parameters.slots, dtype=np.int64) % 8)
    for encoding in ENCODINGS[scheme]:
        plaintext = make_plaintext(he, parameters, encoding)

        def multiply(plaintext: Any = plaintext) -> None:
            for _ in range(PRODUCTS):
                he.multiply_plain(ciphertext, plaintext, in_new_ctxt=True)

        seconds = seconds_of(multiply, repeats=REPEATS) / PRODUCTS
        yield ProductRow(scheme, encoding, ring_degree, round(1e6 * seconds, 2))


def measure_noise() -> Iterator[NoiseRow]:
    """The noise budget that bfv reports after each operation on a fresh ciphertext."""
    parameters = make_parameters("bfv", RING, prime_bits=PRIME_SIZES)
    he = open_session(parameters)
    fresh = encrypt_slots(he, parameters, VALUES)

    def row(name: str, result: Any) -> NoiseRow:
        return NoiseRow(name, int(he.noise_level(result)))

    def product(plaintext: Any) -> Any:
        return he.multiply_plain(fresh, plaintext, in_new_ctxt=True)

    yield row("fresh", fresh)
    total = he.add(fresh, fresh, in_new_ctxt=True)
    yield row("+ a ciphertext", total)
    for _ in range(998):
        he.add(total, fresh)
    yield row("+ 999 ciphertexts", total)
    yield row("× constant 4", product(make_plaintext(he, parameters, "constant")))
    yield row("× monomial x²", product(power_plaintext(he, parameters, exponent=2, sign=1)))
    yield row("× constant −4", product(he.encodeInt(np.full(RING, -4, dtype=np.int64))))
    yield row("× dense", product(make_plaintext(he, parameters, "dense")))
    square = he.square(fresh, in_new_ctxt=True)
    yield row("square", square)
    yield row("square, twice", he.square(square, in_new_ctxt=True))


def multiply_by_zero() -> str:
    """What SEAL says to a product by the plaintext zero."""
    parameters = make_parameters("bfv", RING, prime_bits=[PRIME_BITS])
    he = open_session(parameters)
    ciphertext = encrypt_slots(he, parameters, VALUES)
    try:
        he.multiply_plain(ciphertext, he.encodeInt(np.zeros(RING, dtype=np.int64)), in_new_ctxt=True)
    except (RuntimeError, ValueError) as error:
        return str(error)
    return ""


def measure_switches() -> Iterator[SwitchRow]:
    """A bgv ciphertext at each level: its size, what a product costs there, and whether it still decrypts."""
    parameters = make_parameters("bgv", RING, prime_bits=PRIME_SIZES)
    he = open_session(parameters)
    ciphertext = encrypt_slots(he, parameters, VALUES)
    for primes in range(len(parameters.primes), 0, -1):
        if primes < len(parameters.primes):
            he.mod_switch_to_next(ciphertext)
        seconds = seconds_of(lambda: he.square(ciphertext, in_new_ctxt=True), repeats=REPEATS)
        right = bool(np.array_equal(np.asarray(he.decryptBGV(ciphertext))[: len(VALUES)], VALUES))
        yield SwitchRow(primes, len(ciphertext.to_bytes("none")), round(1e6 * seconds, 1), right)


def make_plaintext(he: Any, parameters: Parameters, encoding: Encoding) -> Any:
    """A plaintext of that kind, ready to be multiplied."""
    if encoding == "monomial":
        return power_plaintext(he, parameters, exponent=parameters.ring_degree // 2 + 1, sign=1)
    dense = np.arange(parameters.slots, dtype=np.int64) % 251
    return encode_slots(he, parameters, dense if encoding == "dense" else np.full_like(dense, 4))


def power_plaintext(he: Any, parameters: Parameters, *, exponent: int, sign: int) -> Any:
    """The weight sign * 2^exponent in the paper's encoding: the monomial sign * x^exponent.

    Args:
        he: Pyfhel context of bfv or bgv.
        parameters: With one plain modulus or more; the first is used.
        exponent: From 0 to n - 1.
        sign: 1 or -1.

    Raises:
        FcnlabError: If the ring has no such monomial.
    """
    if not 0 <= exponent < parameters.ring_degree or sign not in (1, -1):
        raise FcnlabError(
            f"+-2^k is a monomial for k from 0 to {parameters.ring_degree - 1}; got k = {exponent}, sign {sign}."
        )
    coefficients: Coefficients = np.zeros(exponent + 1, dtype=np.uint64)
    coefficients[exponent] = sign % parameters.plain_moduli[0]
    return PyPtxt(pyfhel=he, bytestring=write_plaintext(coefficients), scheme=parameters.scheme)


def write_plaintext(coefficients: Coefficients) -> bytes:
    """Serialise the coefficients of a plaintext, constant first, as SEAL would."""
    count = len(coefficients)
    seal = (SEAL_MAGIC, SEAL_HEADER_BYTES, 4, 1, 0, 0)
    array = (*seal, SEAL_HEADER_BYTES + 8 + 8 * count, count)
    head = PLAINTEXT.pack(*seal, PLAINTEXT.size + 8 * count, bytes(32), count, 1.0, *array)
    return head + np.ascontiguousarray(coefficients, dtype="<u8").tobytes()


def save_reference(path: Path) -> None:
    """Measure, and store the result as the reference that the lab shows before it measures by itself."""
    path.write_text(f"{json.dumps(asdict(study_encodings()), indent=1, ensure_ascii=False)}\n", encoding="utf-8")
