"""The number of images from which a batch takes less time than one image after the other."""

from fcnlab.circuit.circuit import Circuit
from fcnlab.cost.projection import project
from fcnlab.cost.units import UnitCosts
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.plan import Plan


def project_crossing(
    packed: PackedPlan, batch: Plan, circuit: Circuit, *, engine: str = "fused", threads: int = 1, costs: UnitCosts
) -> int:
    """The fewest images for which the batch layout is projected to be as fast as the packed one, keys aside.

    Args:
        packed: A plan of the circuit in the packed layout.
        batch: One in the batch layout.
        circuit: The network.
        engine: fused or stepwise.
        threads: Threads of the server; the packed layout uses one.
        costs: Of this machine.

    Returns:
        At most the images of one full batch, up to which a batch costs the same whatever it holds.
    """

    def seconds(plan: Plan, images: int) -> float:
        projection = project(plan, circuit, engine=engine, images=images, threads=threads, costs=costs)
        return projection.total_s - projection.keygen_s

    low, high = 0, batch.batch_images
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if seconds(batch, middle) <= seconds(packed, middle) else (middle, high)
    return high
