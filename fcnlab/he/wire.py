"""Bytes and residues: SEAL's own serialisation, and the envelope in which ciphertexts travel.

Everything here treats bytes as hostile: lengths, plan, session and every residue are checked before they are used.

SEAL 4.1, uncompressed (``to_bytes("none")``): a 16-byte header, then parameter id, NTT flag, sizes, scale, correction
factor, a second header, a count, and 64-bit residues in the order polynomial, prime, coefficient. Source: SEAL 4.1,
native/src/seal/ciphertext.cpp and dynarray.h.
"""

import hashlib
import json
import math
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from fcnlab.errors import WireError

Residues = npt.NDArray[np.uint64]

SEAL = struct.Struct("<HBBBBHQ 32s B QQQ d Q HBBBBHQ Q")
SEAL_MAGIC, SEAL_HEADER_BYTES = 0xA15E, 16
NAME, VERSION = b"FCNLAB", b"4"
MAGIC = NAME + VERSION + b"\n"
LENGTH = struct.Struct("<I")
LONGEST_HEADER = 4096
ALIGNMENT = 64  # bytes: where residues start in a message
Kind = Literal["upload", "reply", "evaluation keys", "secret keys"]
DIGEST_BYTES = 32
PART_BYTES: Final = 1 << 22
PLAINTEXT = struct.Struct("<16s 32s Q d 16s Q")  # SEAL's header, parameter id, count, scale, header, count


@dataclass(frozen=True)
class SealHeader:
    """What SEAL writes before the residues of one ciphertext.

    Attributes:
        parms_id: Hash of the parameters at the ciphertext's level, 32 bytes.
        is_ntt: Whether residues are in NTT form (bgv, ckks) or coefficients (bfv).
        size: Polynomials.
        ring_degree: Coefficients in each.
        primes: Residues of each coefficient.
        scale: ckks scale; 1 otherwise.
        correction: bgv: the factor that modulus switches leave on the message; 1 otherwise.
        version: SEAL's major and minor version.
    """

    parms_id: bytes
    is_ntt: bool
    size: int
    ring_degree: int
    primes: int
    scale: float
    correction: int
    version: tuple[int, int]


def read_ciphertext(data: bytes) -> tuple[SealHeader, Residues]:
    """Split a serialised ciphertext into its header and a view of its residues, shape (size, primes, n)."""
    if len(data) < SEAL.size:
        raise WireError(f"A ciphertext has at least {SEAL.size} bytes; got {len(data)}.")
    magic, _, major, minor, compression, _, total, parms_id, ntt, size, degree, primes, scale, correction, *rest = (
        SEAL.unpack_from(data)
    )
    count = rest[-1]
    expected = SEAL.size + 8 * size * degree * primes
    if magic != SEAL_MAGIC or compression != 0 or count != size * degree * primes or {total, len(data)} != {expected}:
        raise WireError("These bytes are not an uncompressed SEAL ciphertext; send them again.")
    header = SealHeader(parms_id, bool(ntt), size, degree, primes, scale, correction, (major, minor))
    return header, np.frombuffer(data, dtype="<u8", offset=SEAL.size).reshape(size, primes, degree)


def write_ciphertext(header: SealHeader, residues: Residues) -> bytes:
    """Serialise residues of shape (size, primes, n) as SEAL would; the header's sizes follow the array."""
    size, primes, degree = residues.shape
    count = size * primes * degree
    start = (SEAL_MAGIC, SEAL_HEADER_BYTES, *header.version, 0, 0)
    fields = (header.parms_id, header.is_ntt, size, degree, primes, header.scale, header.correction)
    sizes = (SEAL_HEADER_BYTES + 8 + 8 * count, count)
    head = SEAL.pack(*start, SEAL.size + 8 * count, *fields, *start, *sizes)
    return head + np.ascontiguousarray(residues, dtype="<u8").tobytes()


