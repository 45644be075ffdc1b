"""The fused engine gives, residue for residue, what the Pyfhel calls of the stepwise engine give."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.circuit.hops import count_fused
from fcnlab.circuit.integers import prime_below
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.errors import WireError
from fcnlab.he.client import Client
from fcnlab.he.engines.fused import kernel_program, map_threads
from fcnlab.he.server import Server
from fcnlab.he.wire import DIGEST_BYTES, close_message, open_envelope, read_ciphertext
from tests.support.circuits import affine, random_images, random_weights, tiny_circuit
from tests.support.runs import evaluate_both, plan_with

SIZES = {"bgv": (46, 44), "bfv": (46, 44), "ckks": (50, 42)}


def assert_equal_runs(circuit: Circuit, plan, pixels: np.ndarray) -> None:
    """Replies are equal to the last byte, scale and correction factor included, and so is what is observed."""
    for watch in (False, True):
        results = evaluate_both(circuit, plan, pixels, watch=watch)
        (fused, seen), (stepwise, seen_stepwise) = results["fused"], results["stepwise"]
        assert seen == seen_stepwise
        assert len(seen) == (len(circuit.steps) if watch else 0)
        assert fused.reply == stepwise.reply


@pytest.mark.parametrize("scheme", SIZES)
@pytest.mark.parametrize(
    ("weights", "bias"),
    [
        ([[1, 0, 2, 4], [8, 1, 0, 1]], [0, 0]),  # positive powers of two
        ([[-1, 0, -2, -4], [0, -8, 0, 0]], [1, -1]),  # negative ones, a row of one
        ([[3, -7, 100, 0], [0, 0, 1, -1]], [12345, -12345]),  # general integers, a row that cancels for equal pixels
        ([[-1, 5, 0, -6], [11, -13, 1023, -1025]], [2**18, -(2**18)]),
    ],
)
def test_affine_steps_are_equal(scheme, weights, bias) -> None:
    circuit = Circuit("affine", (4,), 2, (affine(weights, bias),))
    assert_equal_runs(circuit, plan_with(circuit, scheme, sizes=SIZES[scheme]), random_images(circuit, 40))


@pytest.mark.parametrize("scheme", SIZES)
def test_pooling_is_equal(scheme) -> None:
    steps = (
        affine([[2, -1, 1], [1, 3, 0], [0, 1, 5]], [3, 2, 1]),
        affine([[1, 1, 0], [0, 1, 1]], name="pool", pooling=True),
    )
    circuit = Circuit("pooled", (3,), 2, steps)
    assert_equal_runs(circuit, plan_with(circuit, scheme, sizes=SIZES[scheme]), random_images(circuit, 40))


@pytest.mark.parametrize("scheme", SIZES)
@pytest.mark.parametrize("squares", [1, 2])
def test_squares_are_equal(scheme, squares) -> None:
    first = affine([[1, 2, -1], [0, 3, 0]], [5, -6])
    circuit = Circuit("squares", (3,), 2, (first, *[Polynomial(f"square{i}", 2) for i in range(squares)]))
    assert_equal_runs(circuit, plan_with(circuit, scheme, sizes=SIZES[scheme]), random_images(circuit, 40))


@pytest.mark.parametrize(
    ("scheme", "sizes", "drops"),
    [
        ("bgv", (50, 40, 30), (1, 0, 0, 0, 0)),
        ("bgv", (50, 40, 30), (0, 0, 1, 0, 1)),
        ("bgv", (50, 30, 30, 30), (0, 1, 2, 0, 0)),
        ("bfv", (50, 45, 45), (0, 0, 0, 0, 0)),
        ("ckks", (50, 30, 30), (1, 0, 0, 0, 0)),
        ("ckks", (40, 40, 30, 30), (1, 0, 1, 0, 1)),
        ("ckks", (50, 50, 20, 20), (0, 0, 2, 0, 0)),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_whole_circuits_with_switches_are_equal(scheme, sizes, drops, seed) -> None:
    circuit = tiny_circuit(seed)
    plan = plan_with(circuit, scheme, ring_degree=8192, sizes=sizes, drops=drops, plain_bits=(24,))
    assert_equal_runs(circuit, plan, random_images(circuit, 30))


@settings(max_examples=8)
@given(st.integers(0, 2**32), st.sampled_from(["bgv", "bfv", "ckks"]))
def test_random_circuits_are_equal(seed: int, scheme) -> None:
    circuit = tiny_circuit(seed, widths=(4, 2, 2), largest=70, bias=10**6)
    plan = plan_with(circuit, scheme, sizes=SIZES[scheme], plain_bits=(25,))
    assert_equal_runs(circuit, plan, random_images(circuit, 10, seed=seed))


def test_a_ckks_bias_is_rounded_as_seals_encoder_does() -> None:
    """A constant vector goes through SEAL's transform exactly, and halves are rounded away from zero."""
    biases = [0, 1, -1, 3, -3, 12345678901, -98765432109]
    circuit = Circuit("bias", (1,), 1, (affine([[1]] * len(biases), biases),))
    for scale in (2.0**20, 0.5, 1.5, 2.0**20 / 3):
        plan = plan_with(circuit, "ckks", sizes=(50, 42), scale=scale)
        assert_equal_runs(circuit, plan, random_images(circuit, 3))


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_threads_change_nothing(scheme, threads) -> None:
    circuit = tiny_circuit(0, widths=(4, 2, 2))
    plan = plan_with(circuit, scheme, sizes=SIZES[scheme])
    client = Client(plan)
    upload = client.encrypt(random_images(circuit, 20))
    keys = client.keys
    one = Server(circuit, plan, keys, threads=1).evaluate(upload)
    assert Server(circuit, plan, keys, threads=threads).evaluate(upload).reply == one.reply


