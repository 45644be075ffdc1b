"""What all verbs share: exit statuses, how options are declared and judged, the printing of results."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.errors import FcnlabError

OK, FINDING, REFUSED, INTERRUPTED = 0, 1, 2, 130

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def positive(text: str) -> int:
    """A whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {value}")
    return value


def option(metavar: str, help: str, *, default: Any = None, type: Any = None) -> dict[str, Any]:
    """What `add_argument` is told of an option with a value; its type is the default's if none is given."""
    kind = type or (str if default is None else default.__class__)
    told = "" if default is None else f" (default: %(default){'g' if kind is float else 's'})"
    return {"metavar": metavar, "help": help + told, "default": default, "type": kind}


LAYOUTS_HELP = "packed: one image in a few ciphertexts; batch: an image in each slot; auto: what is cheaper"
ENGINES_HELP = "fused: kernels on residues; stepwise: one library call for each operation, as published"
SHARED: Final[dict[str, dict[str, Any]]] = {
    "network": option("NAME|FILE", "a shipped network, or a .safetensors file with its card", default=DEFAULT_NETWORK),
    "scheme": option("SCHEME", "bgv (exact), bfv (exact) or ckks (approximate)", default="bgv"),
    "layout": option("LAYOUT", LAYOUTS_HELP, default="auto"),
    "ring": option("N", "ring degree, 4096 to 32768 (default: the cheapest proven)", type=int)
    | {"dest": "ring_degree"},
    "engine": option("ENGINE", ENGINES_HELP, default="fused"),
    "threads": option("K", "threads of the server (default: all cores)", type=positive),
    "epsilon": option("E", "privacy to spend, above 0, at most 10,000; inf for none", default=2.0),
    "delta": option("D", "probability of failure, at most 1 / N (default: 1 / (100 N))", type=float),
    "clipping": option("C", "largest norm of one record's gradient, at most 1,000", default=1.0),
    "batch": option("N", "records of a private step, about (default: all, at most 4,096)", type=int),
    "skip-unreadable": {"action": "store_true", "help": "leave out images that cannot be read, and list them"},
}
"""Options of more than one verb."""
PRIVACY: Final = ("epsilon", "delta", "clipping", "batch")
"""Those of a private training."""


def add_verb(
    verbs: Verbs, name: str, run: Callable[[argparse.Namespace], int], summary: str, *shared: str
) -> argparse.ArgumentParser:
    """A verb with ``--json`` and the `SHARED` options of these names."""
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    add_flag(parser, "--json", "print the result as JSON and no progress")
    parser.set_defaults(run=run)
    for each in shared:
        parser.add_argument(f"--{each}", **SHARED[each])
    return parser


def add_option(parser: argparse.ArgumentParser, name: str, metavar: str, help: str, **more: Any) -> None:
    """An option with a value, as `option` describes it."""
    parser.add_argument(name, **option(metavar, help, **more))


def add_flag(parser: argparse.ArgumentParser, name: str, help: str, *, dest: str = "") -> None:
    """An option without a value."""
    parser.add_argument(name, action="store_true", help=help, dest=dest or name.removeprefix("--").replace("-", "_"))


def take(chosen: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options of these names, as keyword arguments."""
    return {name: getattr(chosen, name) for name in names}


def judge(chosen: argparse.Namespace) -> None:
    """Refuse what can be judged by itself, before anything heavy is loaded.

    Raises:
        FcnlabError: Naming what is allowed.
    """
    asked = {name: value for name, value in vars(chosen).items() if value is not None}
    if not {"scheme", "engine", "layout"} & asked.keys():
        return
    from fcnlab.circuit.hops import CONVENTIONS
    from fcnlab.data.mnist import check_count
    from fcnlab.data.shipped import find_weights
    from fcnlab.planning.choose import LAYOUTS, rings_asked
    from fcnlab.planning.execution import ENGINES
    from fcnlab.planning.noise import check_noise
    from fcnlab.planning.parameters import SCHEMES

    for what, known in (("scheme", SCHEMES), ("engine", ENGINES), ("layout", LAYOUTS), ("convention", CONVENTIONS)):
        value = asked.get(what, known[0])
        if value not in known:
            raise FcnlabError(f"Unknown {what} {value!r}; choose one of {', '.join(known)}.")
    rings_asked(asked.get("ring_degree"))
    if asked.get("observe_noise"):
        check_noise(chosen.scheme)
    if chosen.verb == "infer":
        check_count(chosen.images)
    if "network" in asked:
        find_weights(chosen.network)


def print_result(chosen: argparse.Namespace, values: dict[str, Any], text: str) -> None:
    """The result on standard output: JSON or text."""
    write_out(json.dumps(values, indent=2) if chosen.json else text)


def printable(text: str) -> str:
    """Text whose control characters are spelled out, since names and paths may come from anyone."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )


def write_out(text: str, *, end: str = "\n") -> None:
    """Write to standard output, now.

    Raises:
        FcnlabError: If it cannot be written; a disk may be full.
    """
    try:
        print(printable(text), end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it would fail again when Python ends
        raise FcnlabError(f"The result could not be written to standard output ({error.strerror}).") from error
