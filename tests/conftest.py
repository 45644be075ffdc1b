"""What all tests share: random weights that do not depend on the order of tests, and no failing for being slow."""

import sys

import pytest
from hypothesis import settings

settings.register_profile("fcnlab", deadline=None)  # the machine may be busy
settings.load_profile("fcnlab")


@pytest.fixture(autouse=True)
def _weights_of_their_own() -> None:
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
