import hashlib
import json
import struct
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.errors import WireError
from fcnlab.he.context import load_ciphertext
from fcnlab.he.wire import (
    ALIGNMENT,
    DIGEST_BYTES,
    LENGTH,
    LONGEST_HEADER,
    MAGIC,
    PART_BYTES,
    SEAL,
    Envelope,
    SealHeader,
    check_images,
    check_residues,
    close_message,
    digest_of,
    envelope_bytes,
    new_message,
    open_envelope,
    open_sealed,
    payload_residues,
    read_ciphertext,
    seal,
    write_ciphertext,
)
from tests.support.runs import fresh_ciphertexts

SHAPE = (3, 2, 2, 16)
NAMES = {"plan": "0123456789abcdef", "session": "fedcba9876543210"}
ENVELOPE = Envelope(kind="upload", **NAMES, index=1, images=5, shape=SHAPE, scale=2.0**20 / 3, correction=7)
IN_FORCE = {"kind": "upload", **NAMES, "index": 1}


def message_of(envelope: Envelope = ENVELOPE) -> bytearray:
    message, residues = new_message(envelope)
    residues[:] = np.random.default_rng(0).integers(0, 2**63, size=envelope.shape, dtype=np.uint64)
    close_message(message)
    return message


def message_with_head(head: bytes, *, payload: bytes = b"") -> bytes:
    return MAGIC + LENGTH.pack(len(head)) + head + payload


def residues_in(message: bytes | bytearray) -> np.ndarray:
    return payload_residues(*open_sealed(message, **IN_FORCE), shape=SHAPE)


def padded(fields: object) -> bytes:
    head = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return head + b" " * (-(len(MAGIC) + LENGTH.size + len(head)) % ALIGNMENT)


# --- envelopes --------------------------------------------------------------------------------------------------------


@given(
    kind=st.sampled_from(["upload", "reply", "evaluation keys", "secret keys"]),
    index=st.integers(0, 7),
    images=st.integers(0, 2**15),
    shape=st.lists(st.integers(0, 40), min_size=1, max_size=4).map(tuple),
    scale=st.floats(2.0**-60, 2.0**200),
    correction=st.integers(0, 2**60),
)
def test_envelopes_come_back_as_they_were(kind, index, images, shape, scale, correction) -> None:
    envelope = Envelope(kind=kind, **NAMES, index=index, images=images, shape=shape, scale=scale, correction=correction)
    head = envelope_bytes(envelope)
    assert len(head) % ALIGNMENT == 0
    opened, payload = open_envelope(head + b"rest", kind=kind, **NAMES, index=index)
    assert opened == envelope
    assert bytes(payload) == b"rest"


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_messages_come_back_as_they_were(kind) -> None:
    message, residues = new_message(ENVELOPE)
    residues[:] = np.arange(residues.size).reshape(SHAPE)
    close_message(message)
    envelope, payload = open_sealed(kind(message), **IN_FORCE)
    assert envelope == ENVELOPE
    read = payload_residues(envelope, payload, shape=SHAPE)
    assert np.array_equal(read, residues)
    assert read.flags.aligned
    assert read.flags.writeable == (kind is bytearray)


def test_every_truncation_is_refused_with_a_sentence() -> None:
    message = message_of()
    start = len(message) - 8 * int(np.prod(SHAPE)) - DIGEST_BYTES
    for length in (*range(start + 2), start + 8, len(message) - 8, len(message) - 1):
        with pytest.raises(WireError, match=r"send (it|the message)") as caught:
            residues_in(message[:length])
        assert str(caught.value).endswith(".")


def test_bytes_in_excess_are_refused() -> None:
    with pytest.raises(WireError, match="cut off or was altered"):
        residues_in(message_of() + b"\0")
    envelope, payload = open_sealed(seal(ENVELOPE, bytes(8 * int(np.prod(SHAPE)) + 1)), **IN_FORCE)
    with pytest.raises(WireError, match="carries"):
        payload_residues(envelope, payload, shape=SHAPE)


@pytest.mark.parametrize(
    ("force", "match"),
    [
        ({"kind": "reply"}, "'reply' is expected"),
        ({"plan": "f" * 16}, "plan 'ffffffffffffffff' is in force"),
        ({"session": "f" * 16}, "session 'ffffffffffffffff' is in force"),
        ({"index": 0}, "plain modulus 1; 0 is expected"),
    ],
)
def test_a_message_for_something_else_is_refused(force: dict, match: str) -> None:
    with pytest.raises(WireError, match=match):
        open_envelope(message_of(), **(IN_FORCE | force))


def test_a_session_that_is_only_being_learnt_is_not_compared() -> None:
    assert open_envelope(message_of(), **(IN_FORCE | {"session": None}))[0].session == ENVELOPE.session


@pytest.mark.parametrize("place", range(len(MAGIC)))
def test_wrong_magic_is_refused(place: int) -> None:
    message = message_of()
    message[place] ^= 1
    expected = "not an fcnlab message" if place < len(b"FCNLAB") else "another version of fcnlab"
    with pytest.raises(WireError, match=expected):
        open_envelope(message, **IN_FORCE)


