"""How fast the labs answer, in the browser: ``python -m tests.benchmarks.dashboards``.

A key moves a slider; the page itself notes when the key went down and when the curve and the numbers had changed. The
figures to reach: median at most 100 ms, 95th percentile at most 250 ms; a lab opens in under 10 s.
"""

import statistics
import time
from collections.abc import Iterable

from playwright.sync_api import Page

from tests.browser import browse, open_in_voila, serve

MOVES, SETTLE_MS = 40, 3000
# Notes the time of a key, and of the last change of the watched elements after it.
WATCH = """selectors => {
  window.answers = [];
  let pressed = 0, waiting = new Set();
  addEventListener('keydown', () => { pressed = performance.now(); waiting = new Set(selectors); }, true);
  for (const selector of selectors) {
    const changed = () => {
      if (!waiting.delete(selector) || waiting.size) return;
      requestAnimationFrame(() => window.answers.push(performance.now() - pressed));
    };
    new MutationObserver(changed).observe(
      document.querySelector(selector),
      { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['d'] });
  }
}"""
# By lab: label of a slider, which handle, and what has to change.
SLIDERS = {
    "01_activations": [
        ("degree", 0, [".main-svg .cartesianlayer .xy", ".widget-html:has(.verdict)"]),
        ("interval of x", 1, [".main-svg .cartesianlayer .xy", ".widget-html:has(.verdict)"]),
    ],
}


def measure(page: Page, label: str, handle: int, selectors: list[str]) -> list[float]:
    """Milliseconds of each answer while a slider is moved up and down."""
    page.evaluate(WATCH, selectors)
    page.locator(".widget-slider", has_text=label).locator(".noUi-handle").nth(handle).focus()
    for move in range(MOVES):
        page.keyboard.press("ArrowRight" if move % 4 < 2 else "ArrowLeft")
        page.wait_for_timeout(400)  # one move at a time: each is measured by itself
    return list(page.evaluate("window.answers"))


def summarise(answers: Iterable[float]) -> str:
    """Median and 95th percentile."""
    ordered = sorted(answers)
    median_ms, high_ms = statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]
    return f"median {median_ms:.0f} ms, 95th percentile {high_ms:.0f} ms ({len(ordered)} moves)"


def main() -> None:
    """Print one line for each lab and slider."""
    with serve("voila") as address:
        for lab, sliders in SLIDERS.items():
            for label, handle, selectors in sliders:
                with browse() as page:
                    began = time.monotonic()
                    open_in_voila(page, address, lab)
                    opened_s = time.monotonic() - began
                    page.wait_for_timeout(SETTLE_MS)
                    answers = measure(page, label, handle, selectors)
                print(f"{lab}, opened in {opened_s:.1f} s, {label}: {summarise(answers)}", flush=True)


if __name__ == "__main__":
    main()
