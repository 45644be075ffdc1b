"""The first question: every number of the sentences comes from the tables."""

from dataclasses import replace

import pytest

from fcnlab.data.encodings import reference_study
from fcnlab.data.measured import Row
from fcnlab.data.published import published_systems
from fcnlab.findings.networks import pareto_front
from fcnlab.findings.reduction import (
    Reduction,
    answer,
    claim_sentence,
    comparable_runs,
    encoding_gain,
    goal_sentence,
    growth,
    measured_sentence,
    read_reduction,
    run_columns,
    sentences,
    sweep_ends,
)
from tests.support.rows import full, plain


def run(system: str, total: int, seconds: float, *, setting: str = "fused engine, made up", scheme: str = "bgv") -> Row:
    counts = {"pt_ct_adds": 0, "ct_ct_adds": total, "pt_ct_mults": 0, "ct_ct_mults": 0, "total": total}
    measured = {"encrypt_decrypt_s": 3.0, "inference_s": seconds, "accuracy": 99.0, "message_mb": 100.0, "images": 1000}
    return Row(system=system, kind="measured", **counts, **measured, scheme=scheme, setting=setting)


RUNS = [run("cryptonets", 400_000, 16.0), run("fcn-9k", 4_000, 1.6), run("fcn-5k", 40_000, 5.06)]


def facts_of(networks=(), runs=()) -> Reduction:
    return Reduction(networks, pareto_front(networks), comparable_runs(runs), published_systems(), reference_study())


def test_the_claim_is_that_of_the_published_table():
    assert "9.1 times fewer" in claim_sentence(facts_of())
    assert "6.4 times less time" in claim_sentence(facts_of())


def test_runs_of_another_engine_or_scheme_are_not_mixed_in():
    others = [run("fcn-9k", 4_000, 9.0, setting="stepwise engine"), run("fcn-9k", 4_000, 9.0, scheme="ckks")]
    unknown = replace(RUNS[0], system="cut", inference_s=None)
    runs = comparable_runs([*others, *RUNS, unknown])
    assert [each.system for each in runs] == ["fcn-9k", "fcn-5k", "cryptonets"]
    assert comparable_runs([]) == ()


def test_time_grows_by_a_power_of_the_hops():
    assert growth(comparable_runs(RUNS)) == pytest.approx(0.5, abs=0.001)
    assert growth(comparable_runs(RUNS[:2])) is None


def test_a_run_is_set_beside_the_dense_one():
    words = measured_sentence(facts_of(full(), RUNS), "fcn-9k")
    for part in ("4,000 HOPs", "100.0 times fewer", "10.0 times less time to evaluate", "4.1 times less", "65 %"):
        assert part in words
    assert measured_sentence(facts_of(full(), RUNS), "unheard of") == ""
    assert measured_sentence(facts_of(full(), RUNS[1:]), "fcn-9k") == ""


def test_the_ends_of_each_line_of_the_sweep():
    ends = [(network.weight_bits, network.budget) for network in sweep_ends(plain())]
    assert ends == [(bits, budget) for bits in (4, 3, 2) for budget in (20_000, 10_000)]
    assert {network.activation for network in sweep_ends(full())} == {"swish-aq-2"}
    assert sweep_ends(()) == []


def test_sentences_are_whole_with_much_and_with_nothing():
    for networks, runs in ((full(), RUNS), (plain(), RUNS[:1]), ((), ())):
        facts = facts_of(networks, runs)
        words = sentences(facts)
        assert all(sentence.endswith(".") and "nan" not in sentence for sentence in words)
        assert words[0] in answer(facts)
        assert len(run_columns(facts.runs)["HOPs"]) == len(facts.runs)
    assert goal_sentence(facts_of()) == "No trained network reaches 99 %."


def test_a_monomial_is_cheaper_than_a_general_product():
    assert encoding_gain(reference_study()) > 1


def test_the_shipped_tables_can_be_read():
    facts = read_reduction()
    assert facts.front
    assert facts.dense_run is not None
    assert sentences(facts)
