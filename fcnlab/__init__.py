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

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fcnlab.defaults import DEFAULT_NETWORK, __version__
from fcnlab.errors import FcnlabError, naming_missing_parts

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from fcnlab.approximation import Approximation, SearchState, Target
    from fcnlab.approximation.coefficients import CoefficientSet
    from fcnlab.approximation.norms import Norm
    from fcnlab.circuit.circuit import Circuit
    from fcnlab.circuit.hops import HopTable
    from fcnlab.cost import Projection, UnitCosts
    from fcnlab.inference.demonstration import Demonstration
    from fcnlab.inference.infer import Inference
    from fcnlab.inference.report import Progress
    from fcnlab.networks.checkpoint import Checkpoint
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

Scheme = Literal["bgv", "bfv", "ckks"]
Layout = Literal["auto", "batch", "packed"]
Engine = Literal["fused", "stepwise"]
Convention = Literal["published", "stepwise", "fused"]


def __getattr__(name: str) -> Any:
    raise AttributeError(f"fcnlab has no {name!r}; it offers {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return list(__all__)


@naming_missing_parts
def load(name_or_path: str | Path = DEFAULT_NETWORK) -> "Checkpoint":
    """A trained network, its weights checked against its card.

        >>> import fcnlab
        >>> fcnlab.load("fcn-25k").card.accuracy
        99.22

    Args:
        name_or_path: Name of a shipped network, or path of a ``.safetensors`` file with its card beside it.

    Raises:
        DataError: If the name is unknown (the message lists those that are known), or a file is missing or altered.
    """
    from fcnlab.networks.checkpoint import load_checkpoint

    return load_checkpoint(name_or_path)


@naming_missing_parts
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
        input_shape=input_shape or shape,
        pixel_bits=bits if pixel_bits is None else pixel_bits,
        weight_bits=weight_bits,
        merge=merge,
        complete_squares=complete_squares,
    )


@naming_missing_parts
def count(
    network: "Circuit | Checkpoint | nn.Module", *, convention: Convention = "published", **options: Any
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


@naming_missing_parts
def plan(
    circuit: "Circuit",
    *,
    images: int | None = None,
    scheme: Scheme = "bgv",
    layout: Layout = "auto",
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


@naming_missing_parts
def project(
    circuit: "Circuit",
    plan: "Plan",
    *,
    images: int,
    engine: Engine = "fused",
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


@naming_missing_parts
def infer(
    circuit: "Circuit",
    plan: "Plan",
    images: "npt.NDArray[Any]",
    *,
    labels: "npt.NDArray[Any] | None" = None,
    engine: Engine = "fused",
    threads: int | None = None,
    progress: "Callable[[Progress], None] | None" = None,
) -> "Inference":
    """Classify images under encryption: logits, classes and the account, compared with the circuit in the clear.

    Args:
        circuit: From `compile`.
        plan: From `plan`, for this circuit.
        images: uint8, shape (N, height, width) or (N, ...): they are shrunk and quantised as the circuit reads them.
            Other integers, from 0 to the circuit's `pixel_max`, are taken as they are.
        labels: Classes, shape (N,), for the accuracy.
        engine: fused (kernels on residues) or stepwise (a library call for each operation).
        threads: Threads of the server; all cores if not given.
        progress: Called often; an exception it raises stops the run.

    Returns:
        Its `logits` have shape (N, outputs), its `classes` (N,), and its `report` prints as a table.

    Raises:
        FcnlabError: With one sentence on what does not fit.
    """
    import numpy as np

    from fcnlab.inference.infer import infer as run

    pixels = circuit.quantise(images) if np.asarray(images).dtype == np.uint8 else images
    return run(circuit, plan, pixels, labels=labels, engine=engine, threads=threads, progress=progress)


@naming_missing_parts
def demonstrate(
    network: str | Path = DEFAULT_NETWORK,
    *,
    images: int = 10_000,
    scheme: Scheme = "bgv",
    layout: Layout = "batch",
    engine: Engine = "fused",
    ring_degree: int | None = None,
    threads: int | None = None,
    progress: "Callable[[Progress], None] | None" = None,
) -> "Demonstration":
    """Classify test images of MNIST under encryption with a shipped network: all of the above in one call.

        >>> import fcnlab
        >>> print(fcnlab.demonstrate("fcn-12k", images=4).inference.report.verdict)
        4 images classified under encryption, 100.00 % right; all 40 logits equal the clear circuit's.

    Args:
        network: Name of a shipped network, or path of a checkpoint.
        images: The first 1 to 10,000.
        scheme: As for `plan`.
        layout: As for `plan`; where a network cannot be packed, the report says why.
        engine: As for `infer`.
        ring_degree: As for `plan`.
        threads: As for `infer`.
        progress: As for `infer`.

    Raises:
        FcnlabError: With one sentence on what to change.
    """
    from fcnlab.inference.demonstration import demonstrate as run

    return run(
        network=network,
        images=images,
        scheme=scheme,
        engine=engine,
        ring_degree=ring_degree,
        layout=layout,
        threads=threads,
        progress=progress,
    )


@naming_missing_parts
def approximate(
    function: "str | Callable[[Any], Any] | Target",
    *,
    degree: int = 2,
    interval: Sequence[float] = (-4.0, 4.0),
    norm: "str | Norm" = "linf",
    coefficients: "str | CoefficientSet" = "power-of-two",
    progress: "Callable[[SearchState], None] | None" = None,
) -> "Approximation":
    """The best polynomial for an activation, with the bound that proves it.

        >>> import fcnlab
        >>> fcnlab.approximate("swish", degree=2, interval=(-4, 4)).coefficients
        (0.125, 0.5, 0.125)

    Args:
        function: Name of an activation, such as relu, swish or gelu, or a function of a float64 array.
        degree: 1 to 8.
        interval: Two finite ends.
        norm: ``linf``, ``l2``, ``gaussian`` (standard normal), or a norm object.
        coefficients: ``real``, ``power-of-two`` (0 or +-2^k), ``two-powers``, ``three-powers``, or a `PowersOfTwo`.
        progress: Called often with the state of a search; what it raises ends the search.

    Raises:
        ApproximationError: If the question has no answer, with the reason.
    """
    from fcnlab.approximation import approximate as fit

    return fit(function, degree=degree, interval=interval, norm=norm, coefficients=coefficients, progress=progress)
