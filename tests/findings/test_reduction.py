"""The first question: every number of the sentences comes from the tables."""

from dataclasses import replace

import pytest

from fcnlab.data.measured import Row
from fcnlab.findings.reduction import (
    comparable_runs,
    image_columns,
    measured_seconds,
    read_runs,
    run_columns,
    sweep_ends,
)
from tests.support.rows import full, plain


def run(system: str, total: int, seconds: float, *, setting: str = "fused engine, made up", scheme: str = "bgv") -> Row:
    counts = {"pt_ct_adds": 0, "ct_ct_adds": total, "pt_ct_mults": 0, "ct_ct_mults": 0, "total": total}
    measured = {"encrypt_decrypt_s": 3.0, "inference_s": seconds, "accuracy": 99.0, "message_mb": 100.0, "images": 1000}
    return Row(system=system, kind="measured", **counts, **measured, scheme=scheme, setting=setting)


RUNS = [run("cryptonets", 400_000, 16.0), run("fcn-9k", 4_000, 1.6), run("fcn-5k", 40_000, 5.06)]


def test_runs_of_another_engine_or_scheme_are_not_mixed_in():
    others = [run("fcn-9k", 4_000, 9.0, setting="stepwise engine"), run("fcn-9k", 4_000, 9.0, scheme="ckks")]
    unknown = replace(RUNS[0], system="cut", inference_s=None)
    runs = comparable_runs([*others, *RUNS, unknown])
    assert [each.system for each in runs] == ["fcn-9k", "fcn-5k", "cryptonets"]
    assert comparable_runs([]) == ()


def test_a_batch_costs_the_same_whatever_it_holds():
    run = RUNS[0]
    assert measured_seconds(run, 1) == pytest.approx(19.0)
    assert measured_seconds(run, 1000) == pytest.approx(0.019)
    assert measured_seconds(run, 1001) == pytest.approx(38 / 1001)


def test_the_ends_of_each_line_of_the_sweep():
    ends = [(network.weight_bits, network.budget) for network in sweep_ends(plain())]
    assert ends == [(bits, budget) for bits in (4, 3, 2) for budget in (20_000, 10_000)]
    assert {network.activation for network in sweep_ends(full())} == {"swish-aq-2"}
    assert sweep_ends(()) == []


def test_tables_of_whole_batches_and_of_an_image():
    rebuilt = replace(RUNS[0], system="cryptodl-1", accuracy=None, message_mb=None)
    batches, images = run_columns([*RUNS, rebuilt]), image_columns([*RUNS, rebuilt])
    assert [cells[0] for cells in batches.values()] == ["cryptonets", 400_000, "16.00", "3.00", 1000, "99.00"]
    assert [cells[0] for cells in images.values()] == ["cryptonets", 400_000, 1000, "16,000", "19.00", "100", "100"]
    assert batches["measured here"][-1] == images["measured here"][-1] == "cryptodl-1 (reconstructed)"
    assert (batches["accuracy %"][-1], images["MB"][-1], images["kB an image"][-1]) == (None, None, None)
    assert not any((*run_columns(()).values(), *image_columns(()).values()))


def test_the_shipped_table_has_the_dense_network():
    assert "cryptonets" in {run.system for run in read_runs()}
