"""Lab 07 in a real browser, as an application: four questions, each with its own controls and figure."""

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page, expect  # noqa: E402

from fcnlab.findings.networks import load_networks  # noqa: E402
from tests.support.browser import browse, open_in_voila, serve  # noqa: E402

pytestmark = pytest.mark.timeout(400)
SLOW_MS = 90_000
NARROW = 700
OVERFLOW = """() => [...document.querySelectorAll('.fcn, .js-plotly-plot, .widget-slider, select')].filter(
  each => each.getBoundingClientRect().right > innerWidth + 2).length"""


def answer_all(page: Page) -> None:
    """Use every question once, by keyboard where there is a slider."""
    numbers = {
        name: page.locator(f".fcn-{name}-numbers") for name in ("reduction", "expressiveness", "ablation", "scaling")
    }
    network = load_networks()[0]
    page.get_by_label("network").first.select_option(f"{network.hops:,} HOPs: {network.name}")
    expect(numbers["reduction"]).to_contain_text(f"{network.hops:,}")

    handle = page.locator(".widget-slider", has_text="degree").locator(".noUi-handle")
    before = numbers["expressiveness"].inner_text()
    handle.focus()
    handle.press("ArrowRight")
    expect(numbers["expressiveness"]).not_to_have_text(before)
    expect(page.get_by_label("settings").nth(1)).to_have_value("expressiveness(degree=3)")

    before = numbers["ablation"].inner_text()
    page.get_by_label("weights").select_option("2 bits")
    expect(numbers["ablation"]).not_to_have_text(before)
    page.get_by_label("heads of").select_option("breast-cancer")
    expect(page.locator(".fcn-ablation .annotation-text", has_text="breast-cancer")).to_be_attached()

    expect(numbers["scaling"]).to_contain_text("batch pays from", timeout=SLOW_MS)
    page.get_by_label("scheme").select_option("ckks, approximate")
    expect(page.locator(".fcn", has_text="fcn-25k, ckks").last).to_be_attached(timeout=SLOW_MS)
    page.get_by_role("button", name="all test images").click()
    expect(page.get_by_label("settings").nth(3)).to_have_value("scaling(images=10000)")


@pytest.mark.parametrize("width", [1280, NARROW])
def test_all_questions_answer_and_fit_the_page(width: int) -> None:
    with serve("voila") as address, browse(width=width) as page:
        open_in_voila(page, address, "07_findings")
        expect(page.get_by_text("RQ4. Is encrypted inference workable").first).to_be_visible(timeout=SLOW_MS)
        expect(page.locator(".fcn-scaling .barlayer .point path").first).to_be_attached(timeout=SLOW_MS)
        expect(page.locator(".js-plotly-plot")).to_have_count(4)
        answer_all(page)
        assert page.evaluate(OVERFLOW) == 0
        expect(page.locator(".fcn .error")).to_have_count(0)
