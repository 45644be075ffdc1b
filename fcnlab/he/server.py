"""The server: built from a circuit and public bytes, evaluates what it cannot read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import FcnlabError, PlanError, WireError
from fcnlab.he.context import level_headers, open_context
from fcnlab.he.engines.engine import Account, Engine, Observe, Report, Result, Task
from fcnlab.he.residues.symmetric import Masks, read_seed
from fcnlab.he.wire import (
    Envelope,
    check_images,
    check_residues,
    key_fingerprint,
    new_message,
    open_envelope,
    payload_residues,
    read_ciphertext,
)
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.parameters import Parameters
from fcnlab.planning.plan import Plan, circuit_fingerprint


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An encrypted result and its account.

    Attributes:
        reply: The message for the client.
        accounts: One for each step of the circuit.
    """

    reply: bytearray
    accounts: tuple[Account, ...]


def make_evaluation(plan: Plan, upload: Envelope, result: Result) -> Evaluation:
    """The reply to an upload, and the account that goes with it."""
    envelope = Envelope(
        "reply",
        plan.fingerprint,
        upload.key,
        upload.index,
        upload.images,
        result.residues.shape,
        scale=result.scale,
        correction=result.correction,
    )
    message, residues = new_message(envelope)
    residues[:] = result.residues
    return Evaluation(message, result.accounts)


def engine_named(name: str) -> Engine:
    """The engine of that name; both give the same residues.

    Raises:
        FcnlabError: If there is none.
    """
    if name == "fused":
        from fcnlab.he.engines.fused import evaluate_fused, warm_up

        warm_up()
        return evaluate_fused
    if name == "stepwise":
        from fcnlab.he.engines.stepwise import evaluate_stepwise

        return evaluate_stepwise
    raise FcnlabError(f"Unknown engine {name!r}; choose one of {', '.join(ENGINES)}.")


def open_public_context(parameters: Parameters, index: int, public_key: bytes) -> Any:
    """A context with a public key that arrived as bytes: SEAL reads them only once they are checked.

    Raises:
        WireError: If they are no public key for these parameters.
    """
    refusal = WireError(f"Public key {index} does not belong to this plan's parameters; plan again on both sides.")
    primes = (*parameters.primes, parameters.special_prime)
    try:
        _, residues = read_ciphertext(public_key)  # SEAL stores a public key as an encryption of 0 with all primes
        if residues.shape != (2, len(primes), parameters.ring_degree):
            raise refusal
        check_residues(residues[None], primes)
        he = open_context(parameters, index)
        he.from_bytes_public_key(public_key)
    except (WireError, RuntimeError, ValueError) as error:
        raise refusal from error
    return he


class Server:
    """Evaluates a circuit under encryption; holds public keys only.

    Args:
        circuit: The network.
        plan: Made from this circuit; the client has the same.
        public_keys: `Client.public_key` of every pass, as they arrived.
        engine: fused (kernels on residues) or stepwise (one Pyfhel call for each operation).
        threads: Threads for the fused engine.

    Raises:
        WireError: If a key message is truncated, malformed or of another plan.
        PlanError: If the plan is not this circuit's.
    """

    def __init__(
        self, circuit: Circuit, plan: Plan, public_keys: Sequence[bytes], *, engine: str = "fused", threads: int = 1
    ) -> None:
        if plan.circuit != circuit_fingerprint(circuit):
            raise PlanError(f"The plan was made for {plan.network}, not for {circuit.name}; plan again.")
        if len(public_keys) != plan.parameters.passes:
            raise WireError(f"The plan needs {plan.parameters.passes} public keys; got {len(public_keys)}.")
        self.circuit, self.plan, self.threads = circuit, plan, threads
        self._engine = engine_named(engine)
        self._contexts: list[Any] = []
        self._keys: list[str] = []
        for index, message in enumerate(public_keys):
            envelope, payload = open_envelope(message, kind="public key", plan=plan.fingerprint, key=None, index=index)
            key = bytes(payload)
            if envelope.shape != (len(key),) or key_fingerprint(key) != envelope.key:
                raise WireError(f"Public key {index} is cut off or was altered on its way; send it again.")
            self._contexts.append(open_public_context(plan.parameters, index, key))
            self._keys.append(envelope.key)
        self._headers = [level_headers(he, plan.parameters) for he in self._contexts]

    def evaluate(
        self, upload: bytes | bytearray, *, index: int = 0, report: Report | None = None, observe: Observe | None = None
    ) -> Evaluation:
        """Evaluate the circuit on one pass of an encrypted batch.

        Args:
            upload: The client's message.
            index: Which plain modulus.
            report: Called with step, operations done and in all; an exception it raises stops the work.
            observe: Called with each step's name and first ciphertext, for measuring its noise.

        Raises:
            WireError: If the upload is truncated, altered, or of another plan or key.
        """
        chosen = self.plan.parameters
        envelope, payload = open_envelope(
            upload, kind="upload", plan=self.plan.fingerprint, key=self._keys[index], index=index
        )
        shape = (len(self.plan.inputs), 1, len(chosen.primes), chosen.ring_degree)
        residues = payload_residues(envelope, payload, shape=shape)
        check_images(envelope, chosen.slots)
        masks = Masks(read_seed(envelope), count=len(residues), primes=chosen.primes, ring_degree=chosen.ring_degree)
        task = Task(
            circuit=self.circuit,
            parameters=chosen,
            he=self._contexts[index],
            plain_modulus=chosen.plain_moduli[index] if chosen.plain_moduli else None,
            headers=self._headers[index],
            upload=residues,
            masks=masks,
            inputs=self.plan.inputs,
            threads=self.threads,
            report=report or (lambda step, done, total: None),
            observe=observe,
        )
        return make_evaluation(self.plan, envelope, self._engine(task))
