import gc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.circuit.fingerprint import circuit_fingerprint
from fcnlab.errors import FcnlabError, PlanError, WireError
from fcnlab.he.client import Client
from fcnlab.he.engines.engine import drop_title
from fcnlab.he.residues.symmetric import secret_residues
from fcnlab.he.server import MODULES, Server, check_engine
from fcnlab.he.wire import open_sealed, seal
from fcnlab.planning.choose import make_packed_plan, make_plan
from fcnlab.planning.execution import ENGINES
from tests.he.test_client import resealed
from tests.support.circuits import affine, extreme_images, random_images, tiny_circuit
from tests.support.runs import classify, plan_with

# --- the right answer -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
@pytest.mark.parametrize("count", [1, 30, 4096])
def test_logits_are_the_clear_circuits_for_partial_and_full_batches(scheme, engine, count) -> None:
    circuit = tiny_circuit(3, widths=(4, 2, 2))
    plan = plan_with(circuit, scheme, sizes=(46, 44), plain_bits=(22,))
    pixels = random_images(circuit, max(count, 8))[-count:]
    assert np.array_equal(classify(circuit, plan, pixels, engine=engine), circuit.evaluate(pixels))


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32),
    scheme=st.sampled_from(["bgv", "bfv"]),
    engine=st.sampled_from(ENGINES),
    widths=st.lists(st.integers(1, 4), min_size=3, max_size=3).map(tuple),
    largest=st.sampled_from([1, 4, 60]),
    pixel_bits=st.integers(1, 4),
)
def test_whatever_is_planned_is_exact_even_at_its_bounds(seed, scheme, engine, widths, largest, pixel_bits) -> None:
    circuit = tiny_circuit(seed, widths=widths, largest=largest, pixel_bits=pixel_bits)
    plan = make_plan(circuit, scheme=scheme)
    pixels = np.concatenate([extreme_images(circuit), random_images(circuit, 40, seed=seed)])
    assert np.array_equal(classify(circuit, plan, pixels, engine=engine), circuit.evaluate(pixels))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_pixels_above_a_plain_modulus_are_exact_too(scheme, engine) -> None:
    """SEAL encodes slots without a look at the plain modulus."""
    circuit = tiny_circuit(4, widths=(3, 2, 2), largest=2, pixel_bits=16)
    plan = plan_with(circuit, scheme, sizes=(46, 46), ring_degree=4096, plain_bits=(16, 19, 20))
    assert min(plan.parameters.plain_moduli) < circuit.pixel_max
    pixels = random_images(circuit, 16)
    assert pixels.max() > min(plan.parameters.plain_moduli)
    expected = circuit.evaluate(pixels)
    assert np.abs(expected).max() < np.prod([float(t) for t in plan.parameters.plain_moduli]) / 2
    assert np.array_equal(classify(circuit, plan, pixels, engine=engine), expected)


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
@pytest.mark.parametrize("seed", [0, 1])
def test_two_squares_and_their_plan_are_exact(scheme, seed) -> None:
    circuit = tiny_circuit(seed, bias=200)
    plan = make_plan(circuit, scheme=scheme)
    pixels = random_images(circuit, 200, seed=seed)
    assert np.array_equal(classify(circuit, plan, pixels), circuit.evaluate(pixels))


def test_three_squares_are_exact() -> None:
    circuit = tiny_circuit(0, widths=(2, 2, 2, 1, 1), largest=1, bias=2, pixel_bits=1)
    for scheme in ("bgv", "bfv"):
        plan = make_plan(circuit, scheme=scheme, ring_degree=16384)
        pixels = random_images(circuit, 20)
        assert np.array_equal(classify(circuit, plan, pixels), circuit.evaluate(pixels))


def test_ckks_logits_are_near_the_clear_ones() -> None:
    circuit = tiny_circuit(3)
    plan = make_plan(circuit, scheme="ckks", ring_degree=8192)
    pixels = random_images(circuit, plan.parameters.slots)
    expected = circuit.evaluate(pixels).astype(float)
    errors = (classify(circuit, plan, pixels) - expected) / np.sqrt(np.mean(np.var(expected, axis=1)))
    measured = float(np.sqrt(np.mean(errors**2)))
    assert plan.predicted_error / 3 < measured < 3 * plan.predicted_error < 0.03


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bias", [40, 5000, 3 * 10**6])
@pytest.mark.parametrize("squares", [0, 1])
def test_a_bias_that_is_most_of_a_value_is_encoded_by_seal(engine, bias, squares) -> None:
    """SEAL leaves a plaintext less of the modulus than a ciphertext may have."""
    steps = [affine([[1, -1, 1, -1], [-1, 1, 1, 1]], [bias, -bias], name="fc1")]
    steps += [Polynomial("act", 2), affine([[1, 0], [0, -1]], [bias**2, bias**2], name="fc2")] * squares
    circuit = Circuit("biased", (4,), 1, tuple(steps))
    plan = make_plan(circuit, scheme="ckks")
    pixels = random_images(circuit, 20)
    expected = circuit.evaluate(pixels)
    errors = np.abs(classify(circuit, plan, pixels, engine=engine) - expected)
    assert errors.max() < 0.1 * np.sqrt(np.mean(np.var(expected.astype(float), axis=1)))


