from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.circuit.hops import count_stepwise
from fcnlab.he.client import Client
from fcnlab.he.server import Server
from fcnlab.planning.choose import MOST_POLYNOMIALS
from fcnlab.planning.execution import count_executed, step_sizes
from tests.support.circuits import affine, random_images, tiny_circuit
from tests.support.runs import classify, plan_with

COLUMNS = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults")


def evaluate(circuit: Circuit, plan, pixels: np.ndarray, **options):
    client = Client(plan)
    server = Server(circuit, plan, client.keys, engine="stepwise")
    return server.evaluate(client.encrypt(pixels), **options)


@pytest.mark.parametrize("scheme", ["bgv", "bfv", "ckks"])
def test_operations_counted_as_they_happen_are_those_that_hops_counts(scheme) -> None:
    circuit = tiny_circuit(4, widths=(6, 4, 3))
    accounts = evaluate(circuit, plan_with(circuit, scheme, sizes=(50, 42)), random_images(circuit, 10)).accounts
    for account, layer in zip(accounts, count_stepwise(circuit).layers, strict=True):
        assert account.name == layer.name
        assert {kind: account.operations.get(kind, 0) for kind in COLUMNS} == {
            kind: getattr(layer, kind) for kind in COLUMNS
        }


@settings(max_examples=12)
@given(
    st.sampled_from(["bgv", "bfv"]),  # in ckks a small ring holds no such scales: test_degrees counts there
    st.lists(st.integers(1, 4), min_size=2, max_size=4),
    st.integers(0, 999),
    st.data(),
)
def test_the_projection_equals_what_was_counted_for_any_circuit(scheme, widths, seed, data) -> None:
    circuit = tiny_circuit(seed, widths=(5, *widths))
    coefficients = st.lists(st.integers(-3, 3), min_size=2, max_size=4).map(lambda lower: (*lower, 1 + seed % 2))
    steps = tuple(
        replace(step, coefficients=data.draw(coefficients)) if isinstance(step, Polynomial) else step
        for step in circuit.steps
    )
    circuit = replace(circuit, steps=steps)
    drops = tuple(int(scheme == "bgv" and index == 0) for index in range(len(steps)))
    assume(max(after for _, _, after in step_sizes(circuit)) <= MOST_POLYNOMIALS)
    plan = plan_with(circuit, scheme, sizes=(46, 46), drops=drops)  # counts need no proof that budgets suffice
    accounts = evaluate(circuit, plan, random_images(circuit, 3)).accounts
    projected = count_executed(circuit, plan.parameters, engine="stepwise")
    for account, layer in zip(accounts, projected.layers, strict=True):
        assert {kind: account.operations.get(kind, 0) for kind in (*COLUMNS, "mod_switches")} == {
            kind: getattr(layer, kind) for kind in (*COLUMNS, "mod_switches")
        }


def test_switches_and_negations_stand_beside() -> None:
    circuit = Circuit("signs", (2,), 2, (affine([[-1, -2], [1, -1], [1, 1]], [1, 0, 0]),))
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(50, 40), drops=(1,))
    (account,) = evaluate(circuit, plan, random_images(circuit, 8)).accounts
    kinds = ("pt_ct_mults", "ct_ct_adds", "negations", "pt_ct_adds", "mod_switches")
    assert dict(account.operations) == dict(zip(kinds, (6, 3, 1, 1, 3), strict=True))


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_rows_of_negative_weights_and_weights_above_half_the_modulus_are_right(scheme) -> None:
    circuit = Circuit("wide", (3,), 2, (affine([[-1, -3, 0], [70000, 0, -90000], [40960, 40962, 1]]),))
    plan = plan_with(circuit, scheme, sizes=(46, 44), plain_bits=(17, 18))
    assert max(abs(circuit.steps[0].weights.data)) > plan.parameters.plain_moduli[0] // 2
    pixels = random_images(circuit, 20)
    for engine in ("fused", "stepwise"):
        assert np.array_equal(classify(circuit, plan, pixels, engine=engine), circuit.evaluate(pixels))


def test_pooling_costs_additions_only_and_leaves_its_inputs_alone() -> None:
    pool = affine([[1, 1, 0], [0, 1, 1], [1, 1, 1], [0, 1, 0]], name="pool", pooling=True)
    circuit = Circuit("pooled", (3,), 2, (pool,))
    plan = plan_with(circuit, "bgv", sizes=(46, 44))
    evaluation = evaluate(circuit, plan, random_images(circuit, 10))
    assert dict(evaluation.accounts[0].operations) == {"ct_ct_adds": 4}
    pixels = random_images(circuit, 10)
    assert np.array_equal(classify(circuit, plan, pixels, engine="stepwise"), circuit.evaluate(pixels))


def test_progress_counts_outputs_and_switches_and_can_stop_the_run() -> None:
    circuit = tiny_circuit(0)
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(50, 40, 30), drops=(0, 0, 1, 0, 0))
    told: list[tuple[str, int, int]] = []
    evaluate(circuit, plan, random_images(circuit, 5), report=lambda *progress: told.append(progress))
    expected = [("fc1", 3), ("act1", 3), ("fc2", 3), ("fc2: drop 1 prime", 3), ("act2", 3), ("fc3", 2)]
    assert told == [(name, done, total) for name, total in expected for done in range(1, total + 1)]

    def stop(step: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(circuit, plan, random_images(circuit, 5), report=stop)
