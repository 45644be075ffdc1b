"""Keys take a while: one client and one upload for all tests that only read them."""

from dataclasses import dataclass

import numpy as np
import pytest

from fcnlab.circuit.circuit import Circuit
from fcnlab.he.client import Client
from fcnlab.planning.plan import Plan
from tests.support.circuits import random_images, tiny_circuit
from tests.support.runs import plan_with

SIZES = {"bgv": (46, 44), "bfv": (46, 44), "ckks": (50, 42)}


@dataclass(frozen=True, eq=False)
class Session:
    """A client with keys, its circuit and an upload of its first pass."""

    circuit: Circuit
    plan: Plan
    client: Client
    pixels: np.ndarray
    upload: bytes


def make_session(scheme: str) -> Session:
    circuit = tiny_circuit(1, widths=(4, 2, 2), name=f"tiny-{scheme}")
    plan = plan_with(circuit, scheme, sizes=SIZES[scheme], plain_bits=(18, 19))
    client, pixels = Client(plan), random_images(circuit, 30)
    return Session(circuit, plan, client, pixels, bytes(client.encrypt(pixels)))


@pytest.fixture(scope="session")
def bgv() -> Session:
    return make_session("bgv")


@pytest.fixture(scope="session", params=["bgv", "bfv", "ckks"])
def session(request: pytest.FixtureRequest) -> Session:
    return request.getfixturevalue("bgv") if request.param == "bgv" else make_session(request.param)
