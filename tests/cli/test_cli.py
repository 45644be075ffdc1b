import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import fcnlab
from fcnlab.cli import FINDING, INTERRUPTED, OK, REFUSED, InferenceBar, main, print_epoch
from fcnlab.inference.report import Progress
from tests.support.checkpoints import tiny_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_checkpoint(tmp_path_factory.mktemp("models")))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(arguments)
    printed = capsys.readouterr()
    return status, printed.out, printed.err


# --- infer ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "engine"), [("bgv", "fused"), ("bfv", "stepwise"), ("ckks", "fused")])
def test_infer_as_json_has_the_promised_shape(capsys, network, scheme, engine) -> None:
    status, out, err = run(
        capsys, "infer", "--network", network, "--images", "9", "--scheme", scheme, "--engine", engine, "--json",
        "--threads", "1",
    )  # fmt: skip
    assert (status, err) == (OK, "")
    values = json.loads(out)
    kinds = {
        "network": str, "scheme": str, "engine": str, "images": int, "batches": int, "accuracy": float,
        "reference_accuracy": float, "mismatched_logits": int, "hops": dict, "layers": list, "plan": dict,
        "seconds": dict, "bytes": dict, "peak_memory_bytes": int,
    }  # fmt: skip
    assert {name: type(values[name]) for name in kinds} == kinds
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


@pytest.mark.parametrize("arguments", [[], ["classify"], ["infer", "--images", "many"], ["infer", "--threads", "0"]])
def test_what_is_no_command_is_explained_with_status_2(capsys, arguments) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: fcnlab" in capsys.readouterr().err


def test_a_difference_from_the_clear_circuit_is_a_finding(capsys, network, monkeypatch) -> None:
    from fcnlab.inference import infer

    differing = {"mismatched_logits": 1, "mismatched_digits": 0, "logit_error": 0.0}
    monkeypatch.setattr(infer, "compare_logits", lambda *_, **__: differing)
    status, out, _ = run(capsys, "infer", "--network", network, "--images", "2", "--threads", "1")
    assert status == FINDING
    assert "1 of 20 logits differ" in out


def test_an_interrupt_ends_with_130(capsys, network, monkeypatch) -> None:
    def interrupt(bar: InferenceBar, progress: Progress) -> None:
        if progress.stage == "evaluate":
            raise KeyboardInterrupt

    monkeypatch.setattr(InferenceBar, "__call__", interrupt)
    status, out, err = run(capsys, "infer", "--network", network, "--images", "2", "--threads", "1")
    assert (status, out) == (INTERRUPTED, "")
    assert err.strip() == "fcnlab infer: stopped; nothing half-done was kept."


def living(group: int) -> list[str]:
    """Processes of a group that have not ended, where the system lists them."""
    states = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()  # state, parent, group, ...
            states += [path.parent.name] if int(fields[2]) == group and fields[0] not in "ZX" else []
    return states


HELD = """
import sys, time
from fcnlab.cli import InferenceBar, main

show = InferenceBar.__call__

def hold(bar, progress):
    show(bar, progress)
    if progress.stage == "evaluate":
        print("held", file=sys.stderr, flush=True)
        time.sleep(60)

InferenceBar.__call__ = hold
sys.exit(main(sys.argv[1:]))
"""


def test_ctrl_c_stops_a_real_run_and_its_workers_without_a_traceback(network) -> None:
    # The run waits in the middle of its evaluation for the signal: a busy machine could not hit that moment.
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, "infer", "--network", network, "--scheme", "bfv", "--engine", "stepwise",
         "--threads", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    seen = ""
    while "held" not in seen:
        character = process.stderr.read(1)
        assert character, seen
        seen += character
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert out == ""
    assert "Traceback" not in err
    assert err.rstrip().endswith("fcnlab infer: stopped; nothing half-done was kept.")
    deadline = time.monotonic() + 20  # the helpers of multiprocessing take a moment
    while living(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert living(process.pid) == []


# --- the other verbs --------------------------------------------------------------------------------------------------


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


def test_train_refuses_an_unknown_recipe(capsys, tmp_path: Path) -> None:
    status, out, err = run(capsys, "train", "nothing", "--folder", str(tmp_path))
    assert (status, out) == (REFUSED, "")
    assert err.startswith("fcnlab train: ")
    assert list(tmp_path.iterdir()) == []


def test_another_seed_is_a_row_and_no_shipped_network(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from fcnlab.networks.checkpoint import load_checkpoint
    from fcnlab.training import record, train

    asked, recorded = [], []
    checkpoint = load_checkpoint("fcn-12k")
    monkeypatch.setattr(train, "train", lambda recipe, **options: asked.append((recipe, options)) or checkpoint)
    monkeypatch.setattr(record, "record_point", recorded.append)
    status, out, _ = run(capsys, "train", "fcn-12k", "--seed", "3", "--json")
    assert status == OK
    ((recipe, options),) = asked
    assert (recipe.name, recipe.seed, options["folder"]) == ("fcn-12k-seed-3", 3, Path("runs/seeds"))
    assert recorded == [checkpoint]
    assert json.loads(out)["accuracy"] == checkpoint.card.accuracy
    for others in (["mnist-features"], ["uci-digits", "--private"]):
        status, _, err = run(capsys, "train", *others, "--seed", "3")
        assert status == REFUSED
        assert "Leave out --seed" in err


def test_the_version_is_told(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"fcnlab {fcnlab.__version__}\n"


def test_every_verb_takes_json_and_explains_itself(capsys) -> None:
    for verb in ("infer", "plan", "train", "doctor"):
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        assert "--json" in capsys.readouterr().out


# --- progress ---------------------------------------------------------------------------------------------------------


def test_a_bar_for_each_stage_and_layer_and_none_when_silent(capsys) -> None:
    steps = [
        Progress("keys", "", 1, 1, 1, 2), Progress("encrypt", "", 3, 9, 1, 2), Progress("encrypt", "", 9, 9, 1, 2),
        Progress("evaluate", "conv1", 5, 5, 2, 2),
    ]  # fmt: skip
    with InferenceBar(silent=False) as bar:
        for step in steps:
            bar(step)
    err = capsys.readouterr().err
    for part in ("[1/2] keys", "[1/2] encrypt", "9/9", "[2/2] evaluate conv1", "5/5"):
        assert part in err
    with InferenceBar(silent=True) as bar:
        for step in steps:
            bar(step)
    assert capsys.readouterr().err == ""


def test_an_epoch_is_a_line_on_standard_error(capsys) -> None:
    from fcnlab.training import train

    fields = {
        "recipe": "fcn-20k", "phase": "prune", "epoch": 3, "epochs": 40, "loss": 0.1234, "validation_percent": 98.765,
        "products": 19930, "elapsed_s": 90.0,
    }  # fmt: skip
    print_epoch(train.Progress(**fields))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.split() == [
        "fcn-20k", "prune", "epoch", "3/40", "loss", "0.1234", "validation", "98.77", "%", "19,930", "products", "1.5",
        "min",
    ]  # fmt: skip
