"""The words and tables of lab 04."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import LayerHops
from fcnlab.compression.variants import base_of
from fcnlab.cost import Projection
from fcnlab.data.published import PublishedSystem
from fcnlab.inference.report import Report
from fcnlab.ui.cost.words import spell_seconds
from fcnlab.ui.encrypted.forecasts import Forecast
from fcnlab.ui.encrypted.runs import Reading
from fcnlab.ui.encrypted.settings import Picture
from fcnlab.ui.kit.images import png_address
from fcnlab.ui.kit.runs import RunProgress
from fcnlab.ui.kit.views import escape, table, tiles

PREVIEWED: Final = 40
LAYER_HEADS: Final = ("layer", "done", "HOPs", "value bits", "noise bits", "bits left, proven", "bits left, measured")
ACCOUNT_HEADS: Final = ("", "measured", "projected", "published")


# --- the picture ------------------------------------------------------------------------------------------------------


def quantised(pixels: npt.NDArray[np.uint8], circuit: Circuit) -> npt.NDArray[np.uint8]:
    """Pixels as the client encrypts them, back in 256 greys."""
    return np.asarray(np.rint(circuit.quantise(pixels) * (255 / circuit.pixel_max)), dtype=np.uint8)


def preview(picture: Picture | None, *, circuit: Circuit, answer: str = "") -> str:
    """What the client will encrypt; beside a single image, what was read."""
    if picture is None:
        return '<p class="note">Nothing is drawn yet. Draw on the sheet, or choose test digits.</p>'
    images = quantised(picture.pixels[:PREVIEWED], circuit)
    size = 168 if len(images) == 1 else 44
    cells = "".join(
        f'<img src="{png_address(image)}" alt="{escape(picture.name(index))}" width="{size}" height="{size}" '
        'style="image-rendering: pixelated; border-radius: 4px">'
        for index, image in enumerate(images)
    )
    sides = " × ".join(map(str, images.shape[1:]))
    more = f" and {len(picture.pixels) - PREVIEWED} more" if len(picture.pixels) > PREVIEWED else ""
    return (
        f'<div style="display: flex; flex-wrap: wrap; gap: 4px">{cells}{answer if len(images) == 1 else ""}</div>'
        f'<p class="note">What the client will '
        f"encrypt: {escape(describe_picture(picture))}{more}; {sides} pixels of {circuit.pixel_max + 1} greys.</p>"
    )


def describe_picture(picture: Picture) -> str:
    """Which images these are."""
    if picture.numbers is None or picture.labels is None:
        return "your drawing, centred and scaled as MNIST's digits are"
    if len(picture.numbers) == 1:
        return f"test image {picture.numbers[0]:,}, a {picture.labels[0]}"
    return f"{len(picture.numbers)} test images"


# --- before and while it runs -----------------------------------------------------------------------------------------


def cost_before(found: Forecast | None) -> str:
    """What a run will take, before it starts."""
    if found is None:
        return '<p class="note"><i>Proving parameters for these settings …</i></p>'
    if found.setup is None or found.hops is None:
        return ""
    plan, projection = found.setup.plan, found.projection
    chosen = plan.parameters
    hops = {"HOPs of a pass": f"{found.hops.total.total:,}"}
    if projection is None:
        sent, received, keys = plan.upload_bytes, plan.download_bytes, plan.evaluation_key_bytes
        numbers = hops
    else:
        sent, received = projection.upload_bytes, projection.download_bytes
        keys = projection.evaluation_key_bytes
        numbers = {
            "encrypt": spell_seconds(projection.encrypt_s),
            "evaluate": spell_seconds(projection.evaluate_s),
            **hops,
            "memory": f"{projection.peak_memory_bytes / 2**30:.1f} GiB",
            "make keys, once": spell_seconds(projection.keygen_s),
        }
    numbers |= {"keys, sent once": megabytes(keys)} if keys else {}
    numbers |= {"sent": megabytes(sent), "received": megabytes(received)}
    passes = f"{chosen.passes} passes, " if chosen.passes > 1 else ""
    threads = f"{found.setup.threads} thread{'s' if found.setup.threads > 1 else ''}"
    room = f"{plan.batch_images:,} image{'s' if plan.batch_images > 1 else ''}"
    note = f'<p class="note">{escape(found.note)}</p>' if found.note else ""
    return (
        f'<p class="note"><b>Before it starts</b>: {chosen.scheme}, {plan.layout} layout, ring degree '
        f"{chosen.ring_degree:,}, {passes}{len(plan.inputs)} pixels in {plan.steps[0].outputs:,} ciphertexts with room "
        f"for {room}, {threads}</p>{note}{tiles(numbers)}"
    )


def layer_shares(names: Sequence[str], progress: RunProgress | None, state: str, *, layout: str) -> list[float]:
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


def hops_so_far(layers: Sequence[LayerHops], shares: Sequence[float], progress: RunProgress | None) -> tuple[int, int]:
    """HOPs done and in all, over all passes."""
    one_pass = sum(layer.total for layer in layers)
    here = round(sum(layer.total * share for layer, share in zip(layers, shares, strict=True)))
    if progress is None:
        return here, one_pass
    return (progress.turn - 1) * one_pass + here, progress.turns * one_pass


def progress_table(found: Forecast | None, progress: RunProgress | None, state: str, reading: Reading | None) -> str:
    """Layer by layer: how far it is, its operations, and the noise budget."""
    if found is None or found.setup is None or found.hops is None:
        return ""
    layers, plan = found.hops.layers, found.setup.plan
    steps = plan.steps[1:]
    shares = layer_shares([layer.name for layer in layers], progress, state, layout=plan.layout)
    measured: list[int | None] = [None] * len(steps)
    if state == "done" and reading is not None and reading.setup.same_as(found.setup):
        measured = [layer.measured_budget_bits for layer in reading.report.layers]
    done, total = hops_so_far(layers, shares, progress if state != "done" else None)
    if state == "done" and progress is not None:
        done = total = progress.turns * total
    rows = [
        [
            layer.name, meter(share), layer.total, step.value_bits, f"{step.noise_bits:.1f}",
            f"{step.budget_bits:.1f}", bits,
        ]
        for layer, share, step, bits in zip(layers, shares, steps, measured, strict=True)
    ]  # fmt: skip
    heads = LAYER_HEADS if any(bits is not None for bits in measured) else LAYER_HEADS[:-1]
    counted = f"HOPs so far: <b>{done:,}</b> of {total:,}."
    return f'<p class="note">{counted}</p>{table(heads, [row[: len(heads)] for row in rows])}'


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
    if report.scheme == "ckks":
        return (
            f"Logits under encryption differ from those in the clear by {100 * report.logit_error:.2g} % of their "
            "spread (root mean square): ckks is approximate."
        )
    if report.mismatched_logits:
        return f"{report.mismatched_logits:,} logits differ from those in the clear."
    return f"All {reading.logits.size:,} logits equal those in the clear, integer by integer: {report.scheme} is exact."


def digit_cells(reading: Reading) -> str:
    """The images with what was read under encryption, if there are several."""
    if len(reading.digits) == 1:
        return ""
    cells = []
    for index, reads in enumerate(reading.digits[:PREVIEWED]):
        label = reads if reading.picture.labels is None else reading.picture.labels[index]
        caption = f"<b>{reads}</b>" if reads == label else f'<b class="wrong">{reads}</b> is {label}'
        source = png_address(reading.picture.pixels[index])
        cells.append(f'<div class="digit"><img src="{source}" alt="{reading.picture.name(index)}">{caption}</div>')
    return f'<div class="digits">{"".join(cells)}</div>'


def account_rows(reading: Reading | None, found: Forecast | None, beside: PublishedSystem) -> list[list[object]]:
    """The measured account beside the projected and the published one."""
    report = reading.report if reading else None
    projection = found.projection if found else None

    def row(
        name: str, unit: str, measured: float | None, projected: float | None, published: float | None
    ) -> list[Any]:
        return [name, *(spell_amount(each, unit) for each in (measured, projected, published))]

    seconds = report.seconds if report else None
    published_hops = base_of(found.wish.network).checkpoint.card.hops["total"] if found else None
    return [
        row("encrypt + decrypt", "s", seconds.encrypt + seconds.decrypt if seconds else None,
            projection.encrypt_s + projection.decrypt_s if projection else None, beside.encrypt_decrypt_s),
        row("evaluate", "s", seconds.evaluate if seconds else None, projection.evaluate_s if projection else None,
            beside.inference_s),
        row("make keys", "s", seconds.keygen if seconds else None, projection.keygen_s if projection else None, None),
        row("sent", "MB", report.upload_bytes / 1e6 if report else None,
            projection.upload_bytes / 1e6 if projection else None, beside.message_mb),
        row("received", "MB", report.download_bytes / 1e6 if report else None,
            projection.download_bytes / 1e6 if projection else None, None),
        row("keys, sent once", "MB", key_megabytes(report), key_megabytes(projection), None),
        row("peak memory", "GiB", report.peak_memory_bytes / 2**30 if report else None,
            projection.peak_memory_bytes / 2**30 if projection else None, None),
        ["HOPs of a pass, as executed", report.hops["total"] if report else None,
         found.hops.total.total if found and found.hops else None, None],
        ["HOPs, published convention", None, published_hops, beside.total],
    ]  # fmt: skip


def key_megabytes(known: Report | Projection | None) -> float | None:
    """Evaluation keys."""
    return None if known is None else known.evaluation_key_bytes / 1e6


def spell_amount(value: float | None, unit: str) -> str | None:
    """A number of three digits with its unit."""
    if value is None:
        return None
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}"


def megabytes(count: int) -> str:
    """Bytes as megabytes with three digits."""
    return str(spell_amount(count / 1e6, "MB"))


def amounts_of(reading: Reading | None, found: Forecast | None) -> tuple[list[float | None], list[float | None]]:
    """Measured and projected, as `cost_plots.AMOUNTS`."""
    measured: list[float | None] = [None] * 3
    projected: list[float | None] = [None] * 3
    if reading is not None:
        seconds = reading.report.seconds
        measured = [seconds.encrypt + seconds.decrypt, seconds.evaluate, reading.report.upload_bytes / 1e6]
    if found is not None and found.projection is not None:
        projection = found.projection
        projected = [projection.encrypt_s + projection.decrypt_s, projection.evaluate_s, projection.upload_bytes / 1e6]
    return measured, projected