@pytest.mark.parametrize("length", [LONGEST_HEADER + 1, 2**31, 2**32 - 1])
def test_absurd_lengths_are_refused(length: int) -> None:
    message = message_of()
    message[len(MAGIC) : len(MAGIC) + 4] = struct.pack("<I", length)
    with pytest.raises(WireError, match="cut off"):
        open_envelope(message, **IN_FORCE)


FIELDS = asdict(ENVELOPE)
GARBAGE = {
    "nothing": b"",
    "no json": b"{]",
    "no unicode": b"\xff\xfe\xfd" * 5,
    "a number": b"3",
    "null": b"null",
    "a list": json.dumps(list(FIELDS.values())).encode(),
    "deep nesting": b"[" * 4000,
    "a huge number": b'{"index": ' + b"9" * 4000 + b"}",
    "no shape": {key: value for key, value in FIELDS.items() if key != "shape"},
    "no plan": {key: value for key, value in FIELDS.items() if key != "plan"},
    "an unknown field": FIELDS | {"secret": 1},
    "kind": FIELDS | {"kind": 7},
    "plan": FIELDS | {"plan": None},
    "session": FIELDS | {"session": ["f"]},
    "upload": FIELDS | {"upload": 3},
    "index": FIELDS | {"index": "1"},
    "negative index": FIELDS | {"index": -1},
    "true index": FIELDS | {"index": True},
    "images": FIELDS | {"images": 1.5},
    "negative images": FIELDS | {"images": -5},
    "text for a shape": FIELDS | {"shape": "3222"},
    "a number for a shape": FIELDS | {"shape": 3},
    "a map for a shape": FIELDS | {"shape": {"3": 2}},
    "a fractional shape": FIELDS | {"shape": [3, 2, 2, 16.0]},
    "an infinite shape": FIELDS | {"shape": [float("inf")] * 4},
    "a negative shape": FIELDS | {"shape": [-3, -2, 2, 16]},
    "a nested shape": FIELDS | {"shape": [[3], 2, 2, 16]},
    "text for a scale": FIELDS | {"scale": "1"},
    "an integer scale": FIELDS | {"scale": 1},
    "no scale": FIELDS | {"scale": float("nan")},
    "an infinite scale": FIELDS | {"scale": float("inf")},
    "a scale of zero": FIELDS | {"scale": 0.0},
    "a negative scale": FIELDS | {"scale": -1.0},
    "text for a correction": FIELDS | {"correction": "1"},
    "a negative correction": FIELDS | {"correction": -1},
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_the_envelope_is_refused(name: str) -> None:
    with pytest.raises(WireError, match="envelope cannot be read"):
        open_envelope(message_with_head(padded(GARBAGE[name])), **IN_FORCE)


def test_residues_that_would_not_be_aligned_are_refused() -> None:
    head = padded(FIELDS) + b" " * 3
    with pytest.raises(WireError, match="envelope cannot be read"):
        open_envelope(message_with_head(head), **IN_FORCE)


@pytest.mark.parametrize(
    "shape", [(3, 2, 2, 32), (3, 2, 16, 2), (3, 2, 32), (), (2**60, 2, 2, 16), (2**200, 2, 2, 16), (0, 2, 2, 16)]
)
def test_another_shape_is_refused_before_anything_is_allocated(shape: tuple[int, ...]) -> None:
    head = padded(asdict(replace(ENVELOPE, shape=shape)))
    envelope, payload = open_envelope(message_with_head(head), **IN_FORCE)
    with pytest.raises(WireError, match="the plan has"):
        payload_residues(envelope, payload, shape=SHAPE)


def test_long_words_of_strangers_are_not_repeated_at_length() -> None:
    for field in ("kind", "plan", "session"):
        head = padded(FIELDS | {field: "\x1b" * 500})
        with pytest.raises(WireError) as caught:
            open_envelope(message_with_head(head), **IN_FORCE)
        assert len(str(caught.value)) < 200
        assert "\x1b" not in str(caught.value)


@given(st.binary(max_size=300))
def test_random_bytes_are_never_another_error(data: bytes) -> None:
    for message in (data, MAGIC + data, message_with_head(padded(data))):
        with pytest.raises(WireError):
            open_envelope(message, **IN_FORCE)


@given(st.data())
def test_flipped_bytes_are_refused_wherever_they_are(data: st.DataObject) -> None:
    """The digest covers envelope, seed and residues."""
    message = message_of()
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError):
        residues_in(message)


@pytest.mark.parametrize("images", [0, 17, 10**9])
def test_batches_that_do_not_fit_are_refused(images: int) -> None:
    check_images(replace(ENVELOPE, images=16), 16)
    with pytest.raises(WireError, match="1 to 16 images"):
        check_images(replace(ENVELOPE, images=images), 16)


# --- sealed messages --------------------------------------------------------------------------------------------------


SEALED = {"kind": "secret keys", "plan": NAMES["plan"]}


