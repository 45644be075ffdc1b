"""Lab 04 in the browser, from the last stroke to the answer, and its sliders during a run: ``python -m
tests.benchmarks.reading [SCHEME]``.

The page itself notes when the pen was lifted for the last time and when the digit that was read stood there. The first
drawing waits for the parameters and for a worker; later ones find a worker that got ready while nothing was drawn.
"""

import os
import re
import statistics
import sys
from itertools import cycle, islice

from playwright.sync_api import Page, expect

from tests.benchmarks.dashboards import CURVE, MOVES, PAUSE_MS, WATCH, high, opened, verdict
from tests.support.browser import RUN_S, browse, draw, serve
from tests.support.strokes import DIGITS

LAB, DRAWINGS, LIVE_MS = "04_encrypted_mnist", 20, 200
SCHEMES = {"ckks": "ckks, approximate", "bgv": "bgv, exact", "bfv": "bfv, exact"}
THINKING_MS = 4000  # between two drawings
READ = """digit => {
  window.readMs = 0;
  let lifted = 0;
  addEventListener('pointerup', () => { lifted = performance.now(); }, true);
  new MutationObserver((_, observer) => {
    const found = document.querySelector('.fcn .verdict');
    if (!lifted || !found || document.querySelector('.fcn .stale')) return;
    if (!found.textContent.startsWith(`Read under encryption: ${digit}.`)) return;
    observer.disconnect();
    requestAnimationFrame(() => { window.readMs = performance.now() - lifted; });
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def time_drawings(page: Page) -> tuple[list[float], list[float]]:
    """For each drawing, seconds from the last stroke to the answer, and those of the run's own account."""
    waits_s, runs_s = [], []
    for digit in islice(cycle(DIGITS), DRAWINGS):
        page.evaluate(READ, digit)
        draw(page, DIGITS[digit])
        page.wait_for_function("() => window.readMs > 0", timeout=RUN_S * 1000)
        waits_s.append(page.evaluate("window.readMs") / 1000)
        runs_s.append(sum(account(page, row) for row in ("encrypt + decrypt", "evaluate")))
        page.get_by_role("button", name="Clear").click()
        page.wait_for_timeout(THINKING_MS)
    return waits_s, runs_s


def account(page: Page, row: str) -> float:
    """Seconds that were measured, as the lab's account shows them."""
    cell = page.locator(".fcn tr", has=page.get_by_text(row, exact=True)).locator("td").nth(1)
    return float(re.sub(r"[^\d.e-]", "", cell.inner_text()))


def time_sliders(page: Page) -> list[float]:
    """Milliseconds from a key to the other digit and its logits, while a long run is going."""
    page.get_by_role("button", name="as published").click()
    start = page.get_by_role("button", name="Run encrypted")
    expect(start).to_be_enabled(timeout=RUN_S * 1000)
    start.click()
    expect(page.locator(".widget-html", has_text="encrypts its inputs").first).to_be_visible(timeout=RUN_S * 1000)
    page.evaluate(WATCH, [[CURVE, ".widget-html:has(img)"], ""])
    page.locator(".widget-slider", has_text="from").locator(".noUi-handle").focus()
    for _ in range(MOVES):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(PAUSE_MS)
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()  # it was going to the end
    return list(page.evaluate("window.answers"))


def main(scheme: str = "ckks") -> None:
    """Print one line for each figure."""
    with serve("voila") as address:
        with browse() as page:
            print(opened(page, address, LAB), flush=True)
            page.get_by_label("scheme").select_option(SCHEMES[scheme])
            expect(page.get_by_role("button", name="Run encrypted")).to_be_enabled(timeout=RUN_S * 1000)
            waits_s, runs_s = time_drawings(page)
        first, *later = waits_s
        print(
            f"  {scheme}, from the last stroke to the answer: median {statistics.median(later):.2f} s, 95th percentile "
            f"{high(later):.2f} s ({len(later)} drawings, the first {first:.2f} s); of these encrypt, evaluate and "
            f"decrypt {statistics.median(runs_s):.2f} s",
            flush=True,
        )
        with browse() as page:
            opened(page, address, LAB)
            answers = time_sliders(page)
        median_ms = statistics.median(answers)
        print(
            f"  sliders during an encrypted run: median {median_ms:.0f} ms, 95th percentile {high(answers):.0f} ms "
            f"({len(answers)} moves; median at most {LIVE_MS} ms: {verdict(good=median_ms <= LIVE_MS)})"
        )
        print(f"  load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
