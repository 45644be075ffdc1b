import json
from dataclasses import replace

import pytest

from fcnlab.circuit.hops import COLUMNS
from fcnlab.inference.report import BESIDE, HOPS, STAGES, LayerReport, Progress, Report, Seconds

COUNTS = {"ct_ct_adds": 1500, "pt_ct_adds": 845, "doublings": 40, "mod_switches": 3}
PROOF = {"value_bits": 10, "noise_bits": 52.34, "budget_bits": 101.26}
LAYER = LayerReport(name="conv1", outputs=845, operations=COUNTS, elapsed_s=0.123456, **PROOF)
TIGHTER = {"value_bits": 19, "noise_bits": 100.0, "budget_bits": 50.0, "measured_budget_bits": 61}
SQUARES = {"ct_ct_mults": 845, "relinearizations": 2}
SQUARE = LayerReport(name="act1", outputs=845, operations=SQUARES, elapsed_s=0.5, **TIGHTER)
RUN = {"network": "fcn", "scheme": "bgv", "engine": "fused", "images": 10000, "batches": 2, "passes": 2, "threads": 2}
AGREEMENT = {"accuracy": 99.08, "reference_accuracy": 99.08, "mismatched_logits": 0, "mismatched_digits": 0}
BITS = {"prime_bits": [50, 50, 17], "plain_modulus_bits": [26, 26], "security_bits": 128}
PLAN = {"ring_degree": 8192, "outputs": 10, **BITS}
SECONDS = Seconds(keygen=0.25, encrypt=8.0, evaluate=1.5, decrypt=0.5)
SENT = {"upload_bytes": 822_000_000, "download_bytes": 6_000_000, "evaluation_key_bytes": 0}
MEASURED = {"layers": (LAYER, SQUARE), "logit_error": 0.0, "seconds": SECONDS, "peak_memory_bytes": 3 << 30}
REPORT = Report(plan=PLAN, **RUN, **AGREEMENT, **SENT, **MEASURED)


def test_a_layers_total_is_the_sum_of_four_columns() -> None:
    assert LAYER.total == 2345
    assert SQUARE.total == 845
    values = LAYER.as_dict()
    assert [values[column] for column in COLUMNS] == [845, 1500, 0, 0]
    assert [values[kind] for kind in BESIDE] == [40, 0, 0, 3]
    assert (values["seconds"], values["noise_bits"], values["budget_bits"]) == (0.1235, 52.3, 101.3)
    assert values["measured_budget_bits"] is None
    assert SQUARE.as_dict()["measured_budget_bits"] == 61


def test_hops_are_sums_over_layers() -> None:
    performed = {**COUNTS, **SQUARES, "total": 3190}
    assert REPORT.hops == dict.fromkeys((*HOPS, *BESIDE), 0) | performed
    assert REPORT.images_per_second == 1000


def test_json_has_every_promised_name() -> None:
    values = json.loads(json.dumps(REPORT.as_dict()))
    assert {*RUN, *AGREEMENT, "logit_error", "note", "peak_memory_bytes"} <= set(values)
    assert {"hops", "layers", "plan", "seconds", "images_per_second", "bytes"} <= set(values)
    assert {*COLUMNS, "total"} <= set(values["hops"])
    assert {"ring_degree", "prime_bits", "plain_modulus_bits", "security_bits"} <= set(values["plan"])
    assert set(values["seconds"]) == {"keygen", "encrypt", "evaluate", "decrypt"}
    assert values["bytes"] == {"upload": 822_000_000, "download": 6_000_000, "evaluation_keys": 0}
    assert [layer["name"] for layer in values["layers"]] == ["conv1", "act1"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "10,000 images classified under encryption, 99.08 % right; all 100,000 logits equal the clear circuit's."),
        (
            {"accuracy": None},
            "10,000 images classified under encryption; all 100,000 logits equal the clear circuit's.",
        ),
        ({"mismatched_logits": 3, "mismatched_digits": 1}, "3 of 100,000 logits differ from the clear circuit's."),
        (
            {"scheme": "ckks", "mismatched_digits": 2, "logit_error": 0.0051},
            "9,998 digits are the clear circuit's, logits within 0.51 % of their spread (root mean square).",
        ),
    ],
)
def test_the_verdict_is_one_sentence_without_timings(changes: dict, expected: str) -> None:
    verdict = replace(REPORT, **changes).verdict
    assert verdict.endswith(expected)
    assert replace(REPORT, seconds=Seconds(keygen=9, encrypt=9, evaluate=9, decrypt=9), **changes).verdict == verdict


def test_text_is_a_table_with_every_layer_and_figure() -> None:
    text = str(REPORT)
    lines = text.splitlines()
    assert lines[0] == "fcn, bgv, batch layout, fused engine, ring degree 8192, 128-bit security"
    assert lines[1] == REPORT.verdict
    rows = [line.split()[:2] for line in lines if line.startswith(("conv1", "act1"))]
    assert rows == [["conv1", "845"], ["act1", "845"]]
    assert next(line for line in lines if line.startswith("HOPs of one pass")).split()[-1] == "3,190"
    for part in ("2 batches of 2 passes", "encrypt 8.00 s", "1,000 images a second"):
        assert part in text
    for part in ("sent 822.0 MB", "received 6.0 MB", "3.00 GiB"):
        assert part in text
    assert "rotations" not in text
    single = str(replace(REPORT, batches=1, passes=1))
    assert "1 batch of 1 pass:" in single
    assert max(map(len, lines)) <= 120


def test_rotations_and_a_note_are_shown_where_there_are_any() -> None:
    packed = replace(LAYER, operations={"pt_ct_mults": 32, "rotations": 15}, elapsed_s=0.0314)
    report = replace(REPORT, layers=(packed,), note="The batch layout is used: too wide.")
    lines = str(report).splitlines()
    assert lines[1] == report.note == report.as_dict()["note"]
    assert report.hops["total"] == packed.total == 47
    assert lines[3].split()[-3:] == ["rotations", "HOPs", "seconds"]
    assert lines[4].split()[-3:] == ["15", "47", "0.031"]
    assert max(map(len, lines)) <= 120


def test_progress_only_grows():
    shares = [Progress(stage, "", done, 4, turn, 2).share for turn in (1, 2) for stage in STAGES for done in range(5)]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    words = str(Progress("evaluate", "conv1+act1", 3, 96, 2, 3))
    assert words == "Pass 2 of 3: the server evaluates conv1+act1, 3 of 96"
