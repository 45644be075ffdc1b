"""The run of lab 00 in its worker process; the kernel gets arrays, and loads neither torch nor Pyfhel."""

from collections.abc import Callable
from typing import Any

from fcnlab.inference.report import Inference, Progress


def run_encrypted(
    *, network: str, images: int, scheme: Any, engine: str, progress: Callable[[Progress], None]
) -> Inference:
    """The worker's function: what comes out of the demonstration, without what only torch can hold."""
    from fcnlab.inference.demonstration import demonstrate

    return demonstrate(network=network, images=images, scheme=scheme, engine=engine, progress=progress).inference
