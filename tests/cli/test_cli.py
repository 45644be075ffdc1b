"""What all verbs share: help, statuses, interrupts, a full disk."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import fcnlab
from fcnlab.cli import INTERRUPTED, REFUSED, main
from fcnlab.cli.progress import InferenceBar
from fcnlab.inference.report import Progress
from tests.support.command import run

ROOT = Path(__file__).parents[2]
RUN, COUNT = ("infer", "plan", "doctor", "predict"), ("approximate", "hops", "cost", "calibrate", "compare")
VERBS = (*RUN, *COUNT, "train", "sweep", "transfer")


@pytest.mark.parametrize("arguments", [[], ["classify"], ["infer", "--images", "many"], ["infer", "--threads", "0"]])
def test_what_is_no_command_is_explained_with_status_2(capsys, arguments) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: fcnlab" in capsys.readouterr().err


def test_the_version_is_told(capsys) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"fcnlab {fcnlab.__version__}\n"


def test_every_verb_takes_json_and_explains_itself(capsys) -> None:
    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        assert "--json" in capsys.readouterr().out


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
from fcnlab.cli import main
from fcnlab.cli.progress import InferenceBar

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
    command = [sys.executable, "-c", HELD, "infer", "--network", network, "--threads", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(
        [*command, "--scheme", "bfv", "--engine", "stepwise"], **pipes, cwd=ROOT, start_new_session=True
    )
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


INTERRUPTING = """
import os, signal, sys
from importlib.machinery import PathFinder

class Interrupting(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == MODULE:
            os.kill(os.getpid(), signal.SIGINT)
        return super().find_spec(name, path, target)

sys.meta_path.insert(0, Interrupting)
from fcnlab.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["fcnlab.cli", "fcnlab.cli.options", "numpy", "torch._C", "Pyfhel"])
def test_ctrl_c_while_modules_are_loaded_ends_at_once(network: str, module: str) -> None:
    command = [sys.executable, "-c", f"MODULE = {module!r}\n{INTERRUPTING}", "infer", "--network", network]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout) == (INTERRUPTED, "")
    assert done.stderr == "\nfcnlab infer: stopped; nothing half-done was kept.\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("approximate", "--json"), ("hops", "--help")])
def test_a_result_that_cannot_be_written_is_said(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fcnlab", *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert done.returncode == REFUSED
    name = " ".join(["fcnlab", *arguments[:1]] if "--json" in arguments else ["fcnlab"])
    assert done.stderr == f"{name}: The result could not be written to standard output (No space left on device).\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("infer --scheme magic", "Unknown scheme 'magic'; choose one of "),
        ("infer --engine magic", "Unknown engine 'magic'; choose one of "),
        ("infer --layout magic", "Unknown layout 'magic'; choose one of "),
        ("infer --network magic", "Unknown network 'magic': choose one of "),
        ("cost --network magic.safetensors", "There is no file magic.safetensors."),
        ("infer --images 10001", "There are 10,000 test images; asked for 10,001."),
        ("infer --noise", "Noise can be measured in bfv only, not in bgv"),
        ("plan --ring 5000", "Ring degree 5000 is not available; choose one of 4096, "),
        ("hops --convention magic", "Unknown convention 'magic'; choose one of "),
    ],
)
def test_what_can_be_judged_at_once_is_refused_before_anything_heavy_is_loaded(arguments: str, sentence: str) -> None:
    code = (
        "import sys; from fcnlab.cli import main; status = main(); assert 'torch' not in sys.modules; sys.exit(status)"
    )
    command = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr.startswith(f"fcnlab {arguments.split()[0]}: {sentence}")


def test_names_are_printed_without_control_characters(capsys) -> None:
    status, out, err = run(capsys, "infer", "--network", "\x1b[2Jred\udc80.safetensors")
    assert (status, out) == (REFUSED, "")
    assert err == "fcnlab infer: There is no file \\x1b[2Jred\\udc80.safetensors.\n"
