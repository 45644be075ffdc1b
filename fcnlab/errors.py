"""The errors fcnlab raises on purpose.

Every message is one sentence or two that say what was given, what is allowed and what to do.
`FcnlabError` is the one class a caller needs to catch; its children exist where a caller reacts differently.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PARTS: Final = {
    "Pyfhel": "python3 bootstrap.py",
    "torch": "pip install torch",
    "plotly": "pip install 'fcnlab[lab]'",
    "ipywidgets": "pip install 'fcnlab[lab]'",
    "PIL": "pip install 'fcnlab[images]'",
    "torchvision": "pip install 'fcnlab[cifar10]'",
}
"""Libraries that not every use needs, and what installs them."""


class FcnlabError(Exception):
    """Base of every deliberate error of the package."""


class DataError(FcnlabError):
    """A data file, an image array or a stored model is missing, altered or out of its declared range."""


class CircuitError(FcnlabError):
    """A torch module cannot be compiled to, or evaluated as, an integer circuit."""


class ApproximationError(FcnlabError):
    """A function, interval, degree, norm or coefficient set that no polynomial can be fitted to or taken from."""


class PlanError(FcnlabError):
    """No encryption parameters can be proven sufficient for a circuit."""


class WireError(FcnlabError):
    """Bytes that arrived are truncated, malformed, or belong to another context or key."""


class Cancelled(FcnlabError):
    """The user asked a long run to stop; nothing of it was kept that is not whole."""


class JobError(FcnlabError):
    """A worker process died, or failed in a way nobody foresaw."""


class SettingsError(FcnlabError):
    """A setting of a lab is unknown or out of its range."""


class MissingPartError(FcnlabError):
    """A library that this call needs is not installed."""


@contextmanager
def naming_missing_parts(what: str) -> Iterator[None]:
    """Say which library is missing, and how to install it; for a block, or as a decorator.

    Args:
        what: What needs it.

    Raises:
        MissingPartError: In place of ModuleNotFoundError for one of `PARTS`.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        part = (error.name or "").split(".")[0]
        if part not in PARTS:
            raise
        raise MissingPartError(f"{what} needs {part}, which is not installed: `{PARTS[part]}`.") from error
