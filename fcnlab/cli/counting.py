"""Verbs that count, project and compare: ``approximate``, ``hops``, ``cost``, ``calibrate``, ``compare``."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fcnlab.cli.options import (
    OK,
    add_engine,
    add_layout,
    add_network,
    add_ring,
    add_scheme,
    add_threads,
    add_verb,
    positive,
    print_result,
)
from fcnlab.cli.progress import InferenceBar, StepBar

if TYPE_CHECKING:
    from fcnlab.approximation import Approximation


def add_counting_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verbs and their options."""
    approximate = add_verb(verbs, "approximate", run_approximate, "fit a polynomial to an activation, proven optimal")
    approximate.add_argument(
        "--function", default="swish", metavar="NAME", help="relu, swish, gelu ... (default: swish)"
    )
    approximate.add_argument("--degree", type=int, default=2, metavar="D", help="1 to 8 (default: 2)")
    approximate.add_argument(
        "--interval", type=float, nargs=2, default=[-4.0, 4.0], metavar=("A", "B"), help="default: -4 4"
    )
    approximate.add_argument("--norm", default="linf", metavar="NORM", help="linf (default), l2 or gaussian")
    approximate.add_argument(
        "--coefficients",
        default="power-of-two",
        metavar="SET",
        help="real, power-of-two (default), two-powers or three-powers",
    )
    approximate.add_argument(
        "--points",
        type=positive,
        metavar="N",
        help="with --coefficients real: the optimum on N even points instead of the interval, as tables print it",
    )

    hops = add_verb(verbs, "hops", run_hops, "count homomorphic operations, layer by layer")
    add_network(hops)
    hops.add_argument(
        "--convention",
        default="published",
        metavar="NAME",
        help="published (default), stepwise, fused, or executed: what an engine performs under a plan",
    )
    add_engine(hops)
    add_scheme(hops)
    add_layout(hops, default="batch")
    add_ring(hops)

    cost = add_verb(verbs, "cost", run_cost, "say what an encrypted run will cost on this machine, before it runs")
    add_network(cost)
    cost.add_argument("--images", type=positive, metavar="N", help="how many images (default: one full batch)")
    add_scheme(cost)
    add_layout(cost)
    add_ring(cost)
    add_engine(cost)
    add_threads(cost)

    add_verb(verbs, "calibrate", run_calibrate, "measure this machine again, for `cost`; takes under a minute")

    compare = add_verb(verbs, "compare", run_compare, "published, counted and measured networks side by side")
    compare.add_argument(
        "--measure", action="store_true", help="run one batch of each network under encryption and store what it cost"
    )
    compare.add_argument("--network", metavar="NAME", help="with --measure: this network only, shipped or a path")
    compare.add_argument(
        "--parts",
        type=positive,
        metavar="N",
        help="with --measure: run one in N outputs of the widest activation and extrapolate the seconds; 1 for the "
        "whole (default: as much as fits this machine)",
    )
    add_scheme(compare)
    add_engine(compare)
    add_threads(compare)


def run_approximate(chosen: argparse.Namespace) -> int:
    """``fcnlab approximate``."""
    from fcnlab.approximation import approximate, approximate_on_points
    from fcnlab.errors import ApproximationError

    if chosen.points is not None:
        if (chosen.norm, chosen.coefficients) != ("linf", "real"):
            raise ApproximationError("--points needs --coefficients real and --norm linf: drop it, or add those.")
        fit = approximate_on_points(
            chosen.function, points=chosen.points, degree=chosen.degree, interval=chosen.interval
        )
        return print_fit(chosen, fit)
    with StepBar(silent=chosen.json) as bar:
        fit = approximate(
            chosen.function,
            degree=chosen.degree,
            interval=chosen.interval,
            norm=chosen.norm,
            coefficients=chosen.coefficients,
            progress=lambda state: bar("search", round(100 * state.share), 100),
        )
    return print_fit(chosen, fit)


