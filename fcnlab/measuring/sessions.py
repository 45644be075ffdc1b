"""A context of SEAL to measure in, and the clock that measures: processor time, so that other programs hardly count."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.errors import FcnlabError
from fcnlab.he.context import open_context
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import SPECIAL_PRIME, Parameters, choose_primes

REPEATS: Final = 3
PLAIN_BITS: Final = 20
SCALE: Final = 16.0  # of ckks: a product's seconds do not depend on it


def seconds_of(work: Callable[[], object], *, repeats: int | None = None) -> float:
    """Median processor seconds of several runs, `REPEATS` if not given, after one that warms up."""
    work()
    seconds = []
    for _ in range(repeats or REPEATS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


def make_parameters(scheme: Scheme, ring_degree: int, *, prime_bits: Sequence[int]) -> Parameters:
    """Parameters with data primes of these sizes, and a plain modulus of 20 bits in bgv and bfv.

    Raises:
        FcnlabError: If the ring has no such primes.
    """
    exact = scheme != "ckks"
    primes = choose_primes(ring_degree, prime_bits, avoid=(SPECIAL_PRIME,))
    plain = choose_primes(ring_degree, [PLAIN_BITS], avoid=(SPECIAL_PRIME,))
    if primes is None or plain is None:
        sizes = ", ".join(map(str, prime_bits))
        raise FcnlabError(f"Ring degree {ring_degree} has no primes of {sizes} bits; use fewer or larger ones.")
    moduli, scale = (plain, 1.0) if exact else ((), SCALE)
    return Parameters(scheme=scheme, ring_degree=ring_degree, primes=primes, plain_moduli=moduli, scale=scale)


def open_session(parameters: Parameters) -> Any:
    """A Pyfhel instance with keys, for the first plain modulus.

    Raises:
        PlanError: If SEAL refuses the parameters, such as more primes than 128-bit security allows.
    """
    he = open_context(parameters, 0)
    he.keyGen()
    return he


def encode_slots(he: Any, parameters: Parameters, slots: npt.NDArray[np.int64], *, scale: float | None = None) -> Any:
    """A plaintext with one integer in each slot; in ckks at the parameters' scale if none is given."""
    if parameters.scheme == "ckks":
        return he.encodeFrac(slots.astype(np.float64), scale=parameters.scale if scale is None else scale)
    return he.encodeBGV(slots) if parameters.scheme == "bgv" else he.encodeInt(slots)
