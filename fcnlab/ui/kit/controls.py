"""Controls of a lab, each defined once: label, unit, range, help. From the definition come its widget and its check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import ipywidgets as widgets

from fcnlab.errors import SettingsError

LABEL_WIDTH = "92px"


class Control(Protocol):
    """What every control can do."""

    @property
    def name(self) -> str:
        """Of the setting."""

    def check(self, value: Any) -> Any:
        """The value as the settings keep it.

        Raises:
            SettingsError: If it is not one the control can take.
        """

    def build(self, value: Any, change: Callable[[Any], None]) -> tuple[widgets.Widget, Callable[[Any], None]]:
        """A widget that calls `change` when it is moved, and a function that moves it."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a few values.

    Attributes:
        name: Of the setting.
        label: Shown beside it.
        options: Label of each value.
        help: One sentence.
    """

    name: str
    label: str
    options: Mapping[str, str]
    help: str

    def check(self, value: Any) -> str:
        """The value, if it is one of the options."""
        if value not in self.options:
            raise SettingsError(f"The setting {self.name} is one of {', '.join(self.options)}; got {value!r}.")
        return str(value)

    def build(self, value: Any, change: Callable[[Any], None]) -> tuple[widgets.Widget, Callable[[Any], None]]:
        """A menu."""
        menu = widgets.Dropdown(
            options=[(label, key) for key, label in self.options.items()], value=value, **looks(self.label, self.help)
        )
        menu.observe(lambda event: change(event.new), names="value")
        return menu, lambda new: setattr(menu, "value", new)


@dataclass(frozen=True, kw_only=True)
class Steps(Choice):
    """One of a few values in order: a slider that stops at each. A number stands for the option that spells it."""

    def check(self, value: Any) -> str:
        """The value, if it is one of the options."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return super().check(f"{value:g}" if number else value)

    def build(self, value: Any, change: Callable[[Any], None]) -> tuple[widgets.Widget, Callable[[Any], None]]:
        """A slider with the label of its place beside it."""
        slider = widgets.SelectionSlider(
            options=[(label, key) for key, label in self.options.items()], value=value, **looks(self.label, self.help)
        )
        slider.observe(lambda event: change(event.new), names="value")
        return slider, lambda new: setattr(slider, "value", new)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A whole number in a range: a slider and a box to type in.

    Attributes:
        name: Of the setting.
        label: Shown beside it.
        low: Smallest.
        high: Largest.
        unit: Shown after the number; may be empty.
        help: One sentence.
    """

    name: str
    label: str
    low: int
    high: int
    unit: str = ""
    help: str

    def check(self, value: Any) -> int:
        """The value, if it is a whole number in the range."""
        if isinstance(value, bool) or not isinstance(value, int) or not self.low <= value <= self.high:
            raise SettingsError(f"The setting {self.name} is a whole number {self.low} to {self.high}; got {value!r}.")
        return value

    def build(self, value: Any, change: Callable[[Any], None]) -> tuple[widgets.Widget, Callable[[Any], None]]:
        """A slider and a box, linked."""
        slider = widgets.IntSlider(
            value=value, min=self.low, max=self.high, readout=False, **looks(self.label, self.help, width="auto")
        )
        slider.layout.flex = "1 1 auto"
        box = widgets.BoundedIntText(value=value, min=self.low, max=self.high, tooltip=self.help)
        box.layout = {"width": "58px"}
        for part in (slider, box):
            part.observe(lambda event: change(event.new), names="value")

        def move(new: int) -> None:
            slider.value = box.value = new

        unit = [widgets.HTML(self.unit)] if self.unit else []
        return widgets.HBox([slider, box, *unit], layout={"width": "100%"}), move


@dataclass(frozen=True, kw_only=True)
class Span:
    """Two numbers, the smaller first.

    Attributes:
        name: Of the setting.
        label: Shown beside it.
        low: Smallest.
        high: Largest.
        step: Between two places of the slider; 1 makes whole numbers.
        narrowest: Least distance of the two.
        help: One sentence.
    """

    name: str
    label: str
    low: float
    high: float
    step: float
    narrowest: float = 0
    help: str

    @property
    def whole(self) -> bool:
        """Whether the numbers are whole."""
        return self.step == 1

    def check(self, value: Any) -> tuple[float, float]:
        """The pair, if both lie in the range, in order and apart."""
        try:
            low, high = map(int if self.whole else float, value)
        except (TypeError, ValueError):
            raise SettingsError(f"The setting {self.name} is a pair such as (-4, 4); got {value!r}.") from None
        if not (self.low <= low and low + self.narrowest <= high <= self.high):
            raise SettingsError(
                f"The setting {self.name} is a pair from {self.low:g} to {self.high:g}, the second at least "
                f"{self.narrowest:g} above the first; got {low:g} and {high:g}."
            )
        return low, high

    def build(self, value: Any, change: Callable[[Any], None]) -> tuple[widgets.Widget, Callable[[Any], None]]:
        """A slider with two handles, its numbers beside it."""
        kind = widgets.IntRangeSlider if self.whole else widgets.FloatRangeSlider
        slider = kind(
            value=value, min=self.low, max=self.high, step=self.step, readout_format="d" if self.whole else ".3",
            **looks(self.label, self.help),
        )  # fmt: skip
        slider.observe(lambda event: change(event.new), names="value")
        return slider, lambda new: setattr(slider, "value", new)


def looks(label: str, text: str, *, width: str = "calc(100% - 4px)") -> dict[str, Any]:
    """What all controls have: a visible label of the same width, and help on hovering."""
    return {
        "description": label,
        "tooltip": text,
        "style": {"description_width": LABEL_WIDTH},
        "layout": {"width": width},
    }
