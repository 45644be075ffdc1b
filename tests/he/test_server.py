import gc
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.errors import FcnlabError, PlanError, WireError
from fcnlab.he.client import Client
from fcnlab.he.engines.engine import drop_title
from fcnlab.he.engines.fused import evaluate_fused
from fcnlab.he.engines.stepwise import evaluate_stepwise
from fcnlab.he.residues.symmetric import secret_residues
from fcnlab.he.server import Server, engine_named, open_public_context
from fcnlab.he.wire import Envelope, envelope_bytes, key_fingerprint, open_envelope
from fcnlab.planning.choose import make_plan
from fcnlab.planning.execution import ENGINES
from tests.he.test_client import resealed
from tests.support.circuits import extreme_images, random_images, tiny_circuit
from tests.support.runs import classify, plan_with, public_keys


def key_message(plan, key: bytes, *, index: int = 0) -> bytes:
    return envelope_bytes(Envelope("public key", plan.fingerprint, key_fingerprint(key), index, 0, (len(key),))) + key


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


# --- what is refused --------------------------------------------------------------------------------------------------


def test_unknown_engines_are_refused() -> None:
    assert (engine_named("fused"), engine_named("stepwise")) == (evaluate_fused, evaluate_stepwise)
    with pytest.raises(FcnlabError, match="'magic'; choose one of fused, stepwise"):
        engine_named("magic")


def test_a_plan_of_another_circuit_is_refused(bgv) -> None:
    keys = public_keys(bgv.client)
    other = tiny_circuit(2, widths=(4, 2, 2))  # the same names and shapes, other weights
    with pytest.raises(PlanError, match="not for"):
        Server(other, bgv.plan, keys)


def test_keys_that_are_missing_swapped_or_repeated_are_refused(bgv) -> None:
    keys = public_keys(bgv.client)
    for wrong in ([], keys[:1], keys * 2, keys[::-1], [keys[0], keys[0]]):
        with pytest.raises(WireError):
            Server(bgv.circuit, bgv.plan, wrong)


def test_truncated_or_altered_keys_are_refused(bgv) -> None:
    first, second = public_keys(bgv.client)
    for length in (0, 5, 12, 100, 255, len(first) // 2, len(first) - 1):
        with pytest.raises(WireError):
            Server(bgv.circuit, bgv.plan, [first[:length], second])
    altered = bytearray(first)
    altered[-1] ^= 1
    with pytest.raises(WireError, match="cut off or was altered"):
        Server(bgv.circuit, bgv.plan, [bytes(altered), second])


def test_keys_with_a_fitting_fingerprint_are_checked_all_the_same(bgv) -> None:
    key, (_, second) = bgv.client._public_keys[0], public_keys(bgv.client)
    residue_too_large = bytearray(key)
    residue_too_large[-8:] = b"\xff" * 8
    other_level = bytearray(key)
    other_level[20] ^= 1
    compressed = bytearray(key)
    compressed[5] = 2
    smaller = Client(plan_with(bgv.circuit, "bgv", sizes=(46,)))._public_keys[0]
    of_other_primes = Client(plan_with(bgv.circuit, "bgv", sizes=(45, 43)))._public_keys[0]
    secret = bgv.client._contexts[0].to_bytes_secret_key("none")
    for forged in (
        b"",
        key[:50],
        key[:113],
        residue_too_large,
        other_level,
        compressed,
        smaller,
        of_other_primes,
        secret,
    ):
        with pytest.raises(WireError, match="does not belong to this plan"):
            Server(bgv.circuit, bgv.plan, [key_message(bgv.plan, bytes(forged)), second])


@settings(max_examples=40)
@given(st.data())
def test_a_key_with_flipped_bytes_is_refused_or_is_a_key(bgv, data: st.DataObject) -> None:
    key = bytearray(bgv.client._public_keys[0])
    place = data.draw(st.integers(0, 200) | st.integers(0, len(key) - 1))
    key[place] ^= data.draw(st.integers(1, 255))
    with suppress(WireError):
        open_public_context(bgv.plan.parameters, 0, bytes(key))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"kind": "reply"}, "'upload' is expected"),
        ({"plan": "0" * 16}, "plan '0000000000000000'"),
        ({"key": "0" * 16}, "key '0000000000000000'"),
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
    server = Server(bgv.circuit, bgv.plan, public_keys(bgv.client), engine=engine)
    with pytest.raises(WireError, match=match):
        server.evaluate(resealed(bgv.upload, bgv.client, fields, sent="upload"))


