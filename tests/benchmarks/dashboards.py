"""How fast the labs open and answer, in the browser: ``python -m tests.benchmarks.dashboards [LAB ...]``.

A key moves a slider; the page itself notes when the key went down, when the curve and the numbers had changed, and
where a lab evaluates test images once the slider rests, when the new accuracy was there. The figures to reach: curve
and numbers within 100 ms in the median and 250 ms at the 95th percentile, accuracy within 1 s, a lab open within 10 s.
Other programs count in all of them; the load of the machine is printed with them, and the processor time that opening
took in server and kernel.
"""

import os
import statistics
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import psutil
from playwright.sync_api import Page, expect

from tests.support.browser import RUN_S, browse, open_in_voila, serve

MEDIAN_MS, HIGH_MS, REST_MS, OPEN_S = 100, 250, 1000, 10
MOVES, SETTLE_MS, PAUSE_MS = 40, 3000, 400
CURVE = ".main-svg .cartesianlayer .xy"
# Notes when each key went down, when the watched elements had all changed after it, and when the tile that begins with
# a word then had a number again.
WATCH = """([selectors, word]) => {
  window.answers = []; window.rests = [];
  let pressed = 0, waiting = new Set(), resting = false;
  addEventListener('keydown', () => {
    pressed = performance.now(); waiting = new Set(selectors); resting = word !== ''; }, true);
  const note = list => requestAnimationFrame(() => list.push(performance.now() - pressed));
  const rested = () => [...document.querySelectorAll('.fcn .tile')].some(tile =>
    tile.querySelector('span').textContent.startsWith(word) && /\\d/.test(tile.querySelector('b').textContent));
  for (const selector of selectors) {
    const changed = () => {
      if (waiting.delete(selector) && !waiting.size) note(window.answers);
      if (resting && !waiting.size && rested()) { resting = false; note(window.rests); }
    };
    new MutationObserver(changed).observe(
      document.querySelector(selector),
      { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['d'] });
  }
}"""
RESTED = "count => window.rests.length >= count"


@dataclass(frozen=True)
class Slider:
    """A slider of a lab, and what has to change when it is moved.

    Attributes:
        label: Beside it.
        numbers: Selector of the numbers.
        handle: Which of its handles.
        turns: How many keys in one direction before it goes back; all in one if 0, so that nothing is remembered.
        accuracy: First word of the tile that is filled when the slider rests; empty where there is none.
        curve: Selector of the panel that is drawn anew; the first of the page if not given.
    """

    label: str
    numbers: str
    handle: int = 0
    turns: int = 2
    accuracy: str = ""
    curve: str = CURVE


SLIDERS: Mapping[str, Sequence[Slider]] = {
    "01_activations": (
        Slider("degree", ".widget-html:has(.verdict)"),
        Slider("interval of x", ".widget-html:has(.verdict)", handle=1),
    ),
    "02_sparsity": (Slider("prune overall", ".widget-html:has(.tiles)", turns=0, accuracy="accuracy"),),
    "03_cost": (Slider("prune further", ".widget-html:has(.tiles)", turns=0, accuracy="accuracy"),),
    "05_encodings": (Slider("weight", ".widget-html:has(.tiles)"),),
    "06_private_transfer": (Slider("privacy ε", ".widget-html:has(.tiles)"),),
    "07_findings": (Slider("degree", ".fcn-expressiveness-numbers", curve=f".fcn-expressiveness {CURVE}"),),
}


def measure(page: Page, slider: Slider) -> tuple[list[float], list[float]]:
    """Milliseconds of each answer while a slider is moved, and of each accuracy once it rests."""
    selectors = [slider.numbers] if slider.label == "weight" else [slider.curve, slider.numbers]  # it draws nothing new
    page.evaluate(WATCH, [selectors, slider.accuracy])
    page.locator(".widget-slider", has_text=slider.label).locator(".noUi-handle").nth(slider.handle).focus()
    for move in range(MOVES):
        backwards = bool(slider.turns) and move % (2 * slider.turns) >= slider.turns
        page.keyboard.press("ArrowLeft" if backwards else "ArrowRight")
        page.wait_for_timeout(PAUSE_MS)  # one move at a time: each is measured by itself
        if slider.accuracy:
            page.wait_for_function(RESTED, arg=move + 1, timeout=RUN_S * 1000)
    return list(page.evaluate("window.answers")), list(page.evaluate("window.rests"))


def summarise(answers: Iterable[float]) -> str:
    """Median and 95th percentile."""
    ordered = sorted(answers)
    return f"median {statistics.median(ordered):.0f} ms, 95th percentile {high(ordered):.0f} ms ({len(ordered)} moves)"


def high(answers: Sequence[float]) -> float:
    """95th percentile."""
    return sorted(answers)[int(0.95 * (len(answers) - 1))]


def verdict(*, good: bool) -> str:
    """In one word."""
    return "reached" if good else "MISSED"


def processor_s() -> dict[int, float]:
    """Processor time of the server and of its kernels so far, by process."""
    times = {}
    for process in psutil.Process().children(recursive=True):
        try:
            if any(word in " ".join(process.cmdline()) for word in ("voila", "ipykernel")):
                times[process.pid] = sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return times


def opened(page: Page, address: str, lab: str) -> str:
    """Open a lab; how long that took, until every figure was drawn."""
    before, began = processor_s(), time.monotonic()
    open_in_voila(page, address, lab)
    expect(page.locator(CURVE).first).to_be_attached(timeout=RUN_S * 1000)
    elapsed_s = time.monotonic() - began
    work_s = sum(spent - before.get(pid, 0.0) for pid, spent in processor_s().items())
    return (
        f"{lab}: opened in {elapsed_s:.1f} s, {work_s:.1f} s of processor time in server and kernel "
        f"(at most {OPEN_S} s: {verdict(good=elapsed_s < OPEN_S)})"
    )


def main(labs: Sequence[str]) -> None:
    """Print a few lines for each lab."""
    with serve("voila") as address:
        for lab in labs or SLIDERS:
            for slider in SLIDERS[lab]:
                with browse() as page:
                    print(opened(page, address, lab), flush=True)
                    page.wait_for_timeout(SETTLE_MS)
                    answers, rests = measure(page, slider)
                good = statistics.median(answers) <= MEDIAN_MS and high(answers) <= HIGH_MS
                print(f"  {slider.label}: {summarise(answers)}: {verdict(good=good)}", flush=True)
                if rests:
                    good = statistics.median(rests) <= REST_MS
                    print(f"  accuracy over 10,000 images: {summarise(rests)}: {verdict(good=good)}", flush=True)
            print(f"  load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
