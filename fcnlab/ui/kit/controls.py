"""Controls of a lab, each defined once: label, unit, range, help. From the definition come its widget and its check.

A lab's settings are a frozen dataclass whose fields are made by `setting`, with their control beside their default.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import ipywidgets as widgets
from typing_extensions import override

from fcnlab.errors import SettingsError

LABEL_WIDTH = "92px"
Change = Callable[[Any], None]
T = TypeVar("T")


def looks(label: str, text: str) -> dict[str, Any]:
    """What all controls have: a visible label of the same width, and help on hovering."""
    style = {"description_width": LABEL_WIDTH}
    return {"description": label, "tooltip": text, "style": style, "layout": {"width": "calc(100% - 4px)"}}


@dataclass(frozen=True, kw_only=True)
class Control:
    """What every control has and can do.

    Attributes:
        label: Shown beside it.
        help: One sentence.
        name: The setting's; a field of settings gives its own.
    """

    label: str
    help: str
    name: str = ""

    def named(self, name: str) -> "Control":
        """The control of this setting, as it is when a lab opens."""
        return replace(self, name=name)

    def check(self, value: Any) -> Any:
        """The value as the settings keep it.

        Raises:
            SettingsError: If it is not one the control can take.
        """
        raise NotImplementedError

    def build(self, value: Any, change: Change) -> tuple[widgets.Widget, Change]:
        """A widget that calls `change` when it is moved, and a function that moves it."""
        raise NotImplementedError

    def _build(self, kind: Any, value: Any, change: Change, **options: Any) -> tuple[widgets.Widget, Change]:
        widget = kind(value=value, **options, **looks(self.label, self.help))
        widget.observe(lambda event: change(event.new), names="value")
        return widget, lambda new: setattr(widget, "value", new)


@dataclass(frozen=True, kw_only=True)
class Choice(Control):
    """One of a few values: a menu.

    Attributes:
        options: Label of each value, or what finds them out when a lab opens.
    """

    options: Mapping[str, str] | Callable[[], Mapping[str, str]]

    @override
    def named(self, name: str) -> "Control":
        return replace(self, name=name, options=self._options)

    @override
    def check(self, value: Any) -> str:
        if value not in self._options:
            raise SettingsError(f"The setting {self.name} is one of {', '.join(self._options)}; got {value!r}.")
        return str(value)

    @override
    def build(self, value: Any, change: Change) -> tuple[widgets.Widget, Change]:
        return self._build(widgets.Dropdown, value, change, options=self._labelled)

    @property
    def _options(self) -> Mapping[str, str]:
        return self.options() if callable(self.options) else self.options

    @property
    def _labelled(self) -> list[tuple[str, str]]:
        return [(label, key) for key, label in self._options.items()]


@dataclass(frozen=True, kw_only=True)
class Steps(Choice):
    """One of a few values in order: a slider that stops at each. A number stands for the option that spells it."""

    @override
    def check(self, value: Any) -> str:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return super().check(f"{value:g}" if number else value)

    @override
    def build(self, value: Any, change: Change) -> tuple[widgets.Widget, Change]:
        return self._build(widgets.SelectionSlider, value, change, options=self._labelled)


@dataclass(frozen=True, kw_only=True)
class Whole(Control):
    """A whole number in a range: a slider and a box to type in.

    Attributes:
        low: Smallest.
        high: Largest.
        unit: Shown after the number; may be empty.
    """

    low: int
    high: int
    unit: str = ""

    @override
    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise SettingsError(f"The setting {self.name} is a whole number {self.low} to {self.high}; got {value!r}.")
        return value

    @override
    def build(self, value: Any, change: Change) -> tuple[widgets.Widget, Change]:
        slider, _ = self._build(widgets.IntSlider, value, change, min=self.low, max=self.high, readout=False)
        slider.layout = {"width": "auto", "flex": "1 1 auto"}
        box = widgets.BoundedIntText(value=value, min=self.low, max=self.high, tooltip=self.help)
        box.layout = {"width": "58px"}
        box.observe(lambda event: change(event.new), names="value")

        def move(new: int) -> None:
            slider.value = box.value = new

        unit = [widgets.HTML(self.unit)] if self.unit else []
        return widgets.HBox([slider, box, *unit], layout={"width": "100%"}), move


@dataclass(frozen=True, kw_only=True)
class Span(Control):
    """Two numbers, the smaller first: a slider with two handles.

    Attributes:
        low: Smallest.
        high: Largest.
        step: Between two places of the slider; 1 makes whole numbers.
        narrowest: Least distance of the two.
    """

    low: float
    high: float
    step: float
    narrowest: float = 0

    @override
    def check(self, value: Any) -> tuple[float, float]:
        try:
            low, high = map(int if self.step == 1 else float, value)
        except (TypeError, ValueError):
            raise SettingsError(f"The setting {self.name} is a pair such as (-4, 4); got {value!r}.") from None
        if not (self.low <= low and low + self.narrowest <= high <= self.high):
            raise SettingsError(
                f"The setting {self.name} is a pair from {self.low:g} to {self.high:g}, the second at least "
                f"{self.narrowest:g} above the first; got {low:g} and {high:g}."
            )
        return low, high

    @override
    def build(self, value: Any, change: Change) -> tuple[widgets.Widget, Change]:
        places = {"min": self.low, "max": self.high, "step": self.step}
        if self.step == 1:
            return self._build(widgets.IntRangeSlider, value, change, **places)
        return self._build(widgets.FloatRangeSlider, value, change, readout_format=".3", **places)


def setting(default: T, control: Control) -> T:
    """A field of a lab's settings: where it starts, and what sets it."""
    found: T = field(default=default, metadata={"control": control})
    return found


def controls_of(settings: Any) -> tuple[Control, ...]:
    """The controls of settings whose fields were made by `setting`, in their order."""
    return tuple(each.metadata["control"].named(each.name) for each in fields(settings))
