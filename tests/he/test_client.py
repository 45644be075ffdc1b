import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcnlab.circuit.circuit import Circuit
from fcnlab.errors import CircuitError, WireError
from fcnlab.he.client import CHUNK, Client
from fcnlab.he.residues.symmetric import secret_residues
from fcnlab.he.server import Server
from fcnlab.he.wire import check_residues, open_sealed, payload_residues, seal
from fcnlab.planning.plan import Plan
from tests.support.circuits import affine, random_images, tiny_circuit
from tests.support.runs import plan_with
from tests.support.stages import CASES, CIRCUIT, images_of, plan_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reply(bgv) -> bytes:
    return bytes(Server(bgv.circuit, bgv.plan, bgv.client.keys).evaluate(bgv.upload).reply)


def resealed(message: bytes, client: Client, fields: dict[str, object], *, sent: str = "reply") -> bytes:
    """The message with other fields in its envelope."""
    envelope, payload = open_sealed(message, kind=sent, plan=client.plan.fingerprint, session=None, index=0)
    return seal(replace(envelope, **fields), bytes(payload))


def assert_congruent(bgv, residues: np.ndarray) -> None:
    """Residues of the first pass are those of the clear logits, centred."""
    modulus = bgv.plan.parameters.plain_moduli[0]
    assert residues.dtype == np.int64
    assert (np.abs(residues) <= modulus // 2).all()
    assert np.array_equal(residues % modulus, bgv.circuit.evaluate(bgv.pixels) % modulus)


def test_an_upload_is_valid_and_of_the_stated_size(session) -> None:
    plan = session.plan
    envelope, payload = open_sealed(
        session.upload, kind="upload", plan=plan.fingerprint, session=session.client.session, index=0
    )
    assert envelope.images == len(session.pixels)
    assert len(payload) == plan.upload_bytes // plan.parameters.passes
    check_residues(payload_residues(envelope, payload, shape=envelope.shape), plan.parameters.primes)


def test_no_secret_leaves_with_an_upload(session) -> None:
    he = session.client._contexts[0]
    secret = he.to_bytes_secret_key("none")[-8 * 4096 :]
    for part in (secret, *(row.tobytes() for row in secret_residues(he, 4096))):
        assert part not in session.upload
    assert session.client.keys == b""


def test_two_uploads_of_the_same_pixels_share_no_seed_and_no_residues(session) -> None:
    plan, uploads = session.plan, [session.upload, session.client.encrypt(session.pixels)]
    opened = [open_sealed(upload, kind="upload", plan=plan.fingerprint, session=None, index=0) for upload in uploads]
    first, second = (payload_residues(envelope, payload, shape=envelope.shape) for envelope, payload in opened)
    assert len({envelope.seed for envelope, _ in opened}) == 2
    assert float(np.mean(first == second)) < 0.001


def test_equal_pixels_are_encrypted_differently(session) -> None:
    plan = session.plan
    upload = session.client.encrypt(np.ones_like(session.pixels))
    envelope, payload = open_sealed(upload, kind="upload", plan=plan.fingerprint, session=None, index=0)
    residues = payload_residues(envelope, payload, shape=envelope.shape)
    assert len({part.tobytes() for part in residues}) == len(plan.inputs)


def test_progress_counts_up_to_all_and_never_back(session) -> None:
    told: list[int] = []
    session.client.encrypt(session.pixels, report=told.append)
    count = len(session.plan.inputs)
    assert told == [*range(CHUNK, count, CHUNK), count]


def test_encryption_can_be_stopped_and_begun_again(session) -> None:
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.client.encrypt(session.pixels, report=stop)
    assert session.client.encrypt(session.pixels)


def test_pixels_that_no_weight_reads_are_not_sent() -> None:
    circuit = Circuit("hole", (2, 3), 2, (affine([[1, 0, 2, 0, 0, 0], [0, 0, 1, 0, 0, -1]]),))
    plan = plan_with(circuit, "bgv", sizes=(40, 40))
    client = Client(plan)
    assert plan.inputs == (0, 2, 5)
    upload = client.encrypt(np.arange(12).reshape(2, 2, 3) % 4)
    assert len(upload) < 3 * 2 * 4096 * 8 + 1024
    reply = Server(circuit, plan, client.keys).evaluate(upload).reply
    logits = client.combine([client.decrypt(reply)])
    assert np.array_equal(logits, circuit.evaluate(np.arange(12).reshape(2, 6) % 4))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda pixels: pixels[:0], "1 to 4096 images; got 0"),
        (lambda pixels: np.zeros((4097, 4), dtype=np.int64), "1 to 4096 images; got 4097"),
        (lambda pixels: pixels[:, :2], "tiny-bgv reads 4 pixels an image, not 2"),
        (lambda pixels: np.repeat(pixels, 4, axis=1), "tiny-bgv reads 4 pixels an image, not 16"),
        (lambda pixels: pixels + 1, "from 0 to 3"),
        (lambda pixels: pixels - 1, "from 0 to 3"),
        (lambda pixels: pixels.astype(np.float64), "float64"),
        (lambda pixels: pixels * np.nan, "float64"),
    ],
)
def test_pixels_that_are_not_the_plans_are_refused(bgv, change, match) -> None:
    with pytest.raises(CircuitError, match=match):
        bgv.client.encrypt(change(bgv.pixels))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_pixels_of_any_integer_type_are_taken(bgv, dtype) -> None:
    server = Server(bgv.circuit, bgv.plan, bgv.client.keys)
    upload = bgv.client.encrypt(bgv.pixels.astype(dtype).reshape(30, 2, 2))
    assert_congruent(bgv, bgv.client.decrypt(server.evaluate(upload).reply))


