"""The lab of private transfer in a real browser: keyboard, a training, an encrypted run; two widths, two servers."""

from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Locator, Page, expect  # noqa: E402

from tests.support.browser import browse, open_in_lab, open_in_voila, serve  # noqa: E402

pytestmark = pytest.mark.timeout(400)
LAB = "06_private_transfer"
SLOW_MS = 120_000
# Tables that have to be scrolled, buttons and labels whose words do not fit, and a page wider than its window.
CUT_OFF = """() => [
  ...[...document.querySelectorAll('.fcn .scroll')].filter(e => e.scrollWidth > e.clientWidth + 1),
  ...[...document.querySelectorAll('.jupyter-widgets button, .widget-label')]
    .filter(e => e.offsetParent && e.scrollWidth > e.clientWidth + 1),
  ...(document.documentElement.scrollWidth > innerWidth ? [document.documentElement] : []),
].map(e => e.textContent.slice(0, 60))"""


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    with serve("voila") as address:
        yield address


def tile(page: Page, label: str) -> Locator:
    """The number above a label."""
    return page.locator(".fcn .tile", has_text=label).locator("b")


def handle(page: Page, label: str) -> Locator:
    """Of a slider."""
    return page.locator(".widget-slider", has_text=label).locator(".noUi-handle")


def test_sliders_stop_at_what_was_measured_and_the_rest_is_said(application: str) -> None:
    with browse() as page:
        open_in_voila(page, application, LAB)
        accuracy, settings = tile(page, "accuracy, five heads"), page.get_by_label("settings")
        expect(accuracy).to_have_text("97.24 ± 0.60 %", timeout=SLOW_MS)
        handle(page, "privacy ε").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        expect(settings).to_have_value("private_transfer(epsilon='0.5')")
        expect(accuracy).to_have_text("92.19 ± 1.08 %")
        handle(page, "prune").focus()
        page.keyboard.press("ArrowRight")
        expect(settings).to_have_value("private_transfer(epsilon='0.5', pruned='30')")
        expect(tile(page, "HOPs of the head")).to_have_text("906")
        handle(page, "clip norm").focus()
        page.keyboard.press("ArrowRight")
        expect(accuracy).to_have_text("not measured")
        expect(tile(page, "HOPs of the head")).to_have_text("906", timeout=SLOW_MS)
        settings.fill("private_transfer(epsilon=3)")
        settings.press("Enter")
        expect(page.locator(".fcn .error")).to_contain_text("0.5, 1, 2, 4, 8, inf")
        page.get_by_role("button", name="Reset").click()
        expect(accuracy).to_have_text("97.24 ± 0.60 %")
        expect(page.locator(".js-plotly-plot .errorbars path").first).to_be_attached()


@pytest.mark.parametrize("width", [1280, 800])
def test_a_head_is_trained_cancelled_trained_again_and_run_encrypted(application: str, width: int) -> None:
    with browse(width=width) as page:
        open_in_voila(page, application, LAB)
        page.get_by_role("button", name="patients").click()
        train, run = (page.get_by_role("button", name=name) for name in ("Train with privacy", "Run it encrypted"))
        expect(run).to_be_disabled()
        expect(page.locator(".fcn", has_text="Train a head first").first).to_be_visible()
        train.click()
        page.get_by_role("button", name="Cancel").first.click()
        expect(page.locator(".fcn .error")).to_contain_text("cancelled")
        train.focus()
        page.keyboard.press("Enter")
        expect(tile(page, "accuracy, trained here")).to_contain_text("%", timeout=SLOW_MS)
        expect(run).to_be_enabled()
        run.click()
        expect(page.locator(".fcn .verdict")).to_contain_text("all 248 logits equal", timeout=SLOW_MS)
        expect(tile(page, "wrong logits")).to_have_text("0")
        assert page.evaluate(CUT_OFF) == []
        page.get_by_role("button", name="no privacy").click()
        expect(page.get_by_role("button", name="Train without privacy")).to_be_visible()
        expect(run).to_be_disabled()


def test_it_runs_in_jupyterlab() -> None:
    with serve("lab") as address, browse() as page:
        open_in_lab(page, address, LAB)
        expect(tile(page, "accuracy, five heads").first).to_have_text("97.24 ± 0.60 %", timeout=SLOW_MS)
        expect(page.locator(".js-plotly-plot .barlayer .point path").first).to_be_attached(timeout=SLOW_MS)
