"""Verbs that run something: ``infer``, ``plan``, ``train``, ``doctor``."""

import argparse

from fcnlab.cli.options import (
    FINDING,
    OK,
    add_engine,
    add_layout,
    add_network,
    add_ring,
    add_scheme,
    add_threads,
    add_verb,
    print_result,
)
from fcnlab.cli.progress import InferenceBar, print_epoch
from fcnlab.cli.transfer import add_gradients, add_skipping, train_private_head, train_public_extractor


def add_running_verbs(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verbs and their options."""
    infer = add_verb(verbs, "infer", run_infer, "classify MNIST test images under encryption and give a full account")
    add_network(infer)
    infer.add_argument(
        "--images", type=int, default=10_000, metavar="N", help="how many test images (default: all 10000)"
    )
    add_scheme(infer)
    add_layout(infer)
    add_ring(infer)
    add_engine(infer)
    add_threads(infer)
    infer.add_argument("--noise", action="store_true", help="bfv: measure the noise budget after each layer")

    plan = add_verb(verbs, "plan", run_plan, "choose encryption parameters and show why they suffice")
    add_network(plan)
    plan.add_argument("--images", type=int, metavar="N", help="plan for this many images (default: full batches)")
    add_scheme(plan)
    add_layout(plan)
    add_ring(plan)

    train = add_verb(
        verbs, "train", run_train, "train a shipped network again, with its teacher; resumes where it stopped"
    )
    train.add_argument(
        "recipe",
        metavar="NAME",
        help="a network, such as fcn-25k; an extractor, such as mnist-features; with --private a study of `transfer`",
    )
    train.add_argument("--folder", metavar="DIR", help="where the files go (default: a folder of data)")
    train.add_argument(
        "--seed",
        type=int,
        metavar="S",
        help="train a network with another seed: a row of the frontier table, weights in runs/seeds",
    )
    train.add_argument("--afresh", action="store_true", help="begin again instead of resuming")
    train.add_argument("--private", action="store_true", help="train a head with differential privacy, for release")
    train.add_argument("--epsilon", type=float, default=2.0, metavar="E", help="with --private: to spend (default: 2)")
    add_gradients(train)
    add_skipping(train)

    add_verb(verbs, "doctor", run_doctor, "examine this machine and say how to mend what is broken")


def run_infer(chosen: argparse.Namespace) -> int:
    """``fcnlab infer``."""
    from fcnlab.inference.demonstration import demonstrate

    with InferenceBar(silent=chosen.json) as bar:
        report = demonstrate(
            network=chosen.network,
            images=chosen.images,
            scheme=chosen.scheme,
            engine=chosen.engine,
            layout=chosen.layout,
            ring_degree=chosen.ring,
            threads=chosen.threads,
            observe_noise=chosen.noise,
            progress=bar,
        ).inference.report
    print_result(chosen, report.as_dict(), str(report))
    return FINDING if report.mismatched_logits and report.scheme != "ckks" else OK


def run_plan(chosen: argparse.Namespace) -> int:
    """``fcnlab plan``."""
    from fcnlab.inference.demonstration import choose_plan_for, prepare

    circuit = prepare(chosen.network).circuit
    plan, note = choose_plan_for(
        circuit, scheme=chosen.scheme, images=chosen.images, ring_degree=chosen.ring, layout=chosen.layout
    )
    print_result(chosen, {**plan.as_dict(), "note": note}, f"{note}\n\n{plan}" if note else str(plan))
    return OK


def run_train(chosen: argparse.Namespace) -> int:
    """``fcnlab train``."""
    from dataclasses import asdict
    from pathlib import Path

    from fcnlab.errors import DataError
    from fcnlab.networks.checkpoint import MODELS
    from fcnlab.training.recipes import find_recipe, reseeded
    from fcnlab.training.record import record_point
    from fcnlab.training.train import WORK, train
    from fcnlab.transfer.features.extractors import RECIPES

    if chosen.seed is not None and (chosen.private or chosen.recipe in RECIPES):
        raise DataError("Another seed is for networks; heads and extractors have theirs. Leave out --seed.")
    if chosen.private:
        return train_private_head(chosen)
    if chosen.recipe in RECIPES:
        return train_public_extractor(chosen)
    recipe, home = find_recipe(chosen.recipe), MODELS
    if chosen.seed is not None:
        recipe, home = reseeded(recipe, seed=chosen.seed), WORK / "seeds"
    folder = Path(chosen.folder) if chosen.folder else home
    progress = None if chosen.json else print_epoch
    trained = train(recipe, progress=progress, resume=not chosen.afresh, folder=folder)
    if chosen.seed is not None:
        record_point(trained)
    card = trained.card
    print_result(
        chosen,
        asdict(card),
        f"{card.name}: {card.accuracy:.2f} % on the test images, {card.products:,} weight products, "
        f"{card.hops['total']:,} HOPs, trained in {card.minutes:.0f} minutes; saved in {folder}.",
    )
    return OK


def run_doctor(chosen: argparse.Namespace) -> int:
    """``fcnlab doctor``."""
    from fcnlab.cli.doctor import describe_checks, diagnose, is_healthy, render_checks

    checks = diagnose()
    print_result(chosen, describe_checks(checks), render_checks(checks))
    return OK if is_healthy(checks) else FINDING
