"""The answers typed into lab 07: each number and name in them is what the tables say, and none is left untested."""

import re
import statistics
from pathlib import Path

import nbformat
import numpy as np
import pytest

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.encodings import reference_study
from fcnlab.data.published import published_systems
from fcnlab.findings.ablation import costs_over_all, find_dense, head_lines
from fcnlab.findings.changes import signed, usual_activation, usual_bits
from fcnlab.findings.expressiveness import all_fits, error_of
from fcnlab.findings.networks import cheapest, load_networks
from fcnlab.findings.reduction import GOAL, engine_of, measured_seconds, read_runs
from fcnlab.findings.scaling import all_parts, plan_network

LAB = Path(__file__).resolve().parents[2] / "labs" / "07_findings.ipynb"
SECTIONS = ("The answers", "What the answers rest on")
BLANK = r"([+−]?\w(?:[\w.,-]*\w)?)"
"""A number or a name: what {} stands for in the sentences below."""
Facts = dict[str, tuple[str, ...]]

NETWORKS, RUNS, PUBLISHED = load_networks(), {run.system: run for run in read_runs()}, published_systems()
BEST = cheapest(NETWORKS, accuracy=GOAL)


def times(more: float, less: float) -> str:
    return f"{more / less:.1f}"


def reduction() -> Facts:
    assert BEST.name in RUNS, f"{BEST.name} is the cheapest now: measure it with `fcnlab compare --measure`"
    here, dense, paper = RUNS[BEST.name], RUNS["cryptonets"], PUBLISHED["CryptoNets"]
    part, whole = here.encrypt_decrypt_s + here.inference_s, dense.encrypt_decrypt_s + dense.inference_s
    counts = f"{here.total:,}", f"{dense.total:,}", times(dense.total, here.total)
    return {
        "The cheapest trained network of powers of two with at least {} % is {}:": (f"{GOAL:g}", BEST.name),
        "{} HOPs, {} times fewer than CryptoNets as": (f"{BEST.hops:,}", times(paper.total, BEST.hops)),
        "right on {} ± {} % of": (f"{BEST.accuracy:.2f}", f"{BEST.spread:.2f}"),
        "over {} seeds. Measured": (str(BEST.seeds),),
        "({} engine, {})": (engine_of(here).removesuffix(" engine"), here.scheme),
        "{} executes {} HOPs, all passes, instead of the {} of CryptoNets, {} times fewer": (BEST.name, *counts),
        "It takes {} times less time to evaluate": (times(dense.inference_s, here.inference_s),),
        "{} times less with encryption and decryption": (times(whole, part),),
        "which are {} % of what is left": (f"{100 * here.encrypt_decrypt_s / part:.0f}",),
    }


def expressiveness() -> Facts:
    fits, usual = all_fits(2), usual_activation(NETWORKS)
    ends = [pick(fits, key=lambda each: each.penalty) for pick in (min, max)]
    median = statistics.median(each.penalty for each in fits)
    of_sums = statistics.median(each.powers.error / each.real.error for each in fits)
    changes = {cost.after: cost.change for cost in costs_over_all(NETWORKS) if cost.before == usual}
    said = {name: (signed(each.points), f"{each.spread:.2f}", str(each.pairs)) for name, each in changes.items()}
    error, usual_error = f"{error_of('swish-aq-2'):.3f}", f"{error_of(usual):.3f}"
    return {
        "Over {} functions at degree 2": (str(len(fits)),),
        "is {} ({}) to {} ({}) times": tuple(word for fit in ends for word in (f"{fit.penalty:.2f}", fit.target)),
        "{} times in the median; with": (f"{median:.2f}",),
        "sums of two powers {} times in the median": (f"{of_sums:.2f}",),
        "In trained networks of {} bits, beside {} (error {})": (str(usual_bits(NETWORKS)), usual, usual_error),
        "seed, swish-aq-2 (error {}) changes": (error,),
        "the accuracy by {} ± {} points over {} pairs": said["swish-aq-2"],
        "the square by {} ± {} points over {} pairs": said["square"],
    }


def ablation() -> Facts:
    found: Facts = {}
    for stage, sentence in (
        ("pruning", "pruning from {} products to {} changes it by {} points, to {} by {}"),
        ("quantization", "rounding from {} bits to {} bits by {}, to {} bits by {}"),
    ):
        costs = [cost for cost in costs_over_all(NETWORKS) if cost.stage == stage]
        costs.sort(key=lambda cost: cost.change.points)
        words = [word for cost in (costs[-1], costs[0]) for word in (cost.after.split()[0], signed(cost.change.points))]
        found[sentence] = costs[0].before.split()[0], *words
    return found | {"Together they need not cost much: {}, the network of": (BEST.name,)}


