"""Relinearization and rotation keys: made with what a plan uses and no more, sent with a seed, and given to SEAL.

A key has a digit for each data prime, a pair of polynomials modulo every prime. Digit i encrypts, with the secret key s
itself, the special prime times what is to be switched (s^2, or s as a rotation leaves it) modulo prime i, and 0 modulo
the others. At a level with k data primes only k digits are used, modulo those primes and the special one: so much of
each key is made, k being the most primes that a ciphertext has when the key is used. As in an upload, the second
polynomials expand from a seed.

SEAL 4.1, uncompressed: header, parameter id, number of keys, and for each its number of digits (0 for a key that is not
there) followed by so many ciphertexts. The rotation by k slots is the automorphism X -> X^(3^k) and stands at place
(3^k mod 2n - 1) / 2; the relinearization key is alone. Source: SEAL 4.1, native/src/seal/keygenerator.cpp
(generate_one_kswitch_key) and kswitchkeys.cpp.
"""

import struct
from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.errors import WireError
from fcnlab.he.residues.key_switching import galois_element, moved_places
from fcnlab.he.residues.ring import encrypt_residues, multiply_row, residues_to_ntt, scale_row
from fcnlab.he.residues.symmetric import draw_error, expand_mask
from fcnlab.he.wire import SEAL_HEADER_BYTES, SEAL_MAGIC, Residues, SealHeader, write_ciphertext
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.parameters import Parameters

HEAD = struct.Struct("<HBBBBHQ 32s Q")
COUNT = struct.Struct("<Q")
PAIR = struct.Struct("<II")
MOST_DIGITS = 64
RELINEARIZATION = 0  # stands for a step: a rotation by no slot needs no key
Keys = Mapping[int, Residues]  # by step: digits, polynomials, primes and the special one, n


def make_keys(secret: npt.NDArray[np.int64], plan: PackedPlan, index: int, *, seed: bytes) -> dict[int, Residues]:
    """The first polynomials of every key that a plan needs, by step, each of shape (digits, primes, n).

    Args:
        secret: Secret key in NTT form modulo every prime, the special one last; shape (primes, n).
        plan: Says which keys.
        index: Which plain modulus.
        seed: Of the second polynomials.
    """
    parameters = plan.parameters
    modulus = parameters.plain_moduli[index] if parameters.plain_moduli else 1
    keys = {}
    for place, (step, primes) in enumerate(key_sizes(plan)):
        keys[step] = make_key(secret, parameters, step, primes, error_factor=modulus, seed=seed, place=place)
    return keys


def make_key(
    secret: npt.NDArray[np.int64],
    parameters: Parameters,
    step: int,
    primes: int,
    *,
    error_factor: int,
    seed: bytes,
    place: int,
) -> Residues:
    """The first polynomials of one key: what `make_keys` does for each."""
    chain = key_chain(parameters, primes)
    own = secret[[*range(primes), len(secret) - 1]]
    first: Residues = np.empty((primes, primes + 1, parameters.ring_degree), dtype=np.uint64)
    switched = np.empty(parameters.ring_degree, dtype=np.int64)
    for digit in range(primes):
        mask = expand_mask(seed, mask_place(place, digit), chain, parameters.ring_degree).view(np.int64)
        error = error_factor * draw_error(parameters.ring_degree)
        for position, prime in enumerate(chain):
            message = residues_to_ntt(error, prime)
            if position == digit:
                if step == RELINEARIZATION:
                    multiply_row(own[digit], own[digit], prime, switched)
                else:
                    switched[:] = own[digit][moved_places(step, parameters.ring_degree)]
                scale_row(switched, parameters.special_prime % prime, prime, switched)
                message += switched
                message -= prime * (message >= prime)
            encrypt_residues(message, mask[position], own[position], prime, first[digit, position].view(np.int64))
    return first


def key_chain(parameters: Parameters, primes: int) -> tuple[int, ...]:
    """The primes of a key for ciphertexts of so many data primes."""
    return (*parameters.primes[:primes], parameters.special_prime)


def mask_place(place: int, digit: int) -> int:
    """Where in its seed the mask of a digit stands: no two digits of all keys share one."""
    return MOST_DIGITS * place + digit


def key_sizes(plan: PackedPlan) -> tuple[tuple[int, int], ...]:
    """Step and data primes of each key, in the order in which they travel."""
    return ((RELINEARIZATION, plan.relinearization), *plan.rotations)


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
    """First polynomials as they travel: how many keys, step and primes of each, and residues in that order."""
    sizes = key_sizes(plan)
    head = COUNT.pack(len(sizes)) + b"".join(PAIR.pack(*size) for size in sizes)
    return b"".join((head, *(keys[step].tobytes() for step, _ in sizes)))


def unpack_keys(payload: memoryview, plan: PackedPlan, index: int, *, seed: bytes) -> dict[int, Residues]:
    """Keys that arrived, checked against the plan, each of shape (digits, 2, primes, n).

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
    sizes = key_sizes(plan)
    sent = tuple(PAIR.unpack_from(payload, COUNT.size + PAIR.size * place) for place in range(count))
    missing = [size for size in sizes if size not in sent]
    if missing:
        raise WireError(f"{name_key(*missing[0]).capitalize()} is missing; make the keys from this plan and send them.")
    if sent != sizes:
        raise WireError(f"Evaluation keys {index} hold keys that this plan has no use for; make them from this plan.")
    parameters, degree = plan.parameters, plan.parameters.ring_degree
    if len(payload) != start + sum(8 * k * (k + 1) * degree for _, k in sizes):
        raise wrong
    keys = {}
    for place, (step, used) in enumerate(sizes):
        shape = (used, used + 1, degree)
        first = np.frombuffer(payload, dtype="<u8", offset=start, count=prod(shape)).reshape(shape)
        chain = key_chain(parameters, used)
        if any(int(first[:, position].max()) >= prime for position, prime in enumerate(chain)):
            raise wrong
        masks = [expand_mask(seed, mask_place(place, digit), chain, degree) for digit in range(used)]
        keys[step], start = np.stack([first, np.stack(masks)], axis=1), start + first.nbytes
    return keys


def name_key(step: int, primes: int) -> str:
    """How messages call a key."""
    kind = "the relinearization key" if step == RELINEARIZATION else f"the key of the rotation by {step} slots"
    return f"{kind} for {primes} prime{'s' if primes > 1 else ''}"
