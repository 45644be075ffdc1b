"""Pyfhel contexts from a plan's parameters."""

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from Pyfhel import PyCtxt, Pyfhel

from fcnlab.errors import PlanError, WireError
from fcnlab.he.wire import SealHeader, read_ciphertext
from fcnlab.planning.parameters import SECURITY_BITS, Parameters


def open_context(parameters: Parameters, index: int) -> Any:
    """A Pyfhel instance without keys for the plain modulus at `index` (0 for ckks).

    Raises:
        PlanError: If SEAL refuses the parameters; it enforces the security standard by itself.
    """
    he = Pyfhel()
    chosen: dict[str, Any] = {"t": parameters.plain_moduli[index]} if parameters.plain_moduli else {"scale": 2**20}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pyfhel comments on scales, which fcnlab sets on each ciphertext
        verdict = he.contextGen(
            scheme=parameters.scheme,
            n=parameters.ring_degree,
            qi=[*parameters.primes, parameters.special_prime],
            sec=SECURITY_BITS,
            **chosen,
        )
    if verdict != "success: valid":
        raise PlanError(f"SEAL refuses the parameters of this plan ({verdict}); plan again.")
    return he


def encrypt_slots(he: Any, parameters: Parameters, values: npt.NDArray[np.int64]) -> Any:
    """Encrypt one integer per slot; slots that are not given hold 0."""
    slots = np.zeros(parameters.slots, dtype=np.int64)
    slots[: len(values)] = values
    if parameters.scheme == "ckks":
        return he.encryptFrac(slots.astype(np.float64), scale=parameters.scale)
    return he.encryptBGV(slots) if parameters.scheme == "bgv" else he.encryptInt(slots)


def load_ciphertext(he: Any, parameters: Parameters, data: bytes) -> Any:
    """A Pyfhel ciphertext from SEAL's bytes."""
    return PyCtxt(pyfhel=he, bytestring=data, scheme=parameters.scheme)


def load_secret_key(parameters: Parameters, index: int, data: bytes) -> Any:
    """A Pyfhel instance with a secret key from SEAL's bytes; its public key is of another one, and not used.

    Raises:
        WireError: If they are no secret key for these parameters.
    """
    he = open_context(parameters, index)
    he.keyGen()  # Pyfhel decrypts with a key from bytes only if it has made one of its own before
    try:
        he.from_bytes_secret_key(data)
    except (RuntimeError, ValueError) as error:
        raise WireError(f"Secret key {index} does not belong to this plan's parameters; make new keys.") from error
    return he


def read_headers(he: Any, parameters: Parameters) -> Mapping[int, SealHeader]:
    """SEAL's header of ciphertexts at every level of a plan, and one above them of keys, by their number of primes.

    SEAL names the parameters of a level by a hash, which every ciphertext shows, whatever its key.

    Args:
        he: Has a public key.
        parameters: The plan's.
    """
    top = len(parameters.primes)
    headers = {top + 1: read_ciphertext(he.to_bytes_public_key("none"))[0]}
    ciphertext = encrypt_slots(he, parameters, np.zeros(1, dtype=np.int64))
    for primes in range(top, top - sum(parameters.drops) - 1, -1):
        if primes < top:
            he.mod_switch_to_next(ciphertext)
        headers[primes], _ = read_ciphertext(ciphertext.to_bytes("none"))
    return headers


@lru_cache(maxsize=16)
def level_headers(parameters: Parameters, index: int) -> Mapping[int, SealHeader]:
    """What `read_headers` gives, for those who have no key: by a throwaway one."""
    he = open_context(parameters, index)
    he.keyGen()
    return read_headers(he, parameters)
