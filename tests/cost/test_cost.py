"""With made-up unit costs: laws of the projection, counts of the engines, files."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.circuit.hops import count_polynomial
from fcnlab.circuit.polynomials import CountingOperations, Operand, apply_polynomial
from fcnlab.cost import load_costs, project
from fcnlab.cost.packed import list_packed_work
from fcnlab.cost.units import Line, costs_path, parse_costs, save_costs
from fcnlab.cost.work import SealCounting, list_work
from fcnlab.errors import DataError, FcnlabError, PlanError
from fcnlab.inference.infer import infer
from fcnlab.machine.machine import cache_folder, machine_digest, machine_name
from fcnlab.planning.choose import make_packed_plan, make_plan
from fcnlab.planning.execution import ENGINES, local_runs
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.program import count_packed
from fcnlab.planning.parameters import SCHEMES
from fcnlab.planning.plan import Plan
from tests.support.circuits import affine, random_images, tiny_circuit
from tests.support.costs import made_up
from tests.support.runs import plan_with

COEFFICIENTS = st.lists(st.integers(-3, 3), min_size=3, max_size=5).filter(lambda values: values[-1] != 0)


def case(scheme: str, *, drop: bool) -> tuple[Circuit, Plan]:
    """A tiny circuit and a plan for it, one prime dropped after the first layer or none."""
    circuit = tiny_circuit()
    drops = (1, *[0] * (len(circuit.steps) - 1)) if drop else None
    return circuit, plan_with(circuit, scheme, sizes=(30, 30, 30), drops=drops)  # type: ignore[arg-type]


CASES = [(scheme, drop) for scheme in SCHEMES for drop in (False, True) if not (scheme == "bfv" and drop)]


# --- counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_projection_counts_and_sends_what_a_run_does(scheme: str, engine: str) -> None:
    circuit = tiny_circuit()
    plan = make_plan(circuit, scheme=scheme)  # type: ignore[arg-type]
    images = random_images(circuit, 20)
    report = infer(circuit, plan, images, engine=engine, threads=1).report
    projected = project(plan, circuit, engine=engine, images=len(images), costs=made_up())
    assert (projected.batches, projected.passes) == (report.batches, report.passes)
    for step, layer in zip(projected.steps, report.layers, strict=True):
        assert step.name == layer.name
        for kind, count in layer.operations.items():
            if kind != "negations":
                assert getattr(step.hops, kind) == count, (step.name, kind)
    messages = report.batches * report.passes
    assert 0 <= report.upload_bytes - projected.upload_bytes <= 1024 * messages
    assert 0 <= report.download_bytes - projected.download_bytes <= 1024 * messages
    assert report.evaluation_key_bytes == projected.evaluation_key_bytes == 0


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


# --- laws -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("scheme", "drop"), CASES)
def test_seconds_are_linear_in_unit_costs(scheme: str, drop: bool, engine: str) -> None:
    circuit, plan = case(scheme, drop=drop)
    doubled = made_up(kernel=4.0, general=6.0, line=Line(10.0, 14.0, 22.0))
    once, twice = (
        project(plan, circuit, engine=engine, images=10, threads=2, costs=costs) for costs in (made_up(), doubled)
    )
    nothing = project(plan, circuit, engine=engine, images=10, costs=made_up(kernel=0, general=0, line=Line(0, 0, 0)))
    for stage in ("keygen_s", "encrypt_s", "evaluate_s", "decrypt_s", "total_s"):
        assert getattr(twice, stage) == pytest.approx(2 * getattr(once, stage))
        assert getattr(nothing, stage) == 0
    assert once.evaluate_s >= sum(step.seconds for step in once.steps) > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_seconds_and_bytes_grow_by_whole_batches(engine: str) -> None:
    circuit, plan = case("bgv", drop=True)
    slots = plan.parameters.slots
    one, full, three = (
        project(plan, circuit, engine=engine, images=images, costs=made_up()) for images in (1, slots, 3 * slots)
    )
    assert (one.batches, full.batches, three.batches) == (1, 1, 3)
    assert one.evaluate_s == full.evaluate_s
    assert three.evaluate_s == pytest.approx(3 * full.evaluate_s)
    assert three.decrypt_s == pytest.approx(3 * full.decrypt_s)
    assert three.upload_bytes == 3 * full.upload_bytes
    assert three.keygen_s == full.keygen_s


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_never_slow_evaluation_down(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcnlab.cost.projection.usable_cores", lambda: 4)
    circuit, plan = case("ckks", drop=False)
    seconds = [
        project(plan, circuit, engine=engine, images=1, threads=threads, costs=made_up()).evaluate_s
        for threads in (1, 2, 4, 8)
    ]
    assert seconds == sorted(seconds, reverse=True)
    assert seconds[2] == seconds[3]
    assert (seconds[0] == seconds[1]) == (engine == "stepwise")


def test_more_passes_take_proportionally_longer() -> None:
    circuit, plan = case("bgv", drop=False)
    two = replace(plan, parameters=replace(plan.parameters, plain_moduli=plan.parameters.plain_moduli * 2))
    first, second = (project(each, circuit, images=1, costs=made_up()) for each in (plan, two))
    assert second.evaluate_s == pytest.approx(2 * first.evaluate_s)


def test_memory_covers_what_is_held_at_once() -> None:
    circuit, plan = case("bgv", drop=False)
    costs = made_up(general=0)
    fused = project(plan, circuit, images=1, costs=costs).peak_memory_bytes
    stepwise = project(plan, circuit, engine="stepwise", images=1, costs=costs).peak_memory_bytes
    assert plan.upload_bytes + plan.download_bytes <= fused
    assert 2 * plan.upload_bytes <= stepwise


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from(SCHEMES))
def test_lines_and_rings_are_monotone(parts: int, primes: int, scheme: str) -> None:
    costs = made_up()

    def seconds(ring_degree: int, *, parts: int = parts, primes: int = primes) -> float:
        return costs.seal_seconds("add", scheme=scheme, ring_degree=ring_degree, parts=parts, primes=primes)

    assert seconds(8192) < seconds(8192, parts=parts + 1)
    assert seconds(8192) < seconds(8192, primes=primes + 1)
    assert seconds(16384) == Line(5.0, 7.0, 11.0).seconds(parts=parts, primes=primes)
    assert seconds(32768) == pytest.approx(seconds(16384) * 2 * 15 / 14)


def test_a_projection_shows_and_serialises_itself() -> None:
    circuit, plan = case("bgv", drop=True)
    projection = project(plan, circuit, images=10, costs=made_up())
    values = json.loads(json.dumps(projection.as_dict()))
    assert values["seconds"]["total"] == pytest.approx(sum(list(values["seconds"].values())[:-1]), abs=1e-3)
    assert [step["name"] for step in values["steps"]] == [step.name for step in circuit.steps]
    assert all(len(line) <= 120 for line in str(projection).splitlines())
    assert "fc1" in str(projection)


def test_requests_that_make_no_sense_are_refused() -> None:
    circuit, plan = case("bgv", drop=False)
    with pytest.raises(FcnlabError, match="Unknown engine 'warp'; choose one of fused, stepwise"):
        project(plan, circuit, engine="warp", images=1, costs=made_up())
    with pytest.raises(FcnlabError, match="at least 1 image"):
        project(plan, circuit, images=0, costs=made_up())
    with pytest.raises(PlanError, match="plan again"):
        project(plan, tiny_circuit(widths=(5, 3, 2)), images=1, costs=made_up())


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_costs_come_back_from_their_file(tmp_path: Path) -> None:
    costs = made_up()
    path = save_costs(costs)
    assert path.parent == cache_folder() == tmp_path / "fcnlab"
    assert load_costs().as_dict() == costs.as_dict()
    assert "bgv" in str(costs)


def test_machines_and_versions_have_files_of_their_own() -> None:
    machine = machine_name()
    assert {"processor", "python", "fcnlab", "Pyfhel", "numba"} <= set(machine)
    assert machine_digest(machine) != machine_digest(machine | {"Pyfhel": "4.0"})


def drop_unit(values: dict[str, Any]) -> None:
    del values["kernels"]["load"]


def add_scheme(values: dict[str, Any]) -> None:
    values["seal"]["tfhe"] = values["seal"]["bgv"]


def make_negative(values: dict[str, Any]) -> None:
    values["seal"]["bgv"]["4096"]["add"]["fixed"] = -1


def make_infinite(values: dict[str, Any]) -> None:
    values["general"]["block_s"] = float("inf")


def make_text(values: dict[str, Any]) -> None:
    values["kernels"]["load"] = "fast"


def make_old(values: dict[str, Any]) -> None:
    values["layout"] = 0


def move(values: dict[str, Any]) -> None:
    values["machine"]["processor"] = "another"


def forget_the_machine(values: dict[str, Any]) -> None:
    values["machine"] = []


@pytest.mark.parametrize(
    "damage", [drop_unit, add_scheme, make_negative, make_infinite, make_text, make_old, move, forget_the_machine]
)
def test_damaged_or_stale_files_are_refused(damage: Callable[[dict[str, Any]], None]) -> None:
    values = made_up().as_dict()
    damage(values)
    path = costs_path(machine_name())
    path.parent.mkdir()
    path.write_text(json.dumps(values))
    with pytest.raises(DataError, match="fcnlab calibrate"):
        load_costs()


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"layout": 1}'])
def test_what_is_no_costs_file_is_refused(content: bytes | None) -> None:
    path = costs_path(machine_name())
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
    with pytest.raises(DataError, match="fcnlab calibrate"):
        load_costs()


def test_parsing_checks_every_line() -> None:
    values: Mapping[str, Any] = made_up().as_dict()
    assert parse_costs(values).as_dict() == values
    values["seal"]["ckks"]["8192"]["square"]["slope"] = 1
    with pytest.raises(DataError, match="slope"):
        parse_costs(values)


# --- the packed layout ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_a_packed_run_is_projected(scheme: str, engine: str) -> None:
    circuit = tiny_circuit(3, widths=(20, 12, 6, 3))
    plan = make_packed_plan(circuit, scheme=scheme)  # type: ignore[arg-type]
    once, thrice, nothing = (
        project(plan, circuit, engine=engine, images=images, costs=made_up(kernel=size, general=size, line=line))
        for images, size, line in ((1, 2.0, Line(5, 7, 11)), (3, 2.0, Line(5, 7, 11)), (1, 0.0, Line(0, 0, 0)))
    )
    assert once.layout == once.as_dict()["layout"] == "packed"
    assert [step.hops for step in once.steps] == list(
        count_packed(pack(circuit, slots=plan.gather.shape[1]), plan.parameters.drops).layers
    )
    turns = {"bgv": 2, "ckks": 3}[scheme]  # two images travel together in bgv
    assert thrice.evaluate_s == pytest.approx(turns * once.evaluate_s)
    assert thrice.upload_bytes == turns * plan.upload_bytes
    assert once.evaluation_key_bytes == plan.evaluation_key_bytes
    assert once.evaluate_s > sum(step.seconds for step in once.steps) > 0
    assert nothing.total_s == 0
    assert all(len(line) <= 120 for line in str(once).splitlines())
    assert "rotations" in str(once)
    with pytest.raises(FcnlabError, match="Unknown engine"):
        project(plan, circuit, engine="warp", images=1, costs=made_up())
    with pytest.raises(FcnlabError, match="at least 1 image"):
        project(plan, circuit, images=0, costs=made_up())
    with pytest.raises(PlanError, match="plan again"):
        project(plan, tiny_circuit(4, widths=(20, 12, 6, 3)), images=1, costs=made_up())


def test_stepwise_calls_are_the_projected_operations() -> None:
    circuit = tiny_circuit(3, widths=(20, 12, 6, 3))
    plan = make_packed_plan(circuit, scheme="ckks")
    *steps, _ = list_packed_work(plan, circuit, engine="stepwise")
    for work in steps:
        counted = Counter[str]()
        for call in work.calls:
            counted[call.unit] += call.count
        hops = work.hops
        assert counted["rotate"] == hops.rotations
        assert counted["relinearize"] == counted["square"] == hops.ct_ct_mults
        assert (counted["multiply_plain"], counted["add"]) == (hops.pt_ct_mults, hops.ct_ct_adds)
        assert counted["switch"] == hops.mod_switches
