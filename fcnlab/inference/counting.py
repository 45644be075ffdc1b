"""Operations of a shipped network in any convention, from its name."""

from pathlib import Path
from typing import Final

from fcnlab.circuit.hops import HopTable, LayerHops, count_fused, count_published, count_stepwise
from fcnlab.errors import DataError
from fcnlab.inference.demonstration import plan_for, prepare
from fcnlab.networks.checkpoint import compile_checkpoint, load_checkpoint
from fcnlab.planning.execution import ENGINES, count_executed
from fcnlab.planning.noise import Scheme
from fcnlab.planning.packed.pack import pack
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.packed.program import count_packed

CONVENTIONS: Final = ("published", "stepwise", "fused", "executed")


def count_network(
    network: str | Path,
    *,
    convention: str = "published",
    engine: str = "fused",
    scheme: Scheme = "bgv",
    ring_degree: int | None = None,
    layout: str = "batch",
) -> HopTable:
    """Operations of a shipped network, layer by layer.

    Args:
        network: Name, or path of a checkpoint.
        convention: published (every layer kept, activations as written), stepwise or fused (the compiled circuit), or
            executed: what an engine performs under a plan, modulus switches included.
        engine: executed: fused or stepwise.
        scheme: executed: what is planned for.
        ring_degree: executed: the cheapest that is proven sufficient if not given.
        layout: executed: batch, or packed for one image.

    Raises:
        DataError: If the network, the convention or the engine is unknown.
        PlanError: executed: if the network cannot be encrypted.
    """
    for what, name, known in (("convention", convention, CONVENTIONS), ("engine", engine, ENGINES)):
        if name not in known:
            raise DataError(f"Unknown {what} {name!r}: choose one of {', '.join(known)}.")
    if convention == "published":
        return count_published(compile_checkpoint(load_checkpoint(network), merge=False, complete_squares=False))
    circuit = prepare(network).circuit
    if convention == "executed":
        plan = plan_for(circuit, scheme=scheme, ring_degree=ring_degree, layout=layout)
        if isinstance(plan, PackedPlan):
            return count_packed(pack(circuit, slots=plan.gather.shape[1]), plan.parameters.drops)
        return count_executed(circuit, plan.parameters, engine=engine)
    return count_fused(circuit) if convention == "fused" else count_stepwise(circuit)


def describe_hops(table: HopTable) -> str:
    """Operations of a network as a table, one line a layer; the packed layout has rotations where others double."""
    packed = table.total.rotations > 0
    last = f"{'rotations':>10}{'relins':>7}{'total':>8}" if packed else f"{'total':>12}{'doublings':>11}"
    lines = [
        f"{table.network}, {table.convention} convention{', packed layout' if packed else ''}",
        f"{'layer':<26}{'outputs':>9}{'PT-CT adds':>12}{'CT-CT adds':>12}{'PT-CT mults':>13}{'CT-CT mults':>13}"
        f"{last}{'switches':>10}",
    ]
    lines += [describe_layer(layer, outputs=f"{layer.outputs:,}", packed=packed) for layer in table.layers]
    return "\n".join([*lines, describe_layer(table.total, outputs="", packed=packed)])


def describe_layer(layer: LayerHops, *, outputs: str, packed: bool) -> str:
    """One line of the table."""
    last = f"{layer.total:>12,}{layer.doublings:>11,}"
    if packed:
        last = f"{layer.rotations:>10,}{layer.relinearizations:>7,}{layer.total:>8,}"
    return (
        f"{layer.name:<26.26}{outputs:>9}{layer.pt_ct_adds:>12,}{layer.ct_ct_adds:>12,}{layer.pt_ct_mults:>13,}"
        f"{layer.ct_ct_mults:>13,}{last}{layer.mod_switches:>10,}"
    )
