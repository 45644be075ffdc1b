"""fcnlab: the interactive laboratory for encrypted neural-network inference."""

from typing import Final

__version__ = "0.1.0"
DEFAULT_NETWORK: Final = "fcn-25k"
"""The shipped network of the best trade: as accurate as the published one, with a third of its operations."""
