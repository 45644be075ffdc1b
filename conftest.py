"""What all tests and notebooks share: a newcomer's home, weights of their own, and no failing for being slow."""

import os
import sys
import tempfile

import pytest
from hypothesis import settings

settings.register_profile("fcnlab", deadline=None)  # the machine may be busy
settings.load_profile("fcnlab")

# Neither caches nor settings of whoever runs the tests, here and in every process that is started from here.
HOME = tempfile.TemporaryDirectory(prefix="fcnlab-home-")
os.environ.update(HOME=HOME.name, XDG_CACHE_HOME=os.path.join(HOME.name, ".cache"))
for name in ("FCNLAB_DATA", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def _weights_of_their_own() -> None:
    """Random weights do not depend on the tests before."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
