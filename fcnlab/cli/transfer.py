"""Verbs on real data: ``transfer`` for a whole study, ``predict`` for images of one's own."""

import argparse
from pathlib import Path

from fcnlab.cli.options import FINDING, OK, PRIVACY, Verbs, add_flag, add_option, add_verb, positive, print_result, take
from fcnlab.cli.progress import InferenceBar, StepBar


def add_transfer_verbs(verbs: Verbs) -> None:
    """The verbs and their options."""
    summary = "train private heads on public features of real data and run them encrypted"
    transfer = add_verb(verbs, "transfer", run_transfer, summary, *PRIVACY, "skip-unreadable", "threads")
    transfer.add_argument(
        "--study",
        required=True,
        metavar="NAME",
        help="uci-digits, mnist-split, breast-cancer, folder:PATH with one subfolder of images for each class, or "
        "cifar10[:N] by torchvision (fetched once)",
    )
    add_option(transfer, "--seeds", "N", "heads to train", default=5, type=positive)
    add_option(transfer, "--bits", "B", "bits of a feature", default=5, type=positive)
    add_option(transfer, "--keep", "SHARE", "share of weights kept", default=1.0)
    secure = "noise from the operating system's generator; without it, from a seed: reproducible, hence not private"
    add_flag(transfer, "--secure", secure, dest="secure_random")
    curve = "also measure epsilon 0.5 to 8 and infinity, and write the table as CSV"
    add_option(transfer, "--curve", "FILE", curve)
    tables = "also measure what lab 06 shows of this study, and write its two tables"
    add_option(transfer, "--tables", "FOLDER", tables)

    summary = "classify images under encryption with a head that train --private stored"
    predict = add_verb(verbs, "predict", run_predict, summary, "skip-unreadable", "threads")
    predict.add_argument("head", metavar="HEAD", help="its .safetensors file")
    predict.add_argument("images", metavar="IMAGES", help="an image, or a folder of images")


def run_transfer(chosen: argparse.Namespace) -> int:
    """``fcnlab transfer``."""
    from fcnlab.transfer.heads.guarantee import SEEDED, check_request

    check_request(**take(chosen, "epsilon", "delta", "clipping"))
    from fcnlab.data.releases import CurvePoint, curve_table
    from fcnlab.data.tables import write_rows
    from fcnlab.transfer.heads.heads import Release
    from fcnlab.transfer.records.studies import load_study
    from fcnlab.transfer.releases import measure_curve
    from fcnlab.transfer.run import run_study

    release = Release(keep=chosen.keep)
    with StepBar(silent=chosen.json) as bar:
        study = load_study(chosen.study, **take(chosen, "bits", "skip_unreadable"), progress=bar.extracting)
    with StepBar(silent=chosen.json) as bar:
        report = run_study(
            study, **take(chosen, *PRIVACY, "seeds", "secure_random", "threads"), release=release, progress=bar
        )
    values, text = report.as_dict(), str(report)
    if chosen.curve:
        with StepBar(silent=chosen.json) as bar:
            points = measure_curve(study, seeds=chosen.seeds, release=release, progress=bar)
        write_rows(CurvePoint, points, path=Path(chosen.curve))
        values |= {"curve": [point.as_dict() for point in points]}
        text += f"\n\n{curve_table(points).text()}\n{SEEDED}\nwritten to {chosen.curve}"
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
        found = predict_images(chosen.head, chosen.images, **take(chosen, "skip_unreadable", "threads"), progress=bar)
    print_result(chosen, found.as_dict(), str(found))
    return FINDING if found.report.mismatched_logits else OK