def test_truncated_uploads_are_refused(bgv) -> None:
    server = Server(bgv.circuit, bgv.plan, public_keys(bgv.client))
    for length in (0, 1, 8, 11, 12, 100, 300, len(bgv.upload) // 2, len(bgv.upload) - 8, len(bgv.upload) - 1):
        with pytest.raises(WireError):
            server.evaluate(bgv.upload[:length])


def test_uploads_of_another_client_pass_or_plan_are_refused(bgv) -> None:
    server = Server(bgv.circuit, bgv.plan, public_keys(bgv.client))
    with pytest.raises(WireError, match="was made with key"):
        server.evaluate(Client(bgv.plan).encrypt(bgv.pixels))
    with pytest.raises(WireError, match="plain modulus 0; 1 is expected"):
        server.evaluate(bgv.upload, index=1)
    other = plan_with(bgv.circuit, "bgv", sizes=(45, 44), plain_bits=(18, 19))
    with pytest.raises(WireError, match="was made for plan"):
        server.evaluate(Client(other).encrypt(bgv.pixels))


@pytest.mark.parametrize("engine", ENGINES)
def test_uploads_of_zeros_are_evaluated_like_any_other(session, engine) -> None:
    """Zeros are valid first polynomials: masks come from the seed, so no upload leads to what anybody can read."""
    envelope, payload = open_envelope(session.upload, kind="upload", plan=session.plan.fingerprint, key=None, index=0)
    server = Server(session.circuit, session.plan, public_keys(session.client), engine=engine)
    upload = envelope_bytes(envelope) + bytes(len(payload))
    assert session.client.decrypt(server.evaluate(upload).reply).shape == (30, 2)


def test_a_message_of_another_version_is_refused(bgv) -> None:
    server = Server(bgv.circuit, bgv.plan, public_keys(bgv.client))
    with pytest.raises(WireError, match="another version of fcnlab"):
        server.evaluate(bgv.upload.replace(b"FCNLAB2", b"FCNLAB1", 1))


def test_errors_of_a_report_are_handed_on(bgv) -> None:
    def fail(step: str, done: int, total: int) -> None:
        raise RuntimeError("of the caller's own")

    server = Server(bgv.circuit, bgv.plan, public_keys(bgv.client))
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
    server = Server(session.circuit, session.plan, public_keys(session.client))
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
        with pytest.raises(RuntimeError, match="Secret Key not initialized"):
            he.to_bytes_secret_key("none")


def test_titles_of_switches() -> None:
    assert drop_title("fc1", 1) == "fc1: drop 1 prime"
    assert drop_title("fc1", 2) == "fc1: drop 2 primes"


def test_a_reply_echoes_the_clients_key_and_number_of_images(bgv) -> None:
    evaluation = Server(bgv.circuit, bgv.plan, public_keys(bgv.client)).evaluate(bgv.upload)
    envelope, _ = open_envelope(evaluation.reply, kind="reply", plan=bgv.plan.fingerprint, key=None, index=0)
    assert (envelope.key, envelope.images, envelope.index) == (bgv.client._keys[0], 30, 0)
    assert [account.name for account in evaluation.accounts] == [step.name for step in bgv.circuit.steps]
    assert all(account.elapsed_s >= 0 for account in evaluation.accounts)
    assert replace(envelope, kind="upload") != envelope