def test_uploads_that_cannot_be_written_to_are_evaluated_too() -> None:
    circuit = tiny_circuit(0, widths=(4, 2, 2))
    client = Client(plan_with(circuit, "bgv", sizes=SIZES["bgv"]))
    upload = client.encrypt(random_images(circuit, 20))
    server = Server(circuit, client.plan, client.keys)
    assert server.evaluate(bytes(upload)).reply == server.evaluate(upload).reply


@pytest.mark.parametrize("engine", ["fused", "stepwise"])
@pytest.mark.parametrize("scheme", SIZES)
@pytest.mark.parametrize("place", ["first", "last"])
def test_a_residue_that_is_its_prime_is_refused(scheme, engine, place) -> None:
    circuit = tiny_circuit(0, widths=(4, 2, 2))
    client = Client(plan_with(circuit, scheme, sizes=SIZES[scheme]))
    upload = client.encrypt(random_images(circuit, 20))
    count = len(client.plan.inputs) * 2 * 4096
    residues = np.frombuffer(upload, dtype="<u8", offset=len(upload) - 8 * count - DIGEST_BYTES, count=count)
    primes = client.plan.parameters.primes
    residues[0 if place == "first" else -1] = primes[0 if place == "first" else -1]
    close_message(upload)
    server = Server(circuit, client.plan, client.keys, engine=engine)
    with pytest.raises(WireError, match="not below its prime"):
        server.evaluate(upload)


def test_operations_are_those_that_hops_counts() -> None:
    circuit = tiny_circuit(7, largest=300)
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(50, 40, 30), drops=(0, 0, 1, 0, 0))
    client = Client(plan)
    upload = client.encrypt(random_images(circuit, 5))
    accounts = Server(circuit, plan, client.keys).evaluate(upload).accounts
    for account, layer, drops in zip(accounts, count_fused(circuit).layers, plan.parameters.drops, strict=True):
        assert account.name == layer.name
        for kind in ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "doublings"):
            assert account.operations.get(kind, 0) == getattr(layer, kind)
        assert account.operations.get("mod_switches", 0) == drops * layer.outputs


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 4))
def test_runs_end_where_sign_exponent_or_row_change(seed: int, columns: int, rows: int) -> None:
    weights = affine(random_weights(np.random.default_rng(seed), rows=rows, columns=columns, largest=3)).weights
    digits = signed_digits(weights)
    *_, runs = kernel_program(digits, None)
    row_of = np.repeat(np.arange(rows), np.diff(digits.indptr))
    for entry, run in enumerate(runs):
        following = [
            other
            for other in range(entry + 1, len(runs))
            if row_of[other] == row_of[entry]
            and (digits.signs[entry : other + 1] == digits.signs[entry]).all()
            and not digits.doublings[entry + 1 : other + 1].any()
        ]
        assert run == 1 + len(following)


def test_progress_counts_blocks_and_ciphertexts_and_can_stop_the_run() -> None:
    circuit = tiny_circuit(0)
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(50, 40, 30), drops=(0, 0, 1, 0, 0))
    client = Client(plan)
    upload = client.encrypt(random_images(circuit, 5))
    for threads in (1, 2):
        server = Server(circuit, plan, client.keys, threads=threads)
        told: list[tuple[str, int, int]] = []
        server.evaluate(upload, report=lambda *progress, told=told: told.append(progress))
        titles = list(dict.fromkeys(title for title, _, _ in told))
        assert titles == ["fc1+act1+fc2", "fc2: drop 1 prime", "act2+fc3"]
        for title in titles:
            steps = [(done, total) for name, done, total in told if name == title]
            assert steps == [(done, len(steps)) for done in range(1, len(steps) + 1)]

        def stop(step: str, done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            server.evaluate(upload, report=stop)
        assert server.evaluate(upload).reply, "a run that was stopped leaves nothing behind"


def test_an_error_in_one_block_drops_the_blocks_not_yet_begun() -> None:
    began: list[int] = []
    never = threading.Event()

    def run(block: int) -> None:
        began.append(block)
        if block == 0:
            raise WireError("altered")
        never.wait(0.01)  # long enough for the error to be seen before all others are through

    with pytest.raises(WireError):
        list(map_threads(run, range(1000), 2))
    assert len(began) < 1000


def test_what_is_observed_is_a_ciphertext_of_the_right_level() -> None:
    circuit = tiny_circuit(0)
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(50, 40, 30), drops=(0, 0, 1, 0, 0))
    client = Client(plan)
    seen: dict[str, bytes] = {}
    reply = (
        Server(circuit, plan, client.keys)
        .evaluate(client.encrypt(random_images(circuit, 5)), observe=seen.__setitem__)
        .reply
    )
    shapes = {name: read_ciphertext(data)[1].shape for name, data in seen.items()}
    assert shapes == {row.name: (row.size, row.primes - row.drops, 8192) for row in plan.steps[1:]}
    envelope, _ = open_envelope(reply, kind="reply", plan=plan.fingerprint, session=None, index=0)
    header, _ = read_ciphertext(seen["fc3"])
    assert (envelope.correction, envelope.scale) == (header.correction, header.scale)
    assert envelope.correction > 1
    assert prime_below(1 << 30, step=16384) in plan.parameters.primes
