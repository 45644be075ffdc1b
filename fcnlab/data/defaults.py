"""What every room takes for granted: the version of the package, and the network that is meant when none is named."""

from typing import Final

__version__: Final = "0.1.0"
DEFAULT_NETWORK: Final = "fcn-25k"
"""The shipped network of the best trade: as accurate as the published one, with a third of its operations."""
