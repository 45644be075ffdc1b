"""Encrypted runs for tests: plans with chosen primes, and a circuit through client and server, every pass."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.he.client import Client
from fcnlab.he.residues.symmetric import expand_mask, read_seed
from fcnlab.he.server import Evaluation, Server
from fcnlab.he.wire import Residues, open_sealed, payload_residues
from fcnlab.planning.batch.exact import prove_exact
from fcnlab.planning.batch.proofs import profile, prove_approximate
from fcnlab.planning.noise import Scheme
from fcnlab.planning.parameters import SPECIAL_PRIME, Parameters, choose_primes
from fcnlab.planning.plan import Plan


def plan_with(
    circuit: Circuit,
    scheme: Scheme,
    *,
    sizes: tuple[int, ...],
    drops: tuple[int, ...] | None = None,
    ring_degree: int = 4096,
    plain_bits: tuple[int, ...] = (20,),
    scale: float = 2.0**20,
) -> Plan:
    """A plan with primes of these sizes, whether or not its budgets suffice."""
    moduli = choose_primes(ring_degree, plain_bits, avoid=(SPECIAL_PRIME,)) if scheme != "ckks" else ()
    primes = choose_primes(ring_degree, sizes, avoid=(SPECIAL_PRIME, *(moduli or ())))
    assert primes is not None
    assert moduli is not None
    parameters = Parameters(
        scheme=scheme,
        ring_degree=ring_degree,
        primes=primes,
        special_prime=SPECIAL_PRIME,
        plain_moduli=moduli,
        scale=scale if scheme == "ckks" else 1.0,
        drops=drops or (0,) * len(circuit.steps),
    )
    if scheme == "ckks":
        sample = np.random.default_rng(0).integers(0, circuit.pixel_max + 1, size=(64, circuit.inputs))
        return prove_approximate(circuit, parameters, profile(circuit, sample))
    return prove_exact(circuit, parameters)


def altered(plan: Plan, **fields: object) -> Plan:
    """The plan with other parameters, its proof left as it was."""
    return replace(plan, parameters=replace(plan.parameters, **fields))  # type: ignore[arg-type]


def fresh_ciphertexts(upload: bytes | bytearray, plan: Plan) -> Residues:
    """Both polynomials of each ciphertext of an upload of the first pass, shape (inputs, 2, primes, n)."""
    envelope, payload = open_sealed(upload, kind="upload", plan=plan.fingerprint)
    primes, degree = plan.parameters.primes, plan.parameters.ring_degree
    first = payload_residues(envelope, payload, shape=(plan.steps[0].outputs, 1, len(primes), degree))
    masks = [expand_mask(read_seed(envelope), place, primes, degree) for place in range(len(first))]
    return np.concatenate([first, np.stack(masks)[:, None]], axis=1)


def classify(
    circuit: Circuit, plan: Plan, pixels: npt.NDArray[np.int64], *, engine: str = "fused", threads: int = 1
) -> npt.NDArray[np.int64]:
    """Logits of one batch by an encrypted run."""
    client = Client(plan)
    server = Server(circuit, plan, client.keys, engine=engine, threads=threads)
    passes = []
    for index in range(plan.parameters.passes):
        reply = server.evaluate(client.encrypt(pixels, index=index), index=index).reply
        passes.append(client.decrypt(reply, index=index))
    return client.combine(passes)


def evaluate_both(
    circuit: Circuit, plan: Plan, pixels: npt.NDArray[np.int64], *, watch: bool
) -> dict[str, tuple[Evaluation, dict[str, bytes]]]:
    """One upload through both engines: evaluation, and the first ciphertext after each step if `watch`."""
    client = Client(plan)
    upload = client.encrypt(pixels)
    results = {}
    for engine in ("fused", "stepwise"):
        seen: dict[str, bytes] = {}
        server = Server(circuit, plan, client.keys, engine=engine)
        results[engine] = server.evaluate(upload, observe=seen.__setitem__ if watch else None), seen
    return results
