"""The panel of an encrypted run: start, cancel, where it stands, how it ended."""

from collections.abc import Callable

import ipywidgets as widgets

from fcnlab.ui.kit.runs import RunModel, RunProgress
from fcnlab.ui.kit.views import block, escape

STAGE_WORDS = {
    "keys": "the client makes its keys",
    "encrypt": "the client encrypts pixels",
    "evaluate": "the server evaluates",
    "decrypt": "the client decrypts the logits",
}
READY = "Encrypt, evaluate and decrypt."


class RunPanel:
    """Buttons, a bar and one line of words for a `RunModel`.

    Args:
        run: The model.
        start: Called by the button.
        cost: What a run costs, said below the button before it starts.

    Attributes:
        widget: What to show.
    """

    def __init__(self, run: RunModel, *, start: Callable[[], None], cost: str) -> None:
        self._run, self._cost, self._refusal = run, cost, ""
        self.start_button = widgets.Button(description="Run encrypted", button_style="primary")
        self.cancel_button = widgets.Button(description="Cancel")
        self._bar = widgets.FloatProgress(min=0, max=1, layout={"width": "calc(100% - 4px)", "max_width": "640px"})
        self._words = widgets.HTML(layout={"width": "calc(100% - 4px)"})
        self.start_button.on_click(lambda _: start())
        self.cancel_button.on_click(lambda _: run.cancel())
        run.observe(self._refresh, names=["state", "progress"])
        self._refresh()
        buttons = widgets.HBox([self.start_button, self.cancel_button])
        self.widget = widgets.VBox([buttons, self._bar, self._words])

    def offer(self, cost: str, *, refusal: str = "") -> None:
        """Say what the next run would cost, or why it cannot be started."""
        self._cost, self._refusal = cost, refusal
        self._refresh()

    def _refresh(self, _: object = None) -> None:
        run = self._run
        running = run.state == "running"
        self.start_button.disabled, self.cancel_button.disabled = running or bool(self._refusal), not running
        self.start_button.tooltip = "A run is under way." if running else self._refusal or READY
        self.cancel_button.tooltip = "Stop at once; nothing is kept." if running else "Nothing is running."
        self._bar.value = {"running": run.progress.share if run.progress else 0.0, "done": 1.0}.get(run.state, 0.0)
        self._bar.bar_style = {"done": "success", "failed": "danger", "cancelled": "warning"}.get(run.state, "info")
        self._words.value = block(self._say())

    def _say(self) -> str:
        run = self._run
        if run.state == "running":
            return f"{escape(describe_progress(run.progress))} · {run.elapsed_s:.1f} s"
        refusal = f'<div class="error">{escape(self._refusal)}</div>' if self._refusal else ""
        if run.state == "done":
            return f"Done in {run.elapsed_s:.1f} s, the start of the worker included.{refusal}"
        if run.state == "idle":
            return refusal or escape(self._cost)
        kept = " What is shown below is the run before." if run.outcome is not None else ""
        return f'<div class="error">{escape(run.message + kept)}</div>{refusal}'


def describe_progress(progress: RunProgress | None) -> str:
    """Where a run stands, in words."""
    if progress is None:
        return "Starting the worker: it loads the network and proves its parameters"
    turn = f"Pass {progress.turn} of {progress.turns}: " if progress.turns > 1 else ""
    what = STAGE_WORDS[progress.stage]
    detail = f" {progress.detail}" if progress.detail else ""
    count = f", {progress.done:,} of {progress.total:,}" if progress.total > 1 else ""
    sentence = f"{turn}{what}{detail}{count}"
    return sentence[0].upper() + sentence[1:]
