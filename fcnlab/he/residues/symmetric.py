"""Encryption with the secret key: half the bytes, a fraction of the time, and less noise than with a public key.

A ciphertext is (m + e - a s, a) with a uniform mask a, which both sides expand from a seed of 32 random bytes and the
ciphertext's place in the upload: only the first polynomial travels. Masks come from AES-256 in counter mode, which
processors have built in, by rejection; errors from the system's randomness. Residues are in NTT form in bgv and ckks,
coefficients in bfv, masks too.
Source: SEAL 4.1 (encrypt_symmetric, seeded ciphertexts) for the construction; the errors are its centred binomial ones.
"""

import secrets
import struct
import threading
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from scipy import fft

from fcnlab.errors import WireError
from fcnlab.he.residues.kernels import compiled
from fcnlab.he.residues.ring import (
    encrypt_residues,
    from_ntt,
    multiply_residues,
    reduce_row,
    ring_tables,
    scale_row,
    to_ntt,
    work_space,
)
from fcnlab.he.wire import Envelope, Residues, plaintext_residues
from fcnlab.planning.parameters import MASK_PRIMES, Parameters

SEED_BYTES = 32
WORD_BYTES = 8
ERROR_BITS = 21  # on each side: variance 10.5, as SEAL has it
COUNTER = struct.Struct(">IIQ")  # place, prime, block: no two streams of a seed ever meet


def new_seed() -> bytes:
    """Thirty-two random bytes."""
    return secrets.token_bytes(SEED_BYTES)


def read_seed(envelope: Envelope) -> bytes:
    """The seed of an upload or of keys.

    Raises:
        WireError: If it is not 32 bytes in hexadecimal.
    """
    try:
        seed = bytes.fromhex(envelope.seed)
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise WireError(f"The message's seed is not {SEED_BYTES} bytes in hexadecimal; make and send it again.")
    return seed


def expand_mask(seed: bytes, place: int, primes: tuple[int, ...], ring_degree: int) -> Residues:
    """The uniform second polynomial of one ciphertext, in the form that its scheme has; shape (primes, n).

    Args:
        seed: The upload's.
        place: The ciphertext's in it.
        primes: Data primes.
        ring_degree: n.
    """
    mask: Residues = np.empty((len(primes), ring_degree), dtype=np.uint64)
    for index, prime in enumerate(primes):
        mask[index] = expand_row(seed, place, index, prime, ring_degree)
    return mask


