"""The verb that trains the frontier table: ``sweep``."""

import argparse

from fcnlab.cli.options import OK, add_verb, print_result
from fcnlab.cli.progress import print_sweep


def add_sweeping_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb and its options."""
    sweep = add_verb(
        verbs, "sweep", run_sweep, "train networks of many sizes and weight widths, the rows of the frontier table"
    )
    sweep.add_argument(
        "--points",
        metavar="PxB,...",
        help="weight products x weight bits, such as 20000x3,10000x2 (default: all points that the table lacks)",
    )
    sweep.add_argument("--maps", type=int, default=5, metavar="N", help="maps of the convolution (default: 5)")
    sweep.add_argument("--units", type=int, default=100, metavar="N", help="units of the hidden layer (default: 100)")
    sweep.add_argument("--activation", default="swish-aq-2", metavar="NAME", help="default: swish-aq-2")
    sweep.add_argument("--seed", type=int, default=0, metavar="S", help="of the initial weights (default: 0)")
    sweep.add_argument("--table", metavar="FILE", help="where the rows go (default: data/tables/frontier.csv)")
    sweep.add_argument("--afresh", action="store_true", help="train anew what the table has already")


def run_sweep(chosen: argparse.Namespace) -> int:
    """``fcnlab sweep``."""
    from dataclasses import asdict
    from pathlib import Path

    from fcnlab.data.trained import TRAINED
    from fcnlab.training.record import record_shipped
    from fcnlab.training.sweep import ALL_POINTS, SweepPoint, make_base, sweep

    points = [SweepPoint.parse(text) for text in chosen.points.split(",")] if chosen.points else ALL_POINTS
    table = Path(chosen.table) if chosen.table else TRAINED
    progress = None if chosen.json else print_sweep
    base = make_base(maps=chosen.maps, units=chosen.units, activation=chosen.activation, seed=chosen.seed)
    rows = sweep(points, base=base, progress=progress, resume=not chosen.afresh, table=table)
    if table == TRAINED:
        rows = record_shipped()
    lines = [
        f"{row.name:<32}{row.products:>8,} products{row.weight_bits:>3} bits{row.hops_total:>9,} HOPs"
        f"{row.hops_executed_fused:>9,} executed{row.range_bits:>4} bits wide"
        f"{row.accuracy_test:>7.2f} % on the test images"
        for row in rows
    ]
    print_result(chosen, {"points": [asdict(row) for row in rows]}, "\n".join([*lines, f"kept in {table}"]))
    return OK
