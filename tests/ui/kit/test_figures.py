"""The figure widget: what is hidden while plotly is imported, and what a page finds."""

import subprocess
import sys

import plotly.graph_objects as go
import pytest

from fcnlab.ui.kit.figures import LiveFigure, hidden, plotly_script


def test_a_hidden_module_cannot_be_imported_and_is_back_afterwards() -> None:
    with hidden("this_is_nowhere"):
        assert sys.modules["this_is_nowhere"] is None
        with pytest.raises(ImportError):
            __import__("this_is_nowhere")
    assert "this_is_nowhere" not in sys.modules


def test_a_module_that_is_loaded_stays() -> None:
    with hidden("json"):
        assert sys.modules["json"] is not None


def test_opening_a_lab_compiles_no_grammar() -> None:
    program = (
        "import sys, fcnlab.ui.activations; print('rfc3987_syntax' in sys.modules, 'plotly.basewidget' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_figures_share_one_script() -> None:
    script = plotly_script()
    assert "export{" in script.text
    for figure in (LiveFigure(go.Figure()), LiveFigure(go.Figure())):
        state = figure.get_state()
        assert state["_script"] == script.model_id
        assert len(state["_esm"]) < 10_000 < len(script.text)
