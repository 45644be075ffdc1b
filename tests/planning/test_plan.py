import json
from dataclasses import replace
from itertools import pairwise

import pytest

from fcnlab.circuit.fingerprint import digest
from fcnlab.errors import PlanError
from fcnlab.he.client import Client
from fcnlab.he.server import Server
from fcnlab.planning.choose import make_packed_plan, make_plan
from fcnlab.planning.parameters import MESSAGE_BITS, MODULUS_BITS
from tests.support.circuits import random_images, tiny_circuit
from tests.support.runs import altered, plan_with

CIRCUIT = tiny_circuit(0, widths=(5, 3, 2))


@pytest.fixture(scope="module")
def plans():
    return {scheme: make_plan(CIRCUIT, scheme=scheme, ring_degree=4096) for scheme in ("bgv", "bfv", "ckks")}


def test_fingerprints_differ_when_anything_differs() -> None:
    plan = plan_with(CIRCUIT, "bgv", sizes=(40, 30), plain_bits=(20, 19))
    chosen = plan.parameters
    others = [
        altered(plan, ring_degree=8192),
        altered(plan, scheme="bfv"),
        altered(plan, primes=chosen.primes[::-1]),
        altered(plan, special_prime=chosen.primes[1]),
        altered(plan, plain_moduli=chosen.plain_moduli[:1]),
        altered(plan, plain_moduli=chosen.plain_moduli[::-1]),
        altered(plan, scale=2.0),
        altered(plan, drops=(0, 1, 0)),
        replace(plan, inputs=plan.inputs[1:]),
        replace(plan, pixel_max=plan.pixel_max + 1),
        replace(plan, pixels=plan.pixels + 1),
        replace(plan, outputs=plan.outputs + 1),
        replace(plan, circuit=digest("another")),
        replace(plan, network="another"),
        replace(plan, unit=2.0),
    ]
    fingerprints = {plan.fingerprint, *(other.fingerprint for other in others)}
    assert len(fingerprints) == len(others) + 1
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in fingerprints)
    assert plan_with(tiny_circuit(0, widths=(5, 3, 2)), "bgv", sizes=(40, 30), plain_bits=(20, 19)).fingerprint == (
        plan.fingerprint
    )


@pytest.mark.parametrize("pixel_bits", [8, 16])
@pytest.mark.parametrize("planner", [make_plan, make_packed_plan])
def test_pixels_fit_64_bits_at_their_scale(planner, pixel_bits) -> None:
    """The client encodes in int64."""
    circuit = tiny_circuit(0, widths=(5, 3, 2), pixel_bits=pixel_bits)
    plan = planner(circuit, scheme="ckks")
    assert circuit.pixel_max * plan.parameters.scale < 2**MESSAGE_BITS
    with pytest.raises(PlanError, match="use a smaller scale, or fewer pixel bits"):
        altered(plan, scale=2.0 ** (MESSAGE_BITS + 1 - pixel_bits))


def test_sizes_of_messages_are_those_that_are_sent(plans) -> None:
    for plan in plans.values():
        client = Client(plan)
        server = Server(CIRCUIT, plan, client.keys)
        uploads = [client.encrypt(random_images(CIRCUIT, 9), index=i) for i in range(plan.parameters.passes)]
        replies = [server.evaluate(upload, index=i).reply for i, upload in enumerate(uploads)]
        for messages, stated in ((uploads, plan.upload_bytes), (replies, plan.download_bytes)):
            assert 0 < sum(map(len, messages)) - stated <= 1024 * len(messages)


def test_rows_go_from_the_input_through_every_step(plans) -> None:
    for plan in plans.values():
        assert [step.name for step in plan.steps] == ["input", *(step.name for step in CIRCUIT.steps)]
        assert [step.outputs for step in plan.steps] == [len(plan.inputs), *(step.outputs for step in CIRCUIT.steps)]
        assert [step.size for step in plan.steps] == [2, 2, 3, 3]
        assert [step.value_bits for step in plan.steps[1:]] == [interval.bits for interval in CIRCUIT.ranges]
        assert plan.inputs == tuple(CIRCUIT.used_inputs)
        for before, after in pairwise(plan.steps):
            assert after.primes == before.primes - before.drops
        assert all(step.budget_bits >= 0 for step in plan.steps)


def test_plans_as_json(plans) -> None:
    for scheme, plan in plans.items():
        values = json.loads(json.dumps(plan.as_dict()))
        assert values["scheme"] == scheme
        assert values["ring_degree"] == 4096
        assert values["security_bits"] == 128
        assert values["prime_bits"][-1] == 17
        assert len(values["plain_modulus_bits"]) == (0 if scheme == "ckks" else 1)
        assert values["modulus_bits"] <= values["modulus_bits_allowed"] == MODULUS_BITS[4096]
        assert values["slots"] == (2048 if scheme == "ckks" else 4096)
        assert [step["name"] for step in values["steps"]] == ["input", "fc1", "act1", "fc2"]
        figures = "name outputs size value_bits noise_bits modulus_bits primes drops budget_bits"
        assert set(values["steps"][0]) == set(figures.split())


def test_plans_as_a_table_that_teaches(plans) -> None:
    text = str(plans["bgv"])
    assert "tiny in bgv: ring degree 4096, 4096 images a batch" in text
    assert "109 are allowed at 128-bit security" in text
    assert "1 pass holds" in text or "1 pass hold" in text
    assert [line.split()[0] for line in text.splitlines()[-4:]] == ["input", "fc1", "act1", "fc2"]
    assert "% of the logits' spread" in str(plans["ckks"])
    switched = plan_with(tiny_circuit(0), "bgv", ring_degree=8192, sizes=(50, 40, 30), drops=(0, 0, 2, 0, 0))
    assert "drops 2 primes" in str(switched)
    several = plan_with(CIRCUIT, "bgv", sizes=(40, 30), plain_bits=(20, 19))
    assert "plain moduli 20 + 19 bits: 2 passes" in str(several)
