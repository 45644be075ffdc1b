import multiprocessing

import numpy as np
import pytest

from fcnlab.circuit.hops import count_fused, count_stepwise
from fcnlab.errors import Cancelled, CircuitError, FcnlabError, PlanError
from fcnlab.he.engines.engine import Account
from fcnlab.inference.infer import accuracy_percent, compare_logits, infer, layer_reports, meet
from fcnlab.inference.report import Progress
from fcnlab.planning.choose import choose_plan, make_plan
from fcnlab.planning.parameters import choose_primes
from tests.support.circuits import random_images, tiny_circuit
from tests.support.runs import altered, plan_with

CIRCUIT = tiny_circuit(1, widths=(4, 2, 3))
SIZES = {"bgv": (46, 44), "bfv": (46, 44), "ckks": (50, 42)}
COLUMNS = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults")


def plan_for(scheme: str = "bgv", *, passes: int = 2):
    return plan_with(CIRCUIT, scheme, sizes=SIZES[scheme], plain_bits=(18, 19)[:passes])


@pytest.mark.parametrize(
    ("scheme", "engine"), [("bgv", "fused"), ("bgv", "stepwise"), ("bfv", "fused"), ("bfv", "stepwise")]
)
def test_several_batches_and_passes_equal_the_clear_circuit(scheme, engine) -> None:
    pixels = random_images(CIRCUIT, 4096 + 5)
    labels = np.random.default_rng(0).integers(0, 3, size=len(pixels))
    result = infer(CIRCUIT, plan_for(scheme), pixels, labels=labels, engine=engine, threads=1)
    report, expected = result.report, CIRCUIT.evaluate(pixels)
    assert np.array_equal(result.logits, expected)
    assert np.array_equal(result.reference, expected)
    assert np.array_equal(result.classes, expected.argmax(axis=1))
    assert (report.images, report.batches, report.passes) == (4101, 2, 2)
    assert (report.mismatched_logits, report.mismatched_digits, report.logit_error) == (0, 0, 0.0)
    assert report.accuracy == report.reference_accuracy == round(100 * np.mean(expected.argmax(axis=1) == labels), 4)
    counted = (count_fused if engine == "fused" else count_stepwise)(CIRCUIT)
    assert report.hops["total"] == counted.total.total
    for layer, row in zip(report.layers, counted.layers, strict=True):
        assert {kind: layer.operations.get(kind, 0) for kind in COLUMNS} == {
            kind: getattr(row, kind) for kind in COLUMNS
        }
    assert 0 <= report.upload_bytes - 2 * plan_for(scheme).upload_bytes < 4 * 1024
    assert 0 <= report.download_bytes - 2 * plan_for(scheme).download_bytes < 4 * 1024
    assert report.evaluation_key_bytes == 0
    assert report.peak_memory_bytes > 50 * 2**20


def test_ckks_agrees_within_its_tolerance() -> None:
    pixels = random_images(CIRCUIT, 3000)
    labels = CIRCUIT.evaluate(pixels).argmax(axis=1)
    plan = plan_with(CIRCUIT, "ckks", sizes=(50, 42), scale=2.0**24)
    result = infer(CIRCUIT, plan, pixels, labels=labels, threads=1)
    assert result.logits.dtype == np.float64
    assert result.report.batches == 2
    assert result.report.reference_accuracy == 100
    assert 0 < result.report.logit_error < 0.02 / 5
    assert np.abs(result.logits - result.reference).max() <= plan.logit_bound
    assert result.report.mismatched_logits == 0
    assert result.report.mismatched_digits <= 3


@pytest.mark.parametrize("layout", ["batch", "packed"])
@pytest.mark.parametrize(("seed", "widths"), [(0, (6, 4, 3)), (1, (30, 8, 3)), (2, (5, 4, 3, 2)), (3, (12, 6, 6, 4))])
def test_no_logit_is_beyond_the_bound_of_a_proven_plan(layout, seed, widths) -> None:
    circuit = tiny_circuit(seed, widths=widths)
    plan, note = choose_plan(circuit, scheme="ckks", layout=layout)
    assert not note
    pixels = np.random.default_rng(seed).integers(
        0, circuit.pixel_max + 1, (6000 if layout == "batch" else 6, widths[0])
    )
    result = infer(circuit, plan, pixels, threads=1)
    assert result.report.mismatched_logits == 0
    share = np.abs(result.logits - result.reference).max() / plan.logit_bound
    assert 0.02 < share < 1, "neither broken nor empty"


