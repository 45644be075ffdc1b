"""What a PT-CT product costs for dense, constant and monomial plaintexts, and the paper's own encoding of weights.

Faster CryptoNets encodes an integer by its binary digits, as the polynomial that takes its value at x = 2: a weight of
+-2^k is the monomial +-x^k, and multiplying by it shifts the coefficients of a ciphertext around, O(n), where a product
by a dense plaintext needs number-theoretic transforms, O(n log n). SEAL keeps such a path in bfv, for every plaintext
with a single coefficient that is not zero; a constant in every slot is one too.
Source: Chou et al. 2018 (arXiv 1811.09953), and SEAL 4.1, native/src/seal/evaluator.cpp, multiply_plain_normal.
"""

import statistics
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from Pyfhel import PyPtxt

from fcnlab.errors import FcnlabError, WireError
from fcnlab.he.context import encrypt_slots, open_context
from fcnlab.he.wire import SEAL_HEADER_BYTES, SEAL_MAGIC
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import SPECIAL_PRIME, Parameters, choose_primes

Encoding = Literal["dense", "constant", "monomial"]
Coefficients = npt.NDArray[np.uint64]

ENCODINGS: Final[dict[Scheme, tuple[Encoding, ...]]] = {
    "bfv": ("dense", "constant", "monomial"),
    "bgv": ("dense", "constant", "monomial"),
    "ckks": ("dense", "constant"),  # its plaintexts are stored transformed, so that a monomial is as dense as any
}
RINGS: Final = (2048, 4096, 8192, 16384, 32768)
PRIME_BITS: Final = 36  # one such prime and the special one are all that 128-bit security leaves to n = 2048
PRODUCTS, REPEATS = 10, 5

# SEAL's plaintext, uncompressed: header, parameter id (zero unless in NTT form), number of coefficients, scale, then an
# array with a header of its own. Source: SEAL 4.1, native/src/seal/plaintext.cpp and dynarray.h.
PLAINTEXT = struct.Struct("<HBBBBHQ 32s Q d HBBBBHQ Q")


@dataclass(frozen=True)
class ProductCost:
    """Seconds of one PT-CT product, a new ciphertext for its result included.

    Attributes:
        scheme: bfv, bgv or ckks.
        encoding: dense, constant or monomial.
        ring_degree: n.
        primes: Data primes.
        seconds: Median of several, in processor time.
    """

    scheme: str
    encoding: Encoding
    ring_degree: int
    primes: int
    seconds: float


@dataclass(frozen=True)
class Growth:
    """How the cost of a product grows with the ring: seconds ~ n^exponent."""

    scheme: str
    encoding: Encoding
    exponent: float


def measure_products(
    *,
    schemes: Sequence[Scheme] = ("bfv", "bgv", "ckks"),
    rings: Sequence[int] = RINGS,
    primes: int = 1,
    report: Callable[[str, int, int], None] | None = None,
) -> tuple[ProductCost, ...]:
    """Measure every encoding of every scheme in every ring, on one thread; a few seconds.

    Args:
        schemes: Any of bfv, bgv, ckks.
        rings: Ring degrees, powers of two from 2048 to 32768.
        primes: Data primes of 36 bits, as many as the smallest ring allows.
        report: Called with what is measured next, steps done and in all; an exception it raises stops the work.

    Raises:
        FcnlabError: If the rings have no such primes.
    """
    places = [(scheme, ring) for scheme in schemes for ring in rings]
    costs: list[ProductCost] = []
    for done, (scheme, ring) in enumerate(places):
        if report is not None:
            report(f"{scheme}, ring degree {ring}", done, len(places))
        costs += measure_ring(scheme, ring, primes=primes)
    return tuple(costs)


def measure_ring(scheme: Scheme, ring_degree: int, *, primes: int) -> list[ProductCost]:
    """Measure every encoding of one scheme in one ring."""
    he, parameters = open_session(scheme, ring_degree, primes=primes)
    ciphertext = encrypt_slots(he, parameters, np.arange(parameters.slots, dtype=np.int64) % 8)
    costs = []
    for encoding in ENCODINGS[scheme]:
        plaintext = make_plaintext(he, parameters, encoding)
        samples = []
        for _ in range(REPEATS + 1):
            began = time.process_time()
            for _ in range(PRODUCTS):
                he.multiply_plain(ciphertext, plaintext, in_new_ctxt=True)
            samples.append((time.process_time() - began) / PRODUCTS)
        costs.append(ProductCost(scheme, encoding, ring_degree, primes, statistics.median(samples[1:])))
    return costs


