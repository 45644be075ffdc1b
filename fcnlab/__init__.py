"""fcnlab: the interactive laboratory for encrypted neural-network inference."""

__version__ = "0.1.0"