def test_three_squares_keep_their_bound_too() -> None:
    circuit = tiny_circuit(3, widths=(5, 3, 3, 3, 2), largest=2, bias=4)
    plan = make_plan(circuit, scheme="ckks")
    result = infer(circuit, plan, np.random.default_rng(0).integers(0, 4, (4000, 5)), threads=1)
    assert result.report.mismatched_logits == 0


def test_a_modulus_that_is_too_short_is_found_in_ckks() -> None:
    """What is claimed and not proven shows in the verdict, which uses the bound of the plan."""
    plan = make_plan(CIRCUIT, scheme="ckks")
    bits = [prime.bit_length() for prime in plan.parameters.primes]
    primes = choose_primes(plan.parameters.ring_degree, [max(bits[0] - 10 - int(plan.steps[-1].budget_bits), 17)])
    assert primes is not None
    short = altered(plan, primes=(*primes, *plan.parameters.primes[1:]))
    report = infer(CIRCUIT, short, random_images(CIRCUIT, 50), threads=1).report
    assert report.mismatched_logits > 25
    assert "by more than the" in report.verdict
    assert "of their spread that the plan allows" in report.verdict


def test_progress_goes_through_the_stages_of_every_turn() -> None:
    told: list[Progress] = []
    infer(CIRCUIT, plan_for(), random_images(CIRCUIT, 4100), threads=1, progress=told.append)
    stages = [(step.turn, step.stage) for step in told]
    expected = [(1, "keys"), *[(turn, stage) for turn in range(1, 5) for stage in ("encrypt", "evaluate", "decrypt")]]
    assert list(dict.fromkeys(stages)) == expected
    assert sorted(stages, key=expected.index) == stages
    assert {step.turns for step in told} == {4}
    for turn, stage in expected:
        details = [step for step in told if (step.turn, step.stage) == (turn, stage)]
        assert details[-1].done == details[-1].total
        assert [step.done for step in details] == sorted(step.done for step in details)
    assert {step.detail for step in told if step.stage == "evaluate"} == {"fc1+act1+fc2"}


@pytest.mark.parametrize("stage", ["keys", "encrypt", "evaluate", "decrypt"])
@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_in_progress_stops_the_run_and_leaves_no_process(stage, threads) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == stage:
            raise Cancelled("stopped")

    before = set(multiprocessing.active_children())
    with pytest.raises(Cancelled, match="stopped"):
        infer(CIRCUIT, plan_for(), random_images(CIRCUIT, 20), threads=threads, progress=stop)
    assert set(multiprocessing.active_children()) <= before


def test_two_threads_give_the_same_logits() -> None:
    pixels = random_images(CIRCUIT, 50)
    result = infer(CIRCUIT, plan_for(), pixels, threads=2)
    assert np.array_equal(result.logits, CIRCUIT.evaluate(pixels))
    assert result.report.threads == 2
    assert (result.report.accuracy, result.report.reference_accuracy) == (None, None)


def test_parties_can_meet_beforehand_and_uploads_be_overheard() -> None:
    plan, pixels, heard = plan_for(), random_images(CIRCUIT, 5), []
    parties = meet(CIRCUIT, plan, threads=1)
    for _ in range(2):
        result = infer(
            CIRCUIT, plan, pixels, threads=1, parties=parties, overhear=lambda upload: heard.append(bytes(upload))
        )
        assert np.array_equal(result.logits, CIRCUIT.evaluate(pixels))
        assert result.report.seconds.keygen == parties.keygen_s > 0
        assert result.report.evaluation_key_bytes == parties.evaluation_key_bytes
    assert sum(map(len, heard)) == 2 * result.report.upload_bytes
    assert len(set(heard)) == 4  # never the same ciphertext twice


