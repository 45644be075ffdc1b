"""fcnlab: the interactive laboratory for encrypted neural-network inference.

The whole way in five lines:

    >>> import fcnlab
    >>> from fcnlab.data.mnist import load_mnist
    >>> images = load_mnist("test").pixels[:20]
    >>> network = fcnlab.load("fcn-12k")
    >>> circuit = fcnlab.compile(network)
    >>> fcnlab.count(circuit).total.total
    11950
    >>> plan = fcnlab.plan(circuit, images=len(images))
    >>> result = fcnlab.infer(circuit, plan, images)
    >>> bool((result.logits == circuit.evaluate(circuit.quantise(images))).all())
    True

Importing the package loads nothing heavy: each of these functions loads what it needs when it is called.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from fcnlab.data.defaults import __version__
from fcnlab.errors import FcnlabError, naming_missing_parts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from fcnlab.approximation import approximate
    from fcnlab.circuit.circuit import Circuit
    from fcnlab.circuit.hops import HopTable
    from fcnlab.cost import Projection, UnitCosts
    from fcnlab.inference.demonstration import demonstrate
    from fcnlab.inference.infer import infer
    from fcnlab.networks.checkpoint import Checkpoint
    from fcnlab.networks.checkpoint import load_checkpoint as load
    from fcnlab.planning.plan import Plan

__all__ = [
    "FcnlabError",
    "__version__",
    "approximate",
    "compile",
    "count",
    "demonstrate",
    "infer",
    "load",
    "plan",
    "project",
]

ELSEWHERE: Final = {
    "approximate": "fcnlab.approximation.approximate",
    "demonstrate": "fcnlab.inference.demonstration.demonstrate",
    "infer": "fcnlab.inference.infer.infer",
    "load": "fcnlab.networks.checkpoint.load_checkpoint",
}
"""Where those of the functions live that are not made here of several."""


def __getattr__(name: str) -> Any:
    if name not in ELSEWHERE:
        raise AttributeError(f"fcnlab has no {name!r}; it offers {', '.join(__all__)}.")
    module, _, attribute = ELSEWHERE[name].rpartition(".")
    with naming_missing_parts(name):
        globals()[name] = function = getattr(import_module(module), attribute)
    return function


def __dir__() -> list[str]:
    return list(__all__)


@naming_missing_parts("compile")
def compile(
    network: "Checkpoint | nn.Module",
    *,
    name: str | None = None,
    input_shape: tuple[int, ...] | None = None,
    pixel_bits: int | None = None,
    weight_bits: int = 8,
    merge: bool = True,
    complete_squares: bool = True,
) -> "Circuit":
    """A network as integers: affine and polynomial steps that are counted, planned and run exactly, or encrypted.

        >>> import fcnlab
        >>> from torch import nn
        >>> from fcnlab.compiler.layers import Square
        >>> mine = nn.Sequential(nn.Flatten(), nn.Linear(784, 4), Square(), nn.Linear(4, 10))
        >>> fcnlab.compile(mine, name="mine").outputs
        10

    Args:
        network: From `load`, or a torch network; `fcnlab.compiler.compile.compile_circuit` lists the modules it may
            have.
        name: Of the circuit; that of the checkpoint, or of the network's class, if not given.
        input_shape: Shape of one image; the checkpoint's, or (1, 28, 28).
        pixel_bits: Bits of a pixel, 1 to 16, which the network sees divided by 2^pixel_bits; the checkpoint's, or 4.
        weight_bits: Bits of a weight with its sign, 2 to 24, for layers whose weights are not all 0 or +-2^k.
        merge: Multiply adjacent affine steps out where that saves operations, and drop what nothing reads.
        complete_squares: Turn quadratics into one square each.

    Raises:
        CircuitError: If the network cannot be compiled; all unsupported modules are named, with what to use instead.
    """
    from fcnlab.compiler.compile import compile_circuit
    from fcnlab.networks.checkpoint import Checkpoint

    shape, bits = (1, 28, 28), 4
    if isinstance(network, Checkpoint):
        architecture = network.card.architecture
        shape, bits, name = architecture.input_shape, architecture.pixel_bits, name or network.card.name
        network = network.network
    return compile_circuit(
        network,
        name=name or type(network).__name__,
        input_shape=shape if input_shape is None else input_shape,
        pixel_bits=bits if pixel_bits is None else pixel_bits,
        weight_bits=weight_bits,
        merge=merge,
        complete_squares=complete_squares,
    )


@naming_missing_parts("count")
def count(
    network: "Circuit | Checkpoint | nn.Module",
    *,
    convention: Literal["published", "stepwise", "fused"] = "published",
    **options: Any,
) -> "HopTable":
    """Homomorphic operations (HOPs), layer by layer; prints as a table, and shows as one in a notebook.

        >>> import fcnlab
        >>> fcnlab.count(fcnlab.load("faster-cryptonets")).total.total
        67166

    Args:
        network: A circuit is counted as it stands. A network is compiled first: every layer as written for the
            published convention, merged for the others.
        convention: published (the rules of Faster CryptoNets), or what an engine executes: stepwise or fused.
        **options: Of `compile`, for a network.

    Raises:
        FcnlabError: If the convention is unknown.
        CircuitError: If the network cannot be compiled.
    """
    from fcnlab.circuit import hops
    from fcnlab.circuit.circuit import Circuit

    counters = {"published": hops.count_published, "stepwise": hops.count_stepwise, "fused": hops.count_fused}
    if convention not in counters:
        raise FcnlabError(f"Unknown convention {convention!r}; choose one of {', '.join(counters)}.")
    if not isinstance(network, Circuit):
        written = convention == "published"
        network = compile(network, **{"merge": not written, "complete_squares": not written} | options)
    return counters[convention](network)


@naming_missing_parts("plan")
def plan(
    circuit: "Circuit",
    *,
    images: int | None = None,
    scheme: Literal["bgv", "bfv", "ckks"] = "bgv",
    layout: Literal["auto", "batch", "packed"] = "auto",
    ring_degree: int | None = None,
    sample: "npt.NDArray[np.uint8] | None" = None,
) -> "Plan":
    """Encryption parameters, the cheapest that are proven sufficient at 128-bit security; prints as their proof.

        >>> import fcnlab
        >>> plan = fcnlab.plan(fcnlab.compile(fcnlab.load("fcn-12k")), images=1, scheme="ckks")
        >>> plan.layout, plan.parameters.ring_degree
        ('packed', 8192)

    Args:
        circuit: From `compile`.
        images: How many will be classified: the plan is the cheapest for these. Full batches if not given.
        scheme: bgv or bfv, both exact, or ckks, approximate.
        layout: batch (an image in each slot), packed (an image in a few ciphertexts), or auto: the cheaper one.
        ring_degree: 4096 to 32768, if it is to be a certain one.
        sample: ckks: typical images, uint8, shape (N, ...), from which the size of the error is predicted. Training
            images of MNIST for circuits that read such, otherwise random pixels, if not given. No proof depends on it.

    Raises:
        PlanError: If no parameters are enough; the message names the step that asks for most, and what would help.
    """
    from fcnlab.planning.choose import choose_plan
    from fcnlab.planning.sample import sample_for

    typical = sample_for(scheme, circuit) if sample is None else circuit.quantise(sample)
    return choose_plan(circuit, layout=layout, scheme=scheme, images=images, ring_degree=ring_degree, sample=typical)[0]


@naming_missing_parts("project")
def project(
    circuit: "Circuit",
    plan: "Plan",
    *,
    images: int,
    engine: Literal["fused", "stepwise"] = "fused",
    threads: int | None = None,
    costs: "UnitCosts | None" = None,
) -> "Projection":
    """Seconds, bytes and memory of a run before it runs; prints as a table.

    The first call on a machine measures its unit costs, which takes up to a minute; they are kept.

    Args:
        circuit: From `compile`.
        plan: From `plan`, for this circuit.
        images: How many are to be classified.
        engine: fused or stepwise.
        threads: Threads of the server; all cores if not given.
        costs: Unit costs of another machine.

    Raises:
        PlanError: If the plan is another circuit's.
    """
    from fcnlab import cost
    from fcnlab.machine.machine import usable_cores
    from fcnlab.measuring.calibration import costs_of_this_machine

    known = costs or costs_of_this_machine(report=lambda *_: None)
    return cost.project(plan, circuit, engine=engine, images=images, threads=threads or usable_cores(), costs=known)
