"""The client: the only holder of secret keys."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.integers import combine_residues
from fcnlab.errors import WireError
from fcnlab.he.context import level_headers, load_ciphertext, open_context
from fcnlab.he.residues.symmetric import SymmetricEncryption, new_seed
from fcnlab.he.wire import (
    Envelope,
    check_images,
    check_residues,
    envelope_bytes,
    key_fingerprint,
    new_message,
    open_envelope,
    payload_residues,
    write_ciphertext,
)
from fcnlab.planning.plan import Plan

CHUNK = 4  # ciphertexts encrypted at a time: few enough to stay in a cache, and for smooth progress


class Client:
    """Keys for one plan: encrypts pixels, decrypts logits.

    Args:
        plan: Says what to encrypt and how; the client needs no circuit.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        chosen = plan.parameters
        self._contexts: list[Any] = []
        self._encryptions: list[SymmetricEncryption] = []
        for index in range(chosen.passes):
            he = open_context(chosen, index)
            he.keyGen()
            self._contexts.append(he)
            self._encryptions.append(SymmetricEncryption.of_pass(he, chosen, index))
        self._public_keys: list[bytes] = [he.to_bytes_public_key("none") for he in self._contexts]
        self._keys = [key_fingerprint(key) for key in self._public_keys]
        self._headers = [level_headers(he, chosen) for he in self._contexts]

    def public_key(self, index: int) -> bytes:
        """The message that tells the server the public key of one pass; it holds no secret."""
        key = self._public_keys[index]
        envelope = Envelope("public key", self.plan.fingerprint, self._keys[index], index, 0, (len(key),))
        return b"".join((envelope_bytes(envelope), key))

    def encrypt(
        self, pixels: npt.NDArray[np.integer[Any]], *, index: int = 0, report: Callable[[int], None] | None = None
    ) -> bytearray:
        """Encrypt one batch for one pass: a ciphertext for each pixel that the network reads, an image in each slot.

        Args:
            pixels: Integers from 0 to the plan's pixel_max, shape (images, pixels), at most `slots` images.
            index: Which plain modulus.
            report: Called with the number of ciphertexts done; an exception it raises stops the work.

        Returns:
            The message to send.

        Raises:
            CircuitError: If there are too many images, or pixels out of range.
        """
        chosen, images = self.plan.parameters, self.plan.check_images(pixels)
        columns = np.ascontiguousarray(images.T[list(self.plan.inputs)].astype(np.int64))
        seed, shape = new_seed(), (len(columns), 1, len(chosen.primes), chosen.ring_degree)
        envelope = Envelope(
            "upload", self.plan.fingerprint, self._keys[index], index, len(images), shape, scale=chosen.scale,
            seed=seed.hex(),
        )  # fmt: skip
        message, residues = new_message(envelope)
        for start in range(0, len(columns), CHUNK):
            chunk = columns[start : start + CHUNK]
            slots = np.zeros((len(chunk), chosen.slots), dtype=np.int64)
            slots[:, : len(images)] = chunk
            target = residues[start : start + CHUNK, 0]
            self._encryptions[index].encrypt(slots, seed=seed, place=start, out=target)
            if report is not None:
                report(start + len(chunk))
        return message

    def decrypt(self, reply: bytes | bytearray, *, index: int = 0) -> npt.NDArray[Any]:
        """Decrypt one pass's reply.

        Returns:
            bgv, bfv: residues modulo the plain modulus, centred, int64; ckks: floats in units of the circuit's
            integers. Shape (images, outputs).

        Raises:
            WireError: If the reply is truncated, altered, or of another plan or key.
        """
        chosen, he = self.plan.parameters, self._contexts[index]
        envelope, payload = open_envelope(
            reply, kind="reply", plan=self.plan.fingerprint, key=self._keys[index], index=index
        )
        last = self.plan.steps[-1]
        primes = last.primes - last.drops
        residues = payload_residues(envelope, payload, shape=(self.plan.outputs, last.size, primes, chosen.ring_degree))
        check_images(envelope, chosen.slots)
        self._check_factors(envelope, chosen.primes[:primes])
        check_residues(residues, chosen.primes[:primes])
        header = replace(self._headers[index][primes], scale=envelope.scale, correction=envelope.correction)
        columns = []
        for ciphertext in residues:
            loaded = load_ciphertext(he, chosen, write_ciphertext(header, ciphertext))
            if chosen.scheme == "ckks":
                columns.append(he.decryptFrac(loaded)[: envelope.images])
            else:
                decrypt = he.decryptBGV if chosen.scheme == "bgv" else he.decryptInt
                columns.append(decrypt(loaded)[: envelope.images])
        return np.stack(columns, axis=1)

    def _check_factors(self, envelope: Envelope, primes: tuple[int, ...]) -> None:
        """Refuse a scale or correction factor that no evaluation of the plan leaves."""
        chosen = self.plan.parameters
        scale = envelope.scale < math.prod(primes) if chosen.scheme == "ckks" else envelope.scale == 1
        modulus = chosen.plain_moduli[envelope.index] if chosen.scheme == "bgv" else 2
        if not scale or not 0 < envelope.correction < modulus:
            raise WireError("The reply's scale or correction factor cannot come from this plan; send it again.")

    def combine(self, passes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Logits from the decrypted passes: integers by the Chinese remainder theorem, or ckks's floats as they are."""
        if self.plan.parameters.scheme == "ckks":
            return passes[0]
        return combine_residues(passes, moduli=self.plan.parameters.plain_moduli)

    def noise_budget_bits(self, ciphertext: bytes, *, index: int = 0) -> int:
        """Measured noise budget of one serialised ciphertext; bfv only, which is all that Pyfhel measures."""
        he = self._contexts[index]
        return int(he.noise_level(load_ciphertext(he, self.plan.parameters, ciphertext)))
