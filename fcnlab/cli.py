"""The command line: ``fcnlab <verb>``, every verb with ``--json`` and an exit status that scripts can trust.

0 is success, 1 a finding (`doctor` found something broken, an encrypted run differs from the clear one), 2 a request
that cannot be met, 130 an interrupt. Results go to standard output; progress and errors to standard error.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from fcnlab import __version__
from fcnlab.errors import FcnlabError

if TYPE_CHECKING:
    from fcnlab.inference import Progress
    from fcnlab.training import Progress as TrainingProgress

OK, FINDING, REFUSED, INTERRUPTED = 0, 1, 2, 130
BAR = "{desc:<46.46} {bar} {n_fmt}/{total_fmt} [{elapsed}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    chosen = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    try:
        return run(chosen)
    except FcnlabError as error:
        print(f"fcnlab {chosen.verb}: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        print(f"\nfcnlab {chosen.verb}: stopped; nothing half-done was kept.", file=sys.stderr)
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    parser = argparse.ArgumentParser(prog="fcnlab", description="Encrypted neural-network inference, measured.")
    parser.add_argument("--version", action="version", version=f"fcnlab {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    infer = add_verb(verbs, "infer", run_infer, "classify MNIST test images under encryption and give a full account")
    add_network(infer)
    infer.add_argument(
        "--images", type=int, default=10_000, metavar="N", help="how many test images (default: all 10000)"
    )
    add_scheme(infer)
    infer.add_argument(
        "--engine",
        default="fused",
        metavar="ENGINE",
        help="fused: kernels on residues (default); stepwise: one library call for each operation, as published",
    )
    infer.add_argument(
        "--threads", type=positive, metavar="K", help="threads and processes to use (default: all cores)"
    )
    infer.add_argument("--noise", action="store_true", help="bfv: measure the noise budget after each layer")

    plan = add_verb(verbs, "plan", run_plan, "choose encryption parameters and show why they suffice")
    add_network(plan)
    plan.add_argument("--images", type=int, metavar="N", help="plan for this many images (default: full batches)")
    add_scheme(plan)

    train = add_verb(
        verbs, "train", run_train, "train a shipped network again, with its teacher; resumes where it stopped"
    )
    train.add_argument("recipe", metavar="NAME", help="recipe of the network, such as fcn-20k")
    train.add_argument("--folder", metavar="DIR", help="where the checkpoint goes (default: data/models)")
    train.add_argument("--afresh", action="store_true", help="begin again instead of resuming")

    add_verb(verbs, "doctor", run_doctor, "examine this machine and say how to mend what is broken")
    return parser


def add_verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    """A verb with ``--json``."""
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument("--json", action="store_true", help="print the result as JSON and no progress")
    parser.set_defaults(run=run)
    return parser


def add_network(parser: argparse.ArgumentParser) -> None:
    """``--network``."""
    parser.add_argument(
        "--network",
        metavar="NAME|FILE",
        help="a shipped network, or a .safetensors file with its card (default: fcn-20k)",
    )


def add_scheme(parser: argparse.ArgumentParser) -> None:
    """``--scheme`` and ``--ring``."""
    parser.add_argument(
        "--scheme", default="bgv", metavar="SCHEME", help="bgv (exact, default), bfv (exact) or ckks (approximate)"
    )
    parser.add_argument(
        "--ring", type=int, metavar="N", help="ring degree, 4096 to 32768 (default: the cheapest proven)"
    )


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def run_infer(chosen: argparse.Namespace) -> int:
    """``fcnlab infer``."""
    from fcnlab.demonstration import DEFAULT_NETWORK, demonstrate

    with InferenceBar(silent=chosen.json) as bar:
        report = demonstrate(
            network=chosen.network or DEFAULT_NETWORK,
            images=chosen.images,
            scheme=chosen.scheme,
            engine=chosen.engine,
            ring_degree=chosen.ring,
            threads=chosen.threads,
            observe_noise=chosen.noise,
            progress=bar,
        ).inference.report
    print_result(chosen, report.as_dict(), str(report))
    return FINDING if report.mismatched_logits and report.scheme != "ckks" else OK


def run_plan(chosen: argparse.Namespace) -> int:
    """``fcnlab plan``."""
    from fcnlab.demonstration import DEFAULT_NETWORK, plan_for, prepare

    circuit = prepare(chosen.network or DEFAULT_NETWORK).circuit
    plan = plan_for(circuit, scheme=chosen.scheme, images=chosen.images, ring_degree=chosen.ring)
    print_result(chosen, plan.as_dict(), str(plan))
    return OK


def run_train(chosen: argparse.Namespace) -> int:
    """``fcnlab train``."""
    from dataclasses import asdict
    from pathlib import Path

    from fcnlab.checkpoint import MODELS
    from fcnlab.recipes import find_recipe
    from fcnlab.training import train

    folder = Path(chosen.folder) if chosen.folder else MODELS
    progress = None if chosen.json else print_epoch
    card = train(find_recipe(chosen.recipe), progress=progress, resume=not chosen.afresh, folder=folder).card
    print_result(
        chosen,
        asdict(card),
        f"{card.name}: {card.accuracy:.2f} % on the test images, {card.products:,} weight products, "
        f"{card.hops['total']:,} HOPs, trained in {card.minutes:.0f} minutes; saved in {folder}.",
    )
    return OK


def run_doctor(chosen: argparse.Namespace) -> int:
    """``fcnlab doctor``."""
    from fcnlab.doctor import describe_checks, diagnose, is_healthy, render_checks

    checks = diagnose()
    print_result(chosen, describe_checks(checks), render_checks(checks))
    return OK if is_healthy(checks) else FINDING


def print_result(chosen: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """The result on standard output: JSON or text."""
    print(json.dumps(values, indent=2) if chosen.json else text)


class InferenceBar:
    """Progress of an encrypted run on standard error: a bar for each stage and layer."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._bar: tqdm[Any] | None = None
        self._title = ""

    def __enter__(self) -> "InferenceBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, progress: "Progress") -> None:
        """Show where the run stands."""
        if self._silent:
            return
        title = f"[{progress.turn}/{progress.turns}] {progress.stage} {progress.detail}".rstrip()
        if title != self._title:
            self._close()
            self._bar = tqdm(total=progress.total, desc=title, bar_format=BAR, file=sys.stderr, leave=True)
            self._title = title
        if self._bar is not None:
            self._bar.update(progress.done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None


def print_epoch(progress: "TrainingProgress") -> None:
    """Show the epoch of a training that has ended, on standard error."""
    print(
        f"{progress.recipe} {progress.phase:<9} epoch {progress.epoch:>3}/{progress.epochs}  loss {progress.loss:.4f}  "
        f"validation {progress.validation_percent:.2f} %  {progress.products:>7,} products  "
        f"{progress.elapsed_s / 60:.1f} min",
        file=sys.stderr,
    )
