"""Pictures of every lab as an application, 1280 and 800 pixels wide: ``python -m tests.labs.screenshots [folder]``."""

import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support.browser import ROOT, RUN_S, browse, draw, open_in_voila, serve
from tests.support.strokes import DIGITS

WIDTHS = (1280, 800)
SETTLE_MS = 2500  # for figures to be drawn
WHOLE_HEIGHT = "document.querySelector('#rendered_cells').scrollHeight"


def prepare(page: Page, lab: str) -> None:
    """Bring a lab into the state that its picture shows."""
    if lab == "00_start_here":
        page.get_by_role("button", name="Run encrypted").click()
        expect(page.locator(".fcn .verdict")).to_be_visible(timeout=RUN_S * 1000)
    if lab == "04_encrypted_mnist":
        draw(page, DIGITS[4])
        expect(page.locator(".fcn .verdict")).to_contain_text("Read under encryption: 4", timeout=RUN_S * 1000)


def take(folder: Path) -> None:
    """Write ``<lab>-<width>.png`` for each lab and width."""
    folder.mkdir(parents=True, exist_ok=True)
    with serve("voila") as address:
        for lab in sorted(path.stem for path in (ROOT / "labs").glob("*.ipynb")):
            for width in WIDTHS:
                with browse(width=width) as page:
                    open_in_voila(page, address, lab)
                    prepare(page, lab)
                    # The page scrolls within a box of its own, so "full page" would end at the window.
                    page.set_viewport_size({"width": width, "height": page.evaluate(WHOLE_HEIGHT)})
                    page.wait_for_timeout(SETTLE_MS)
                    path = folder / f"{lab}-{width}.png"
                    page.screenshot(path=path)
                    print(path)


if __name__ == "__main__":
    take(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "screenshots")
