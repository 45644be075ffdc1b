"""Figures are built once, updated in place, and told apart by more than colour."""

import plotly.graph_objects as go
import pytest

from fcnlab.approximation import approximate
from fcnlab.plots.activations import (
    KINDS,
    activation_figure,
    layers_figure,
    update_activation_curves,
    update_activation_sweep,
    update_layers,
)
from tests.support.reports import made_up_layer


def test_layers_are_stacked_and_labelled():
    figure = layers_figure()
    traces = len(figure.data)
    operations = {"conv1": {"ct_ct_adds": 900, "pt_ct_adds": 100}, "act1": {"ct_ct_mults": 50}}
    update_layers(figure, layers=[made_up_layer(name, outputs=1, operations=each) for name, each in operations.items()])
    assert len(figure.data) == traces
    by_name = {trace.name: trace for trace in figure.data if trace.name}
    assert list(by_name["CT-CT adds"].x) == [900, 0]
    assert [trace.visible for trace in figure.data[:4]] == [True, True, False, True]
    assert list(figure.data[4].text) == [" 1,000", " 50"]
    assert figure.layout.xaxis.range[1] > 1000


def test_every_kind_has_its_own_pattern_and_colour():
    assert len({colour for _, colour, _ in KINDS.values()}) == len({pattern for *_, pattern in KINDS.values()}) == 4


def test_lines_differ_by_dash_as_well():
    figure = activation_figure(degrees=4, reach=8)
    assert len({trace.line.dash for trace in figure.data[:3]}) == 3


@pytest.mark.parametrize("target", ["relu", "tanh"])
def test_activation_curves_and_sweep(target):
    figure = activation_figure(degrees=3, reach=8)
    assert isinstance(figure, go.Figure)
    fits = [approximate(target, degree=degree) for degree in (1, 2, 3)]
    optima = [approximate(target, degree=degree, coefficients="real") for degree in (1, 2, 3)]
    update_activation_curves(figure, fit=fits[1], optimum=optima[1])
    update_activation_sweep(figure, fits=fits, optima=optima, degree=2)
    assert len(figure.data[0].x) == 201
    assert max(abs(figure.data[3].y)) <= figure.layout.yaxis2.range[1]
    assert list(figure.data[6].y) == [fit.error for fit in fits]
    assert list(figure.data[9].x) == [fit.cost.total for fit in fits]
    assert list(figure.data[8].x) == [2]
