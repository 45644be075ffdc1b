"""fcnlab: the interactive laboratory for encrypted neural-network inference."""

from fcnlab.defaults import __version__

__all__ = ["__version__"]
