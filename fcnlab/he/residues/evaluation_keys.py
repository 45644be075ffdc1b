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
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.errors import WireError
from fcnlab.he.residues.key_switching import galois_element, moved_places
from fcnlab.he.residues.ring import multiply_row, ring_tables, scale_row, work_space
from fcnlab.he.residues.symmetric import draw_error, encrypt_rows, expand_mask, new_seed, read_seed
from fcnlab.he.wire import (
    SEAL_HEADER_BYTES,
    SEAL_MAGIC,
    Envelope,
    Residues,
    SealHeader,
    check_residues,
    open_sealed,
    seal,
    write_ciphertext,
)
from fcnlab.planning.packed.plan import RELINEARIZATION
from fcnlab.planning.parameters import Parameters
from fcnlab.planning.plan import Plan

HEAD = struct.Struct("<HBBBBHQ 32s Q")
COUNT = struct.Struct("<Q")
PAIR = struct.Struct("<II")
MOST_DIGITS = 64
Keys = Mapping[int, Residues]  # by step: digits, polynomials, primes and the special one, n


def make_keys(plan: Plan, secrets: Sequence[npt.NDArray[np.int64]], *, session: str) -> bytes:
    """The message with every evaluation key that a plan needs, of all passes; empty if it needs none.

    How many keys, step and primes of each, and their first polynomials in that order, pass by pass.

    Args:
        plan: Says which keys.
        secrets: Secret key of each pass in NTT form modulo every prime, the special one last; shape (primes, n).
        session: Name of the secret keys.
    """
    sizes, parameters, seed = plan.evaluation_keys, plan.parameters, new_seed()
    if not sizes:
        return b""
    parts = [COUNT.pack(len(sizes)), *(PAIR.pack(*size) for size in sizes)]
    for index, secret in enumerate(secrets):
        factor = parameters.plain_modulus(index) or 1
        for place, (step, primes) in enumerate(sizes, start=index * len(sizes)):
            key = make_key(secret, parameters, step, primes, error_factor=factor, seed=seed, place=place)
            parts.append(key.tobytes())
    payload = b"".join(parts)
    envelope = Envelope(
        kind="evaluation keys", plan=plan.fingerprint, session=session, shape=(len(payload),), seed=seed.hex()
    )
    return seal(envelope, payload)


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
    """The first polynomials of one key, shape (digits, primes, n).

    Args:
        secret: As for `make_keys`.
        parameters: The plan's.
        step: Slots it rotates by, or RELINEARIZATION.
        primes: Data primes of the ciphertexts it is for.
        error_factor: bgv: the plain modulus; 1 otherwise.
        seed: What second polynomials expand from.
        place: The key's among all that share the seed.
    """
    chain, degree = key_chain(parameters, primes), parameters.ring_degree
    own = secret[[*range(primes), len(secret) - 1]]
    first: Residues = np.empty((primes, primes + 1, degree), dtype=np.uint64)
    target, work = first.view(np.int64), work_space(degree)
    masks = np.stack([expand_mask(seed, mask_place(place, digit), chain, degree) for digit in range(primes)])
    errors = np.stack([draw_error(degree) for _ in range(primes)])
    for position, prime in enumerate(chain):
        mask, tables = masks.view(np.int64)[:, position], ring_tables(prime, degree)[0]
        zeros, factor = np.zeros_like(errors), error_factor % prime
        encrypt_rows(zeros, errors, factor, mask, own[position], tables, work, prime, target[:, position])
    switched = np.empty(degree, dtype=np.int64)
    for digit, prime in enumerate(chain[:-1]):
        if step == RELINEARIZATION:
            multiply_row(own[digit], own[digit], prime, switched)
        else:
            switched[:] = own[digit][moved_places(step, degree)]
        scale_row(switched, parameters.special_prime % prime, prime, switched)
        target[digit, digit] += switched
        target[digit, digit] -= prime * (target[digit, digit] >= prime)
    return first


def key_chain(parameters: Parameters, primes: int) -> tuple[int, ...]:
    """The primes of a key for ciphertexts of so many data primes."""
    return (*parameters.primes[:primes], parameters.special_prime)