# --- what is refused --------------------------------------------------------------------------------------------------


def test_unknown_engines_are_refused() -> None:
    for engine in ENGINES:
        check_engine(engine)
    assert set(MODULES) == {(layout, engine) for layout in ("batch", "packed") for engine in ENGINES}
    with pytest.raises(FcnlabError, match="'magic'; choose one of fused, stepwise"):
        check_engine("magic")


def test_a_plan_of_another_circuit_is_refused(bgv) -> None:
    other = tiny_circuit(2, widths=(4, 2, 2))  # the same names and shapes, other weights
    with pytest.raises(PlanError, match="not for"):
        Server(other, bgv.plan)


CHANGES = {
    "pixels far away": lambda plan: {"inputs": (*plan.inputs[:-1], plan.inputs[-1] + 10**6)},
    "a pixel too many": lambda plan: {"inputs": (*plan.inputs, 4)},
    "larger images": lambda plan: {"pixels": 784},
    "larger pixels": lambda plan: {"pixel_max": 255},
    "more logits": lambda plan: {"outputs": 3},
    "another unit": lambda plan: {"unit": 2.0},
    "a row too few": lambda plan: {"steps": plan.steps[:-1]},
    "a wider row": lambda plan: {"steps": (replace(plan.steps[0], outputs=5), *plan.steps[1:])},
    "longer ciphertexts": lambda plan: {"steps": (*plan.steps[:-1], replace(plan.steps[-1], size=5))},
    "no drops": lambda plan: {"parameters": replace(plan.parameters, drops=())},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_that_describes_the_circuit_as_it_is_not_is_refused(session, change) -> None:
    """Kernels read where the plan says, so nothing of it is taken for granted."""
    with pytest.raises(PlanError, match=r"plan (again|anew)"):
        Server(session.circuit, replace(session.plan, **CHANGES[change](session.plan)))


@pytest.mark.parametrize("layout", ["batch", "packed"])
def test_a_plain_modulus_that_divides_a_weight_is_neither_chosen_nor_taken(layout) -> None:
    """SEAL refuses the product with a weight that is 0 modulo t; two passes are needed for a modulus below it."""
    planner = make_plan if layout == "batch" else make_packed_plan
    free = planner(weighted(12289), scheme="bgv")
    for modulus in free.parameters.plain_moduli:
        circuit = weighted(modulus)
        plan = planner(circuit, scheme="bgv")
        assert modulus not in plan.parameters.plain_moduli
        forged = replace(planner(weighted(12289), scheme="bgv"), circuit=circuit_fingerprint(circuit))
        with pytest.raises(PlanError, match=f"0 modulo the plain modulus {modulus}"):
            Server(circuit, forged, Client(forged).keys)
        pixels = random_images(circuit, plan.batch_images)[:2]
        for engine in ENGINES:
            assert np.array_equal(classify(circuit, plan, pixels, engine=engine), circuit.evaluate(pixels))


def weighted(weight: int) -> Circuit:
    """A circuit with this weight, whose sums stay narrow."""
    first = affine([[weight, 1], [1, 1]], name="fc1")
    return Circuit("weighted", (2,), 1, (first, Polynomial("act", 2), affine([[1, 1]], name="fc2")))


def test_keys_that_nobody_needs_are_refused(bgv) -> None:
    with pytest.raises(WireError, match="batch layout takes no evaluation keys; got 4 bytes"):
        Server(bgv.circuit, bgv.plan, b"keys")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"kind": "reply"}, "'upload' is expected"),
        ({"plan": "0" * 16}, "plan '0000000000000000'"),
        ({"index": 1}, "plain modulus 1"),
        ({"images": 0}, "1 to 4096 images"),
        ({"images": 4097}, "1 to 4096 images"),
        ({"shape": (4, 2, 1, 8192)}, "the plan has"),
        ({"shape": (4, 2, 2, 4096)}, "the plan has"),
        ({"seed": ""}, "32 bytes in hexadecimal"),
        ({"seed": "00" * 31}, "32 bytes in hexadecimal"),
        ({"seed": "0g" * 32}, "32 bytes in hexadecimal"),
    ],
)
def test_uploads_with_another_envelope_are_refused(bgv, engine, fields, match) -> None:
    server = Server(bgv.circuit, bgv.plan, bgv.client.keys, engine=engine)
    with pytest.raises(WireError, match=match):
        server.evaluate(resealed(bgv.upload, bgv.client, fields, sent="upload"))


