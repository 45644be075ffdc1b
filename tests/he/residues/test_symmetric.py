"""Seeded encryption: masks are uniform and reproducible, errors have SEAL's variance, SEAL decrypts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.errors import WireError
from fcnlab.he.context import encrypt_slots, level_headers, load_ciphertext, open_context
from fcnlab.he.residues.ring import residues_to_ntt
from fcnlab.he.residues.symmetric import (
    SymmetricEncryption,
    divide_product,
    draw_error,
    encode_approximate,
    expand_mask,
    new_seed,
    read_seed,
)
from fcnlab.he.wire import Envelope, Residues, plaintext_residues, write_ciphertext
from fcnlab.planning.parameters import Parameters, choose_primes


def test_masks_come_from_their_seed_and_place_alone() -> None:
    primes = choose_primes(4096, [26, 54, 56])
    assert primes is not None
    seed = new_seed()
    mask = expand_mask(seed, 1, primes, 4096)
    assert np.array_equal(mask, expand_mask(seed, 1, primes, 4096))
    assert not np.array_equal(mask, expand_mask(seed, 2, primes, 4096))
    assert not np.array_equal(mask, expand_mask(new_seed(), 1, primes, 4096))
    for row, prime in zip(mask, primes, strict=True):
        assert int(row.max()) < prime
        assert abs(float(row.mean()) / prime - 0.5) < 0.03  # six standard deviations
    # A prime that rejects almost half of what is drawn.
    assert int(expand_mask(seed, 0, (4097,), 4096).max()) < 4097


def test_errors_are_centred_with_the_variance_of_seal() -> None:
    errors = np.concatenate([draw_error(8192) for _ in range(20)])
    assert abs(float(errors.mean())) < 0.06
    assert abs(float(errors.var()) - 10.5) < 0.25
    assert int(np.abs(errors).max()) <= 21


def session_of(scheme: str, degree: int, sizes: list[int], plain_bits: int):
    """A Pyfhel instance with its keys, parameters and plain modulus."""
    chosen = choose_primes(degree, [*sizes, 30, plain_bits])
    assert chosen is not None
    *primes, special, plain = chosen
    exact = scheme != "ckks"
    parameters = Parameters(
        scheme=scheme,  # type: ignore[arg-type]
        ring_degree=degree,
        primes=tuple(primes),
        special_prime=special,
        plain_moduli=(plain,) if exact else (),
        scale=1.0 if exact else 2.0**20,
    )
    he = open_context(parameters, 0)
    he.keyGen()
    return he, parameters, plain if exact else None


@pytest.mark.parametrize(
    ("scheme", "degree", "sizes", "plain_bits"),
    [
        ("bgv", 8192, [54, 53, 40], 29),
        ("bgv", 16384, [50, 50, 50, 50], 53),
        *(("bgv", 16384, [54, 54, 54, 40], bits) for bits in (57, 58, 59, 60)),
        ("bfv", 8192, [54, 53, 40], 29),
        ("bfv", 16384, [50, 50, 50, 50], 53),
        *(("bfv", 16384, [50, 50, 50, 50], bits) for bits in (57, 58, 59, 60)),
        ("ckks", 4096, [36, 35], 20),
        ("ckks", 8192, [54, 53, 40], 20),
    ],
)
def test_seal_decrypts_what_was_encrypted(scheme, degree, sizes, plain_bits) -> None:
    he, parameters, plain = session_of(scheme, degree, sizes, plain_bits)
    rng, seed = np.random.default_rng(0), new_seed()
    slots = rng.integers(0, plain or 16, size=(3, parameters.slots))
    first: Residues = np.empty((3, len(sizes), degree), dtype=np.uint64)
    SymmetricEncryption(he, parameters, 0).encrypt(slots, seed=seed, place=3, out=first)
    header = replace(level_headers(parameters, 0)[len(sizes)], scale=parameters.scale)
    for row, expected in enumerate(slots):
        ciphertext = np.stack([first[row], expand_mask(seed, 3 + row, parameters.primes, degree)])
        loaded = load_ciphertext(he, parameters, write_ciphertext(header, ciphertext))
        if scheme == "ckks":
            errors = (np.asarray(he.decryptFrac(loaded)) - expected) * parameters.scale
            assert 0.85 < np.std(errors) / np.sqrt(degree / 2 * (10.5 + 1 / 12)) < 1.15
        elif scheme == "bgv":
            assert np.array_equal(he.decryptBGV(loaded) % plain, expected)
        else:
            assert np.array_equal(he.decryptInt(loaded) % plain, expected)
            of_seal = he.noise_level(encrypt_slots(he, parameters, expected))
            assert he.noise_level(loaded) >= of_seal > 0


def test_approximate_messages_are_those_of_seal() -> None:
    he, parameters, _ = session_of("ckks", 4096, [36, 35], 20)
    slots = np.random.default_rng(0).integers(0, 16, size=(2, 2048))
    (first, second) = encode_approximate(slots, ring_degree=4096, scale=parameters.scale)
    for ours, row in ((first, slots[0]), (second, slots[1])):
        sent = plaintext_residues(he.encodeFrac(row.astype(np.float64), scale=parameters.scale).to_bytes("none"))
        for prime, residues in zip(parameters.primes, sent.reshape(2, 4096), strict=True):
            assert np.array_equal(residues_to_ntt(ours, prime), residues.astype(np.int64))


@given(st.data())
def test_quotients_of_long_products_are_exact(data: st.DataObject) -> None:
    divisor = data.draw(st.integers(2**16, 2**60 - 1))
    below = st.integers(0, divisor - 1)
    values, factor, addend = data.draw(st.lists(below, min_size=1)), data.draw(below), data.draw(below)
    found = divide_product(np.array(values, dtype=np.int64), factor, addend, divisor)
    assert found.tolist() == [(value * factor + addend) // divisor for value in values]


@pytest.mark.parametrize("seed", ["", "ab", "zz" * 32, "00" * 33])
def test_seeds_of_another_length_are_refused(seed) -> None:
    with pytest.raises(WireError, match="32 bytes in hexadecimal"):
        read_seed(Envelope(kind="upload", plan="", session="", images=1, shape=(1, 1, 1, 4096), seed=seed))


def test_no_two_encryptions_share_mask_or_error() -> None:
    he, parameters, _ = session_of("bgv", 4096, [30, 30], 20)
    encryption = SymmetricEncryption(he, parameters, 0)
    out: Residues = np.empty((4, 2, 4096), dtype=np.uint64)
    zeros, seed = np.zeros((2, 4096), dtype=np.int64), new_seed()
    for half in (out[:2], out[2:]):  # the same seed and places: only errors differ
        encryption.encrypt(zeros, seed=seed, place=0, out=half)
    assert len({row.tobytes() for row in out}) == 4
    prime = parameters.primes[0]
    assert not np.array_equal((out[0, 0] + prime - out[2, 0]) % prime, (out[1, 0] + prime - out[3, 0]) % prime)
