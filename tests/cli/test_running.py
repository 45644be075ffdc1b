"""Verbs that run something."""

import json
from pathlib import Path

import pytest

from fcnlab.cli import FINDING, OK, REFUSED
from tests.support.checkpoints import tiny_checkpoint
from tests.support.command import run, run_json


@pytest.mark.parametrize(("scheme", "engine"), [("bgv", "fused"), ("bfv", "stepwise"), ("ckks", "fused")])
def test_infer_as_json_has_the_promised_shape(capsys, network, scheme, engine) -> None:
    asked = ("--images", "9", "--scheme", scheme, "--engine", engine, "--threads", "1")
    values = run_json(capsys, "infer", "--network", network, *asked)
    kinds = {
        str: ("network", "scheme", "engine"),
        int: ("images", "batches", "mismatched_logits", "peak_memory_bytes"),
        float: ("accuracy", "reference_accuracy"),
        dict: ("hops", "plan", "seconds", "bytes"),
        list: ("layers",),
    }
    assert all(type(values[name]) is kind for kind, names in kinds.items() for name in names)
    assert all(
        type(values["hops"][kind]) is int
        for kind in ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults", "total")
    )
    assert set(values["seconds"]) == {"keygen", "encrypt", "evaluate", "decrypt"}
    assert all(value >= 0 for value in values["seconds"].values())
    assert all(type(values["bytes"][kind]) is int for kind in ("upload", "download", "evaluation_keys"))
    plan = values["plan"]
    assert type(plan["ring_degree"]) is int
    assert plan["security_bits"] == 128
    assert all(type(bits) is int for bits in plan["prime_bits"] + plan["plain_modulus_bits"])
    assert (values["network"], values["scheme"], values["engine"], values["images"]) == ("tiny", scheme, engine, 9)
    assert values["mismatched_logits"] == 0
    assert [layer["name"] for layer in values["layers"]] == [step["name"] for step in plan["steps"][1:]]
    assert sum(layer["total"] for layer in values["layers"]) == values["hops"]["total"]


def test_infer_as_text_shows_progress_by_layer_and_the_account(capsys, network) -> None:
    status, out, err = run(capsys, "infer", "--network", network, "--images", "9", "--threads", "1")
    assert status == OK
    assert "9 images classified under encryption" in out
    assert "all 90 logits equal the clear circuit's" in out
    for title in ("[1/1] keys", "[1/1] encrypt", "[1/1] evaluate", "[1/1] decrypt"):
        assert title in err
    assert "%" in out
    assert "images classified" not in err