def expand_row(
    seed: bytes, place: int, index: int, prime: int, ring_degree: int
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """The mask of one ciphertext modulo the prime of this index, shape (n,)."""
    stream = Cipher(algorithms.AES256(seed), modes.CTR(COUNTER.pack(place, index, 0))).encryptor()
    word = np.dtype("<u4" if prime < 1 << 32 else "<u8")
    cut, accepted = word.type((1 << prime.bit_length()) - 1), np.empty(0, dtype=word)
    while len(accepted) < ring_degree:  # the primes lie just below powers of two: once is almost always enough
        drawn = np.frombuffer(stream.update(bytes(word.itemsize * (ring_degree + 64))), dtype=word) & cut
        accepted = np.concatenate([accepted, drawn[drawn < prime]])
    return accepted[:ring_degree]


class Masks:
    """The masks of an upload, expanded when they are asked for: all together would be as large as the upload.

    Args:
        seed: The upload's.
        count: Ciphertexts in it.
        primes: Data primes.
        ring_degree: n.
    """

    def __init__(self, seed: bytes, *, count: int, primes: tuple[int, ...], ring_degree: int) -> None:
        self._seed, self._count, self._primes, self._ring_degree = seed, count, primes, ring_degree
        self._kept: dict[int, Residues] = {}
        self._lock = threading.Lock()

    def of_ciphertext(self, place: int) -> Residues:
        """Shape (1, primes, n)."""
        return expand_mask(self._seed, place, self._primes, self._ring_degree)[None]

    def of_prime(self, index: int) -> Residues:
        """Those of all ciphertexts modulo one prime, shape (ciphertexts, 1, 1, n); the last two primes are kept."""
        with self._lock:
            if index not in self._kept:
                if len(self._kept) == MASK_PRIMES:
                    del self._kept[next(iter(self._kept))]
                rows: Residues = np.empty((self._count, 1, 1, self._ring_degree), dtype=np.uint64)
                for place, row in enumerate(rows):
                    row[0, 0] = expand_row(self._seed, place, index, self._primes[index], self._ring_degree)
                self._kept[index] = rows
            return self._kept[index]


def draw_error(ring_degree: int) -> npt.NDArray[np.int64]:
    """Centred binomial errors, shape (n,)."""
    words = np.frombuffer(secrets.token_bytes(WORD_BYTES * ring_degree), dtype="<u8")
    ones = np.uint64((1 << ERROR_BITS) - 1)
    high, low = np.bitwise_count(words >> np.uint64(ERROR_BITS) & ones), np.bitwise_count(words & ones)
    return np.asarray(high.astype(np.int64) - low.astype(np.int64))


def secret_residues(he: Any, ring_degree: int) -> npt.NDArray[np.int64]:
    """The secret key of a Pyfhel instance in NTT form modulo every prime, the special one last; shape (primes, n)."""
    return plaintext_residues(he.to_bytes_secret_key("none")).reshape(-1, ring_degree).astype(np.int64)


@compiled
def encrypt_rows(messages, errors, factor, masks, secret, tables, work, prime, out):  # type: ignore[no-untyped-def]
    """(message + factor error) - mask secret for each row: coefficients in, NTT form out.

    The only place where errors meet a plain modulus, of uploads and of keys: it may have 60 bits, and would leave int64
    times an error, so it comes reduced.

    Args:
        messages: Coefficients, signed, at most 2^60; shape (ciphertexts, n).
        errors: Coefficients of a few bits.
        factor: What errors are multiplied by, reduced to [0, prime).
        masks: NTT form.
        secret: NTT form, shape (n,).
        tables: From `ring_tables`, forward.
        work: From `work_space`.
        prime: At most 55 bits.
        out: NTT form.
    """
    inverse = 1.0 / prime
    values = np.empty(secret.size, np.int64)
    for row in range(messages.shape[0]):
        for i in range(values.size):
            values[i] = messages[row, i] + factor * errors[row, i]
        reduce_row(values, prime, inverse)
        to_ntt(values, tables, work, prime)
        encrypt_residues(values, masks[row], secret, prime, out[row])


@compiled
def encrypt_coefficients(  # type: ignore[no-untyped-def]
    messages, masks, secret, forward, backward, work, prime, degree_inverse, out
):
    """message - mask secret for each row, coefficients in and out; arguments as for `encrypt_rows` and `from_ntt`."""
    inverse = 1.0 / prime
    values = np.empty(secret.size, np.int64)
    for row in range(messages.shape[0]):
        values[:] = masks[row]
        to_ntt(values, forward, work, prime)
        for i in range(values.size):
            values[i] = multiply_residues(values[i], secret[i], prime, inverse)
        from_ntt(values, backward, work, prime, degree_inverse)
        for i in range(values.size):
            values[i] = messages[row, i] - values[i]
        reduce_row(values, prime, inverse)
        out[row] = values


@lru_cache(maxsize=8)
def slot_places(ring_degree: int) -> npt.NDArray[np.int64]:
    """Which root exp(i pi (2 k + 1) / n), k below n / 2, each ckks slot is at: that of 3^slot, or its conjugate."""
    exponents = np.array([pow(3, slot, 2 * ring_degree) for slot in range(ring_degree // 2)])
    return np.asarray((np.minimum(exponents, 2 * ring_degree - exponents) - 1) // 2)


def encode_approximate(slots: npt.NDArray[np.int64], *, ring_degree: int, scale: float) -> npt.NDArray[np.int64]:
    """Coefficients of the ckks plaintexts with these slots, shape (ciphertexts, n / 2) -> (ciphertexts, n).

    Slots are real, so the inverse embedding is a cosine transform, and its second half mirrors the first.
    """
    half = ring_degree // 2
    roots = np.empty((len(slots), half))
    roots[:, slot_places(ring_degree)] = slots
    first = np.rint(fft.dct(roots, type=2, axis=1, overwrite_x=True) * (scale / ring_degree)).astype(np.int64)
    return np.concatenate([first, np.zeros((len(slots), 1), dtype=np.int64), -first[:, :0:-1]], axis=1)


def divide_product(values: npt.NDArray[np.int64], factor: int, addend: int, divisor: int) -> npt.NDArray[np.int64]:
    """(values factor + addend) // divisor, exactly, for numbers from 0 to the divisor, which is below 2^60.

    By 30 bits of the values at a time: quotients are then below 2^30 and found by double precision up to 1.
    """

    def divide(a: Any, b: Any) -> tuple[Any, Any]:
        quotient = np.floor(np.asarray(a, dtype=np.float64) * b / divisor).astype(np.int64)
        rest = a * b - quotient * divisor  # wraps around, twice
        over = rest // divisor
        return quotient + over, rest - over * divisor

    high, rest = divide(values >> 30, np.int64(factor))
    middle, rest = divide(rest, np.int64(1 << 30))
    low, last = divide(values & ((1 << 30) - 1), np.int64(factor))
    return np.asarray((high << 30) + middle + low + (rest + last + addend) // divisor)


class SymmetricEncryption:
    """Encrypts slots with the secret key.

    Args:
        he: Pyfhel instance of this pass, which encodes and has the secret key.
        parameters: The plan's.
        index: Which plain modulus.
    """

    def __init__(self, he: Any, parameters: Parameters, index: int) -> None:
        self._he, self._parameters, self._plain_modulus = he, parameters, parameters.plain_modulus(index)
        self._secret = secret_residues(he, parameters.ring_degree)
        out: Residues = np.empty((1, len(parameters.primes), parameters.ring_degree), dtype=np.uint64)
        zeros = np.zeros((1, parameters.slots), dtype=np.int64)
        self.encrypt(zeros, seed=new_seed(), place=0, out=out)  # compiles, makes tables

    def encrypt(self, slots: npt.NDArray[np.int64], *, seed: bytes, place: int, out: Residues) -> None:
        """Encrypt one ciphertext for each row of slots (in bgv and bfv both rows of slots, one after the other).

        Args:
            slots: Integers, not negative; shape (ciphertexts, slots).
            seed: The upload's.
            place: The first ciphertext's in it: no two of an upload may share one.
            out: The first polynomials, shape (ciphertexts, primes, n), filled in place.
        """
        primes, degree, t = self._parameters.primes, self._parameters.ring_degree, self._plain_modulus
        messages = self._encode(slots)
        errors = np.stack([draw_error(degree) for _ in messages])
        masks = np.stack([expand_mask(seed, place + row, primes, degree) for row in range(len(messages))]).view(
            np.int64
        )
        first, work = out.view(np.int64), work_space(degree)
        for index, prime in enumerate(primes):
            forward, backward = ring_tables(prime, degree)
            key, mask, target = self._secret[index], masks[:, index], first[:, index]
            if self._parameters.scheme == "bfv":
                scaled = self._scale_messages(messages, prime)
                encrypt_coefficients(
                    scaled + errors, mask, key, forward, backward, work, prime, pow(degree, -1, prime), target
                )
            else:
                encrypt_rows(messages, errors, (t or 1) % prime, mask, key, forward, work, prime, target)

    def _encode(self, slots: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Coefficients, in bgv those of least absolute value; shape (ciphertexts, n)."""
        chosen, t = self._parameters, self._plain_modulus
        if t is None:
            return encode_approximate(slots, ring_degree=chosen.ring_degree, scale=chosen.scale)
        encode = self._he.encodeBGV if chosen.scheme == "bgv" else self._he.encodeInt
        # SEAL takes slots that are not below t for granted, unless it was built for debugging.
        coefficients = [plaintext_residues(encode(row).to_bytes("none")) for row in slots % t]
        messages = np.stack(coefficients).astype(np.int64)
        return messages if chosen.scheme == "bfv" else np.where(messages > t // 2, messages - t, messages)

    def _scale_messages(self, messages: npt.NDArray[np.int64], prime: int) -> npt.NDArray[np.int64]:
        """The nearest integers to q m / t modulo a prime, as SEAL's multiply_add_plain_with_scaling_variant rounds."""
        q, t = prod(self._parameters.primes), self._plain_modulus or 1
        scaled = np.empty_like(messages)
        scale_row((messages % prime).ravel(), q // t % prime, prime, scaled.reshape(-1))
        return scaled + divide_product(messages, q % t, (t + 1) // 2, t) % prime
