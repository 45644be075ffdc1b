"""What all verbs share: exit statuses, common options, the printing of results."""

import argparse
import json
from collections.abc import Callable
from typing import Any

from fcnlab.defaults import DEFAULT_NETWORK

OK, FINDING, REFUSED, INTERRUPTED = 0, 1, 2, 130


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
        default=DEFAULT_NETWORK,
        help=f"a shipped network, or a .safetensors file with its card (default: {DEFAULT_NETWORK})",
    )


def add_scheme(parser: argparse.ArgumentParser) -> None:
    """``--scheme``."""
    parser.add_argument(
        "--scheme", default="bgv", metavar="SCHEME", help="bgv (exact, default), bfv (exact) or ckks (approximate)"
    )


def add_ring(parser: argparse.ArgumentParser) -> None:
    """``--ring``."""
    parser.add_argument(
        "--ring", type=int, metavar="N", help="ring degree, 4096 to 32768 (default: the cheapest proven)"
    )


def add_layout(parser: argparse.ArgumentParser, *, default: str = "auto") -> None:
    """``--layout``."""
    parser.add_argument(
        "--layout",
        default=default,
        metavar="LAYOUT",
        help="packed: one image in a few ciphertexts; batch: an image in each slot; auto: what is cheaper "
        f"(default: {default})",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """``--engine``."""
    parser.add_argument(
        "--engine",
        default="fused",
        metavar="ENGINE",
        help="fused: kernels on residues (default); stepwise: one library call for each operation, as published",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """``--threads``."""
    parser.add_argument("--threads", type=positive, metavar="K", help="threads of the server (default: all cores)")


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def print_result(chosen: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """The result on standard output: JSON or text."""
    print(json.dumps(values, indent=2) if chosen.json else text, flush=True)
