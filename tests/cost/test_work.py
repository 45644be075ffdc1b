"""Work is what the engines perform, counted in the units whose costs are known."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.circuit.hops import count_polynomial
from fcnlab.circuit.polynomials import CountingOperations, Operand, apply_polynomial
from fcnlab.cost.work import SealCounting, list_work
from fcnlab.planning.execution import local_runs
from fcnlab.planning.parameters import SCHEMES
from tests.support.circuits import affine
from tests.support.costs import CASES, case
from tests.support.runs import plan_with

COEFFICIENTS = st.lists(st.integers(-3, 3), min_size=3, max_size=5).filter(lambda values: values[-1] != 0)


@pytest.mark.parametrize(("scheme", "drop"), CASES)
def test_stepwise_work_is_the_counted_operations(scheme: str, drop: bool) -> None:
    circuit, plan = case(scheme, drop=drop)
    units = {"pt_ct_mults": "multiply_plain", "ct_ct_adds": "add", "pt_ct_adds": "add_plain", "mod_switches": "switch"}
    *steps, around = list_work(plan, circuit, engine="stepwise")
    for work in steps:
        for column, unit in units.items():
            assert sum(call.count for call in work.calls if call.unit == unit) == getattr(work.hops, column)
        mults = sum(call.count for call in work.calls if call.unit in ("square", "multiply"))
        assert mults == work.hops.ct_ct_mults
        assert not work.residues
    assert [(call.unit, call.count) for call in around.calls] == [("load", len(plan.inputs)), ("save", circuit.outputs)]


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_plaintexts_above_a_prime_are_lifted_in_bgv(scheme: str) -> None:
    circuit, plan = case(scheme, drop=False)
    wide = replace(plan, parameters=replace(plan.parameters, plain_moduli=(max(plan.parameters.primes) + 1,)))
    for work in list_work(wide, circuit, engine="stepwise")[:-1]:
        lifted = sum(call.count for call in work.calls if call.unit == "lift")
        assert lifted == (work.hops.pt_ct_mults + work.hops.pt_ct_adds if scheme == "bgv" else 0)
    assert not any(call.unit == "lift" for work in list_work(plan, circuit, engine="stepwise") for call in work.calls)


def test_fused_work_reads_and_writes_each_run_once() -> None:
    circuit, plan = case("bgv", drop=True)
    degree, names = plan.parameters.ring_degree, [step.name for step in circuit.steps]
    runs = list(local_runs(circuit, plan.parameters))
    assert runs == [(0,), tuple(range(1, len(names)))]
    *steps, around = list_work(plan, circuit, engine="fused")
    assert steps[0].residues["load"] == len(plan.inputs) * 2 * 3 * degree
    assert steps[0].residues["store"] == plan.steps[1].outputs * 2 * 3 * degree
    assert steps[1].residues["load"] == plan.steps[1].outputs * 2 * 2 * degree
    assert steps[-1].residues["store"] == circuit.outputs * plan.steps[-1].size * 2 * degree
    assert [call.unit for work in steps for call in work.calls] == ["load", "save", "switch"]
    assert not around.calls


def test_fused_work_adds_each_digit_once() -> None:
    circuit = Circuit("one", (1, 1, 20), 1, (affine([[1] * 20, [1, -1] * 10, [4, 3] + [0] * 18]),))
    (work, _) = list_work(plan_with(circuit, "bgv", sizes=(30,)), circuit, engine="fused")
    residues = 2 * 4096
    assert work.residues["add_eight"] == 16 * residues  # two groups of eight in the first row
    assert work.residues["add_one"] == (4 + 20 + 3) * residues  # 4, then 3 = 4 - 1: the digits of a row by exponent
    assert work.residues["double"] == residues
    assert work.residues["reduce"] == 3 * residues
    assert work.digits == 16 + 4 + 20 + 3


def test_in_bfv_activations_leave_the_blocks() -> None:
    circuit, plan = case("bfv", drop=False)
    assert list(local_runs(circuit, plan.parameters)) == [(0,), (2,), (4,)]
    work = list_work(plan, circuit, engine="fused")[1]
    assert [call.unit for call in work.calls] == ["load", "square", "save"]
    assert not work.residues


@given(COEFFICIENTS, st.booleans(), st.sampled_from(SCHEMES))
def test_an_activation_is_counted_as_hops_count_it(coefficients: list[int], aligned: bool, scheme: str) -> None:
    step = Polynomial("act", 1, tuple(coefficients))
    hops = count_polynomial(step, aligned=aligned)
    for counting in (CountingOperations(aligned=aligned), SealCounting(scheme, aligned=aligned)):
        result = apply_polynomial(coefficients, Operand(2), counting)
        assert result.size == step.degree + 1
        assert counting.count("add_plain") == hops.pt_ct_adds
        assert counting.count("add") == hops.ct_ct_adds
        assert counting.count("multiply_plain") == hops.pt_ct_mults
        assert counting.count("square", "multiply") == hops.ct_ct_mults
