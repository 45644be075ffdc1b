"""Activations of degree 2 to 4 under encryption: both engines, all schemes, one result."""

import numpy as np
import pytest
from scipy import sparse

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.he.client import Client
from fcnlab.he.server import Server
from fcnlab.inference.infer import compare_logits
from fcnlab.planning.choose import make_plan
from fcnlab.planning.execution import ENGINES, count_executed

IMAGES = 20
ACTIVATIONS = {
    "two quadratics by Horner": ((5, 3, 1), (7, -4, 2)),
    "a cubic, then one without constant and square": ((5, -3, 7, 2), (0, 1, 0, 1)),
    "a quartic": ((5, 3, 7, 2, -4), (0, 0, 1)),
}
COLUMNS = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "mod_switches")


def circuit_with(first: tuple[int, ...], second: tuple[int, ...]) -> Circuit:
    rng = np.random.default_rng(0)

    def affine(name: str, inputs: int, outputs: int, terms: int) -> Affine:
        weights = np.zeros((outputs, inputs), dtype=np.int64)
        for row in weights:
            row[rng.permutation(inputs)[:terms]] = (1 << rng.integers(0, 3, terms)) * rng.choice([-1, 1], terms)
        return Affine(name, sparse.csr_array(weights), rng.integers(-9, 9, outputs))

    steps = (
        affine("conv", 4, 2, 3),
        Polynomial("act1", 2, first),
        affine("fc1", 2, 2, 2),
        Polynomial("act2", 2, second),
        affine("fc2", 2, 2, 2),
    )
    return Circuit("activations", (1, 2, 2), 3, steps)


@pytest.mark.parametrize("scheme", ["bgv", "bfv", "ckks"])
@pytest.mark.parametrize("coefficients", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
def test_engines_agree_with_each_other_and_the_circuit(scheme, coefficients):
    circuit = circuit_with(*coefficients)
    pixels = np.random.default_rng(1).integers(0, 8, (IMAGES, 4))
    plan = make_plan(circuit, scheme=scheme, sample=pixels, images=IMAGES)
    client = Client(plan)
    passes = range(plan.parameters.passes)
    uploads = [client.encrypt(pixels, index=index) for index in passes]
    replies = {}
    for engine in ENGINES:
        server = Server(circuit, plan, client.keys, engine=engine)
        evaluations = [server.evaluate(uploads[index], index=index) for index in passes]
        replies[engine] = [bytes(evaluation.reply) for evaluation in evaluations]
        projected = count_executed(circuit, plan.parameters, engine=engine)
        for account, layer in zip(evaluations[0].accounts, projected.layers, strict=True):
            assert [account.operations.get(column, 0) for column in COLUMNS] == [
                getattr(layer, column) for column in COLUMNS
            ]
    logits = client.combine([client.decrypt(reply, index=index) for index, reply in enumerate(replies["fused"])])
    compared = compare_logits(logits, circuit.evaluate(pixels), bound=plan.logit_bound)
    if scheme == "ckks":
        assert compared["logit_error"] < 10 * plan.predicted_error  # a mean over keys, and there are few slots
    else:
        assert compared["mismatched_logits"] == 0
    assert replies["fused"] == replies["stepwise"]
