"""What figures share."""

import plotly.graph_objects as go

from fcnlab.plots.theme import BARS, OKABE_ITO, THEME, filled, hover, panels, ticks


def test_colours_are_all_different():
    assert len(set(OKABE_ITO.values())) == len(OKABE_ITO)


def test_panels_have_titles_of_one_size_and_the_theme():
    figure = panels("left", "right", shape={"column_widths": [0.7, 0.3]}, height=300, top=80, legend=1.1)
    assert [title.text for title in figure.layout.annotations] == ["left", "right"]
    assert {title.font.size for title in figure.layout.annotations} == {14}
    assert (figure.layout.height, figure.layout.margin.t, figure.layout.legend.y) == (300, 80, 1.1)
    assert figure.layout.template.layout.colorway == THEME.layout.colorway


def test_bars_take_one_pattern_or_one_each():
    one, each = (go.Bar(**BARS, marker=filled(*look)) for look in (("red", "/"), (["red", "blue"], ["/", ""])))
    assert one.marker.pattern.shape == "/"
    assert tuple(each.marker.pattern.shape) == ("/", "")
    assert one.orientation == "h"


def test_words_at_ticks_and_pointers():
    assert ticks([1000, 20]) == {"tickvals": [1000, 20], "ticktext": ["1,000", "20"]}
    assert ticks([0.1], "{} %")["ticktext"] == ["0.1 %"]
    assert hover("%{x}", "beside") == "%{x}<extra>beside</extra>"
