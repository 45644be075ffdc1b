"""Made-up unit costs, so that tests of projections need no measurement."""

from fcnlab.cost import UnitCosts
from fcnlab.cost.units import GENERAL, KERNELS, MEASURED_RINGS, SEAL, Line
from fcnlab.machine.machine import machine_name
from fcnlab.planning.parameters import SCHEMES

LINE = Line(5.0, 7.0, 11.0)


def made_up(*, kernel: float = 2.0, general: float = 3.0, line: Line = LINE) -> UnitCosts:
    """The same cost for every unit of a kind."""
    return UnitCosts(
        machine=machine_name(),
        kernels=dict.fromkeys(KERNELS, kernel),
        general=dict.fromkeys(GENERAL, general),
        seal={scheme: {ring: dict.fromkeys(SEAL, line) for ring in MEASURED_RINGS} for scheme in SCHEMES},
    )