def scaling() -> Facts:
    plans = plan_network(DEFAULT_NETWORK, "bgv")
    batch, hops = plans.cheapest_batch, {(part.study, part.part): part.hops for part in all_parts()}
    full_ms = {name: f"{1000 * measured_seconds(run, run.images):.2f}" for name, run in RUNS.items()}
    fewer = f"{batch.upload_bytes / plans.packed.upload_bytes:,.0f}"
    each_kb = f"{batch.upload_bytes / batch.batch_images / 1000:,.0f}"
    found: Facts = {
        "the packed layout of {} in bgv sends {} times less": (DEFAULT_NETWORK, fewer),
        "a batch of ring {} pays from {} images on": (f"{batch.parameters.ring_degree:,}", f"{plans.crossing:,}"),
        "with {} images, it sends {} kB an image": (f"{batch.batch_images:,}", each_kb),
        "an image takes {} ms with {} and": (full_ms[BEST.name], BEST.name),
        "and {} ms with CryptoNets": (full_ms["cryptonets"],),
        "and {} for breast-cancer": (f"{hops['breast-cancer', 'head']:,}",),
    }
    for study, sentence in (
        ("mnist-split", "{} HOPs instead of {} for mnist-split, {} times fewer"),
        ("uci-digits", "{} instead of {} for uci-digits, {} times fewer"),
    ):
        head, whole = hops[study, "head"], hops[study, "whole"]
        found[sentence] = f"{head:,}", f"{whole:,}", f"{whole / head:,.0f}"
    return found


def support() -> Facts:
    claim, paper, dense = PUBLISHED["Faster CryptoNets"], PUBLISHED["CryptoNets"], find_dense()
    hops, seconds = zip(*((run.total, run.inference_s) for run in RUNS.values()), strict=True)
    exponent = np.polyfit(np.log(hops), np.log(seconds), 1)[0]
    fewer, faster = times(paper.total, claim.total), times(paper.inference_s, claim.inference_s)
    study = reference_study()
    general, monomial = (dict(zip(*study.curve("bfv", kind), strict=True)) for kind in ("dense", "monomial"))
    several = sum(network.seeds > 1 for network in NETWORKS)
    sizes = sum(network.seeds for network in NETWORKS), len(NETWORKS), several
    activations, bits = ({getattr(each, name) for each in NETWORKS} for name in ("activation", "weight_bits"))
    found: Facts = {
        "claim is {} HOPs instead of {},": (f"{claim.total:,}", f"{paper.total:,}"),
        "{} times fewer, and {} times less": (fewer, faster),
        "takes {} times less than a general one (bfv, ring 8,192": (times(general[8192], monomial[8192]),),
        "Over the {} networks measured here": (str(len(RUNS)),),
        "grows as HOPs to the power {},": (f"{exponent:.2f}",),
        "nothing was taken from is {},": (dense.name,),
        "real weights: {} products, {} %": (f"{dense.products:,}", f"{dense.accuracy:.2f}"),
        "each over {} seeds": (str(head_lines("uci-digits")[5][0].seeds),),
        "has {} trained networks of {} settings, {} of them with several": tuple(map(str, sizes)),
        "activations {}, {} and {};": tuple(sorted(activations)),
        "weights of {}, {} or {} bits": tuple(map(str, sorted(bits, reverse=True))),
    }
    for study in ("breast-cancer", "mnist-split", "uci-digits"):
        lines = head_lines(study)
        whole = lines[max(lines)][0]
        enough = [point for line in lines.values() for point in line if point.accuracy >= whole.accuracy - 1]
        least = min(enough, key=lambda point: (point.hops, point.weight_bits))
        kept = f"{least.accuracy:.2f}", str(least.weight_bits), str(least.pruned), times(whole.hops, least.hops)
        row = f"| {study} | {{}} % with {{}} bits | {{}} % with {{}} bits, {{}} % pruned | {{}} × |"
        found[row] = f"{whole.accuracy:.2f}", str(whole.weight_bits), *kept
    return found


@pytest.fixture(scope="module")
def prose() -> str:
    """The sections of the answers, on one line and without marks."""
    text = "\n".join(cell.source for cell in nbformat.read(LAB, as_version=4).cells if cell.cell_type == "markdown")
    parts = {part.partition("\n")[0].strip(): part for part in re.split(r"^## ", text, flags=re.MULTILINE)}
    return " ".join(re.sub(r"[*`]", "", "\n".join(parts[name] for name in SECTIONS)).split())


def searched(sentence: str) -> re.Pattern[str]:
    return re.compile(BLANK.join(map(re.escape, sentence.split("{}"))))


QUESTIONS = (reduction, expressiveness, ablation, scaling, support)


@pytest.mark.parametrize("facts", QUESTIONS)
def test_each_number_is_that_of_the_tables(facts, prose):
    for sentence, values in facts().items():
        places = list(searched(sentence).finditer(prose))
        assert len(places) == 1, f"{LAB.name} should say once: {sentence.format(*values)!r}"
        told, known = places[0][0], sentence.format(*values)
        assert told == known, f"{LAB.name} is stale: it says {told!r}, but the tables say {known!r}"


def test_no_number_is_left_untested(prose):
    patterns = [searched(sentence) for facts in QUESTIONS for sentence in facts()]
    tested = [place.span() for pattern in patterns for place in pattern.finditer(prose)]
    for number in re.finditer(r"(?<!\bRQ)\d+", prose):
        around = prose[max(number.start() - 40, 0) : number.end() + 20]
        assert any(low <= number.start() < high for low, high in tested), f"{LAB.name}: no test of {around!r}"