def plaintext_residues(data: bytes) -> Residues:
    """What a serialised plaintext or secret key holds: residues or coefficients, one after the other."""
    *_, count = PLAINTEXT.unpack_from(data)
    return np.frombuffer(data, dtype="<u8", offset=PLAINTEXT.size, count=count)


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Who sent a message and what is in it.

    Attributes:
        kind: upload (fresh ciphertexts), reply (encrypted logits), evaluation keys, or secret keys, which stay at home.
        plan: Fingerprint of the plan.
        session: Random name of the client's keys, 128 bits in hexadecimal.
        upload: Random name of an upload, of as many bits, which its reply repeats; empty for keys.
        index: Which plain modulus it belongs to, from 0; keys are of all.
        images: Images in the slots.
        shape: Ciphertexts, polynomials, primes, ring degree; for keys their bytes.
        scale: ckks scale; 1 otherwise.
        correction: bgv correction factor; 1 otherwise.
        seed: Hexadecimal: what the second polynomials expand from, where they do not travel.
    """

    kind: Kind
    plan: str
    session: str
    upload: str = ""
    index: int = 0
    images: int = 0
    shape: tuple[int, ...]
    scale: float = 1.0
    correction: int = 1
    seed: str = ""


def new_message(envelope: Envelope) -> tuple[bytearray, Residues]:
    """A message of residues to be filled in place: the whole message, and a view of its residues in the given shape.

    Uploads take hundreds of megabytes, so they are written once, where they will be sent from. `close_message` is last.
    """
    head, count = envelope_bytes(envelope), int(np.prod(envelope.shape))
    message = bytearray(len(head) + 8 * count + DIGEST_BYTES)
    message[: len(head)] = head
    return message, np.frombuffer(message, dtype="<u8", offset=len(head), count=count).reshape(envelope.shape)


def digest_of(content: memoryview) -> bytes:
    """SHA-256 of the SHA-256 of each part: uploads have a hundred megabytes, and parts are hashed on all cores."""

    def part(start: int) -> bytes:
        return hashlib.sha256(content[start : start + PART_BYTES]).digest()

    starts = range(0, len(content), PART_BYTES)
    if len(starts) == 1:
        return hashlib.sha256(part(0)).digest()
    with ThreadPoolExecutor() as pool:
        return hashlib.sha256(b"".join(pool.map(part, starts))).digest()


def close_message(message: bytearray) -> None:
    """Write the digest of envelope, seed and residues at the end of a message that is filled."""
    message[-DIGEST_BYTES:] = digest_of(memoryview(message)[:-DIGEST_BYTES])


def envelope_bytes(envelope: Envelope) -> bytes:
    """The envelope as bytes, padded so that what follows is aligned."""
    head = json.dumps(asdict(envelope)).encode()
    head += b" " * (-(len(MAGIC) + LENGTH.size + len(head)) % ALIGNMENT)
    return MAGIC + LENGTH.pack(len(head)) + head


def open_envelope(
    message: bytes | bytearray, *, kind: Kind, plan: str, session: str | None, index: int
) -> tuple[Envelope, memoryview]:
    """Check a message but for its digest, and return its envelope and all that follows.

    Args:
        message: What arrived.
        kind: What it must be.
        plan: Fingerprint of the plan in force.
        session: The session in force; None if it is only now being learnt.
        index: Plain modulus in force.

    Raises:
        WireError: If it is truncated or malformed, or made for another plan, session, pass or purpose.
    """
    start = len(MAGIC) + LENGTH.size
    if len(message) >= start and message[: len(NAME)] == NAME and message[: len(MAGIC)] != MAGIC:
        raise WireError("The message is of another version of fcnlab; use the same version on both sides.")
    if len(message) < start or message[: len(MAGIC)] != MAGIC:
        raise WireError("These bytes are not an fcnlab message; send the message whole, from its first byte.")
    (length,) = LENGTH.unpack_from(message, len(MAGIC))
    if length > LONGEST_HEADER or len(message) < start + length:
        raise WireError("The message is cut off within its envelope; send it again.")
    envelope = read_envelope(bytes(message[start : start + length]))
    if envelope is None or (start + length) % ALIGNMENT:
        raise WireError("The message's envelope cannot be read; send it again.")
    if envelope.kind != kind:
        raise WireError(f"This message is a {envelope.kind[:16]!r}; a {kind!r} is expected here.")
    if envelope.plan != plan:
        raise WireError(f"The message was made for plan {envelope.plan[:16]!r}; plan {plan!r} is in force. Plan again.")
    if envelope.index != index:
        raise WireError(f"The message belongs to plain modulus {envelope.index}; {index} is expected here.")
    if session is not None and envelope.session != session:
        raise WireError(
            f"The message belongs to session {envelope.session[:16]!r}; session {session!r} is in force. Encrypt with "
            "the keys of that one."
        )
    return envelope, memoryview(message)[start + length :]


def read_envelope(head: bytes) -> Envelope | None:
    """The envelope in these bytes, each field of its type and none negative; None if they are anything else."""
    try:
        fields: dict[str, Any] = json.loads(head)
        envelope = Envelope(**fields | {"shape": tuple(fields["shape"])})
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    names = (envelope.kind, envelope.plan, envelope.session, envelope.upload, envelope.seed)
    words = all(type(name) is str for name in names)
    numbers = (envelope.index, envelope.images, envelope.correction, *envelope.shape)
    counts = all(type(number) is int and number >= 0 for number in numbers)
    scale = type(envelope.scale) is float and 0 < envelope.scale < math.inf
    return envelope if words and counts and scale else None


def seal(envelope: Envelope, payload: bytes) -> bytes:
    """A message of bytes, with a digest of all of it at its end."""
    body = envelope_bytes(envelope) + payload
    return body + digest_of(memoryview(body))


def open_sealed(
    message: bytes | bytearray, *, kind: Kind, plan: str, session: str | None = None, index: int = 0
) -> tuple[Envelope, memoryview]:
    """Check a whole message, its digest too, and return its envelope and payload; arguments as for `open_envelope`.

    Raises:
        WireError: If it is truncated, altered or malformed, of another version, plan, session, pass or purpose.
    """
    envelope, rest = open_envelope(message, kind=kind, plan=plan, session=session, index=index)
    payload, digest = rest[:-DIGEST_BYTES], rest[-DIGEST_BYTES:]
    of_bytes = kind in ("evaluation keys", "secret keys")
    whole = not of_bytes or envelope.shape == (len(payload),)
    if not whole or digest_of(memoryview(message)[:-DIGEST_BYTES]) != digest:
        if of_bytes:
            raise WireError(f"The {kind} are cut off or were altered on their way; get them again, whole.")
        raise WireError(f"The {kind} is cut off or was altered on its way; send it again.")
    return envelope, payload


def check_images(envelope: Envelope, slots: int) -> None:
    """Refuse a batch that has no image, or more than there are slots."""
    if not 0 < envelope.images <= slots:
        raise WireError(f"A batch holds 1 to {slots} images; the message announces {envelope.images}.")


def payload_residues(envelope: Envelope, payload: memoryview, *, shape: tuple[int, int, int, int]) -> Residues:
    """View a payload as residues of the expected shape (ciphertexts, polynomials, primes, n).

    Raises:
        WireError: If the envelope announces another shape, or the payload has another length.
    """
    if envelope.shape != shape:
        raise WireError(f"The message holds ciphertexts of shape {envelope.shape}; the plan has {shape}.")
    expected = 8 * int(np.prod(shape))
    if len(payload) != expected:
        raise WireError(f"The message should carry {expected} bytes and carries {len(payload)}; send it again.")
    return np.frombuffer(payload, dtype="<u8").reshape(shape)


def check_residues(residues: Residues, primes: tuple[int, ...]) -> None:
    """Refuse residues that are not below their primes; `residues` has shape (ciphertexts, size, primes, n)."""
    for position, prime in enumerate(primes):
        for ciphertext in residues:
            if int(ciphertext[:, position].max(initial=0)) >= prime:
                raise altered_residue(prime)


def altered_residue(prime: int) -> WireError:
    """What to raise for a residue that is not below its prime."""
    return WireError(f"A residue is not below its prime {prime}: the ciphertext was altered on its way.")
