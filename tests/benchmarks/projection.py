"""Projected against measured cost: every shipped network, a few schemes and engines, one thread, one full batch.

Processor seconds are compared, so that other programs on the machine hardly count; on a quiet machine with one thread
they are the seconds that pass. Each case has a process of its own, so that its memory is its own.
"""

import json
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tests.benchmarks import run_case

LONGEST_S = 60.0  # cases that are projected to take longer are left out, and said to be
STAGES = ("keygen", "encrypt", "evaluate", "decrypt")
SMALLEST_S = 0.2  # stages shorter than this count towards their whole run only


@dataclass(frozen=True)
class Case:
    """One combination; ring degree 0 means the cheapest proven."""

    network: str
    scheme: str
    ring_degree: int
    engine: str


KINDS = (
    ("bgv", 0, "fused"),
    ("bfv", 0, "fused"),
    ("ckks", 0, "fused"),
    ("ckks", 16384, "fused"),
    ("bgv", 0, "stepwise"),
    ("bfv", 0, "stepwise"),
    ("ckks", 0, "stepwise"),
)


def run(*, network: str, repeats: int) -> Iterator[str]:
    """One line a case, then the median and the worst relative error; all networks, whatever `network` says."""
    from fcnlab.measuring.calibration import costs_of_this_machine
    from fcnlab.networks.checkpoint import available_networks

    costs_of_this_machine()
    yield (
        f"{'network':<20}{'scheme':<7}{'ring':>6}{'engine':>10}{'passes':>7}"
        + "".join(f"{stage + ' s':>18}" for stage in (*STAGES, "total"))
        + f"{'GiB':>14}   (projected / measured)"
    )
    errors: dict[str, list[tuple[float, str]]] = {"whole runs": [], "stages": [], "peak memory": []}
    for name in available_networks():
        for scheme, ring_degree, engine in KINDS:
            case = Case(name, scheme, ring_degree, engine)
            row = run_case("projection", json.dumps(asdict(case)))
            title = f"{name:<20.20}{scheme:<7}{ring_degree or '':>6}{engine:>10}"
            if isinstance(row, str):
                yield f"{title}  {row}"
                continue
            yield f"{title}{describe(row)}"
            for kind, error, where in case_errors(row):
                errors[kind].append((error, f"{' '.join(title.split())} {where}"))
    for kind, found in errors.items():
        if found:
            worst, where = max(found)
            median = statistics.median(error for error, _ in found)
            yield f"{kind}: median error {100 * median:.0f} %, worst {100 * worst:.0f} % ({where})"


def describe(row: dict) -> str:
    """The cells of a case."""
    if "skipped" in row:
        return f"  left out: projected to take {row['skipped']:.0f} s"
    cells = [f"{row['projected'][stage]:.2f} / {row['measured'][stage]:.2f}" for stage in (*STAGES, "total")]
    memory = f"{row['projected']['peak'] / 2**30:.2f} / {row['measured']['peak'] / 2**30:.2f}"
    return f"{row['passes']:>7}" + "".join(f"{cell:>18}" for cell in cells) + f"{memory:>14}"


def case_errors(row: dict) -> Iterator[tuple[str, float, str]]:
    """Relative errors of a case: of what kind, how large, of which stage."""
    for name, measured in row.get("measured", {}).items():
        kind = {"total": "whole runs", "peak": "peak memory"}.get(name, "stages")
        if kind != "stages" or measured >= SMALLEST_S:
            yield kind, abs(row["projected"][name] - measured) / measured, name


def measure(case: Case) -> dict:
    """Run one case in this process."""
    time.perf_counter = time.process_time  # for the engines' own stopwatches

    from fcnlab.cost import load_costs, project
    from fcnlab.data.mnist import load_mnist
    from fcnlab.inference.demonstration import prepare
    from fcnlab.inference.infer import infer
    from fcnlab.planning.choose import choose_plan

    circuit = prepare(case.network).circuit
    plan, _ = choose_plan(circuit, scheme=case.scheme, ring_degree=case.ring_degree or None, layout="batch")
    pixels = circuit.quantise(load_mnist("test").pixels[: plan.parameters.slots])
    projection = project(plan, circuit, engine=case.engine, images=len(pixels), threads=1, costs=load_costs())
    if projection.total_s > LONGEST_S:
        return {"skipped": projection.total_s}
    report = infer(circuit, plan, pixels, engine=case.engine, threads=1).report
    seconds = asdict(report.seconds)
    return {
        "passes": report.passes,
        "projected": {
            **{stage: getattr(projection, f"{stage}_s") for stage in (*STAGES, "total")},
            "peak": projection.peak_memory_bytes,
        },
        "measured": {**seconds, "total": sum(seconds.values()), "peak": report.peak_memory_bytes},
        "steps": [
            (step.name, round(step.seconds, 3), round(layer.elapsed_s, 3))
            for step, layer in zip(projection.steps, report.layers, strict=True)
        ],
    }


if __name__ == "__main__":
    print(json.dumps(measure(Case(**json.loads(sys.argv[1])))))