@pytest.mark.parametrize("engine", ["fused", "stepwise"])
def test_measured_noise_budgets_are_above_the_proven_ones(engine) -> None:
    result = infer(CIRCUIT, plan_for("bfv"), random_images(CIRCUIT, 5), engine=engine, threads=1, observe_noise=True)
    for layer in result.report.layers:
        assert layer.measured_budget_bits is not None
        assert layer.measured_budget_bits >= int(layer.budget_bits)
    without = infer(CIRCUIT, plan_for("bfv"), random_images(CIRCUIT, 5), engine=engine, threads=1)
    assert [layer.measured_budget_bits for layer in without.report.layers] == [None] * 3


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"images": np.zeros((0, 4), dtype=np.int64)}, CircuitError, "no images"),
        ({"images": np.full((2, 4), 4)}, CircuitError, "0 to 3"),
        ({"images": np.zeros((2, 5), dtype=np.int64)}, CircuitError, "shape"),
        ({"images": np.zeros((2, 4))}, CircuitError, "float64"),
        ({"labels": np.zeros(3, dtype=np.int64)}, FcnlabError, "one for each"),
        ({"engine": "magic"}, FcnlabError, "Unknown engine 'magic'"),
        ({"observe_noise": True}, FcnlabError, "bfv only, not in bgv"),
    ],
)
def test_requests_that_cannot_be_met_are_refused_before_keys_are_made(change, error, match) -> None:
    told: list[Progress] = []
    options = {"images": random_images(CIRCUIT, 9), "threads": 1, "progress": told.append} | change
    with pytest.raises(error, match=match):
        infer(CIRCUIT, plan_for(), **options)
    assert told == []


def test_the_plan_of_another_circuit_is_refused() -> None:
    other = tiny_circuit(2, widths=(4, 2, 3))
    with pytest.raises(PlanError, match="not for"):
        infer(other, plan_for(), random_images(other, 9), threads=1)


def test_accuracy_is_a_percentage_of_largest_logits() -> None:
    logits = np.array([[1, 3, 2], [9, 0, 0], [0, 0, 1]])
    assert accuracy_percent(logits, np.array([1, 0, 0])) == 66.6667
    assert accuracy_percent(logits, None) is None


def test_comparison_counts_logits_and_digits() -> None:
    reference = np.array([[0, 10], [5, 3]])
    wrong = np.array([[0, 10], [3, 5]])
    none = dict.fromkeys(("mismatched_logits", "mismatched_digits", "logit_error"), 0)
    assert compare_logits(reference, reference, bound=0) == none
    assert compare_logits(wrong, reference, bound=0)["mismatched_logits"] == 2
    assert compare_logits(wrong, reference, bound=0)["mismatched_digits"] == 1
    spread = np.sqrt(np.mean([25, 1]))
    bound = 0.02 * spread
    near, far = reference + 0.5 * bound, reference + 2 * bound
    assert compare_logits(near, reference, bound=bound)["mismatched_logits"] == 0
    assert compare_logits(far, reference, bound=bound)["mismatched_logits"] == 4
    assert compare_logits(far, reference, bound=bound)["logit_error"] == pytest.approx(2 * 0.02)
    assert compare_logits(reference * np.nan, reference, bound=bound)["mismatched_logits"] == 4
    assert compare_logits(near[:, :1], reference[:, :1], bound=bound)["logit_error"] == pytest.approx(0.004 * spread)
    big = np.array([[1 << 80, 0]], dtype=object)
    assert compare_logits(big, big, bound=0)["mismatched_logits"] == 0
    assert compare_logits(big + 1, big, bound=0)["mismatched_logits"] == 2


def test_layers_sum_seconds_over_turns_but_count_one_pass() -> None:
    plan = plan_for()
    turn = tuple(Account(step.name, 2.0, {"ct_ct_adds": 7}) for step in CIRCUIT.steps)
    layers = layer_reports(plan, [turn, turn, turn], {"fc1": 12})
    assert [layer.elapsed_s for layer in layers] == [6.0] * 3
    assert [layer.total for layer in layers] == [7] * 3
    assert [layer.measured_budget_bits for layer in layers] == [12, None, None]
    assert [layer.noise_bits for layer in layers] == [step.noise_bits for step in plan.steps[1:]]
