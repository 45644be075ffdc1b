"""Engine x scheme x ring, on real test images; each case in a process of its own, so that its memory is its own."""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tests.benchmarks import run_case

FULL = 10_000


@dataclass(frozen=True)
class Case:
    """One combination; `images` 0 means as many as the slots hold."""

    scheme: str
    ring_degree: int
    engine: str
    threads: int
    repeats: int


def run(*, network: str, repeats: int) -> Iterator[str]:
    """One line a case, then ratios from the same run. Figures are for one plain modulus: one pass over a full batch."""
    cores = os.cpu_count() or 1
    cases = [
        Case(scheme, ring, engine, threads, repeats if engine == "fused" else 1)
        for scheme, ring, engine, threads in (
            ("bgv", 8192, "fused", 1),
            ("bgv", 8192, "fused", cores),
            ("bgv", 16384, "fused", 1),
            ("bgv", 16384, "fused", cores),
            ("bgv", 8192, "stepwise", 1),
            ("bfv", 8192, "fused", 1),
            ("bfv", 8192, "stepwise", 1),
            ("ckks", 4096, "fused", 1),
            ("ckks", 4096, "fused", cores),
            ("ckks", 8192, "fused", 1),
            ("ckks", 4096, "stepwise", 1),
        )
    ]
    yield (
        f"{'scheme':<6}{'ring':>6}{'engine':>10}{'threads':>8}{'images':>8}{'passes':>7}{'encrypt s':>11}"
        f"{'evaluate s':>12}{'decrypt s':>11}{'images/s':>10}{'up MB':>8}{'down MB':>9}{'peak GiB':>10}{'wrong':>7}"
    )
    evaluate_s: dict[tuple[str, int, str, int], float] = {}
    for case in cases:
        row = run_case("encryption", network, json.dumps(asdict(case)))
        name = f"{case.scheme:<6}{case.ring_degree:>6}{case.engine:>10}{case.threads:>8}"
        if isinstance(row, str):
            yield f"{name}  {row}"
            continue
        evaluate_s[case.scheme, case.ring_degree, case.engine, case.threads] = row["evaluate_s"]
        seconds = row["passes"] * (row["encrypt_s"] + row["evaluate_s"] + row["decrypt_s"])
        yield (
            f"{name}{row['images']:>8}{row['passes']:>7}{row['encrypt_s']:>11.2f}{row['evaluate_s']:>12.3f}"
            f"{row['decrypt_s']:>11.3f}{row['images'] / seconds:>10,.0f}{row['upload_bytes'] / 1e6:>8.0f}"
            f"{row['download_bytes'] / 1e6:>9.1f}{row['peak_bytes'] / 2**30:>10.2f}{row['wrong']:>7}"
        )
    fused = evaluate_s.get(("bgv", 8192, "fused", 1))
    for scheme in ("bfv", "bgv"):
        stepwise = evaluate_s.get((scheme, 8192, "stepwise", 1))
        if fused and stepwise:
            yield f"fused bgv evaluates {stepwise / fused:.1f} times faster than stepwise {scheme}, one thread"


def measure(network: str, case: Case) -> dict[str, float]:
    """Run one case in this process."""
    from fcnlab.data.mnist import load_mnist
    from fcnlab.he.client import Client
    from fcnlab.he.server import Server
    from fcnlab.inference.demonstration import prepare
    from fcnlab.inference.infer import compare_logits
    from fcnlab.machine.machine import peak_resident_bytes
    from fcnlab.planning.choose import choose_plan

    circuit = prepare(network).circuit
    plan, _ = choose_plan(circuit, scheme=case.scheme, ring_degree=case.ring_degree, layout="batch")  # type: ignore[arg-type]
    images = min(plan.parameters.slots, FULL)
    pixels = circuit.quantise(load_mnist("test").pixels[:images])
    client = Client(plan)
    server = Server(circuit, plan, client.keys, engine=case.engine, threads=case.threads)
    replies = []
    seconds: dict[str, list[float]] = {"encrypt_s": [], "evaluate_s": [], "decrypt_s": []}
    upload_bytes = 0
    client.encrypt(pixels[:1])  # touches what it needs
    for index in range(plan.parameters.passes):
        began = time.perf_counter()
        upload = client.encrypt(pixels, index=index)
        seconds["encrypt_s"].append(time.perf_counter() - began)
        upload_bytes = len(upload)
        for _ in range(case.repeats if index == 0 else 1):
            began = time.perf_counter()
            reply = server.evaluate(upload, index=index).reply
            seconds["evaluate_s"].append(time.perf_counter() - began)
        began = time.perf_counter()
        replies.append(client.decrypt(reply, index=index))
        seconds["decrypt_s"].append(time.perf_counter() - began)
    compared = compare_logits(client.combine(replies), circuit.evaluate(pixels), bound=plan.logit_bound)
    return {
        **{name: statistics.median(values) for name, values in seconds.items()},
        "images": images,
        "passes": plan.parameters.passes,
        "upload_bytes": upload_bytes,
        "download_bytes": len(reply),
        "peak_bytes": peak_resident_bytes(),
        "wrong": compared["mismatched_digits" if case.scheme == "ckks" else "mismatched_logits"],
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Case(**json.loads(sys.argv[2])))))