def open_session(scheme: Scheme, ring_degree: int, *, primes: int) -> tuple[Any, Parameters]:
    """A Pyfhel instance with keys, and its parameters: the same sizes of primes in every ring.

    Raises:
        FcnlabError: If there are no such primes, or too many for 128-bit security.
    """
    plain = choose_primes(max(RINGS), [20], avoid=(SPECIAL_PRIME,))
    data = choose_primes(ring_degree, [PRIME_BITS] * primes, avoid=(SPECIAL_PRIME,))
    if plain is None or data is None:
        raise FcnlabError(f"Ring degree {ring_degree} has no {primes} primes of {PRIME_BITS} bits; use fewer.")
    exact = scheme != "ckks"
    moduli, scale = (plain, 1.0) if exact else ((), 1024.0)
    parameters = Parameters(scheme=scheme, ring_degree=ring_degree, primes=data, plain_moduli=moduli, scale=scale)
    he = open_context(parameters, 0)
    he.keyGen()
    return he, parameters


def make_plaintext(he: Any, parameters: Parameters, encoding: Encoding) -> Any:
    """A plaintext of that kind, ready to be multiplied."""
    if encoding == "monomial":
        return power_plaintext(he, parameters, exponent=parameters.ring_degree // 2 + 1, sign=1)
    slots = np.full(parameters.slots, 4, dtype=np.int64)
    if encoding == "dense":
        slots = np.arange(parameters.slots, dtype=np.int64) % 251
    if parameters.scheme == "ckks":
        return he.encodeFrac(slots.astype(np.float64), scale=parameters.scale)
    return he.encodeBGV(slots) if parameters.scheme == "bgv" else he.encodeInt(slots)


def fit_growth(costs: Iterable[ProductCost]) -> tuple[Growth, ...]:
    """Least squares of log seconds over log n, for each scheme and encoding.

    Raises:
        FcnlabError: If one of them was measured in a single ring.
    """
    groups: dict[tuple[str, Encoding], list[ProductCost]] = {}
    for cost in costs:
        groups.setdefault((cost.scheme, cost.encoding), []).append(cost)
    growths = []
    for (scheme, encoding), group in groups.items():
        if len({cost.ring_degree for cost in group}) < 2:
            raise FcnlabError(f"Growth needs two rings or more; {encoding} in {scheme} was measured in one.")
        logs = np.log([(cost.ring_degree, cost.seconds) for cost in group])
        growths.append(Growth(scheme, encoding, float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])))
    return tuple(growths)


def study_as_dict(costs: Sequence[ProductCost]) -> dict[str, Any]:
    """Costs and their growth as JSON."""
    return {"costs": [asdict(cost) for cost in costs], "growth": [asdict(growth) for growth in fit_growth(costs)]}


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
    return load_plaintext(he, parameters, coefficients)


def binary_coefficients(value: int, *, plain_modulus: int) -> Coefficients:
    """An integer as the polynomial of its binary digits, all with its sign, modulo the plain modulus."""
    digits = [int(digit) for digit in reversed(f"{abs(value):b}")]
    sign = -1 if value < 0 else 1
    return np.array([sign * digit % plain_modulus for digit in digits], dtype=np.uint64)


def binary_value(coefficients: Coefficients, *, plain_modulus: int) -> int:
    """The value at x = 2 of the centred coefficients: undoes `binary_coefficients`, also after products."""
    centred = [int(c) - plain_modulus if int(c) > plain_modulus // 2 else int(c) for c in coefficients]
    return sum(coefficient << power for power, coefficient in enumerate(centred))


def load_plaintext(he: Any, parameters: Parameters, coefficients: Coefficients) -> Any:
    """A Pyfhel plaintext from its coefficients."""
    return PyPtxt(pyfhel=he, bytestring=write_plaintext(coefficients), scheme=parameters.scheme)


def write_plaintext(coefficients: Coefficients) -> bytes:
    """Serialise the coefficients of a plaintext, constant first, as SEAL would."""
    count = len(coefficients)
    seal = (SEAL_MAGIC, SEAL_HEADER_BYTES, 4, 1, 0, 0)
    head = PLAINTEXT.pack(
        *seal, PLAINTEXT.size + 8 * count, bytes(32), count, 1.0, *seal, SEAL_HEADER_BYTES + 8 + 8 * count, count
    )
    return head + np.ascontiguousarray(coefficients, dtype="<u8").tobytes()


def read_plaintext(data: bytes) -> Coefficients:
    """The coefficients of a serialised plaintext that is not in NTT form.

    Raises:
        WireError: If the bytes are something else.
    """
    if len(data) >= PLAINTEXT.size:
        magic, _, _, _, compression, _, total, parms_id, count, _, *rest = PLAINTEXT.unpack_from(data)
        whole = total == len(data) == PLAINTEXT.size + 8 * count and rest[-1] == count
        if magic == SEAL_MAGIC and compression == 0 and whole and parms_id == bytes(32):
            return np.frombuffer(data, dtype="<u8", offset=PLAINTEXT.size)
    raise WireError("These bytes are not an uncompressed SEAL plaintext in coefficients.")