def test_infer_measures_noise_in_bfv(capsys, network) -> None:
    status, out, _ = run(
        capsys, "infer", "--network", network, "--images", "2", "--scheme", "bfv", "--noise", "--threads", "1", "--json"
    )
    assert status == OK
    for layer in json.loads(out)["layers"]:
        assert layer["measured_budget_bits"] >= int(layer["budget_bits"])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--network", "nowhere"], "Unknown network 'nowhere': choose one of"),
        (["--network", "missing.safetensors"], "There is no file missing.safetensors"),
        (["--scheme", "rsa"], "Unknown scheme 'rsa'; choose one of bgv, bfv, ckks"),
        (["--engine", "magic"], "Unknown engine 'magic'; choose one of fused, stepwise"),
        (["--images", "0"], "There are 10,000 test images; asked for 0"),
        (["--images", "-1"], "asked for -1"),
        (["--images", "10001"], "asked for 10,001"),
        (["--ring", "1000"], "Ring degree 1000 is not available"),
        (["--noise"], "bfv only"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_infer_refuses_with_one_sentence(capsys, network, options, part, as_json) -> None:
    arguments = ["infer", "--network", network, "--images", "2", "--threads", "1", *options, *["--json"] * as_json]
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (REFUSED, "")
    assert err.startswith("fcnlab infer: ")
    assert part in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_one_image_goes_packed_when_asked_to(capsys, network, scheme) -> None:
    arguments = ("infer", "--network", network, "--images", "1", "--scheme", scheme, "--layout", "packed")
    status, out, err = run(capsys, *arguments, "--threads", "1", "--json")
    assert (status, err) == (OK, "")
    values = json.loads(out)
    assert (values["plan"]["layout"], values["note"], values["mismatched_digits"]) == ("packed", "", 0)
    assert values["mismatched_logits"] == 0
    assert values["hops"]["rotations"] == sum(layer["rotations"] for layer in values["layers"]) > 0
    assert values["hops"]["relinearizations"] == values["hops"]["ct_ct_mults"] == 2
    assert values["hops"]["total"] == sum(layer["total"] for layer in values["layers"])
    assert values["bytes"]["evaluation_keys"] > 0
    assert values["plan"]["rotation_keys"]


def test_an_unknown_layout_is_refused(capsys, network) -> None:
    status, out, err = run(capsys, "infer", "--network", network, "--images", "1", "--layout", "wide")
    assert (status, out) == (REFUSED, "")
    assert "Unknown layout 'wide'; choose one of batch, packed, auto" in err


def test_a_circuit_that_no_ring_holds_is_refused(capsys, tmp_path: Path) -> None:
    network = tiny_checkpoint(tmp_path, exponent=40)
    for verb in ("infer", "plan"):
        status, out, err = run(capsys, verb, "--network", str(network), "--images", "1", "--layout", "batch")
        assert (status, out) == (REFUSED, "")
        assert "No ring of degree 4096, 8192, 16384, 32768 holds tiny in bgv" in err


def test_an_altered_checkpoint_is_refused(capsys, tmp_path: Path) -> None:
    network = tiny_checkpoint(tmp_path)
    content = bytearray(network.read_bytes())
    content[-1] ^= 1
    network.write_bytes(content)
    status, _, err = run(capsys, "infer", "--network", str(network), "--images", "1")
    assert status == REFUSED
    assert "sha256" in err


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_a_difference_from_the_clear_circuit_is_a_finding(capsys, network, monkeypatch, scheme) -> None:
    from fcnlab.inference import infer

    differing = {"mismatched_logits": 1, "mismatched_digits": 0, "logit_error": 0.0}
    monkeypatch.setattr(infer, "compare_logits", lambda *_, **__: differing)
    status, out, _ = run(capsys, "infer", "--network", network, "--images", "2", "--threads", "1", "--scheme", scheme)
    assert status == FINDING
    assert "1 of 20 logits differ" in out


def test_plan_as_text_and_as_json(capsys, network) -> None:
    status, out, err = run(capsys, "plan", "--network", network, "--images", "100")
    assert (status, err) == (OK, "")
    assert out.startswith("tiny in bgv: ring degree")
    status, out, _ = run(capsys, "plan", "--network", network, "--scheme", "bfv", "--ring", "16384", "--json")
    values = json.loads(out)
    assert status == OK
    assert (values["scheme"], values["ring_degree"], values["security_bits"]) == ("bfv", 16384, 128)
    assert min(step["budget_bits"] for step in values["steps"]) >= 0
    status, _, err = run(capsys, "plan", "--network", network, "--images", "0")
    assert status == REFUSED
    assert "1 image or more" in err


def test_doctor_reports_what_it_finds(capsys, monkeypatch) -> None:
    from fcnlab.cli import doctor

    good, bad = doctor.Check("data", True, "whole"), doctor.Check("compiler", False, "missing", "install one")
    for checks, expected in (([good], OK), ([good, bad], FINDING)):
        monkeypatch.setattr(doctor, "diagnose", lambda checks=checks: checks)
        status, out, _ = run(capsys, "doctor")
        assert status == expected
        assert "data" in out
        status, out, _ = run(capsys, "doctor", "--json")
        assert status == expected
        assert json.loads(out)["ok"] == (expected == OK)
