"""The verb on real data: ``transfer``; and what ``train`` does for extractors and private heads."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fcnlab.cli.options import FINDING, OK, add_threads, add_verb, positive, print_result
from fcnlab.cli.progress import StepBar
from fcnlab.errors import FcnlabError

if TYPE_CHECKING:
    from fcnlab.transfer.pretext import ExtractorProgress
    from fcnlab.transfer.studies import Study

DEFAULT_EPSILON = 2.0


def add_transfer_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb and its options."""
    transfer = add_verb(
        verbs, "transfer", run_transfer, "train private heads on public features of real data and run them encrypted"
    )
    transfer.add_argument(
        "--study",
        required=True,
        metavar="NAME",
        help="uci-digits, mnist-split, breast-cancer, folder:PATH with one subfolder of images for each class, or "
        "cifar10[:N] by torchvision (fetched once)",
    )
    transfer.add_argument(
        "--epsilon",
        type=float,
        default=DEFAULT_EPSILON,
        metavar="E",
        help=f"privacy to spend, above 0; inf for none (default: {DEFAULT_EPSILON:g})",
    )
    transfer.add_argument("--delta", type=float, metavar="D", help="probability of failure (default: 1 / N)")
    transfer.add_argument("--seeds", type=positive, default=5, metavar="N", help="heads to train (default: 5)")
    transfer.add_argument("--bits", type=positive, default=5, metavar="B", help="bits of a feature (default: 5)")
    transfer.add_argument("--keep", type=float, default=1.0, metavar="SHARE", help="share of weights kept (default: 1)")
    transfer.add_argument(
        "--secure", action="store_true", help="noise from the operating system's generator: not reproducible"
    )
    transfer.add_argument(
        "--skip-unreadable", action="store_true", help="folder: leave out images that cannot be read, and list them"
    )
    transfer.add_argument(
        "--curve", metavar="FILE", help="also measure epsilon 0.5 to 8 and infinity, and write the table as CSV"
    )
    transfer.add_argument(
        "--tables", metavar="FOLDER", help="also measure what lab 06 shows of this study, and write its two tables"
    )
    add_threads(transfer)


def run_transfer(chosen: argparse.Namespace) -> int:
    """``fcnlab transfer``."""
    from fcnlab.private_transfer import run_study
    from fcnlab.transfer.curves import describe_curve, measure_curve
    from fcnlab.transfer.heads import Release
    from fcnlab.transfer.privacy import check_epsilon
    from fcnlab.transfer.studies import load_study
    from fcnlab.transfer.tables import CurvePoint, write_rows

    check_epsilon(chosen.epsilon)
    release = Release(keep=chosen.keep)
    with StepBar(silent=chosen.json) as bar:
        study = load_study(
            chosen.study,
            bits=chosen.bits,
            skip_unreadable=chosen.skip_unreadable,
            progress=lambda done, total: bar("extracting features", done, total),
        )
    with StepBar(silent=chosen.json) as bar:
        report = run_study(
            study,
            epsilon=chosen.epsilon,
            delta=chosen.delta,
            seeds=chosen.seeds,
            release=release,
            secure_random=chosen.secure,
            threads=chosen.threads,
            progress=bar,
        )
    values, text = report.as_dict(), str(report)
    if chosen.curve:
        with StepBar(silent=chosen.json) as bar:
            points = measure_curve(study, seeds=chosen.seeds, release=release, progress=bar)
        write_rows(CurvePoint, points, path=Path(chosen.curve))
        values |= {"curve": [point.as_dict() for point in points]}
        text += f"\n\n{describe_curve(points)}\nwritten to {chosen.curve}"
    if chosen.tables:
        from fcnlab.release_tables import write_tables

        with StepBar(silent=chosen.json) as bar:
            paths = write_tables(study, folder=Path(chosen.tables), progress=bar)
        values |= {"tables": [str(path) for path in paths]}
        text += f"\nwritten to {' and '.join(map(str, paths))}"
    print_result(chosen, values, text)
    return FINDING if report.mismatched_logits else OK


def train_public_extractor(chosen: argparse.Namespace) -> int:
    """``fcnlab train`` with the name of an extractor."""
    from fcnlab.transfer.extractors import EXTRACTORS_FOLDER, RECIPES
    from fcnlab.transfer.pretext import train_extractor

    folder = Path(chosen.folder) if chosen.folder else EXTRACTORS_FOLDER
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
    from dataclasses import asdict

    from fcnlab.transfer.cards import HEADS, make_card, save_head
    from fcnlab.transfer.privacy import check_epsilon
    from fcnlab.transfer.studies import load_study
    from fcnlab.transfer.training import train_head

    check_epsilon(chosen.epsilon)
    if chosen.epsilon == float("inf"):
        raise FcnlabError("A private head needs a finite epsilon, such as 2.")
    study: Study = load_study(chosen.recipe)
    head = train_head(study, epsilon=chosen.epsilon, secure_random=True)
    card = make_card(study, head, command=f"fcnlab train {chosen.recipe} --private --epsilon {chosen.epsilon:g}")
    path = save_head(head.released, card, folder=Path(chosen.folder) if chosen.folder else HEADS)
    print_result(
        chosen,
        asdict(card),
        f"{card.name}: epsilon {card.guarantee.epsilon:.2f} at delta {card.guarantee.delta:.2g}, {card.accuracy:.2f} % "
        f"of held-out records; saved as {path}.",
    )
    return OK


def print_extractor_epoch(progress: "ExtractorProgress") -> None:
    """Show the epoch of an extractor's training that has ended, on standard error."""
    print(
        f"{progress.name} epoch {progress.epoch}/{progress.epochs}  loss {progress.loss:.4f}  "
        f"{progress.elapsed_s / 60:.1f} min",
        file=sys.stderr,
    )
