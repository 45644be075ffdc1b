"""The labs in a real browser: a JupyterLab or a Voila server, and headless Chromium before it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SETTINGS = {
    # It would ask whether it may fetch news, in a box over the notebook,
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    # and take cells that are out of sight off the page.
    "notebook-extension/tracker": '{"windowingMode": "none"}',
}
DENIED = ("@voila-dashboards/jupyterlab-preview", "jupyterlab-plotly", "jupyterlab_pygments")  # as in the Makefile
START_S, RUN_S = 90, 240


@contextmanager
def serve(application: str, *, data: Path | None = None) -> Iterator[str]:
    """A ``lab`` or ``voila`` server on the repository, with settings of its own; gives its address.

    Args:
        application: ``lab`` or ``voila``.
        data: Data folder, the repository's if not given.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as home:
        for name, content in SETTINGS.items():
            path = Path(home, "settings", "@jupyterlab", f"{name}.jupyterlab-settings")
            path.parent.mkdir(parents=True)
            path.write_text(content)
        environment = {
            **os.environ,
            "JUPYTER_PATH": str(ROOT / "fcnlab" / "ui" / "share"),
            "JUPYTER_CONFIG_DIR": str(Path(home, "config")),
            "JUPYTERLAB_SETTINGS_DIR": str(Path(home, "settings")),
            "JUPYTERLAB_WORKSPACES_DIR": str(Path(home, "workspaces")),
            "JUPYTER_RUNTIME_DIR": str(Path(home, "runtime")),
            "IPYTHONDIR": str(Path(home, "ipython")),
        }
        if data is not None:
            environment["FCNLAB_DATA"] = str(data)
        log = Path(home, "log")
        with log.open("w") as output:
            server = subprocess.Popen(
                [sys.executable, "-m", *command(application, port)], cwd=ROOT, env=environment, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        try:
            wait_until_up(address, server, log)
            yield address
        finally:
            server.terminate()
            server.wait(20)


def command(application: str, port: int) -> list[str]:
    """Module and arguments that start a server."""
    if application == "voila":
        return [
            "voila", "labs", f"--port={port}", "--no-browser", "--template=fcnlab", "--show_tracebacks=True",
            *(f"--VoilaConfiguration.extension_denylist={name}" for name in DENIED),
        ]  # fmt: skip
    return [
        "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}", "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={ROOT}",
    ]  # fmt: skip


def wait_until_up(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the server answers; fail with its log if it does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")


@contextmanager
def browse(*, width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A page in headless Chromium. Leaving it fails if a script failed or anything was asked of another machine."""
    troubles: list[str] = []

    def watch(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")):
            troubles.append(f"a request left the machine: {request.url}")

    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.on("request", watch)
        page.on("pageerror", lambda error: troubles.append(f"a script failed: {error}"))
        yield page
        browser.close()
    assert not troubles, "\n".join(troubles)


def open_in_lab(page: Page, address: str, lab: str) -> None:
    """Open a lab in JupyterLab, run all its cells, and wait until they have run."""
    # On a busy machine JupyterLab may open the notebook before it knows its kernels, and asks.
    page.add_locator_handler(
        page.locator(".jp-Dialog", has_text="Select kernel"),
        lambda dialog: dialog.get_by_role("button", name="Select Kernel").click(),
    )
    # The command to run cells does nothing before the kernel has answered on its socket.
    with page.expect_websocket(lambda socket: "/channels" in socket.url, timeout=START_S * 1000) as kernel:
        page.goto(f"{address}/doc/tree/labs/{lab}.ipynb")
    kernel.value.wait_for_event("framereceived", timeout=START_S * 1000)
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible(timeout=START_S * 1000)
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator(".lm-Menu-item", has_text="Run All Cells").first.click()
    # What is stored holds no widgets: seeing one means that a cell has run.
    live = page.locator(".jp-OutputArea-output .jupyter-widgets, .jp-OutputArea-output.jupyter-widgets").first
    expect(live).to_be_visible(timeout=START_S * 1000)
    expect(page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=RUN_S * 1000)


def open_in_voila(page: Page, address: str, lab: str) -> None:
    """Open a lab in Voila and wait until its first widget is there."""
    page.goto(f"{address}/voila/render/{lab}.ipynb")
    expect(page.locator(".jupyter-widgets").first).to_be_visible(timeout=START_S * 1000)


def draw(page: Page, strokes: Sequence[Sequence[Sequence[float]]]) -> None:
    """Draw strokes, points from 0 to 1, with the mouse on the sheet of lab 04."""
    sheet = page.locator(".fcn-sheet")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    assert box is not None
    for stroke in strokes:
        for index, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if index == 0:
                page.mouse.down()
        page.mouse.up()
