"""The verb on real data: ``transfer``; and what ``train`` does for extractors and private heads."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fcnlab.cli.options import FINDING, OK, add_threads, add_verb, positive, print_result
from fcnlab.cli.progress import InferenceBar, StepBar
from fcnlab.errors import FcnlabError

if TYPE_CHECKING:
    from fcnlab.transfer.features.pretext import ExtractorProgress
    from fcnlab.transfer.records.studies import Study

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
    add_gradients(transfer)
    transfer.add_argument("--seeds", type=positive, default=5, metavar="N", help="heads to train (default: 5)")
    transfer.add_argument("--bits", type=positive, default=5, metavar="B", help="bits of a feature (default: 5)")
    transfer.add_argument("--keep", type=float, default=1.0, metavar="SHARE", help="share of weights kept (default: 1)")
    transfer.add_argument(
        "--secure", action="store_true", help="noise from the operating system's generator: not reproducible"
    )
    add_skipping(transfer)
    transfer.add_argument(
        "--curve", metavar="FILE", help="also measure epsilon 0.5 to 8 and infinity, and write the table as CSV"
    )
    transfer.add_argument(
        "--tables", metavar="FOLDER", help="also measure what lab 06 shows of this study, and write its two tables"
    )
    add_threads(transfer)


def add_predict_verb(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The verb for images of one's own."""
    predict = add_verb(
        verbs, "predict", run_predict, "classify images under encryption with a head that train --private stored"
    )
    predict.add_argument("head", metavar="HEAD", help="its .safetensors file")
    predict.add_argument("images", metavar="IMAGES", help="an image, or a folder of images")
    add_skipping(predict)
    add_threads(predict)


def add_gradients(parser: argparse.ArgumentParser) -> None:
    """``--clipping`` and ``--batch``, of a private training."""
    parser.add_argument(
        "--clipping", type=float, default=1.0, metavar="C", help="largest norm of one record's gradient (default: 1)"
    )
    parser.add_argument(
        "--batch", type=int, metavar="N", help="records of a private step, about (default: all, at most 4,096)"
    )


def add_skipping(parser: argparse.ArgumentParser) -> None:
    """``--skip-unreadable``."""
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out images that cannot be read, and list them"
    )


def run_transfer(chosen: argparse.Namespace) -> int:
    """``fcnlab transfer``."""
    from fcnlab.data.releases import CurvePoint, write_rows
    from fcnlab.transfer.curves import describe_curve, measure_curve
    from fcnlab.transfer.heads.heads import Release
    from fcnlab.transfer.heads.privacy import check_epsilon
    from fcnlab.transfer.records.studies import load_study
    from fcnlab.transfer.run import run_study

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
            clipping=chosen.clipping,
            batch=chosen.batch,
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
        from fcnlab.transfer.releases import write_tables

        with StepBar(silent=chosen.json) as bar:
            paths = write_tables(study, folder=Path(chosen.tables), progress=bar)
        values |= {"tables": [str(path) for path in paths]}
        text += f"\nwritten to {' and '.join(map(str, paths))}"
    print_result(chosen, values, text)
    return FINDING if report.mismatched_logits else OK


def run_predict(chosen: argparse.Namespace) -> int:
    """``fcnlab predict``."""
    from fcnlab.transfer.predict import predict_images

    with InferenceBar(silent=chosen.json) as bar:
        found = predict_images(
            chosen.head, chosen.images, skip_unreadable=chosen.skip_unreadable, threads=chosen.threads, progress=bar
        )
    print_result(chosen, found.as_dict(), str(found))
    return FINDING if found.report.mismatched_logits else OK


def train_public_extractor(chosen: argparse.Namespace) -> int:
    """``fcnlab train`` with the name of an extractor."""
    from fcnlab.transfer.features.extractors import EXTRACTORS_FOLDER, RECIPES
    from fcnlab.transfer.features.pretext import train_extractor

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

    from fcnlab.transfer.heads.cards import HEADS, make_card, save_head
    from fcnlab.transfer.heads.privacy import check_epsilon
    from fcnlab.transfer.heads.training import settings_for, train_head
    from fcnlab.transfer.records.studies import load_study

    check_epsilon(chosen.epsilon)
    if chosen.epsilon == float("inf"):
        raise FcnlabError("A private head needs a finite epsilon, such as 2.")
    with StepBar(silent=chosen.json) as bar:
        study: Study = load_study(
            chosen.recipe,
            skip_unreadable=chosen.skip_unreadable,
            progress=lambda done, total: bar("extracting features", done, total),
        )
    settings = settings_for(study, seed=0, epsilon=chosen.epsilon, clipping=chosen.clipping, batch=chosen.batch)
    head = train_head(study, epsilon=chosen.epsilon, settings=settings, secure_random=True)
    asked = f"--epsilon {chosen.epsilon:g} --clipping {chosen.clipping:g}"
    asked += f" --batch {chosen.batch}" if chosen.batch else ""
    card = make_card(study, head, command=f"fcnlab train {chosen.recipe} --private {asked}")
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
