"""The packed layout under encryption: exact in bgv, as near as predicted in ckks, counted as projected."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import CircuitError, FcnlabError, PlanError, WireError
from fcnlab.he.client import Client
from fcnlab.he.residues.evaluation_keys import COUNT, PAIR, open_keys
from fcnlab.he.residues.symmetric import secret_residues
from fcnlab.he.server import Server
from fcnlab.he.wire import DIGEST_BYTES, LENGTH, MAGIC, Envelope, digest_of, envelope_bytes, open_sealed, seal
from fcnlab.inference.demonstration import demonstrate
from fcnlab.planning.choose import make_packed_plan
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.packed.exact import exact_plan
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.packed.program import count_packed
from fcnlab.planning.parameters import SPECIAL_PRIME, choose_primes
from tests.support.circuits import random_images, tiny_circuit

CIRCUITS = {"ckks": tiny_circuit(1, widths=(30, 12, 9, 4)), "bgv": tiny_circuit(2, widths=(30, 12, 4))}


class Sides:
    """A client and what its server is made of."""

    def __init__(self, scheme: str, circuit: Circuit | None = None, plan: PackedPlan | None = None) -> None:
        self.circuit = circuit or CIRCUITS[scheme]
        self.plan = plan or make_packed_plan(self.circuit, scheme=scheme)  # type: ignore[arg-type]
        self.client = Client(self.plan)
        self.keys = self.client.keys

    def classify(self, pixels: np.ndarray, engine: str) -> tuple[np.ndarray, list[dict[str, int]]]:
        """Logits, and the operations of each step of the first pass."""
        server = Server(self.circuit, self.plan, self.keys, engine=engine)
        rows, operations = [], []
        for start in range(0, len(pixels), self.plan.batch_images):
            parts = []
            for index in range(self.plan.parameters.passes):
                upload = self.client.encrypt(pixels[start : start + self.plan.batch_images], index=index)
                evaluation = server.evaluate(upload, index=index)
                parts.append(self.client.decrypt(evaluation.reply, index=index))
                operations = operations or [dict(account.operations) for account in evaluation.accounts]
            rows.append(self.client.combine(parts))
        return np.concatenate(rows), operations


@pytest.fixture(scope="module", params=["bgv", "ckks"])
def sides(request: pytest.FixtureRequest) -> Sides:
    return Sides(request.param)


def spread(logits: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.var(logits.astype(float), axis=1))))


@pytest.mark.parametrize("engine", ENGINES)
def test_logits_are_those_of_the_circuit(sides: Sides, engine: str) -> None:
    pixels = random_images(sides.circuit, 5)
    logits, _ = sides.classify(pixels, engine)
    reference = sides.circuit.evaluate(pixels)
    if sides.plan.parameters.scheme == "bgv":
        assert np.array_equal(logits, reference)
    else:
        errors = np.sqrt(np.mean((logits - reference) ** 2)) / spread(reference)
        assert errors < 3 * sides.plan.predicted_error  # five images of random pixels


@pytest.mark.parametrize("bits", [57, 58, 59, 60])
def test_logits_are_exact_with_the_widest_plain_moduli(bits: int) -> None:
    """Errors of keys are multiples of the plain modulus, and those leave 64 bits."""
    circuit = tiny_circuit(1, widths=(4, 2, 2))
    program = pack(circuit, slots=8192)
    (modulus,) = choose_primes(16384, [bits], avoid=(SPECIAL_PRIME,)) or ()
    plan = exact_plan(program, circuit, 16384, (modulus,))
    assert plan is not None
    case, pixels = Sides("bgv", circuit, plan), random_images(circuit, 2)
    for engine in ENGINES:
        assert np.array_equal(case.classify(pixels, engine)[0], circuit.evaluate(pixels))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_executed_is_what_was_projected(sides: Sides, engine: str) -> None:
    _, operations = sides.classify(random_images(sides.circuit, 1), engine)
    program = pack(sides.circuit, slots=sides.plan.gather.shape[1])
    table = count_packed(program, sides.plan.parameters.drops)
    for counted, layer in zip(operations, table.layers, strict=True):
        assert counted == {kind: getattr(layer, kind) for kind in counted}
        assert sum(counted.values()) == layer.total + layer.relinearizations + layer.mod_switches
    assert table.total.rotations + table.total.relinearizations == sides.plan.key_switches


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 99), st.sampled_from([("bgv", (9, 5, 3)), ("ckks", (9, 5, 3)), ("ckks", (14, 20, 11, 5))]))
def test_projection_and_execution_agree_for_any_circuit(seed: int, kind: tuple[str, tuple[int, ...]]) -> None:
    scheme, widths = kind
    case = Sides(scheme, tiny_circuit(seed, widths=widths))
    pixels = random_images(case.circuit, 1)
    logits, operations = case.classify(pixels, "stepwise")
    if scheme == "bgv":
        assert np.array_equal(logits, case.circuit.evaluate(pixels))
    program = pack(case.circuit, slots=case.plan.gather.shape[1])
    for counted, layer in zip(operations, count_packed(program, case.plan.parameters.drops).layers, strict=True):
        assert counted == {kind: getattr(layer, kind) for kind in counted}


@pytest.mark.parametrize(
    ("network", "upload_bytes", "hops"), [("fcn-20k", 1_000_000, 152), ("fcn-25k", 1_400_000, 156)]
)
def test_shipped_networks_give_the_same_digits_one_image_after_the_other(
    network: str, upload_bytes: int, hops: int
) -> None:
    run = demonstrate(network=network, images=100, scheme="ckks", layout="packed", threads=1)
    report = run.inference.report
    assert (report.plan["layout"], report.batches, report.mismatched_digits) == ("packed", 100, 0)
    assert report.accuracy == report.reference_accuracy
    # A few images with large values make most of the error, so it differs from run to run by half.
    assert report.logit_error < 3 * run.plan.predicted_error
    assert report.upload_bytes < 100 * upload_bytes
    assert report.evaluation_key_bytes < 10_000_000
    assert report.hops["total"] == sum(layer.total for layer in report.layers) == hops


def test_bytes_are_those_of_the_plan(sides: Sides) -> None:
    passes = sides.plan.parameters.passes
    sent = sum(len(sides.client.encrypt(random_images(sides.circuit, 1), index=index)) for index in range(passes))
    assert 0 <= sent - sides.plan.upload_bytes < 4096 * passes
    assert 0 <= len(sides.keys) - sides.plan.evaluation_key_bytes < 4096


def test_no_secret_is_among_the_keys(sides: Sides) -> None:
    for he in sides.client._contexts:
        for row in secret_residues(he, sides.plan.parameters.ring_degree):
            assert row[:8].tobytes() not in sides.keys


def test_every_slot_of_the_reply_is_a_logit() -> None:
    """No slot of a reply holds a partial sum or an activation; its noise may tell more of the network."""
    case = Sides("ckks")
    server = Server(case.circuit, case.plan, case.keys, engine="stepwise")
    pixels = random_images(case.circuit, 1)
    object.__setattr__(case.plan, "places", tuple(range(case.plan.gather.shape[1])))
    slots = case.client.decrypt(server.evaluate(case.client.encrypt(pixels)).reply)[0]
    reference = case.circuit.evaluate(pixels)
    assert np.allclose(slots.reshape(-1, 4), reference, atol=0.05 * spread(reference))


# --- bad input --------------------------------------------------------------------------------------------------------


def rewrite(message: bytes, **fields: object) -> bytes:
    """The message with other fields in its envelope."""
    start = len(MAGIC) + LENGTH.size
    (length,) = LENGTH.unpack_from(message, len(MAGIC))
    values = json.loads(message[start : start + length]) | fields
    return envelope_bytes(Envelope(**values | {"shape": tuple(values["shape"])})) + bytes(message[start + length :])


def renewed(message: bytes, *, cut: int = 0, end: bytes = b"", **fields: object) -> bytes:
    """The message with other fields and another end, under a digest of its own."""
    body = rewrite(message[:-DIGEST_BYTES], **fields)
    body = body[: len(body) - cut - len(end)] + end
    return body + digest_of(memoryview(body))


def sent_keys(sides: Sides) -> tuple[Envelope, bytes]:
    envelope, payload = open_sealed(sides.keys, kind="evaluation keys", plan=sides.plan.fingerprint)
    return envelope, bytes(payload)


def with_keys(sides: Sides, payload: bytes) -> bytes:
    """The message with other keys, sealed anew."""
    return seal(replace(sent_keys(sides)[0], shape=(len(payload),)), payload)


def packed(sizes: list[tuple[int, int]]) -> bytes:
    return COUNT.pack(len(sizes)) + b"".join(PAIR.pack(*size) for size in sizes)


def test_a_missing_rotation_key_is_named(sides: Sides) -> None:
    sizes = list(sides.plan.evaluation_keys)
    missing, primes = sizes.pop(3)
    with pytest.raises(WireError, match=f"The key of the rotation by {missing} slots for {primes} prime.* is missing"):
        Server(sides.circuit, sides.plan, with_keys(sides, packed(sizes)))
    with pytest.raises(WireError, match="The relinearization key for"):
        Server(sides.circuit, sides.plan, with_keys(sides, packed(sizes[1:])))


def test_a_key_too_many_and_another_order_are_refused(sides: Sides) -> None:
    sizes = list(sides.plan.evaluation_keys)
    for others in ([*sizes, (3, 1)], sizes[::-1]):
        with pytest.raises(WireError, match="no use for"):
            Server(sides.circuit, sides.plan, with_keys(sides, packed(others)))


def test_a_claimed_number_of_keys_takes_no_memory(sides: Sides) -> None:
    count = 1 << 20
    payload = COUNT.pack(count) + bytes(PAIR.size * count)
    message = with_keys(sides, payload)
    tracemalloc.start()
    try:
        with pytest.raises(WireError, match="is missing"):
            open_keys(message, sides.plan)
        assert tracemalloc.get_traced_memory()[1] < len(payload) / 8
    finally:
        tracemalloc.stop()


def test_keys_of_another_plan_are_refused(sides: Sides) -> None:
    other = tiny_circuit(7, widths=(30, 12, 9, 4) if sides.plan.parameters.scheme == "ckks" else (30, 12, 4))
    plan = make_packed_plan(other, scheme=sides.plan.parameters.scheme)
    with pytest.raises(WireError, match="was made for plan"):
        Server(other, plan, sides.keys)
    with pytest.raises(PlanError, match="not for"):
        Server(other, sides.plan, sides.keys)


def test_altered_keys_are_refused(sides: Sides) -> None:
    _, whole = sent_keys(sides)
    for payload in (b"", whole[:100], whole[:-8], whole + b"12345678", b"\xff" * 8 + whole[8:]):
        with pytest.raises(WireError, match="cut off or were altered"):
            Server(sides.circuit, sides.plan, with_keys(sides, payload))
    with pytest.raises(WireError, match="not below its prime"):
        Server(sides.circuit, sides.plan, with_keys(sides, whole[:-8] + b"\xff" * 8))
    with pytest.raises(WireError, match="cut off or were altered"):  # another digest
        Server(sides.circuit, sides.plan, rewrite(sides.keys, session="0" * 16))
    with pytest.raises(WireError, match="not an fcnlab message"):
        Server(sides.circuit, sides.plan)
    with pytest.raises(FcnlabError, match="Unknown engine 'magic'"):
        Server(sides.circuit, sides.plan, sides.keys, engine="magic")


def test_a_plan_that_puts_pixels_elsewhere_is_refused(sides: Sides) -> None:
    plan = replace(sides.plan, gather=np.roll(sides.plan.gather, 1))
    with pytest.raises(PlanError, match="elsewhere"):
        Server(sides.circuit, plan, Client(plan).keys)


def test_keys_of_all_passes_share_no_mask(sides: Sides) -> None:
    session, passes = open_keys(sides.keys, sides.plan)
    assert session == sides.client.session
    masks = [digit[1, 0].tobytes() for keys in passes for key in keys.values() for digit in key]
    assert len(set(masks)) == len(masks)


def test_altered_uploads_are_refused(sides: Sides) -> None:
    server = Server(sides.circuit, sides.plan, sides.keys, engine="stepwise")
    upload = bytes(sides.client.encrypt(random_images(sides.circuit, 1)))
    for seed in ("", "00", "x" * 64, "00" * 33):
        with pytest.raises(WireError, match="seed is not 32 bytes"):
            server.evaluate(renewed(upload, seed=seed))
    with pytest.raises(WireError, match="carry"):
        server.evaluate(renewed(upload, cut=8))
    with pytest.raises(WireError, match="not below its prime"):
        server.evaluate(renewed(upload, end=b"\xff" * 8))
    with pytest.raises(WireError, match=r"A batch holds 1 to \d images"):
        server.evaluate(renewed(upload, images=3))
    with pytest.raises(WireError, match="belongs to session"):
        server.evaluate(renewed(upload, session="0" * 16))
    with pytest.raises(WireError, match="belongs to session"):
        server.evaluate(Client(sides.plan).encrypt(random_images(sides.circuit, 1)))


def test_the_client_refuses_what_it_cannot_encrypt(sides: Sides) -> None:
    pixels = random_images(sides.circuit, 3)
    with pytest.raises(CircuitError, match=r"An upload holds 1 to \d images"):
        sides.client.encrypt(pixels)
    with pytest.raises(CircuitError, match="Pixels must be integers"):
        sides.client.encrypt(pixels[:1] + 1000)
    with pytest.raises(CircuitError, match="reads 30 pixels an image, not 3"):
        sides.client.encrypt(pixels[:1, :3])


def test_altered_replies_are_refused(sides: Sides) -> None:
    server = Server(sides.circuit, sides.plan, sides.keys, engine="stepwise")
    reply = bytes(server.evaluate(sides.client.encrypt(random_images(sides.circuit, 1))).reply)
    with pytest.raises(WireError, match="cannot come from this plan"):
        sides.client.decrypt(renewed(reply, scale=2.0**200, correction=0))
    with pytest.raises(WireError, match="not below its prime"):
        sides.client.decrypt(renewed(reply, end=b"\xff" * 8))
    with pytest.raises(WireError, match="cut off or was altered"):
        sides.client.decrypt(reply[:-40] + b"\xff" * 8 + reply[-32:])
    with pytest.raises(WireError, match="carry"):
        sides.client.decrypt(renewed(reply, cut=8))


# --- engines ----------------------------------------------------------------------------------------------------------


def test_both_engines_reply_the_same_residues(sides: Sides) -> None:
    """Kernels and hoisting give what SEAL gives, residue for residue."""
    upload = sides.client.encrypt(random_images(sides.circuit, 1))
    replies = [
        bytes(Server(sides.circuit, sides.plan, sides.keys, engine=engine).evaluate(upload).reply) for engine in ENGINES
    ]
    assert replies[0] == replies[1]
