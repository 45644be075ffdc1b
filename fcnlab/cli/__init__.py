"""The command line: ``fcnlab <verb>``, every verb with ``--json`` and an exit status that scripts can trust.

0 is success, 1 a finding (`doctor` found something broken, an encrypted run differs from the clear one), 2 a request
that cannot be met, 130 an interrupt. Results go to standard output; progress and errors to standard error.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from fcnlab.cli.counting import add_counting_verbs
from fcnlab.cli.options import FINDING, INTERRUPTED, OK, REFUSED
from fcnlab.cli.progress import InferenceBar, print_epoch
from fcnlab.cli.running import add_running_verbs
from fcnlab.cli.sweeping import add_sweeping_verb
from fcnlab.cli.transfer import add_predict_verb, add_transfer_verb
from fcnlab.defaults import __version__
from fcnlab.errors import FcnlabError

__all__ = ["FINDING", "INTERRUPTED", "OK", "REFUSED", "InferenceBar", "build_parser", "main", "print_epoch"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    chosen = build_parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = chosen.run
    try:
        return run(chosen)
    except FcnlabError as error:
        print(f"fcnlab {chosen.verb}: {error}", file=sys.stderr)
        return REFUSED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print(f"\nfcnlab {chosen.verb}: stopped; nothing half-done was kept.", file=sys.stderr)
        return INTERRUPTED


def build_parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    parser = argparse.ArgumentParser(prog="fcnlab", description="Encrypted neural-network inference, measured.")
    parser.add_argument("--version", action="version", version=f"fcnlab {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    add_running_verbs(verbs)
    add_counting_verbs(verbs)
    add_sweeping_verb(verbs)
    add_transfer_verb(verbs)
    add_predict_verb(verbs)
    return parser