def print_fit(chosen: argparse.Namespace, fit: "Approximation") -> int:
    """A fit, and what is known of it."""
    low, high = chosen.interval
    print_result(
        chosen,
        fit.as_dict(),
        f"{fit.problem.target.name} on {low:g} to {high:g}: {polynomial_text(fit.coefficients)}\n"
        f"largest error {fit.max_error:.6g}, rms error {fit.rms_error:.6g}; no allowed coefficients are better than "
        f"{fit.lower_bound:.6g} ({fit.problem.norm.label})\n"
        f"depth {fit.cost.depth}, {fit.cost.total} HOPs, {fit.cost.ct_ct_mults} of them CT-CT mults",
    )
    return OK


def polynomial_text(coefficients: Sequence[float]) -> str:
    """A polynomial as it is written by hand: ``0.125 + 0.5 x - 0.25 x^3``."""
    text = ""
    for power, value in enumerate(coefficients):
        if value:
            sign = ("- " if value < 0 else "+ ") if text else ("-" if value < 0 else "")
            term = " x" if power == 1 else f" x^{power}" if power else ""
            text += f"{' ' if text else ''}{sign}{abs(value):.10g}{term}"
    return text or "0"


def run_hops(chosen: argparse.Namespace) -> int:
    """``fcnlab hops``."""
    from fcnlab.inference.demonstration import count_network, describe_hops

    table = count_network(
        chosen.network,
        convention=chosen.convention,
        engine=chosen.engine,
        scheme=chosen.scheme,
        ring_degree=chosen.ring,
        layout=chosen.layout,
    )
    asked = {"convention": chosen.convention}
    if chosen.convention == "executed":
        asked |= {"engine": chosen.engine, "scheme": chosen.scheme, "layout": chosen.layout}
    print_result(chosen, {**table.as_dict(), **asked}, describe_hops(table))
    return OK


def run_cost(chosen: argparse.Namespace) -> int:
    """``fcnlab cost``."""
    from fcnlab.cost import project
    from fcnlab.inference.demonstration import plan_for, prepare
    from fcnlab.machine.machine import usable_cores
    from fcnlab.measuring.calibration import costs_of_this_machine

    circuit = prepare(chosen.network).circuit
    plan = plan_for(circuit, scheme=chosen.scheme, images=chosen.images, ring_degree=chosen.ring, layout=chosen.layout)
    with StepBar(silent=chosen.json) as bar:
        costs = costs_of_this_machine(report=bar)
    projection = project(
        plan,
        circuit,
        engine=chosen.engine,
        images=chosen.images or plan.batch_images,
        threads=chosen.threads or usable_cores(),
        costs=costs,
    )
    print_result(chosen, projection.as_dict(), str(projection))
    return OK


def run_calibrate(chosen: argparse.Namespace) -> int:
    """``fcnlab calibrate``."""
    from fcnlab.cost.units import costs_path
    from fcnlab.measuring.calibration import calibrate

    with StepBar(silent=chosen.json) as bar:
        costs = calibrate(report=bar)
    print_result(chosen, costs.as_dict(), f"{costs}\n\nkept in {costs_path(costs.machine)}")
    return OK


def run_compare(chosen: argparse.Namespace) -> int:
    """``fcnlab compare``."""
    from fcnlab.data.measured import store_measurements
    from fcnlab.errors import PlanError
    from fcnlab.measuring.calibration import costs_of_this_machine
    from fcnlab.measuring.comparison import compare
    from fcnlab.measuring.runs import measure
    from fcnlab.networks.checkpoint import available_networks, load_checkpoint

    if chosen.measure:
        networks = [chosen.network] if chosen.network else available_networks()
        for network in networks:
            load_checkpoint(network)  # what is unknown or damaged is said before anything takes time
        with StepBar(silent=chosen.json) as steps:
            costs = costs_of_this_machine(report=steps)
        for network in networks:
            try:
                with InferenceBar(silent=chosen.json) as bar:
                    row = measure(
                        network,
                        scheme=chosen.scheme,
                        engine=chosen.engine,
                        threads=chosen.threads,
                        parts=chosen.parts,
                        costs=costs,
                        progress=bar,
                    )
            except PlanError as error:
                if chosen.network:
                    raise
                print(f"{network} is left out: {error}", file=sys.stderr)
                continue
            store_measurements([row])  # one by one: an interrupt keeps what is done
    comparison = compare()
    print_result(chosen, comparison.as_dict(), str(comparison))
    return OK