def test_a_reply_decrypts_to_the_residues_of_the_logits_once(bgv) -> None:
    upload = bgv.client.encrypt(bgv.pixels)
    reply = Server(bgv.circuit, bgv.plan).evaluate(upload).reply
    assert_congruent(bgv, bgv.client.decrypt(reply))
    with pytest.raises(WireError, match="each is taken once"):
        bgv.client.decrypt(reply)


def test_replies_are_bound_to_their_upload_and_its_images(bgv, reply) -> None:
    server = Server(bgv.circuit, bgv.plan)
    first, second = bgv.client.encrypt(bgv.pixels[:4]), bgv.client.encrypt(bgv.pixels[4:8], index=1)
    one, other = server.evaluate(first).reply, server.evaluate(second, index=1).reply
    names = [
        open_sealed(part, kind="reply", plan=bgv.plan.fingerprint, index=i)[0].upload
        for i, part in enumerate((one, other))
    ]
    assert len({*names}) == 2
    assert all(len(bytes.fromhex(name)) == 16 for name in names)
    for fields in ({"images": 5}, {"upload": names[1]}, {"upload": "0" * 32}, {"upload": ""}):
        with pytest.raises(WireError, match="answers no upload of this client that is unanswered"):
            bgv.client.decrypt(resealed(one, bgv.client, fields))
    modulus = bgv.plan.parameters.plain_moduli[0]
    assert np.array_equal(bgv.client.decrypt(one) % modulus, bgv.circuit.evaluate(bgv.pixels[:4]) % modulus)
    assert bgv.client.decrypt(other, index=1).shape == (4, 2)


