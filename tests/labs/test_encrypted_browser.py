"""Lab 04 in a real browser: a digit is drawn with the mouse and read under encryption; test digits by the keyboard."""

from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page, expect  # noqa: E402

from tests.support.browser import browse, draw, open_in_lab, open_in_voila, serve  # noqa: E402
from tests.support.strokes import DIGITS  # noqa: E402

pytestmark = pytest.mark.timeout(400)
LAB, SLOW_MS = "04_encrypted_mnist", 120_000


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    with serve("voila") as address:
        yield address


@pytest.fixture
def page() -> Iterator[Page]:
    with browse() as opened:
        yield opened


def expect_read(page: Page, digit: int) -> None:
    """Wait until the digit was read, and by a run of what is now chosen."""
    words = f"Read under encryption: {digit}. In the clear the same network reads {digit}."
    expect(page.locator(".fcn .verdict")).to_contain_text(words, timeout=SLOW_MS)
    expect(page.locator(".fcn .stale")).to_have_count(0)


def test_a_digit_is_drawn_with_the_mouse_and_read_under_encryption(application: str, page: Page) -> None:
    open_in_voila(page, application, LAB)
    preview = page.locator(".fcn img[alt='the drawing']")
    draw(page, DIGITS[4])
    expect(page.get_by_label("image")).to_have_value("what I draw")
    expect(preview).to_be_visible()
    expect_read(page, 4)
    before = preview.get_attribute("src")

    page.get_by_role("button", name="Undo").click()
    expect(preview).not_to_have_attribute("src", before or "")
    expect(page.locator(".fcn .stale")).not_to_have_count(0)
    page.get_by_role("button", name="Clear").click()
    expect(preview).to_have_count(0)
    expect(page.locator(".fcn .obstacle")).to_contain_text("Nothing is drawn yet")
    expect(page.get_by_role("button", name="Run encrypted")).to_be_disabled()

    draw(page, DIGITS[3])
    expect_read(page, 3)
    expect(page.locator(".fcn figure img")).to_have_count(2)
    expect(page.locator(".fcn tr", has_text="encrypt + decrypt").locator("td").nth(1)).to_contain_text("s")


def test_test_digits_by_the_keyboard_run_cancelled_and_run_again(application: str, page: Page) -> None:
    open_in_voila(page, application, LAB)
    start, cancel = (page.get_by_role("button", name=name) for name in ("Run encrypted", "Cancel"))
    handle = page.locator(".widget-slider", has_text="from").locator(".noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    expect(page.locator(".fcn img[alt='test image 1']")).to_be_visible()
    expect(page.get_by_label("settings")).to_have_value("encrypted_mnist(first=1)")
    expect(start).to_be_enabled(timeout=SLOW_MS)
    start.focus()
    page.keyboard.press("Enter")
    expect(cancel).to_be_enabled()
    cancel.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".fcn .error")).to_contain_text("cancelled")
    expect(page.locator(".fcn .verdict")).to_have_count(0)
    start.click()
    expect_read(page, 2)
    handle.focus()
    handle.press("ArrowRight")
    expect(page.locator(".fcn .stale")).not_to_have_count(0)
    handle.press("ArrowLeft")
    expect(page.locator(".fcn .stale")).to_have_count(0)


def test_impossible_settings_say_what_would_make_them_possible(application: str, page: Page) -> None:
    open_in_voila(page, application, LAB)
    page.get_by_label("scheme").select_option("bgv, exact")
    page.get_by_label("ring degree").select_option("4,096")
    expect(page.locator(".fcn .error").first).to_contain_text("or a larger ring", timeout=SLOW_MS)
    expect(page.get_by_role("button", name="Run encrypted")).to_be_disabled()
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".fcn .error")).to_have_count(0, timeout=SLOW_MS)
    expect(page.get_by_role("button", name="Run encrypted")).to_be_enabled(timeout=SLOW_MS)


def test_the_first_lab_leads_here(application: str, page: Page) -> None:
    open_in_voila(page, application, "00_start_here")
    page.get_by_role("link", name="04 An encrypted run").click()
    opened = page.context.pages[-1]
    expect(opened.locator(".fcn-sheet")).to_be_visible(timeout=SLOW_MS)


def test_a_digit_is_drawn_in_jupyterlab(page: Page) -> None:
    with serve("lab") as address:
        open_in_lab(page, address, LAB)
        draw(page, DIGITS[7])
        expect_read(page, 7)
