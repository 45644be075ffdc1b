"""The figures of the first three questions: built from tables, updated in place, told apart by more than colour."""

from fcnlab.data.frontier import Point
from fcnlab.data.published import published_systems
from fcnlab.findings.ablation import accuracy_lines, costs_at, head_lines, study_names
from fcnlab.findings.expressiveness import DEGREES, all_fits, find_fits
from fcnlab.plots.accuracy import accuracy_place
from fcnlab.plots.findings import (
    BITS,
    COEFFICIENTS,
    COST_REACH,
    STAGE_LOOKS,
    ablation_figure,
    expressiveness_figure,
    reduction_figure,
    styled,
    update_ablation,
    update_expressiveness,
    update_heads,
    update_reduction,
)
from tests.findings.test_reduction import RUNS
from tests.support.rows import full


def test_nothing_is_told_by_colour_alone():
    for styles in (BITS.values(), [style[1:] for style in COEFFICIENTS.values()]):
        for part in zip(*styles, strict=True):
            assert len(set(part)) == len(part)
    assert len(set(STAGE_LOOKS.values())) == len(STAGE_LOOKS)
    assert styled(7) not in BITS.values()


def test_every_network_is_a_point_and_the_chosen_one_is_ringed():
    networks, published = full(), published_systems().values()
    figure = reduction_figure(networks, runs=RUNS, published=published)
    names = [name for trace in figure.data[:4] for name in trace.customdata]
    assert sorted(names) == sorted(network.name for network in networks)
    network = networks[0]
    update_reduction(figure, network=network, run=(4_000, 1.6))
    left, right = figure.data[-2:]
    assert (left.x, left.y) == ((network.hops,), (accuracy_place(network.accuracy),))
    assert (right.x, right.y) == ((4_000,), (1.6,))
    update_reduction(figure, network=network, run=None)
    assert not right.x


def test_an_empty_table_still_has_the_published_points():
    figure = reduction_figure((), runs=(), published=published_systems().values())
    by_name = {trace.name: trace for trace in figure.data}
    assert len(by_name["published"].x) == 4
    assert not by_name["front"].x


def test_functions_and_degrees():
    figure = expressiveness_figure()
    traces = len(figure.data)
    chosen = find_fits("tanh", 3)
    line = [find_fits("tanh", degree) for degree in DEGREES]
    update_expressiveness(figure, line=line, overview=all_fits(3), chosen=chosen)
    assert len(figure.data) == traces
    assert figure.data[-1].y == (chosen.power.error,)
    assert list(figure.data[4].y) == [find_fits("tanh", degree).real.error for degree in DEGREES]
    assert list(figure.data[7].x) == [fits.target for fits in all_fits(3)]
    assert {trace.showlegend for trace in figure.data[1:4]} == {False}


def test_a_setting_is_ringed_and_its_bars_keep_to_the_axis():
    networks = full()
    lines = accuracy_lines(networks, "swish-aq-2")
    dense = Point(name="all weights", source="shipped", hops=1, accuracy=99.2)
    figure = ablation_figure(bits=[4, 3, 2], head_bits=[5, 4], dense=dense)
    assert set(figure.data[-3].y) == {accuracy_place(99.2)}
    assert "all weights: 99.20 %" in figure.data[-3].hovertemplate
    costs = costs_at(networks, activation="swish-aq-2", budget=10_000, weight_bits=2)
    update_ablation(figure, lines=lines, chosen=lines[2][0], costs=costs)
    *_, ring, bars = figure.data
    assert ring.x == (lines[2][0].products,)
    assert len(bars.x) == len(costs)
    assert all(COST_REACH[0] < value < COST_REACH[1] for value in bars.x)
    assert "−3.25" in bars.text  # longer than the axis, and told by its number
    assert list(figure.data[0].error_y.array) == [network.spread for network in lines[4]]
    update_ablation(figure, lines={}, chosen=None, costs=[])
    assert not ring.x
    assert not bars.x


def test_heads_of_a_study():
    figure = ablation_figure(bits=[4], head_bits=[5, 4, 3, 2])
    for study in study_names():
        lines = head_lines(study)
        update_heads(figure, study=study, lines=lines)
        drawn = {trace.name: trace for trace in figure.data if trace.meta == 2}
        assert list(drawn["4 bits"].y) == [point.accuracy for point in lines[4]]
        assert study in figure.layout.annotations[-1].text
    assert [trace.showlegend for trace in figure.data if trace.meta == 2] == [True, False, True, True]
