"""The server: built from a circuit and public bytes, evaluates what it cannot read."""

from dataclasses import dataclass, replace
from importlib import import_module

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import FcnlabError
from fcnlab.he.context import level_headers, open_context
from fcnlab.he.engines.engine import Account, Engine, Observe, Report, Setting, Task
from fcnlab.he.residues.evaluation_keys import open_keys
from fcnlab.he.residues.symmetric import Masks, read_seed
from fcnlab.he.wire import check_images, close_message, new_message, open_sealed, payload_residues
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.plan import Plan

# The module of each engine, which has its `make_engine`: loaded when it is asked for.
MODULES = {
    ("batch", "fused"): "fused",
    ("batch", "stepwise"): "stepwise",
    ("packed", "fused"): "packed_fused",
    ("packed", "stepwise"): "packed_stepwise",
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An encrypted result and its account.

    Attributes:
        reply: The message for the client.
        accounts: One for each step of the circuit.
    """

    reply: bytearray
    accounts: tuple[Account, ...]


def check_engine(name: str) -> None:
    """Refuse an engine that does not exist; all of a layout give the same residues.

    Raises:
        FcnlabError: If there is none of that name.
    """
    if name not in ENGINES:
        raise FcnlabError(f"Unknown engine {name!r}; choose one of {', '.join(ENGINES)}.")


def make_engine(name: str, setting: Setting[Plan]) -> Engine:
    """The engine of that name for the layout of a plan, ready for uploads of one pass."""
    check_engine(name)
    module = import_module(f"fcnlab.he.engines.{MODULES[setting.plan.layout, name]}")
    engine: Engine = module.make_engine(setting)
    return engine


class Server:
    """Evaluates a circuit under encryption; holds nothing that is secret.

    Args:
        circuit: The network.
        plan: Made from this circuit; the client has the same.
        keys: `Client.keys`, as they arrived; the batch layout needs none, and its server serves every session.
        engine: fused (kernels on residues) or stepwise (one Pyfhel call for each operation).
        threads: Threads for the fused engine of the batch layout; what one image takes is over before they would pay.

    Raises:
        WireError: If keys are truncated, altered, malformed or of another plan, or one is missing, which is named.
        PlanError: If the plan is not this circuit's.
    """

    def __init__(
        self, circuit: Circuit, plan: Plan, keys: bytes = b"", *, engine: str = "fused", threads: int = 1
    ) -> None:
        check_engine(engine)
        plan.check_circuit(circuit)
        self.circuit, self.plan = circuit, plan
        self._session, opened = open_keys(keys, plan)
        self._settings = [
            Setting(
                circuit=circuit,
                plan=plan,
                index=index,
                he=open_context(plan.parameters, index),
                headers=level_headers(plan.parameters, index),
                keys=each,
                threads=threads,
            )
            for index, each in enumerate(opened)
        ]
        self._engines = [make_engine(engine, setting) for setting in self._settings]

    def evaluate(
        self, upload: bytes | bytearray, *, index: int = 0, report: Report | None = None, observe: Observe | None = None
    ) -> Evaluation:
        """Evaluate the circuit on one pass of an upload.

        Args:
            upload: The client's message.
            index: Which plain modulus.
            report: Called with step, operations done and in all; an exception it raises stops the work.
            observe: Called with each step's name and first ciphertext, for measuring its noise; by the batch layout
                alone, as noise can be measured in bfv only.

        Raises:
            WireError: If the upload is truncated, altered, or of another plan or session.
        """
        plan, chosen = self.plan, self.plan.parameters
        envelope, payload = open_sealed(
            upload, kind="upload", plan=plan.fingerprint, session=self._session, index=index
        )
        shape = (plan.steps[0].outputs, 1, len(chosen.primes), chosen.ring_degree)
        sent = payload_residues(envelope, payload, shape=shape)
        check_images(envelope, plan.batch_images)
        task = Task(
            setting=self._settings[index],
            sent=sent,
            masks=Masks(read_seed(envelope), count=len(sent), primes=chosen.primes, ring_degree=chosen.ring_degree),
            report=report or (lambda step, done, total: None),
            observe=observe,
        )
        result = self._engines[index](task)
        reply = replace(envelope, kind="reply", shape=result.residues.shape, seed="")
        message, residues = new_message(replace(reply, scale=result.scale, correction=result.correction))
        residues[:] = result.residues
        close_message(message)
        return Evaluation(message, result.accounts)
