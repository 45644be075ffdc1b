"""Every figure of every lab is drawn, in JupyterLab and in the application, however late its script comes."""

from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page  # noqa: E402

from tests.support.browser import browse, open_in_lab, open_in_voila, serve  # noqa: E402

pytestmark = pytest.mark.timeout(600)
SLOW_SCRIPT = """() => {
  const address = URL.createObjectURL;
  const wait = "\\nawait new Promise(resolve => setTimeout(resolve, 4000)); globalThis.slow = true;";
  URL.createObjectURL = blob => address(blob.size < 1e6 ? blob : new Blob([blob, wait], { type: blob.type }));
}"""
"""Every large module of a page takes four seconds more: twice what anywidget gives a widget to begin."""

FIGURES = {
    "01_activations": 1,
    "02_sparsity": 1,
    "03_cost": 1,
    "04_encrypted_mnist": 1,
    "05_encodings": 1,
    "06_private_transfer": 1,
    "07_findings": 4,
}
DRAWN = """count => {
  const places = [...document.querySelectorAll(".fcn-figure")];
  return places.length >= count && places.every(place => place.querySelector(".main-svg .plot, .main-svg .trace"));
}"""
WAIT_MS = 120_000


@pytest.fixture(scope="module", params=["lab", "voila"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with serve(request.param) as address:
        yield request.param, address


def opened(page: Page, server: tuple[str, str], lab: str) -> None:
    kind, address = server
    (open_in_lab if kind == "lab" else open_in_voila)(page, address, lab)


@pytest.mark.parametrize("lab", FIGURES)
def test_all_figures_are_drawn_although_their_script_is_slow(server: tuple[str, str], lab: str) -> None:
    with browse() as page:
        page.add_init_script(f"({SLOW_SCRIPT})()")
        opened(page, server, lab)
        page.wait_for_function(DRAWN, arg=FIGURES[lab], timeout=WAIT_MS)
        assert page.evaluate("slow")


def test_a_page_that_is_loaded_again_or_closed_in_the_middle_leaves_the_others_whole(server: tuple[str, str]) -> None:
    with browse() as page:
        page.add_init_script(f"({SLOW_SCRIPT})()")
        opened(page, server, "02_sparsity")
        page.close()  # before anything is drawn
    with browse() as page:
        for _ in range(2):
            opened(page, server, "02_sparsity")
            page.wait_for_function(DRAWN, arg=1, timeout=WAIT_MS)
