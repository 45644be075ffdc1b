"""The words and tables of lab 04."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops, count_fused, count_stepwise
from fcnlab.compression.variants import base_of
from fcnlab.data.published import published_systems
from fcnlab.inference.report import Progress
from fcnlab.page import Sentence, Table, counted, escape
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.encrypted.account import megabytes
from fcnlab.ui.encrypted.forecasts import Forecast, circuit_of
from fcnlab.ui.encrypted.runs import Reading
from fcnlab.ui.encrypted.settings import DigitSettings, Picture
from fcnlab.ui.kit.images import digit_cell, png_address
from fcnlab.ui.kit.page import Markup, Page, Stale, Tiles

PREVIEWED: Final = 40
OLD: Final = "Old, of an earlier run:"
LAYER_HEADS: Final = ("layer", "done", "HOPs", "value bits", "noise bits", "bits left, proven", "bits left, measured")


# --- the picture ------------------------------------------------------------------------------------------------------


def quantised(pixels: npt.NDArray[np.uint8], circuit: Circuit) -> npt.NDArray[np.uint8]:
    """Pixels as the client encrypts them, back in 256 greys."""
    return np.asarray(np.rint(circuit.quantise(pixels) * (255 / circuit.pixel_max)), dtype=np.uint8)


def preview(picture: Picture | None, *, circuit: Circuit, answer: str = "") -> Page:
    """What the client will encrypt; beside a single image, what was read."""
    if picture is None:
        return Page("Nothing is drawn yet. Draw on the sheet, or choose test digits.")
    images = quantised(picture.pixels[:PREVIEWED], circuit)
    size = 168 if len(images) == 1 else 44
    cells = "".join(
        f'<img src="{png_address(image)}" alt="{escape(picture.name(index))}" width="{size}" height="{size}" '
        'style="image-rendering: pixelated; border-radius: 4px">'
        for index, image in enumerate(images)
    )
    sides = " × ".join(map(str, images.shape[1:]))
    more = f" and {len(picture.pixels) - PREVIEWED} more" if len(picture.pixels) > PREVIEWED else ""
    beside = answer if len(images) == 1 else ""
    return Page(
        Markup(f'<div style="display: flex; flex-wrap: wrap; gap: 4px">{cells}{beside}</div>'),
        f"What the client will encrypt: {describe_picture(picture)}{more}; {sides} pixels of {circuit.pixel_max + 1} "
        "greys.",
    )


def describe_picture(picture: Picture) -> str:
    """Which images these are."""
    if picture.numbers is None or picture.labels is None:
        return "your drawing, centred and scaled as MNIST's digits are"
    if len(picture.numbers) == 1:
        return f"test image {picture.numbers[0]:,}, a {picture.labels[0]}"
    return f"{len(picture.numbers)} test images"


# --- before and while it runs -----------------------------------------------------------------------------------------


def hops_sentence(settings: DigitSettings) -> str:
    """What the network costs in operations, without a plan."""
    circuit, beside = circuit_of(settings.network), published_systems()[settings.beside]
    executed = (count_fused(circuit) if settings.engine == "fused" else count_stepwise(circuit)).total.total
    published = base_of(settings.network).checkpoint.card.hops["total"]
    return (
        f"{settings.network}, {settings.scheme}, {settings.engine} engine: {executed:,} HOPs a pass of a batch, "
        f"{published:,} by the published convention ({beside.method}: {beside.total:,})."
    )


def cost_before(found: Forecast | None) -> Page:
    """What a run will take, before it starts."""
    if found is None:
        return Page(Sentence("Proving parameters for these settings …", kind="waiting"))
    if found.setup is None or found.hops is None:
        return Page()
    plan, projection = found.setup.plan, found.projection
    chosen = plan.parameters
    numbers = {"HOPs of a pass": f"{found.hops.total.total:,}"}
    if projection is not None:
        before = {"encrypt": spell_seconds(projection.encrypt_s), "evaluate": spell_seconds(projection.evaluate_s)}
        numbers = before | numbers | {"memory": f"{projection.peak_memory_bytes / 2**30:.1f} GiB"}
        numbers["make keys, once"] = spell_seconds(projection.keygen_s)
        keys = projection.evaluation_key_bytes
    else:
        keys = plan.evaluation_key_bytes
    sends = projection or plan
    numbers |= {"keys, sent once": megabytes(keys)} if keys else {}
    numbers |= {"sent": megabytes(sends.upload_bytes), "received": megabytes(sends.download_bytes)}
    passes = f"{chosen.passes} passes, " if chosen.passes > 1 else ""
    words = (
        f": {chosen.scheme}, {plan.layout} layout, ring degree {chosen.ring_degree:,}, {passes}{len(plan.inputs)} "
        f"pixels in {plan.steps[0].outputs:,} ciphertexts with room for {counted(plan.batch_images, 'image')}, "
        f"{counted(found.setup.threads, 'thread')}"
    )
    return Page(Sentence(words, title="Before it starts"), found.note, Tiles(numbers))


def layer_shares(names: Sequence[str], progress: Progress | None, state: str, *, layout: str) -> list[float]:
    """How much of each layer is done, 0 to 1, in the present pass.

    In the batch layout the fused engine takes a block of coefficients through several layers at once, and reports them
    together; in the packed layout both engines report each layer when it is done.
    """
    if state == "done" or (progress is not None and progress.stage == "decrypt"):
        return [1.0] * len(names)
    if state != "running" or progress is None or progress.stage != "evaluate":
        return [0.0] * len(names)
    if layout == "packed":
        return [float(index < progress.done) for index in range(len(names))]
    at_work, _, switching = progress.detail.partition(": ")
    for start in range(len(names)):
        for end in range(start + 1, len(names) + 1):
            if "+".join(names[start:end]) == at_work:
                share = 1.0 if switching else progress.done / max(progress.total, 1)
                return [1.0] * start + [share] * (end - start) + [0.0] * (len(names) - end)
    return [0.0] * len(names)


def hops_so_far(layers: Sequence[LayerHops], shares: Sequence[float], progress: Progress | None) -> tuple[int, int]:
    """HOPs done and in all, over all passes."""
    one_pass = sum(layer.total for layer in layers)
    here = round(sum(layer.total * share for layer, share in zip(layers, shares, strict=True)))
    if progress is None:
        return here, one_pass
    return (progress.turn - 1) * one_pass + here, progress.turns * one_pass


def progress_table(found: Forecast | None, progress: Progress | None, state: str, reading: Reading | None) -> Page:
    """Layer by layer: how far it is, its operations, and the noise budget."""
    if found is None or found.setup is None or found.hops is None:
        return Page()
    layers, plan = found.hops.layers, found.setup.plan
    steps = plan.steps[1:]
    shares = layer_shares([layer.name for layer in layers], progress, state, layout=plan.layout)
    measured: list[int | None] = [None] * len(steps)
    if state == "done" and reading is not None and reading.setup.same_as(found.setup):
        measured = [layer.measured_budget_bits for layer in reading.report.layers]
    done, total = hops_so_far(layers, shares, progress if state != "done" else None)
    if state == "done" and progress is not None:
        done = total = progress.turns * total
    rows: list[list[object]] = []
    for layer, share, step, left in zip(layers, shares, steps, measured, strict=True):
        bits = (step.value_bits, f"{step.noise_bits:.1f}", f"{step.budget_bits:.1f}", left)
        rows.append([layer.name, meter(share), layer.total, *bits])
    heads = LAYER_HEADS if any(bits is not None for bits in measured) else LAYER_HEADS[:-1]
    return Page(f"HOPs so far: {done:,} of {total:,}.", Table(heads, [row[: len(heads)] for row in rows]))


def meter(share: float) -> str:
    """A share as five blocks of characters."""
    full = int(5 * share)
    return "▮" * full + "▯" * (5 - full)


# --- after it has run -------------------------------------------------------------------------------------------------


def verdict(reading: Reading, shown: int) -> str:
    """What was read, in one sentence."""
    reads, clear, picture = reading.digits, reading.clear_digits, reading.picture
    if len(reads) == 1:
        truth = "" if picture.labels is None else f" The label says {picture.labels[0]}."
        return f"Read under encryption: {reads[0]}. In the clear the same network reads {clear[0]}.{truth}"
    same = int(np.sum(reads == clear))
    right = "" if picture.labels is None else f" {int(np.sum(reads == picture.labels))} are right."
    return (
        f"{len(reads)} digits read under encryption, {same} of them as in the clear.{right} "
        f"Shown: {picture.name(shown)}, read as {reads[shown]}."
    )


def big_answer(digit: int | None, *, running: bool) -> str:
    """What was read, for the eye that is still on the sheet."""
    sign = str(digit) if digit is not None else "…" if running else "?"
    words = "read under encryption" if digit is not None else "being read" if running else "not read yet"
    colour = "" if digit is not None else "; opacity: .35"
    return (
        f'<div style="width: 168px; text-align: center{colour}"><div style="font-size: 112px; font-weight: 600; '
        f'line-height: 136px">{sign}</div><span class="note">{words}</span></div>'
    )


def agreement(reading: Reading) -> str:
    """How the logits agree with those in the clear."""
    report = reading.report
    if report.mismatched_logits:
        allowed = ", by more than the plan allows" if report.scheme == "ckks" else ""
        return f"{report.mismatched_logits:,} logits differ from those in the clear{allowed}."
    if report.scheme == "ckks":
        return (
            f"Logits under encryption differ from those in the clear by {100 * report.logit_error:.2g} % of their "
            "spread (root mean square): ckks is approximate."
        )
    return f"All {reading.logits.size:,} logits equal those in the clear, integer by integer: {report.scheme} is exact."


def describe_reading(reading: Reading, shown: int) -> Page:
    """What was read, and how well it agrees."""
    return Page(Sentence(verdict(reading, shown), kind="verdict"), digit_cells(reading), agreement(reading))


def digit_cells(reading: Reading) -> Markup | None:
    """The images with what was read under encryption, if there are several."""
    if len(reading.digits) == 1:
        return None
    reads, picture = reading.digits[:PREVIEWED].tolist(), reading.picture
    labels = reads if picture.labels is None else picture.labels.tolist()
    cells = "".join(
        digit_cell(picture.pixels[index], name=picture.name(index), reads=digit, label=labels[index])
        for index, digit in enumerate(reads)
    )
    return Markup(f'<div class="digits">{cells}</div>')


def aged(page: Page, *, old: bool) -> Page:
    """The same, marked as old if it is."""
    return Stale(OLD, page) if old else page
