"""``python -m tests.benchmarks [SECTION ...]``: measure, and print what was measured as tables."""

import argparse
import importlib
import os
import platform
import sys
from collections.abc import Sequence

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.machine.machine import processor_name

SECTIONS = {
    "imports": "seconds until `import fcnlab` and the command line are there",
    "kernels": "residue kernels against the memory-traffic bound of this machine",
    "encryption": "engine x scheme x ring: seconds, images a second, bytes, peak memory, ratios",
    "packed": "one image in the packed layout: seconds, bytes, keys",
    "projection": "projected against measured seconds and memory of every shipped network",
    "encodings": "PT-CT products by dense, constant and monomial plaintexts, and their growth with the ring",
    "approximation": "milliseconds of optimal polynomial fits",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        metavar="SECTION",
        help="; ".join(f"{name}: {what}" for name, what in SECTIONS.items()) + " (default: all)",
    )
    parser.add_argument("--network", default=DEFAULT_NETWORK, help="a shipped network or the path of a checkpoint")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of short measurements; medians are printed")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"unknown section {', '.join(sorted(unknown))}; choose from {', '.join(SECTIONS)}")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {processor_name()}")
    for name in chosen.sections or SECTIONS:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        print(f"\n== {name}: {SECTIONS[name]}", flush=True)
        for line in module.run(network=chosen.network, repeats=chosen.repeats):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