def test_truncated_uploads_are_refused(bgv) -> None:
    server = Server(bgv.circuit, bgv.plan, bgv.client.keys)
    for length in (0, 1, 8, 11, 12, 100, 300, len(bgv.upload) // 2, len(bgv.upload) - 8, len(bgv.upload) - 1):
        with pytest.raises(WireError):
            server.evaluate(bgv.upload[:length])


def test_one_server_answers_any_client_of_its_plan(bgv) -> None:
    server, other = Server(bgv.circuit, bgv.plan), Client(bgv.plan)
    reply = server.evaluate(other.encrypt(bgv.pixels)).reply
    modulus = bgv.plan.parameters.plain_moduli[0]
    assert np.array_equal(other.decrypt(reply) % modulus, bgv.circuit.evaluate(bgv.pixels) % modulus)


def test_uploads_of_another_pass_or_plan_are_refused(bgv) -> None:
    server = Server(bgv.circuit, bgv.plan)
    with pytest.raises(WireError, match="plain modulus 0; 1 is expected"):
        server.evaluate(bgv.upload, index=1)
    other = plan_with(bgv.circuit, "bgv", sizes=(45, 44), plain_bits=(18, 19))
    with pytest.raises(WireError, match="was made for plan"):
        server.evaluate(Client(other).encrypt(bgv.pixels))


@pytest.mark.parametrize("engine", ENGINES)
def test_uploads_of_zeros_are_evaluated_like_any_other(session, engine) -> None:
    """Zeros are valid first polynomials: masks come from the seed, so no upload leads to what anybody can read."""
    upload = session.client.encrypt(session.pixels)
    envelope, payload = open_sealed(upload, kind="upload", plan=session.plan.fingerprint)
    server = Server(session.circuit, session.plan, session.client.keys, engine=engine)
    upload = seal(envelope, bytes(len(payload)))
    assert session.client.decrypt(server.evaluate(upload).reply).shape == (30, 2)


def test_a_message_of_another_version_is_refused(bgv) -> None:
    server = Server(bgv.circuit, bgv.plan, bgv.client.keys)
    with pytest.raises(WireError, match="another version of fcnlab"):
        server.evaluate(bgv.upload.replace(b"FCNLAB4", b"FCNLAB3", 1))


def test_errors_of_a_report_are_handed_on(bgv) -> None:
    def fail(step: str, done: int, total: int) -> None:
        raise RuntimeError("of the caller's own")

    server = Server(bgv.circuit, bgv.plan, bgv.client.keys)
    with pytest.raises(RuntimeError, match="of the caller's own"):
        server.evaluate(bgv.upload, report=fail)


# --- what the server knows --------------------------------------------------------------------------------------------


def reachable(root: object) -> list[object]:
    """Everything that can be reached from an object but by way of code."""
    code = (type, type(gc), type(reachable))
    seen: dict[int, object] = {}
    queue = [root]
    while queue:
        value = queue.pop()
        if id(value) not in seen and not isinstance(value, code):
            seen[id(value)] = value
            queue.extend(gc.get_referents(value))
    return list(seen.values())


def test_nothing_that_the_server_holds_can_decrypt(session) -> None:
    server = Server(session.circuit, session.plan, session.client.keys)
    server.evaluate(session.upload)
    objects = reachable(server)
    contexts = [value for value in objects if type(value).__name__ == "Pyfhel"]
    assert len(contexts) == session.plan.parameters.passes
    assert not any(isinstance(value, Client) for value in objects)
    secret = session.client._contexts[0].to_bytes_secret_key("none")[-64:]
    rows = secret_residues(session.client._contexts[0], 4096)
    for part in (secret, *(row[:8].tobytes() for row in rows)):
        assert not any(part in value for value in objects if isinstance(value, bytes | bytearray))
    arrays = [value for value in objects if isinstance(value, np.ndarray)]
    assert not any(row[:8].tobytes() in value.tobytes() for row in rows for value in arrays)
    for he in contexts:
        assert he.is_secret_key_empty()
        assert he.is_public_key_empty()
        with pytest.raises(RuntimeError, match="Secret Key not initialized"):
            he.to_bytes_secret_key("none")


def test_titles_of_switches() -> None:
    assert drop_title("fc1", 1) == "fc1: drop 1 prime"
    assert drop_title("fc1", 2) == "fc1: drop 2 primes"


def test_a_reply_echoes_the_clients_session_and_number_of_images(bgv) -> None:
    evaluation = Server(bgv.circuit, bgv.plan, bgv.client.keys).evaluate(bgv.upload)
    envelope, _ = open_sealed(evaluation.reply, kind="reply", plan=bgv.plan.fingerprint, session=None, index=0)
    assert (envelope.session, envelope.images, envelope.index) == (bgv.client.session, 30, 0)
    sent, _ = open_sealed(bgv.upload, kind="upload", plan=bgv.plan.fingerprint)
    assert envelope.upload == sent.upload
    assert len(bytes.fromhex(envelope.upload)) == len(bytes.fromhex(envelope.session)) == 16
    assert [account.name for account in evaluation.accounts] == [step.name for step in bgv.circuit.steps]
    assert all(account.elapsed_s >= 0 for account in evaluation.accounts)
    assert replace(envelope, kind="upload") != envelope
