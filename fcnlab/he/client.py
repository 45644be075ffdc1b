"""The client: the only holder of secret keys."""

import math
import secrets
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.integers import combine_residues
from fcnlab.errors import WireError
from fcnlab.he.context import load_ciphertext, load_secret_key, open_context, read_headers
from fcnlab.he.residues.evaluation_keys import COUNT, make_keys, open_keys
from fcnlab.he.residues.symmetric import SymmetricEncryption, new_seed, secret_residues
from fcnlab.he.wire import (
    Envelope,
    check_residues,
    close_message,
    new_message,
    open_sealed,
    payload_residues,
    seal,
    write_ciphertext,
)
from fcnlab.planning.plan import Plan

NAME_BYTES = 16  # of sessions and uploads: nobody guesses them, and none occurs twice
UPLOAD = struct.Struct("<16sII")  # name, pass, images
CHUNK = 4  # ciphertexts encrypted at a time: few enough to stay in a cache, and for smooth progress


class Client:
    """Keys for one plan: encrypts pixels, decrypts logits.

    Between an upload and its reply it keeps its keys and which uploads are unanswered: a reply is taken once, and only
    as the answer to one of them. A client that is saved after its uploads and restored goes on where it stopped.

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
        self._hold(plan, contexts, session=secrets.token_hex(NAME_BYTES))
        residues = [secret_residues(he, plan.parameters.ring_degree) for he in contexts]
        self.keys = make_keys(plan, residues, session=self.session)

    def _hold(self, plan: Plan, contexts: Sequence[Any], *, session: str) -> None:
        """Take over contexts that have their secret keys."""
        self.plan, self.session, self._contexts = plan, session, list(contexts)
        self._unanswered: dict[str, tuple[int, int]] = {}  # by name: pass and images
        chosen = plan.parameters
        self._headers = [read_headers(he, chosen) for he in contexts]
        self._encryptions = [SymmetricEncryption(he, chosen, index) for index, he in enumerate(contexts)]

    def save(self) -> tuple[bytes, bytes]:
        """The client as bytes, to be kept apart.

        Returns:
            `keys`, which the server needs too; and the secret keys with the names of unanswered uploads, for a file
            that only its owner may read (mode 0600): whoever has them decrypts every upload made with them.
        """
        uploads = [UPLOAD.pack(bytes.fromhex(name), *upload) for name, upload in self._unanswered.items()]
        parts = [he.to_bytes_secret_key("none") for he in self._contexts]
        secret = b"".join((COUNT.pack(len(uploads)), *uploads, *parts))
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
        claimed = COUNT.unpack_from(payload)[0] if len(payload) >= COUNT.size else 0
        start = COUNT.size + UPLOAD.size * min(claimed, max(len(payload) - COUNT.size, 0) // UPLOAD.size)
        uploads, parts = bytes(payload[COUNT.size : start]), bytes(payload[start:])
        size = len(parts) // chosen.passes
        contexts = [
            load_secret_key(chosen, index, parts[index * size : (index + 1) * size]) for index in range(chosen.passes)
        ]
        client = cls.__new__(cls)
        client._hold(plan, contexts, session=envelope.session)
        client._unanswered = {name.hex(): (index, images) for name, index, images in UPLOAD.iter_unpack(uploads)}
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
            upload=secrets.token_hex(NAME_BYTES),
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
        close_message(message)
        self._unanswered[envelope.upload] = index, envelope.images
        return message

    def decrypt(self, reply: bytes | bytearray, *, index: int = 0) -> npt.NDArray[Any]:
        """Decrypt one pass's reply.

        Returns:
            bgv, bfv: residues modulo the plain modulus, centred, int64; ckks: floats in units of the circuit's
            integers. Shape (images, outputs).

        Raises:
            WireError: If the reply is truncated, altered, of another plan or session, or the answer to no upload that
                is unanswered.
        """
        plan, chosen, he = self.plan, self.plan.parameters, self._contexts[index]
        envelope, payload = open_sealed(reply, kind="reply", plan=plan.fingerprint, session=self.session, index=index)
        if self._unanswered.get(envelope.upload) != (index, envelope.images):
            raise WireError(
                f"The reply, to {envelope.images} images, answers no upload of this client that is unanswered; each is "
                "taken once. Encrypt again."
            )
        last = plan.steps[-1]
        primes = chosen.primes[: last.primes - last.drops]
        residues = payload_residues(envelope, payload, shape=(last.outputs, last.size, len(primes), chosen.ring_degree))
        scale, correction = plan.reply_factors(index)
        if not math.isclose(envelope.scale, scale, rel_tol=1e-9) or envelope.correction != correction:
            raise WireError("The reply's scale or correction factor cannot come from this plan; send it again.")
        check_residues(residues, primes)
        del self._unanswered[envelope.upload]
        header = replace(self._headers[index][len(primes)], scale=scale, correction=correction)
        decrypt = {"bgv": he.decryptBGV, "bfv": he.decryptInt, "ckks": he.decryptFrac}[chosen.scheme]
        slots = [decrypt(load_ciphertext(he, chosen, write_ciphertext(header, part))) for part in residues]
        return plan.take(np.array(slots))[: envelope.images]

    def combine(self, passes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """Logits from the decrypted passes: integers by the Chinese remainder theorem, or ckks's floats as they are."""
        if self.plan.parameters.scheme == "ckks":
            return passes[0]
        return combine_residues(passes, moduli=self.plan.parameters.plain_moduli)

    def noise_budget_bits(self, ciphertext: bytes, *, index: int = 0) -> int:
        """Measured noise budget of one serialised ciphertext; bfv only, which is all that Pyfhel measures."""
        he = self._contexts[index]
        return int(he.noise_level(load_ciphertext(he, self.plan.parameters, ciphertext)))
