"""Verbs that count, project and compare: ``approximate``, ``hops``, ``cost``, ``calibrate``, ``compare``."""

import argparse
import sys
from typing import TYPE_CHECKING

from fcnlab.cli.options import OK, Verbs, add_flag, add_option, add_verb, positive, print_result, take
from fcnlab.cli.progress import InferenceBar, StepBar

if TYPE_CHECKING:
    pass


def add_counting_verbs(verbs: Verbs) -> None:
    """The verbs and their options."""
    approximate = add_verb(verbs, "approximate", run_approximate, "fit a polynomial to an activation, proven optimal")
    add_option(approximate, "--function", "NAME", "relu, swish, gelu ...", default="swish")
    add_option(approximate, "--degree", "D", "1 to 8", default=2)
    approximate.add_argument(
        "--interval", metavar=("A", "B"), nargs=2, type=float, default=[-4.0, 4.0], help="default: -4 4"
    )
    add_option(approximate, "--norm", "NORM", "linf, l2 or gaussian", default="linf")
    sets = "real, power-of-two, two-powers or three-powers"
    add_option(approximate, "--coefficients", "SET", sets, default="power-of-two")
    points = "with --coefficients real: the optimum on N even points instead of the interval, as tables print it"
    add_option(approximate, "--points", "N", points, type=positive)

    summary = "count homomorphic operations, layer by layer"
    hops = add_verb(verbs, "hops", run_hops, summary, "network", "engine", "scheme", "layout", "ring")
    hops.set_defaults(layout="batch")
    conventions = "published, stepwise, fused, or executed: what an engine performs under a plan"
    add_option(hops, "--convention", "NAME", conventions, default="published")

    summary = "say what an encrypted run will cost on this machine, before it runs"
    cost = add_verb(verbs, "cost", run_cost, summary, "network", "scheme", "layout", "ring", "engine", "threads")
    add_option(cost, "--images", "N", "how many images (default: one full batch)", type=positive)

    add_verb(verbs, "calibrate", run_calibrate, "measure this machine again, for `cost`; takes under a minute")

    summary = "published, counted and measured networks side by side"
    compare = add_verb(verbs, "compare", run_compare, summary, "scheme", "engine", "threads")
    add_flag(compare, "--measure", "run one batch of each network under encryption and store what it cost")
    add_option(compare, "--network", "NAME", "with --measure: this network only, shipped or a path")
    parts = (
        "with --measure: run one in N outputs of the widest activation and extrapolate the seconds; 1 for the whole "
        "(default: as much as fits this machine)"
    )
    add_option(compare, "--parts", "N", parts, type=positive)


def run_approximate(chosen: argparse.Namespace) -> int:
    """``fcnlab approximate``."""
    from fcnlab.approximation import approximate, approximate_on_points
    from fcnlab.errors import ApproximationError

    if chosen.points is not None:
        if (chosen.norm, chosen.coefficients) != ("linf", "real"):
            raise ApproximationError("--points needs --coefficients real and --norm linf: drop it, or add those.")
        fit = approximate_on_points(chosen.function, **take(chosen, "points", "degree", "interval"))
        print_result(chosen, fit.as_dict(), str(fit))
        return OK
    with StepBar(silent=chosen.json) as bar:
        fit = approximate(
            chosen.function,
            **take(chosen, "degree", "interval", "norm", "coefficients"),
            progress=lambda state: bar("search", round(100 * state.share), 100),
        )
    print_result(chosen, fit.as_dict(), str(fit))
    return OK


def run_hops(chosen: argparse.Namespace) -> int:
    """``fcnlab hops``."""
    from fcnlab.inference.demonstration import count_network

    executed = take(chosen, "engine", "scheme", "layout")
    asked = take(chosen, "convention")
    table = count_network(chosen.network, **asked, **executed, ring_degree=chosen.ring_degree)
    if chosen.convention == "executed":
        asked |= executed
    print_result(chosen, {**table.as_dict(), **asked}, str(table))
    return OK


def run_cost(chosen: argparse.Namespace) -> int:
    """``fcnlab cost``."""
    from fcnlab.cost import project
    from fcnlab.inference.demonstration import prepare
    from fcnlab.machine.machine import usable_cores
    from fcnlab.measuring.calibration import costs_of_this_machine
    from fcnlab.planning.choose import choose_plan

    circuit = prepare(chosen.network).circuit
    plan, _ = choose_plan(circuit, **take(chosen, "scheme", "images", "ring_degree", "layout"))
    with StepBar(silent=chosen.json) as bar:
        costs = costs_of_this_machine(report=bar)
    images, threads = chosen.images or plan.batch_images, chosen.threads or usable_cores()
    projection = project(plan, circuit, engine=chosen.engine, images=images, threads=threads, costs=costs)
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
                        network, **take(chosen, "scheme", "engine", "threads", "parts"), costs=costs, progress=bar
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
