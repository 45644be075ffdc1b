"""The server of the packed layout: built from a circuit and public bytes, evaluates what it cannot read."""

from collections.abc import Sequence

import numpy as np

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import FcnlabError, PlanError, WireError
from fcnlab.he.context import level_headers, open_context
from fcnlab.he.engines.engine import Observe, Report
from fcnlab.he.engines.packed_fused import FusedEngine
from fcnlab.he.engines.packed_stepwise import PackedEngine, Setting, StepwiseEngine
from fcnlab.he.residues.evaluation_keys import load_keys, unpack_keys
from fcnlab.he.residues.symmetric import expand_mask, read_seed
from fcnlab.he.server import Evaluation, make_evaluation
from fcnlab.he.wire import (
    Residues,
    check_images,
    check_residues,
    key_fingerprint,
    open_envelope,
    payload_residues,
    read_ciphertext,
)
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import circuit_fingerprint


class PackedServer:
    """Runs a circuit's program under encryption; holds evaluation keys only.

    Args:
        circuit: The network.
        plan: Made from this circuit; the client has the same.
        key_messages: `PackedClient.keys_message` of every pass, as they arrived.
        engine: fused (kernels on residues) or stepwise (one Pyfhel call for each operation).
        threads: Not used: what one image takes is over before threads would pay.

    Raises:
        WireError: If a message is truncated or malformed, of another plan, or lacks a key, which is named.
        PlanError: If the plan is not this circuit's.
    """

    def __init__(
        self,
        circuit: Circuit,
        plan: PackedPlan,
        key_messages: Sequence[bytes],
        *,
        engine: str = "fused",
        threads: int = 1,
    ) -> None:
        if plan.circuit != circuit_fingerprint(circuit):
            raise PlanError(f"The plan was made for {plan.network}, not for {circuit.name}; plan again.")
        if len(key_messages) != plan.parameters.passes:
            raise WireError(f"The plan needs {plan.parameters.passes} key messages; got {len(key_messages)}.")
        if engine not in ENGINES:
            raise FcnlabError(f"Unknown engine {engine!r}; choose one of {', '.join(ENGINES)}.")
        self.circuit, self.plan = circuit, plan
        program = pack(circuit, slots=plan.gather.shape[1])
        if not np.array_equal(program.gather, plan.gather):
            raise PlanError(f"The plan puts the pixels of {plan.network} elsewhere; plan again on both sides.")
        self._keys: list[str] = []
        self._engines: list[PackedEngine] = []
        chosen = plan.parameters
        for index, message in enumerate(key_messages):
            envelope, payload = open_envelope(
                message, kind="evaluation keys", plan=plan.fingerprint, key=None, index=index
            )
            keys = unpack_keys(payload, plan, index, seed=read_seed(envelope))
            if envelope.shape != (len(payload),) or key_fingerprint(payload) != envelope.key:
                raise WireError(f"Evaluation keys {index} are cut off or were altered on their way; send them again.")
            self._keys.append(envelope.key)
            # SEAL's headers name the parameters of each level by a hash; any key of theirs shows it.
            local = open_context(chosen, index)
            local.keyGen()
            he = open_context(chosen, index)
            modulus = chosen.plain_moduli[index] if chosen.plain_moduli else None
            setting = Setting(program, plan, he, modulus, level_headers(local, chosen), keys)
            if engine == "stepwise":
                load_keys(he, plan, read_ciphertext(local.to_bytes_public_key("none"))[0], keys)
                self._engines.append(StepwiseEngine(setting))
            else:
                self._engines.append(FusedEngine(setting))

    def evaluate(
        self, upload: bytes | bytearray, *, index: int = 0, report: Report | None = None, observe: Observe | None = None
    ) -> Evaluation:
        """Run the program on one pass of an upload.

        Args:
            upload: The client's message.
            index: Which plain modulus.
            report: Called with step, steps done and in all; an exception it raises stops the work.
            observe: Not used: noise can be measured in bfv only, which has no packed layout.

        Raises:
            WireError: If the upload is truncated, altered, or of another plan or key.
        """
        plan, chosen = self.plan, self.plan.parameters
        envelope, payload = open_envelope(
            upload, kind="upload", plan=plan.fingerprint, key=self._keys[index], index=index
        )
        count, primes, degree = len(plan.gather), chosen.primes, chosen.ring_degree
        sent = payload_residues(envelope, payload, shape=(count, 1, len(primes), degree))
        check_images(envelope, plan.batch_images)
        check_residues(sent, primes)
        ciphertexts: Residues = np.empty((count, 2, len(primes), degree), dtype=np.uint64)
        seed = read_seed(envelope)
        for place, ciphertext in enumerate(ciphertexts):
            ciphertext[0] = sent[place, 0]
            ciphertext[1] = expand_mask(seed, place, primes, degree)
        result = self._engines[index].evaluate(ciphertexts, report or (lambda step, done, total: None))
        return make_evaluation(plan, envelope, result)
