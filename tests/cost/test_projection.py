"""With made-up unit costs: a projection counts what a run does, and obeys laws."""

import json
from dataclasses import replace

import pytest

from fcnlab.cost import project
from fcnlab.cost.units import Line
from fcnlab.errors import FcnlabError, PlanError
from fcnlab.inference.infer import infer
from fcnlab.planning.choose import make_packed_plan, make_plan
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.program import count_packed
from fcnlab.planning.parameters import SCHEMES
from tests.support.circuits import random_images, tiny_circuit
from tests.support.costs import CASES, case, made_up


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
