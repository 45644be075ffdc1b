"""Every lab in a real browser: it loads, answers, can be run, cancelled and run again; nothing leaves the machine."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.networks.architectures import Architecture, seeded
from fcnlab.networks.checkpoint import ModelCard, measure_circuit, save_checkpoint

playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need playwright")
from playwright.sync_api import Page, expect  # noqa: E402

from tests.support.browser import browse, open_in_lab, open_in_voila, serve  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository's data, but under the default network's name a tiny one that is encrypted in seconds."""
    folder = tmp_path_factory.mktemp("data")
    for name in ("mnist", "tables"):
        (folder / name).symlink_to(ROOT / "data" / name)
    (folder / "models").mkdir()
    architecture = Architecture("faster-cryptonets", "square", maps=1, units=4, pixel_bits=1)
    network = seeded(lambda: architecture.build(), seed=0)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.from_numpy(rng.choice([-1.0, 0.0, 1.0], parameter.shape)))
    hops, bits = measure_circuit(network, architecture=architecture)
    counted = {"products": hops["pt_ct_mults"], "hops": hops, "range_bits": bits, "weight_bits": 2}
    trained = {"accuracy": 10.0, "validation": 10.0, "seed": 0, "command": "none", "minutes": 0.0}
    for name in (DEFAULT_NETWORK, "fcn-20k"):  # lab 01 speaks of the second one
        card = ModelCard(name=name, architecture=architecture, **counted, **trained)
        save_checkpoint(network, card, folder=folder / "models")
    return folder


@pytest.fixture(scope="module")
def application(data: Path) -> Iterator[str]:
    with serve("voila", data=data) as address:
        yield address


@pytest.fixture(scope="module")
def jupyterlab(data: Path) -> Iterator[str]:
    with serve("lab", data=data) as address:
        yield address


@pytest.fixture
def page() -> Iterator[Page]:
    with browse() as opened:
        yield opened


def test_start_here_in_jupyterlab(jupyterlab: str, page: Page) -> None:
    open_in_lab(page, jupyterlab, "00_start_here")
    expect(page.locator(".fcn .verdict")).to_contain_text("81,920 logits equal the clear circuit's")
    expect(page.locator(".js-plotly-plot .barlayer .point path").first).to_be_attached()
    expect(page.locator(".fcn .digit img")).not_to_have_count(0)


def test_start_here_in_voila_cancelled_and_run_again(application: str, page: Page) -> None:
    open_in_voila(page, application, "00_start_here")
    start, cancel = (page.get_by_role("button", name=name) for name in ("Run encrypted", "Cancel"))
    start.click()
    expect(cancel).to_be_enabled()
    cancel.click()
    expect(page.locator(".fcn .error")).to_contain_text("cancelled")
    start.click()
    expect(page.locator(".fcn .verdict")).to_contain_text("all 81,920 logits equal", timeout=120_000)
    expect(page.locator(".fcn .digit img")).not_to_have_count(0)


def test_activations_follow_the_keyboard_in_voila(application: str, page: Page) -> None:
    open_in_voila(page, application, "01_activations")
    verdict, curve = page.locator(".fcn .verdict"), page.locator(".scatterlayer .trace path.js-line").nth(1)
    expect(verdict).to_contain_text("2−3 + 2−1 x + 2−3 x2")
    before = curve.get_attribute("d")
    page.get_by_label("activation", exact=True).select_option("tanh")
    expect(verdict).to_contain_text("2−2 x")
    assert curve.get_attribute("d") != before

    handle = page.locator(".widget-slider", has_text="degree").locator(".noUi-handle")
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(verdict).to_contain_text("2−6 x3")
    settings = page.get_by_label("settings")
    expect(settings).to_have_value("activations(target='tanh', degree=3)")

    settings.fill("activations(degree=99)")
    settings.press("Enter")
    expect(page.locator(".fcn .error")).to_contain_text("1 to 6")
    page.get_by_role("button", name="Reset").click()
    expect(verdict).to_contain_text("2−3 + 2−1 x + 2−3 x2")
    expect(page.locator(".fcn .error")).to_have_count(0)

    page.get_by_label("make small").select_option("the mean square over a layer")
    expect(page.locator(".fcn .note").last).to_contain_text("of what act1 of fcn-20k sees", timeout=60_000)
    expect(page.locator(".legend", has_text="values of the layer").first).to_be_attached()
