"""Controls and their model: the widget, the setting and the line always say the same."""

from dataclasses import dataclass

import ipywidgets as widgets
import pytest

from fcnlab.errors import DataError, SettingsError
from fcnlab.ui.kit.controls import Choice, Span, Steps, Whole, controls_of, setting
from fcnlab.ui.kit.frame import Frame
from fcnlab.ui.kit.model import LabModel

SPAN = Span(label="span", low=-2, high=2, step=0.5, narrowest=0.5, help="From where to where.")


def colours() -> dict[str, str]:
    return {"red": "Red", "blue": "Blue"}


@dataclass(frozen=True)
class Settings:
    colour: str = setting("red", Choice(label="colour", options=colours, help="A colour."))
    count: int = setting(3, Whole(label="count", low=0, high=9, unit="pieces", help="How many."))
    span: tuple[float, float] = setting((-1.0, 1.0), SPAN)


def lab() -> tuple[LabModel, Frame]:
    model = LabModel("lab", Settings(), presets={"many": Settings(count=9)})
    return model, Frame(model, [widgets.HTML()])


def find(frame: Frame, kind: type) -> list[widgets.Widget]:
    found, todo = [], [frame.widget]
    while todo:
        widget = todo.pop()
        todo += getattr(widget, "children", ())
        if type(widget) is kind:
            found.append(widget)
    return found


def test_widgets_change_the_settings_and_follow_them():
    model, frame = lab()
    (menu,) = find(frame, widgets.Dropdown)
    (slider,) = find(frame, widgets.IntSlider)
    (box,) = find(frame, widgets.BoundedIntText)
    (span,) = find(frame, widgets.FloatRangeSlider)
    menu.value, slider.value, span.value = "blue", 5, (-2.0, 0.5)
    assert model.settings == Settings("blue", 5, (-2.0, 0.5))
    assert box.value == 5
    box.value = 7
    assert slider.value == model.settings.count == 7
    frame.buttons["many"].click()
    assert (menu.value, slider.value, box.value, span.value) == ("red", 9, 9, (-1.0, 1.0))
    assert frame.line.value == model.line == "lab(count=9)"


def test_every_control_shows_its_label_and_help():
    _, frame = lab()
    for kind in (widgets.Dropdown, widgets.IntSlider, widgets.FloatRangeSlider):
        (widget,) = find(frame, kind)
        assert widget.description
        assert widget.tooltip


def test_an_impossible_widget_value_is_shown_and_not_taken():
    model, frame = lab()
    (span,) = find(frame, widgets.FloatRangeSlider)
    span.value = (1.0, 1.0)
    assert "at least 0.5 above" in model.problem
    assert model.settings == Settings()
    span.value = (1.0, 2.0)
    assert model.problem == ""
    assert model.settings.span == (1.0, 2.0)


def test_one_change_is_one_event():
    model, _ = lab()
    events = []
    model.observe(events.append, names="settings")
    model.change(colour="blue", count=1)
    assert len(events) == 1


def test_guard_shows_ours_and_raises_the_rest_under_test(monkeypatch):
    model, frame = lab()
    with model.guard():
        raise DataError("A file is missing.")
    assert "A file is missing." in frame.status.value
    with pytest.raises(ZeroDivisionError), model.guard():
        _ = 1 // 0
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with model.guard():
        _ = 1 // 0
    assert "not foreseen (ZeroDivisionError" in frame.status.value
    with model.guard():
        pass
    assert frame.status.value == ""


def test_steps_stop_at_their_options_and_take_numbers_for_them():
    steps = Steps(name="share", label="share", options={"0.5": "half", "1": "all", "inf": "more"}, help="How much.")
    assert [steps.check(value) for value in (0.5, 1, 1.0, float("inf"), "1")] == ["0.5", "1", "1", "inf", "1"]
    for wrong in (0.7, True, "0.50"):
        with pytest.raises(SettingsError, match=r"one of 0\.5, 1, inf"):
            steps.check(wrong)
    told: list[str] = []
    slider, move = steps.build("1", told.append)
    slider.index = 2
    move("0.5")
    assert told == ["inf", "0.5"]
    assert slider.label == "half"


def test_a_field_gives_its_control_its_name_and_options_are_found_when_a_lab_opens():
    colour, count, span = controls_of(Settings())
    assert (colour.name, count.name, span.name) == ("colour", "count", "span")
    assert colour.options == colours()
    assert Settings() == Settings("red", 3, (-1.0, 1.0))
