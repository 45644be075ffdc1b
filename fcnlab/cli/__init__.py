"""The command line: ``fcnlab <verb>``, every verb with ``--json`` and an exit status that scripts can trust.

0 is success, 1 a finding (`doctor` found something broken, an encrypted run differs from the clear one), 2 a request
that cannot be met, 130 an interrupt. Results go to standard output; progress and errors to standard error.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from fcnlab.cli.counting import add_counting_verbs
from fcnlab.cli.options import FINDING, INTERRUPTED, OK, REFUSED, judge, printable, write_out
from fcnlab.cli.running import add_running_verbs
from fcnlab.cli.training import add_training_verbs
from fcnlab.cli.transfer import add_transfer_verbs
from fcnlab.data.defaults import __version__
from fcnlab.errors import FcnlabError

__all__ = ["FINDING", "INTERRUPTED", "OK", "REFUSED", "build_parser", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    name = "fcnlab"
    try:
        try:
            chosen = build_parser().parse_args(arguments)
        except SystemExit:  # after help, the version, or what is no command
            write_out("", end="")
            raise
        name = f"fcnlab {chosen.verb}"
        judge(chosen)
        run: Callable[[argparse.Namespace], int] = chosen.run
        return run(chosen)
    except FcnlabError as error:
        print(f"{name}: {printable(str(error))}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print(f"\n{name}: stopped; nothing half-done was kept.", file=sys.stderr)
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    parser = argparse.ArgumentParser(prog="fcnlab", description="Encrypted neural-network inference, measured.")
    parser.add_argument("--version", action="version", version=f"fcnlab {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for add_verbs in (add_running_verbs, add_training_verbs, add_counting_verbs, add_transfer_verbs):
        add_verbs(verbs)
    return parser
