"""The client: the only holder of secret keys."""

import math
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.integers import combine_residues
from fcnlab.errors import WireError
from fcnlab.he.context import load_ciphertext, load_secret_key, open_context, read_headers
from fcnlab.he.residues.evaluation_keys import make_keys, open_keys
from fcnlab.he.residues.symmetric import SymmetricEncryption, new_seed, secret_residues
from fcnlab.he.wire import (
    Envelope,
    check_images,
    check_residues,
    new_message,
    open_envelope,
    open_sealed,
    payload_residues,
    seal,
    write_ciphertext,
)
from fcnlab.planning.plan import Plan

CHUNK = 4  # ciphertexts encrypted at a time: few enough to stay in a cache, and for smooth progress


class Client:
    """Keys for one plan: encrypts pixels, decrypts logits.

    Between an upload and its reply it keeps nothing but its keys, so that a client that was saved and restored goes on
    where the first one stopped.

    Args:
        plan: Says what to encrypt and how; the client needs no circuit.

    Attributes:
        session: Random name of these keys, on every message.
        keys: The message that brings the server the evaluation keys of every pass; it holds no secret. Empty in the
            batch layout, which needs none.
    """

    keys: bytes

    def __init__(self, plan: Plan) -> None:
        contexts = [open_context(plan.parameters, index) for index in range(plan.parameters.passes)]
        for he in contexts:
            he.keyGen()
        self._hold(plan, contexts, session=secrets.token_hex(8))
        residues = [secret_residues(he, plan.parameters.ring_degree) for he in contexts]
        self.keys = make_keys(plan, residues, session=self.session)

    def _hold(self, plan: Plan, contexts: Sequence[Any], *, session: str) -> None:
        """Take over contexts that have their secret keys."""
        self.plan, self.session, self._contexts = plan, session, list(contexts)
        chosen = plan.parameters
        self._headers = [read_headers(he, chosen) for he in contexts]
        self._encryptions = [SymmetricEncryption(he, chosen, index) for index, he in enumerate(contexts)]

    def save(self) -> tuple[bytes, bytes]:
        """The client as bytes, to be kept apart.

        Returns:
            `keys`, which the server needs too; and the secret keys, for a file that only its owner may read (mode
            0600): whoever has them decrypts every upload of this session.
        """
        secret = b"".join(he.to_bytes_secret_key("none") for he in self._contexts)
        envelope = Envelope(kind="secret keys", plan=self.plan.fingerprint, session=self.session, shape=(len(secret),))
        return self.keys, seal(envelope, secret)

    @classmethod
    def restore(cls, plan: Plan, *, keys: bytes, secret: bytes) -> Self:
        """The client that was saved.

        Args:
            plan: The one it was made for.
            keys: The first part of what `save` gave.
            secret: The second.

        Raises:
            WireError: If either is truncated or altered, of another version or plan, or they belong to two clients.
        """
        chosen = plan.parameters
        envelope, payload = open_sealed(secret, kind="secret keys", plan=plan.fingerprint)
        if open_keys(keys, plan)[0] not in (None, envelope.session):
            raise WireError("The secret keys and the evaluation keys belong to different clients; restore a pair.")
        size = len(payload) // chosen.passes
        contexts = [
            load_secret_key(chosen, index, bytes(payload[index * size : (index + 1) * size]))
            for index in range(chosen.passes)
        ]
        client = cls.__new__(cls)
        client._hold(plan, contexts, session=envelope.session)
        client.keys = bytes(keys)
        return client

    def encrypt(
        self, pixels: npt.NDArray[np.integer[Any]], *, index: int = 0, report: Callable[[int], None] | None = None
    ) -> bytearray:
        """Encrypt the images of one upload for one pass.

        Args:
            pixels: Integers from 0 to the plan's pixel_max, shape (images, pixels), at most the plan's `batch_images`.
            index: Which plain modulus.
            report: Called with the number of ciphertexts done; an exception it raises stops the work.

        Returns:
            The message to send.

        Raises:
            CircuitError: If there are too many images, or pixels out of range.
        """
        plan, chosen = self.plan, self.plan.parameters
        images = plan.check_images(pixels)
        rows, seed = plan.arrange(images), new_seed()
        envelope = Envelope(
            kind="upload",
            plan=plan.fingerprint,
            session=self.session,
            index=index,
            images=len(images),
            shape=(len(rows), 1, len(chosen.primes), chosen.ring_degree),
            scale=chosen.scale,
            seed=seed.hex(),
        )
        message, residues = new_message(envelope)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            slots = np.zeros((len(chunk), chosen.slots), dtype=np.int64)
            slots[:, : chunk.shape[1]] = chunk
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
            WireError: If the reply is truncated, altered, or of another plan or session.
        """
        plan, chosen, he = self.plan, self.plan.parameters, self._contexts[index]
        envelope, payload = open_envelope(reply, kind="reply", plan=plan.fingerprint, session=self.session, index=index)
        last = plan.steps[-1]
        primes = chosen.primes[: last.primes - last.drops]
        residues = payload_residues(envelope, payload, shape=(last.outputs, last.size, len(primes), chosen.ring_degree))
        check_images(envelope, plan.batch_images)
        self._check_factors(envelope, primes)
        check_residues(residues, primes)
        header = replace(self._headers[index][len(primes)], scale=envelope.scale, correction=envelope.correction)
        decrypt = {"bgv": he.decryptBGV, "bfv": he.decryptInt, "ckks": he.decryptFrac}[chosen.scheme]
        slots = [decrypt(load_ciphertext(he, chosen, write_ciphertext(header, part))) for part in residues]
        return plan.take(np.array(slots))[: envelope.images]

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