def mask_place(place: int, digit: int) -> int:
    """Where in its seed the mask of a digit stands: no two digits of all keys share one."""
    return MOST_DIGITS * place + digit


def write_keys(header: SealHeader, keys: Mapping[int, Residues], *, count: int, digits: int) -> bytes:
    """SEAL's bytes from keys by their place: digits and primes that did not travel are zero, and never used.

    Args:
        header: A public key's.
        keys: As they travelled.
        count: Places.
        digits: As many as a whole key has: the number of data primes.
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


def load_keys(he: Any, parameters: Parameters, header: SealHeader, keys: Keys) -> None:
    """Give a Pyfhel instance the keys of a pass.

    Args:
        he: Without keys.
        parameters: The plan's.
        header: A public key's.
        keys: From `open_keys`.
    """
    degree, digits = parameters.ring_degree, len(parameters.primes)
    he.from_bytes_relin_key(write_keys(header, {0: keys[RELINEARIZATION]}, count=1, digits=digits))
    rotations = {(galois_element(step, degree) - 1) // 2: key for step, key in keys.items() if step != RELINEARIZATION}
    he.from_bytes_rotate_key(write_keys(header, rotations, count=degree, digits=digits))


def open_keys(message: bytes, plan: Plan) -> tuple[str | None, list[Keys]]:
    """The session of keys that arrived, and for each pass its keys by step, each of shape (digits, 2, primes, n).

    Both are empty if the plan needs no keys: the session is then None, and any will do.

    Raises:
        WireError: If the bytes are not such keys, or of another plan, or a key is missing, which is named.
    """
    sizes, parameters = plan.evaluation_keys, plan.parameters
    if not sizes:
        if message:
            raise WireError(f"The {plan.layout} layout takes no evaluation keys; got {len(message)} bytes of them.")
        return None, [{} for _ in range(parameters.passes)]
    envelope, payload = open_sealed(message, kind="evaluation keys", plan=plan.fingerprint)
    start = check_sizes(payload, sizes)
    degree, seed = parameters.ring_degree, read_seed(envelope)
    if len(payload) != start + parameters.passes * sum(8 * k * (k + 1) * degree for _, k in sizes):
        raise WireError("The evaluation keys are cut off or were altered on their way; get them again, whole.")
    passes: list[Keys] = []
    for index in range(parameters.passes):
        keys = {}
        for place, (step, used) in enumerate(sizes, start=index * len(sizes)):
            shape, chain = (used, used + 1, degree), key_chain(parameters, used)
            first = np.frombuffer(payload, dtype="<u8", offset=start, count=prod(shape)).reshape(shape)
            check_residues(first[:, None], chain)
            masks = [expand_mask(seed, mask_place(place, digit), chain, degree) for digit in range(used)]
            keys[step], start = np.stack([first, np.stack(masks)], axis=1), start + first.nbytes
        passes.append(keys)
    return envelope.session, passes


def check_sizes(payload: memoryview, sizes: Sequence[tuple[int, int]]) -> int:
    """Refuse keys that are not those of a plan, and name one that is missing; returns where residues begin."""
    count = COUNT.unpack_from(payload)[0] if len(payload) >= COUNT.size else 0
    start = COUNT.size + PAIR.size * count
    if not count or len(payload) < start:
        raise WireError("The evaluation keys are cut off or were altered on their way; get them again, whole.")
    # As many are read as the plan has, whatever is claimed.
    sent = tuple(PAIR.iter_unpack(payload[COUNT.size : min(start, COUNT.size + PAIR.size * len(sizes))]))
    missing = [size for size in sizes if size not in sent]
    if missing:
        raise WireError(f"{name_key(*missing[0]).capitalize()} is missing; make the keys from this plan and send them.")
    if sent != tuple(sizes) or count != len(sizes):
        raise WireError("The evaluation keys hold some that this plan has no use for; make them from this plan.")
    return start


def name_key(step: int, primes: int) -> str:
    """How messages call a key."""
    kind = "the relinearization key" if step == RELINEARIZATION else f"the key of the rotation by {step} slots"
    return f"{kind} for {primes} prime{'s' if primes > 1 else ''}"
