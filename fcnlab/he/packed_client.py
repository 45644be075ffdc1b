"""The client of the packed layout: puts the pixels of an image where the server needs them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.integers import combine_residues
from fcnlab.errors import WireError
from fcnlab.he.context import level_headers, load_ciphertext, open_context
from fcnlab.he.residues.evaluation_keys import make_keys, pack_keys
from fcnlab.he.residues.symmetric import SymmetricEncryption, new_seed, secret_residues
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
from fcnlab.planning.packed.plan import PackedPlan


class PackedClient:
    """Keys for one plan: encrypts an image (two in bgv), decrypts logits.

    Args:
        plan: Says where pixels go; the client needs no circuit.
    """

    def __init__(self, plan: PackedPlan) -> None:
        self.plan = plan
        chosen = plan.parameters
        self._contexts: list[Any] = []
        self._messages: list[bytes] = []
        self._keys: list[str] = []
        self._encryptions: list[SymmetricEncryption] = []
        for index in range(chosen.passes):
            he = open_context(chosen, index)
            he.keyGen()
            secret, seed = secret_residues(he, chosen.ring_degree), new_seed()
            keys = pack_keys(make_keys(secret, plan, index, seed=seed), plan)
            name = key_fingerprint(keys)
            envelope = Envelope("evaluation keys", plan.fingerprint, name, index, 0, (len(keys),), seed=seed.hex())
            self._messages.append(b"".join((envelope_bytes(envelope), keys)))
            self._keys.append(name)
            self._contexts.append(he)
            self._encryptions.append(SymmetricEncryption.of_pass(he, chosen, index))
        self._headers = [level_headers(he, chosen) for he in self._contexts]

    def keys_message(self, index: int) -> bytes:
        """The message that brings the server the evaluation keys of one pass; it holds no secret."""
        return self._messages[index]

    def encrypt(
        self, pixels: npt.NDArray[np.integer[Any]], *, index: int = 0, report: Callable[[int], None] | None = None
    ) -> bytearray:
        """Encrypt one image, or in bgv up to two, for one pass.

        Args:
            pixels: Integers from 0 to the plan's pixel_max, shape (images, pixels).
            index: Which plain modulus.
            report: Called with the number of ciphertexts done.

        Returns:
            The message to send.

        Raises:
            CircuitError: If there are too many images, or pixels out of range.
        """
        plan, chosen = self.plan, self.plan.parameters
        images = plan.check_images(pixels)
        seed, count = new_seed(), len(plan.gather)
        envelope = Envelope(
            "upload",
            plan.fingerprint,
            self._keys[index],
            index,
            len(images),
            (count, 1, len(chosen.primes), chosen.ring_degree),
            scale=chosen.scale,
            seed=seed.hex(),
        )
        message, residues = new_message(envelope)
        rows = np.zeros((count, plan.batch_images, plan.gather.shape[1]), dtype=np.int64)
        for row, gather in zip(rows, plan.gather, strict=True):
            row[: len(images)] = np.where(gather >= 0, images[:, gather], 0)
        self._encryptions[index].encrypt(rows.reshape(count, -1), seed=seed, place=0, out=residues[:, 0])
        if report is not None:
            report(count)
        return message

    def decrypt(self, reply: bytes | bytearray, *, index: int = 0) -> npt.NDArray[Any]:
        """Decrypt one pass's reply.

        Returns:
            bgv: residues modulo the plain modulus, int64; ckks: floats in units of the circuit's integers. Shape
            (images, outputs).

        Raises:
            WireError: If the reply is truncated, altered, or of another plan or key.
        """
        plan, chosen, he = self.plan, self.plan.parameters, self._contexts[index]
        envelope, payload = open_envelope(
            reply, kind="reply", plan=plan.fingerprint, key=self._keys[index], index=index
        )
        last = plan.steps[-1]
        primes = chosen.primes[: last.primes - last.drops]
        residues = payload_residues(envelope, payload, shape=(1, last.size, len(primes), chosen.ring_degree))
        check_images(envelope, plan.batch_images)
        modulus = chosen.plain_moduli[index] if chosen.plain_moduli else 2
        scaled = envelope.scale < math.prod(primes) if chosen.scheme == "ckks" else envelope.scale == 1
        if not scaled or not 0 < envelope.correction < modulus:
            raise WireError("The reply's scale or correction factor cannot come from this plan; send it again.")
        check_residues(residues, primes)
        header = replace(self._headers[index][len(primes)], scale=envelope.scale, correction=envelope.correction)
        loaded = load_ciphertext(he, chosen, write_ciphertext(header, residues[0]))
        decrypt = he.decryptFrac if chosen.scheme == "ckks" else he.decryptBGV
        rows = np.asarray(decrypt(loaded)).reshape(plan.batch_images, -1)
        return rows[: envelope.images, list(plan.places)]

    def combine(self, passes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Logits from the decrypted passes: integers by the Chinese remainder theorem, or ckks's floats as they are."""
        if self.plan.parameters.scheme == "ckks":
            return passes[0]
        return combine_residues(passes, moduli=self.plan.parameters.plain_moduli)
