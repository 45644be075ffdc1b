"""The labs on sparsity, cost and encodings in a real browser, as applications."""

from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Locator, Page, expect  # noqa: E402

from fcnlab.data.defaults import DEFAULT_NETWORK  # noqa: E402
from fcnlab.networks.checkpoint import read_model_card  # noqa: E402
from tests.support.browser import browse, open_in_voila, serve  # noqa: E402

pytestmark = pytest.mark.timeout(400)
SLOW_MS = 90_000
ACCURACY = read_model_card(DEFAULT_NETWORK).accuracy
CHANGED = """drawn => {
  const now = [...document.querySelectorAll('.js-plotly-plot .barlayer .point path')].map(p => p.getAttribute('d'));
  return now.length && JSON.stringify(now) !== JSON.stringify(drawn);
}"""

SLOW_SCRIPT = """() => {
  const address = URL.createObjectURL;
  const wait = "\\nawait new Promise(resolve => setTimeout(resolve, 4000)); globalThis.slow = true;";
  URL.createObjectURL = blob => address(blob.size < 1e6 ? blob : new Blob([blob, wait], { type: blob.type }));
}"""
"""Every large module of a page takes four seconds more: twice what anywidget gives a widget to begin."""


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    with serve("voila") as address:
        yield address


@pytest.fixture
def page() -> Iterator[Page]:
    with browse() as opened:
        yield opened


def tile(page: Page, label: str) -> Locator:
    """The number above a label."""
    return page.locator(".fcn .tile", has_text=label).locator("b")


def slider(page: Page, label: str) -> Locator:
    """The handle of a slider."""
    return page.locator(".widget-slider", has_text=label).locator(".noUi-handle")


def bars(page: Page) -> list[str]:
    """The shapes of all bars that are drawn."""
    return page.locator(".js-plotly-plot .barlayer .point path").evaluate_all(
        "all => all.map(p => p.getAttribute('d'))"
    )


def test_cost_follows_a_slider_and_takes_a_point(application: str, page: Page) -> None:
    open_in_voila(page, application, "03_cost")
    hops = tile(page, "HOPs of one pass")
    expect(tile(page, "accuracy")).to_have_text(f"{ACCURACY:.2f} %", timeout=SLOW_MS)
    page.wait_for_function(CHANGED, arg=[])
    before, drawn = hops.inner_text(), bars(page)
    handle = slider(page, "prune further")
    handle.focus()
    for _ in range(5):
        handle.press("ArrowRight")
    expect(hops).not_to_have_text(before)
    expect(page.get_by_label("settings")).to_have_value("cost(thinned=5)")
    page.wait_for_function(CHANGED, arg=drawn)
    expect(page.locator(".fcn", has_text="as it stands").first).to_be_visible(timeout=SLOW_MS)
    page.locator("select", has_text="CryptoDL-1").last.select_option("CryptoNets")
    expect(hops).to_have_text("611,267")
    expect(tile(page, "accuracy")).to_have_text("99.23 %", timeout=SLOW_MS)
    page.get_by_role("button", name="Reset").click()
    expect(hops).to_have_text(before)


def test_encodings_are_measured_cancelled_and_measured_again(application: str, page: Page) -> None:
    open_in_voila(page, application, "05_encodings")
    start, cancel = (page.get_by_role("button", name=name) for name in ("Measure on this machine", "Cancel"))
    start.click()
    cancel.click()
    expect(page.locator(".fcn .error")).to_contain_text("cancelled")
    start.click()
    expect(page.locator(".fcn", has_text="Measured just now")).to_be_visible(timeout=SLOW_MS)
    handle = slider(page, "weight")
    handle.focus()
    handle.press("ArrowRight")
    expect(page.locator(".fcn", has_text="Weight 5")).to_be_visible()


def test_sparsity_follows_a_slider(application: str, page: Page) -> None:
    open_in_voila(page, application, "02_sparsity")
    hops = tile(page, "HOPs of one pass")
    expect(hops).to_have_text("611,267", timeout=SLOW_MS)
    page.wait_for_function(CHANGED, arg=[])
    drawn = bars(page)
    handle = slider(page, "prune overall")
    handle.focus()
    for _ in range(4):
        handle.press("ArrowRight")
    expect(page.get_by_label("settings")).to_have_value("sparsity(overall=4)")
    expect(hops).not_to_have_text("611,267")
    page.wait_for_function(CHANGED, arg=drawn)
    expect(tile(page, "accuracy as it stands")).to_contain_text("99.", timeout=SLOW_MS)
    expect(page.locator(".fcn img[alt*='nonzero weights of fc1']")).to_be_visible()
    page.get_by_role("button", name="published").click()
    expect(page.get_by_label("settings")).to_have_value("sparsity(overall=92, weight_bits='4')")
    settings = page.get_by_label("settings")
    settings.fill("sparsity(fc2=30)")
    settings.press("Enter")
    expect(slider(page, "prune fc2")).to_have_attribute("aria-valuenow", "30.0")
    page.get_by_role("button", name="Reset").click()
    expect(hops).to_have_text("611,267")


def test_a_figure_follows_although_its_script_was_slow(application: str, page: Page) -> None:
    page.add_init_script(f"({SLOW_SCRIPT})()")
    open_in_voila(page, application, "02_sparsity")
    settings, handle = page.get_by_label("settings"), slider(page, "prune overall")
    handle.focus()
    handle.press("ArrowRight")
    expect(settings).to_have_value("sparsity(overall=1)")
    assert not bars(page), "the figure was there before its script"
    page.wait_for_function(CHANGED, arg=[])
    assert page.evaluate("slow")
    first = bars(page)
    handle.press("ArrowRight")
    page.wait_for_function(CHANGED, arg=first)
    handle.press("ArrowLeft")
    page.wait_for_function(f"drawn => !({CHANGED})(drawn)", arg=first)
