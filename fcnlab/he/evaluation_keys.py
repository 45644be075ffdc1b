"""Relinearization and rotation keys as residues: on the wire without what a plan never uses, and back to SEAL.

A key has a digit for each data prime, a pair of polynomials modulo every prime. At a level with k data primes only k
digits are used, modulo those primes and the special one: so much of each key travels, k being the most primes that a
ciphertext has when the key is used.

SEAL 4.1, uncompressed: header, parameter id, number of keys, and for each its number of digits (0 for a key that is not
there) followed by so many ciphertexts. The rotation by k slots is the automorphism X -> X^(3^k) and stands at place
(3^k mod 2n - 1) / 2; the relinearization key is alone. Source: SEAL 4.1, native/src/seal/kswitchkeys.cpp.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from fcnlab.errors import WireError
from fcnlab.he.wire import SEAL, SEAL_HEADER_BYTES, SEAL_MAGIC, Residues, SealHeader, read_ciphertext, write_ciphertext
from fcnlab.packed.plan import PackedPlan

HEAD = struct.Struct("<HBBBBHQ 32s Q")
COUNT = struct.Struct("<Q")
PAIR = struct.Struct("<II")
RELINEARIZATION = 0  # stands for a step: a rotation by no slot needs no key
Keys = Mapping[int, Residues]  # by step: digits, polynomials, primes and the special one, n


def galois_element(step: int, ring_degree: int) -> int:
    """The automorphism X -> X^g that rotates slots by `step` to the left."""
    return pow(3, step, 2 * ring_degree)


def make_keys(he: Any, plan: PackedPlan) -> dict[int, Residues]:
    """Generate what a plan needs with Pyfhel, and cut it to size."""
    degree, count = plan.parameters.ring_degree, len(plan.parameters.primes)
    he.relinKeyGen()
    he.rotateKeyGen([step for step, _ in plan.rotations])
    whole = {RELINEARIZATION: dict(read_keys(he.to_bytes_relin_key("none")))[0]}
    rotations = dict(read_keys(he.to_bytes_rotate_key("none")))
    whole |= {step: rotations[(galois_element(step, degree) - 1) // 2] for step, _ in plan.rotations}
    return {
        step: np.ascontiguousarray(whole[step][:primes][:, :, [*range(primes), count]])
        for step, primes in key_sizes(plan)
    }


def key_sizes(plan: PackedPlan) -> tuple[tuple[int, int], ...]:
    """Step and data primes of each key, in the order in which they travel."""
    return ((RELINEARIZATION, plan.relinearization), *plan.rotations)


def read_keys(data: bytes) -> Iterator[tuple[int, Residues]]:
    """Keys by their place in SEAL's bytes, each of shape (digits, 2, primes, n)."""
    *_, count = HEAD.unpack_from(data)
    start = HEAD.size
    view = memoryview(data)
    for place in range(count):
        (digits,) = COUNT.unpack_from(data, start)
        start += COUNT.size
        parts = []
        for _ in range(digits):
            total = SEAL.unpack_from(data, start)[6]
            parts.append(read_ciphertext(view[start : start + total])[1])  # type: ignore[arg-type]
            start += total
        if parts:
            yield place, np.stack(parts)


def write_keys(header: SealHeader, keys: Mapping[int, Residues], *, count: int, digits: int) -> bytes:
    """SEAL's bytes from keys by their place: digits and primes that did not travel are zero, and never used.

    Args:
        header: Of a public key.
        keys: As they travelled.
        count: Places.
        digits: Of a whole key: the number of data primes.
    """
    body = []
    for place in range(count):
        key = keys.get(place)
        body.append(COUNT.pack(digits if key is not None else 0))
        if key is None:
            continue
        used, _, primes, degree = key.shape
        whole: Residues = np.zeros((2, digits + 1, degree), dtype=np.uint64)
        for digit in range(digits):
            whole[:] = 0
            if digit < used:
                whole[:, [*range(primes - 1), digits]] = key[digit]
            body.append(write_ciphertext(header, whole))
    total = HEAD.size + sum(map(len, body))
    seal = (SEAL_MAGIC, SEAL_HEADER_BYTES, *header.version, 0, 0, total)
    return b"".join((HEAD.pack(*seal, header.parms_id, count), *body))


def load_keys(he: Any, plan: PackedPlan, header: SealHeader, keys: Keys) -> None:
    """Give a Pyfhel instance the keys of a plan, as they travelled."""
    degree, digits = plan.parameters.ring_degree, len(plan.parameters.primes)
    header = replace(header, size=2, is_ntt=True)
    he.from_bytes_relin_key(write_keys(header, {0: keys[RELINEARIZATION]}, count=1, digits=digits))
    rotations = {(galois_element(step, degree) - 1) // 2: keys[step] for step, _ in plan.rotations}
    he.from_bytes_rotate_key(write_keys(header, rotations, count=degree, digits=digits))


def pack_keys(keys: Keys, plan: PackedPlan) -> bytes:
    """Keys as they travel: how many, step and primes of each, and their residues in that order."""
    sizes = key_sizes(plan)
    head = COUNT.pack(len(sizes)) + b"".join(PAIR.pack(*size) for size in sizes)
    return b"".join((head, *(keys[step].tobytes() for step, _ in sizes)))


def unpack_keys(payload: memoryview, plan: PackedPlan, index: int) -> dict[int, Residues]:
    """Keys that arrived, checked against the plan.

    Raises:
        WireError: If a key is missing, which is named, or the bytes are not such keys.
    """
    wrong = WireError(f"Evaluation keys {index} are cut off or were altered on their way; send them again.")
    if len(payload) < COUNT.size:
        raise wrong
    (count,) = COUNT.unpack_from(payload)
    start = COUNT.size + PAIR.size * count
    if len(payload) < start:
        raise wrong
    sent = [PAIR.unpack_from(payload, COUNT.size + PAIR.size * place) for place in range(count)]
    missing = [size for size in key_sizes(plan) if size not in sent]
    if missing:
        raise WireError(f"{name_key(*missing[0]).capitalize()} is missing; make the keys from this plan and send them.")
    if tuple(sent) != key_sizes(plan):
        raise WireError(f"Evaluation keys {index} hold keys that this plan has no use for; make them from this plan.")
    degree, primes, keys = plan.parameters.ring_degree, plan.parameters.primes, {}
    if len(payload) != start + sum(8 * 2 * k * (k + 1) * degree for _, k in sent):
        raise wrong
    for step, used in sent:
        shape = (used, 2, used + 1, degree)
        key = np.frombuffer(payload, dtype="<u8", offset=start, count=prod(shape)).reshape(shape)
        for place, prime in enumerate((*primes[:used], plan.parameters.special_prime)):
            if int(key[:, :, place].max()) >= prime:
                raise wrong
        keys[step], start = key, start + key.nbytes
    return keys


def name_key(step: int, primes: int) -> str:
    """How messages call a key."""
    kind = "the relinearization key" if step == RELINEARIZATION else f"the key of the rotation by {step} slots"
    return f"{kind} for {primes} prime{'s' if primes > 1 else ''}"
