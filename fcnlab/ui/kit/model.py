"""The state of a lab: frozen settings in one trait, which controls change and views observe."""

import ast
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from typing import Any

import traitlets

from fcnlab.errors import FcnlabError, SettingsError
from fcnlab.ui.kit.background import unforeseen
from fcnlab.ui.kit.controls import Control, controls_of


class LabModel(traitlets.HasTraits):
    """Settings of a lab.

    Args:
        name: The function that opens the lab; settings lines begin with it.
        settings: A frozen dataclass, all fields with defaults; where the lab starts.
        presets: Named settings.
        controls: One for each field; those that the fields were made with if not given.

    Attributes:
        settings: The present ones; replaced as a whole.
        problem: Why the last settings could not be shown; empty if they were.
    """

    settings = traitlets.Any()
    problem = traitlets.Unicode()

    def __init__(
        self, name: str, settings: Any, *, presets: Mapping[str, Any], controls: Sequence[Control] | None = None
    ) -> None:
        super().__init__()
        self.name, self.presets = name, dict(presets)
        self.controls = controls_of(settings) if controls is None else tuple(controls)
        self.default = type(settings)()
        self.settings = self.default
        self.change(**asdict(settings))

    def change(self, **values: Any) -> None:
        """Change settings, all of them or none.

        Raises:
            SettingsError: If one is unknown or out of its range; nothing is changed then.
        """
        controls = {control.name: control for control in self.controls}
        unknown = [name for name in values if name not in controls]
        if unknown:
            raise SettingsError(f"There is no setting {unknown[0]!r} here; there are {', '.join(controls)}.")
        self.settings = replace(self.settings, **{name: controls[name].check(value) for name, value in values.items()})

    def reset(self) -> None:
        """Back to the defaults."""
        self.settings = self.default

    @property
    def line(self) -> str:
        """One line that restores the lab: a call with the settings that are not the defaults."""
        names = [field.name for field in fields(self.default)]
        changed = [
            f"{name}={getattr(self.settings, name)!r}"
            for name in names
            if getattr(self.settings, name) != getattr(self.default, name)
        ]
        return f"{self.name}({', '.join(changed)})"

    def restore(self, line: str) -> None:
        """Take the settings of a line as `line` gives it; what it does not name goes back to the default.

        Raises:
            SettingsError: If it is not such a line, or a setting is unknown or out of its range.
        """
        try:
            call = ast.parse(line.strip(), mode="eval").body
            if not isinstance(call, ast.Call) or ast.unparse(call.func) != self.name or call.args:
                raise ValueError
            values = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
        except (SyntaxError, ValueError):
            raise SettingsError(
                f"A settings line of this lab looks like {self.line!r}, with literal values; got {line.strip()!r}."
            ) from None
        self.change(**asdict(self.default) | values)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Show what goes wrong inside as `problem`: an exception in a callback would be invisible in an application.

        What nobody foresaw is shown too, and raised again under test.
        """
        self.problem = ""  # at the start, so that a guard within this one is not wiped out by it
        try:
            yield
        except FcnlabError as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = f"{unforeseen(error)} The picture may be an older one."
            if "PYTEST_CURRENT_TEST" in os.environ:
                raise