def sealed(payload: bytes = b"payload" * 20, **fields: object) -> bytes:
    return seal(Envelope(**{"kind": "secret keys", **NAMES, "shape": (len(payload),), **fields}), payload)


def test_sealed_messages_come_back_as_they_were() -> None:
    envelope, payload = open_sealed(sealed(), **SEALED)
    assert (envelope.session, bytes(payload)) == (NAMES["session"], b"payload" * 20)


def test_a_sealed_message_with_any_byte_gone_or_changed_is_refused() -> None:
    message = sealed()
    for length in range(len(message)):
        with pytest.raises(WireError):
            open_sealed(message[:length], **SEALED)
    for place in range(len(message)):
        altered = bytearray(message)
        altered[place] ^= 1
        with pytest.raises(WireError):
            open_sealed(altered, **SEALED)
    with pytest.raises(WireError, match="cut off or were altered"):
        open_sealed(message + b"0", **SEALED)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"kind": "upload"}, "'secret keys' is expected"),
        ({"plan": "0" * 16}, "was made for plan"),
        ({"index": 1}, "plain modulus 1"),
        ({"shape": (3,)}, "cut off or were altered"),
    ],
)
def test_a_sealed_message_of_something_else_is_refused(fields: dict, match: str) -> None:
    with pytest.raises(WireError, match=match):
        open_sealed(sealed(**fields), **SEALED)


# --- residues and SEAL's bytes ----------------------------------------------------------------------------------------


def test_residues_at_their_prime_are_refused() -> None:
    primes = (97, 193)
    residues = np.zeros(SHAPE, dtype=np.uint64)
    residues[:, :, 0], residues[:, :, 1] = 96, 192
    check_residues(residues, primes)
    for value, position in ((97, 0), (193, 1), (2**63, 0), (2**64 - 1, 1)):
        bad = residues.copy()
        bad[2, 1, position, 15] = value
        with pytest.raises(WireError, match=f"not below its prime {primes[position]}"):
            check_residues(bad, primes)


@given(
    size=st.integers(1, 5),
    primes=st.integers(1, 3),
    scale=st.floats(1, 2.0**80),
    correction=st.integers(1, 2**60),
    is_ntt=st.booleans(),
)
def test_ciphertexts_come_back_as_they_were(size, primes, scale, correction, is_ntt) -> None:
    residues = np.random.default_rng(size).integers(0, 2**63, size=(size, primes, 8), dtype=np.uint64)
    header = SealHeader(bytes(range(32)), is_ntt, size, 8, primes, scale, correction, (4, 1))
    data = write_ciphertext(header, residues)
    read_header, read = read_ciphertext(data)
    assert read_header == header
    assert np.array_equal(read, residues)


def test_what_is_written_is_what_seal_writes_and_seal_reads_it(session) -> None:
    he = session.client._contexts[0]
    header = session.client._headers[0][2]
    header = replace(header, scale=session.plan.parameters.scale)
    for part in fresh_ciphertexts(session.upload, session.plan):
        data = write_ciphertext(header, part)
        loaded = load_ciphertext(he, session.plan.parameters, data)
        assert loaded.to_bytes("none") == data


def test_seal_refuses_what_check_residues_refuses(bgv) -> None:
    header = bgv.client._headers[0][2]
    residues = np.zeros((2, 2, 4096), dtype=np.uint64)
    residues[1, 1, 7] = bgv.plan.parameters.primes[1]
    with pytest.raises(RuntimeError, match="invalid"):
        load_ciphertext(bgv.client._contexts[0], bgv.plan.parameters, write_ciphertext(header, residues))


def test_truncated_or_altered_ciphertexts_are_refused() -> None:
    header = SealHeader(bytes(32), True, 2, 8, 2, 1.0, 1, (4, 1))
    data = write_ciphertext(header, np.ones((2, 2, 8), dtype=np.uint64))
    for length in (*range(SEAL.size + 1), len(data) - 8, len(data) - 1):
        with pytest.raises(WireError):
            read_ciphertext(data[:length])
    with pytest.raises(WireError):
        read_ciphertext(data + b"\0")
    sizes = struct.calcsize("<HBBBBHQ 32s B")
    changes = {0: b"\0\0", 5: b"\1", 8: b"\xff" * 8, SEAL.size - 8: b"\xff" * 8}
    changes |= {sizes + 8 * field: struct.pack("<Q", value) for field in range(3) for value in (2**63, 3)}
    for place, change in changes.items():
        altered = bytearray(data)
        altered[place : place + len(change)] = change
        with pytest.raises(WireError, match="SEAL ciphertext"):
            read_ciphertext(bytes(altered))


@pytest.mark.parametrize("parts", [0, 1, 3])
def test_a_digest_is_that_of_the_digests_of_parts(parts: int) -> None:
    content = bytes(range(251)) * (parts * PART_BYTES // 251) + b"end"
    hashes = [hashlib.sha256(content[at : at + PART_BYTES]).digest() for at in range(0, len(content), PART_BYTES)]
    assert digest_of(memoryview(content)) == hashlib.sha256(b"".join(hashes)).digest()
