"""Made-up unit costs, so that tests of projections need no measurement."""

from fcnlab.circuit.circuit import Circuit
from fcnlab.cost import UnitCosts
from fcnlab.cost.units import GENERAL, KERNELS, MEASURED_RINGS, SEAL, Line
from fcnlab.machine.machine import machine_name
from fcnlab.planning.parameters import SCHEMES
from fcnlab.planning.plan import Plan
from tests.support.circuits import tiny_circuit
from tests.support.runs import plan_with

LINE = Line(5.0, 7.0, 11.0)


def made_up(*, kernel: float = 2.0, general: float = 3.0, line: Line = LINE) -> UnitCosts:
    """The same cost for every unit of a kind."""
    return UnitCosts(
        machine=machine_name(),
        kernels=dict.fromkeys(KERNELS, kernel),
        general=dict.fromkeys(GENERAL, general),
        seal={scheme: {ring: dict.fromkeys(SEAL, line) for ring in MEASURED_RINGS} for scheme in SCHEMES},
    )


CASES = [(scheme, drop) for scheme in SCHEMES for drop in (False, True) if not (scheme == "bfv" and drop)]


def case(scheme: str, *, drop: bool) -> tuple[Circuit, Plan]:
    """A tiny circuit and a plan for it, one prime dropped after the first layer or none."""
    circuit = tiny_circuit()
    drops = (1, *[0] * (len(circuit.steps) - 1)) if drop else None
    return circuit, plan_with(circuit, scheme, sizes=(30, 30, 30), drops=drops)  # type: ignore[arg-type]
