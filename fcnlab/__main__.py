"""The command ``fcnlab``, also as ``python -m fcnlab``: what belongs to a whole process, and then `fcnlab.cli`."""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line and end the process."""
    signal.signal(signal.SIGINT, stop)
    from fcnlab.cli import main as run

    status = run()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is left to be tidied up
    sys.exit(status)


def stop(_: int, frame: FrameType | None) -> None:
    """Ctrl-C is an exception, but while modules are loaded: their compiled code may abort on one, so it ends there."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            print(
                f"\n{' '.join(['fcnlab', *sys.argv[1:2]])}: stopped; nothing half-done was kept.",
                file=sys.stderr,
                flush=True,
            )
            os._exit(INTERRUPTED)
        frame = frame.f_back
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
