"""The figure in a lab: its widget holds all of it, once a batch of changes has ended, and shares plotly's script."""

import json
import subprocess
import sys

import plotly.graph_objects as go

from fcnlab.ui.kit.figures import LiveFigure, plotly_script


def drawn(figure: LiveFigure) -> dict:
    return json.loads(figure.widget.figure)


def test_the_widget_holds_what_the_outermost_batch_left() -> None:
    figure = LiveFigure(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])))
    assert drawn(figure) == json.loads(figure.to_json())
    with figure.batch_update():
        figure.data[0].y = [5, 6]
        with figure.batch_update():
            figure.layout.title.text = "new"
        assert drawn(figure)["data"][0]["y"] == [3, 4]
    assert drawn(figure)["data"][0]["y"] == [5, 6]
    assert drawn(figure)["layout"]["title"]["text"] == "new"


def test_a_click_names_the_trace_and_the_point() -> None:
    figure, clicked = LiveFigure(go.Figure([go.Bar(y=[1]), go.Bar(y=[2, 3], name="second")])), []
    figure.on_click(lambda trace, point: clicked.append((trace.name, point)))
    figure.widget._handle_custom_msg({"trace": 1, "point": 1}, [])
    assert clicked == [("second", 1)]


def test_figures_share_one_script() -> None:
    script = plotly_script()
    assert "Plotly" in script.text
    for figure in (LiveFigure(go.Figure()), LiveFigure(go.Figure())):
        state = figure.widget.get_state()
        assert state["script"] == script.model_id
        assert len(state["_esm"]) < 10_000 < len(script.text)


def test_opening_a_lab_imports_no_notebook_format() -> None:
    program = "import sys, fcnlab.ui.activations; print('nbformat' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
