"""Verbs that train: ``train`` for a network, an extractor or a private head, ``sweep`` for the frontier table."""

import argparse
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fcnlab.cli.options import OK, PRIVACY, Verbs, add_flag, add_option, add_verb, print_result, take
from fcnlab.cli.progress import StepBar
from fcnlab.errors import DataError, FcnlabError

if TYPE_CHECKING:
    from fcnlab.training.sweep import SweepProgress
    from fcnlab.training.train import TrainingProgress
    from fcnlab.transfer.features.pretext import ExtractorProgress


def add_training_verbs(verbs: Verbs) -> None:
    """The verbs and their options."""
    summary = "train a shipped network again, with its teacher; resumes where it stopped"
    train = add_verb(verbs, "train", run_train, summary, *PRIVACY, "skip-unreadable")
    train.add_argument(
        "recipe",
        metavar="NAME",
        help="a network, such as fcn-25k; an extractor, such as mnist-features; with --private a study of `transfer`",
    )
    add_option(train, "--folder", "DIR", "where the files go (default: a folder of data)")
    seed = "train a network with another seed: a row of the frontier table, weights in runs/seeds"
    add_option(train, "--seed", "S", seed, type=int)
    add_flag(train, "--afresh", "begin again instead of resuming")
    add_flag(train, "--private", "train a head with differential privacy, for release")

    summary = "train networks of many sizes and weight widths, the rows of the frontier table"
    sweep = add_verb(verbs, "sweep", run_sweep, summary)
    points = "weight products x weight bits, such as 20000x3,10000x2 (default: all points that the table lacks)"
    add_option(sweep, "--points", "PxB,...", points)
    add_option(sweep, "--maps", "N", "maps of the convolution", default=5)
    add_option(sweep, "--units", "N", "units of the hidden layer", default=100)
    add_option(sweep, "--activation", "NAME", "polynomial in place of the activation", default="swish-aq-2")
    add_option(sweep, "--seed", "S", "of the initial weights", default=0)
    add_option(sweep, "--table", "FILE", "where the rows go (default: data/tables/frontier.csv)")
    add_flag(sweep, "--afresh", "train anew what the table has already")


def run_train(chosen: argparse.Namespace) -> int:
    """``fcnlab train``."""
    if chosen.private:
        work = train_private_head
    else:
        from fcnlab.transfer.features.extractors import RECIPES

        work = train_public_extractor if chosen.recipe in RECIPES else train_network
    if chosen.seed is not None and work is not train_network:
        raise DataError("Another seed is for networks; heads and extractors have theirs. Leave out --seed.")
    return work(chosen)


def train_network(chosen: argparse.Namespace) -> int:
    """``fcnlab train`` with the name of a network."""
    from fcnlab.networks.checkpoint import MODELS
    from fcnlab.training.recipes import find_recipe, reseeded
    from fcnlab.training.record import record_point
    from fcnlab.training.train import WORK, train

    recipe, home = find_recipe(chosen.recipe), MODELS
    if chosen.seed is not None:
        recipe, home = reseeded(recipe, seed=chosen.seed), WORK / "seeds"
    folder = Path(chosen.folder or home)
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


def train_public_extractor(chosen: argparse.Namespace) -> int:
    """``fcnlab train`` with the name of an extractor."""
    from fcnlab.transfer.features.extractors import EXTRACTORS_FOLDER, RECIPES
    from fcnlab.transfer.features.pretext import train_extractor

    folder = Path(chosen.folder or EXTRACTORS_FOLDER)
    progress = None if chosen.json else print_extractor_epoch
    card = dict(train_extractor(RECIPES[chosen.recipe], progress=progress, folder=folder).card)
    print_result(
        chosen,
        card,
        f"{card['name']}: {card['accuracy']:.2f} % of MNIST's test images told with their turn, trained in "
        f"{card['minutes']:.0f} minutes; saved in {folder}.",
    )
    return OK


def train_private_head(chosen: argparse.Namespace) -> int:
    """``fcnlab train STUDY --private``: a head for release, with noise from the operating system."""
    from fcnlab.transfer.heads.guarantee import check_request

    check_request(**take(chosen, "epsilon", "delta", "clipping"))
    if chosen.epsilon == float("inf"):
        raise FcnlabError("A private head needs a finite epsilon, such as 2.")
    from fcnlab.transfer.heads.cards import HEADS, load_head, make_card, save_head
    from fcnlab.transfer.heads.training import train_head
    from fcnlab.transfer.records.studies import load_study

    with StepBar(silent=chosen.json) as bar:
        study = load_study(chosen.recipe, **take(chosen, "skip_unreadable"), progress=bar.extracting)
    with StepBar(silent=chosen.json) as bar:
        bar(f"finding the noise for epsilon {chosen.epsilon:g}", 0, 1)
        head = train_head(study, **take(chosen, *PRIVACY), secure_random=True, progress=bar.training)
    # The command without the folder's path, which is nobody else's business.
    command = ["fcnlab", "train", "folder:PATH" if study.outline.kind == "folder" else chosen.recipe, "--private"]
    for name in PRIVACY:
        command += [f"--{name}", f"{value:g}"] if (value := getattr(chosen, name)) is not None else []
    path = save_head(
        head.released, make_card(study, head, command=shlex.join(command)), folder=Path(chosen.folder or HEADS)
    )
    _, card = load_head(path)
    print_result(
        chosen,
        asdict(card),
        f"{card.name}: {card.guarantee}, {card.accuracy:.2f} % of held-out records; saved as {path}.",
    )
    return OK


def run_sweep(chosen: argparse.Namespace) -> int:
    """``fcnlab sweep``."""
    from fcnlab.data.trained import TRAINED
    from fcnlab.training.record import record_shipped
    from fcnlab.training.sweep import ALL_POINTS, SweepPoint, make_base, sweep

    points = [SweepPoint.parse(text) for text in chosen.points.split(",")] if chosen.points else ALL_POINTS
    table = Path(chosen.table or TRAINED)
    progress = None if chosen.json else print_sweep
    base = make_base(**take(chosen, "maps", "units", "activation", "seed"))
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


# Each shows an epoch that has ended, on standard error.


def print_epoch(progress: "TrainingProgress") -> None:
    """The epoch of a network."""
    print(
        f"{progress.recipe} {progress.phase:<9} epoch {progress.epoch:>3}/{progress.epochs}  loss {progress.loss:.4f}  "
        f"validation {progress.validation_percent:.2f} %  {progress.products:>7,} products  "
        f"{progress.elapsed_s / 60:.1f} min",
        file=sys.stderr,
    )


def print_sweep(progress: "SweepProgress") -> None:
    """The epoch of a sweep."""
    left = f"  {progress.remaining_s / 60:.0f} min left" if progress.remaining_s else ""
    print(
        f"{progress.what} {progress.phase:<9} epoch {progress.epochs_done:>3}/{progress.epochs}  "
        f"validation {progress.validation_percent:.2f} %{left}",
        file=sys.stderr,
    )


def print_extractor_epoch(progress: "ExtractorProgress") -> None:
    """The epoch of an extractor."""
    print(
        f"{progress.name} epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.4f}  "
        f"{progress.elapsed_s / 60:.1f} min",
        file=sys.stderr,
    )