def test_truncated_replies_are_refused(bgv, reply) -> None:
    for length in (0, 1, 8, 11, 12, 100, 300, len(reply) // 2, len(reply) - 8, len(reply) - 1):
        with pytest.raises(WireError):
            bgv.client.decrypt(reply[:length])


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"kind": "upload"}, "'reply' is expected"),
        ({"plan": "0" * 16}, "plan '0000000000000000'"),
        ({"session": "0" * 16}, "session '0000000000000000'"),
        ({"index": 1}, "plain modulus 1"),
        ({"images": 0}, "to 0 images, answers no upload"),
        ({"images": 4097}, "to 4097 images, answers no upload"),
        ({"shape": (2, 3, 1, 8192)}, "the plan has"),
        ({"scale": 2.0}, "cannot come from this plan"),
        ({"correction": 0}, "cannot come from this plan"),
        ({"correction": 10**9}, "cannot come from this plan"),
    ],
)
def test_replies_with_another_envelope_are_refused(bgv, reply, fields, match) -> None:
    with pytest.raises(WireError, match=match):
        bgv.client.decrypt(resealed(reply, bgv.client, fields))


def test_replies_with_an_impossible_scale_are_refused_in_every_scheme(session) -> None:
    reply = Server(session.circuit, session.plan, session.client.keys).evaluate(session.upload).reply
    primes = session.plan.parameters.primes
    scale, correction = session.plan.reply_factors(0)
    fields = [{"scale": float(primes[0]) * primes[1] * 2}, {"correction": 10**9}, {"correction": 0}]
    fields += [{"scale": 1.001 * scale}, {"correction": correction + 1}]
    for field in fields:
        with pytest.raises(WireError, match="cannot come from this plan"):
            session.client.decrypt(resealed(reply, session.client, field))


def test_replies_with_altered_residues_are_refused(bgv, reply) -> None:
    envelope, payload = open_sealed(reply, kind="reply", plan=bgv.plan.fingerprint)
    altered = bytes(payload)[:-8] + bgv.plan.parameters.primes[-1].to_bytes(8, "little")
    with pytest.raises(WireError, match="not below its prime"):
        bgv.client.decrypt(seal(envelope, altered))
    with pytest.raises(WireError, match="cut off or was altered"):
        bgv.client.decrypt(reply[: -len(altered) - 32] + altered + reply[-32:])


def test_a_reply_to_another_client_is_refused(bgv, reply) -> None:
    with pytest.raises(WireError, match="belongs to session"):
        Client(bgv.plan).decrypt(reply)


def test_a_reply_of_zeros_decrypts_to_zero_and_not_to_an_error(bgv) -> None:
    reply = Server(bgv.circuit, bgv.plan).evaluate(bgv.client.encrypt(bgv.pixels)).reply
    envelope, payload = open_sealed(reply, kind="reply", plan=bgv.plan.fingerprint, session=None, index=0)
    assert not bgv.client.decrypt(seal(envelope, bytes(len(payload)))).any()


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_passes_combine_by_the_chinese_remainder_theorem(scheme) -> None:
    circuit = tiny_circuit(2, widths=(4, 2, 2), largest=9, bias=10**7)
    plan = plan_with(circuit, scheme, sizes=(46, 44), plain_bits=(18, 18, 18))
    client = Client(plan)
    pixels = random_images(circuit, 20)
    server = Server(circuit, plan, client.keys)
    passes = [
        client.decrypt(server.evaluate(client.encrypt(pixels, index=index), index=index).reply, index=index)
        for index in range(3)
    ]
    expected = circuit.evaluate(pixels)
    assert np.abs(expected).max() > max(plan.parameters.plain_moduli)
    assert np.array_equal(client.combine(passes), expected)


def test_noise_budgets_are_measured_in_bfv(session) -> None:
    seen: dict[str, bytes] = {}
    Server(session.circuit, session.plan, session.client.keys).evaluate(session.upload, observe=seen.__setitem__)
    if session.plan.parameters.scheme == "bfv":
        budgets = [session.client.noise_budget_bits(data) for data in seen.values()]
        assert budgets == sorted(budgets, reverse=True)
        assert budgets[0] > budgets[-1] > 0


# --- saved and restored -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an encrypted run leaves whose client, server and decryption are processes of their own."""
    folder = tmp_path_factory.mktemp("stages")
    for stage in ("encrypt", "evaluate", "decrypt"):
        subprocess.run([sys.executable, "-m", "tests.support.stages", stage, str(folder)], cwd=ROOT, check=True)
    return folder


