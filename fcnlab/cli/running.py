"""Verbs that run something: ``infer``, ``plan``, ``doctor``."""

import argparse

from fcnlab.cli.options import FINDING, OK, Verbs, add_flag, add_option, add_verb, print_result, take
from fcnlab.cli.progress import InferenceBar


def add_running_verbs(verbs: Verbs) -> None:
    """The verbs and their options."""
    planned = ("network", "scheme", "layout", "ring")
    summary = "classify MNIST test images under encryption and give a full account"
    infer = add_verb(verbs, "infer", run_infer, summary, *planned, "engine", "threads")
    add_option(infer, "--images", "N", "how many test images", default=10_000)
    add_flag(infer, "--noise", "bfv: measure the noise budget after each layer", dest="observe_noise")

    plan = add_verb(verbs, "plan", run_plan, "choose encryption parameters and show why they suffice", *planned)
    add_option(plan, "--images", "N", "plan for this many images (default: full batches)", type=int)

    add_verb(verbs, "doctor", run_doctor, "examine this machine and say how to mend what is broken")


def run_infer(chosen: argparse.Namespace) -> int:
    """``fcnlab infer``."""
    from fcnlab.inference.demonstration import demonstrate

    names = ("network", "images", "scheme", "engine", "layout", "ring_degree", "threads", "observe_noise")
    with InferenceBar(silent=chosen.json) as bar:
        report = demonstrate(**take(chosen, *names), progress=bar).inference.report
    print_result(chosen, report.as_dict(), str(report))
    return FINDING if report.mismatched_logits else OK


def run_plan(chosen: argparse.Namespace) -> int:
    """``fcnlab plan``."""
    from fcnlab.inference.demonstration import prepare
    from fcnlab.planning.choose import choose_plan

    circuit = prepare(chosen.network).circuit
    plan, note = choose_plan(circuit, **take(chosen, "scheme", "images", "ring_degree", "layout"))
    print_result(chosen, {**plan.as_dict(), "note": note}, f"{note}\n\n{plan}" if note else str(plan))
    return OK


def run_doctor(chosen: argparse.Namespace) -> int:
    """``fcnlab doctor``."""
    from fcnlab.cli.doctor import describe_checks, diagnose, is_healthy, render_checks

    checks = diagnose()
    print_result(chosen, describe_checks(checks), render_checks(checks))
    return OK if is_healthy(checks) else FINDING