@pytest.mark.parametrize("case", CASES)
def test_a_saved_client_decrypts_in_another_process_what_a_third_one_evaluated(finished: Path, case: str) -> None:
    plan, folder = plan_of(case), finished / case
    logits, reference = np.load(folder / "logits.npy"), CIRCUIT.evaluate(images_of(plan))
    if plan.parameters.scheme == "ckks":
        assert np.abs(logits - reference).max() < 0.05 * np.ptp(reference)
    else:
        assert np.array_equal(logits, reference)
    for index in range(plan.parameters.passes):
        assert (folder / f"fused{index}").read_bytes() == (folder / f"stepwise{index}").read_bytes()
    assert (folder / "secret").stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module", params=["batch-bfv", "packed-ckks"])
def saved(request: pytest.FixtureRequest) -> tuple[Plan, Client]:
    plan = plan_of(request.param)
    return plan, Client(plan)


def test_a_client_comes_back_as_it_was(saved) -> None:
    plan, client = saved
    upload = client.encrypt(images_of(plan))
    keys, secret = client.save()
    restored = Client.restore(plan, keys=keys, secret=secret)
    assert restored.save() == (keys, secret)
    assert restored.session == client.session
    reply = Server(CIRCUIT, plan, restored.keys).evaluate(upload).reply
    assert np.array_equal(client.decrypt(reply), restored.decrypt(reply))


def test_what_the_server_gets_holds_no_secret(saved) -> None:
    plan, client = saved
    keys, secret = client.save()
    for row in secret_residues(client._contexts[0], plan.parameters.ring_degree):
        assert row[:8].tobytes() not in keys
        assert row[:8].tobytes() in secret


def test_saved_secrets_that_are_not_whole_or_of_something_else_are_refused(saved) -> None:
    plan, client = saved
    keys, secret = client.save()
    for length in (0, 5, 12, 100, len(secret) // 2, len(secret) - 1):
        with pytest.raises(WireError):
            Client.restore(plan, keys=keys, secret=secret[:length])
    for place in (20, 300, len(secret) // 2, len(secret) - 1):
        altered = bytearray(secret)
        altered[place] ^= 1
        with pytest.raises(WireError):
            Client.restore(plan, keys=keys, secret=bytes(altered))
    with pytest.raises(WireError, match="another version of fcnlab"):
        Client.restore(plan, keys=keys, secret=secret.replace(b"FCNLAB4", b"FCNLAB3", 1))
    with pytest.raises(WireError, match="'secret keys' is expected"):
        Client.restore(plan, keys=keys, secret=bytes(client.encrypt(images_of(plan))))
    with pytest.raises(WireError, match="was made for plan"):
        Client.restore(replace(plan, unit=2 * plan.unit), keys=keys, secret=secret)


def test_a_sealed_secret_that_seal_cannot_read_is_refused(saved) -> None:
    plan, client = saved
    envelope, payload = open_sealed(client.save()[1], kind="secret keys", plan=plan.fingerprint)
    for forged in (b"", bytes(payload)[:-8], bytes(payload)[:-8] + b"\xff" * 8, bytes(len(payload))):
        with pytest.raises(WireError, match=r"Secret key \d does not belong"):
            Client.restore(plan, keys=client.keys, secret=seal(replace(envelope, shape=(len(forged),)), forged))


def test_keys_and_secrets_of_two_clients_are_not_mixed() -> None:
    plan = plan_of("packed-ckks")
    (keys, _), (other, secret) = Client(plan).save(), Client(plan).save()
    with pytest.raises(WireError, match="belong to different clients"):
        Client.restore(plan, keys=keys, secret=secret)
    with pytest.raises(WireError, match="cut off or were altered"):
        Client.restore(plan, keys=other[:-1], secret=secret)
