"""The whole way with shipped parts: a trained network, MNIST's test images, a plan, an encrypted run, or its count."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.hops import CONVENTIONS, HopTable, count_fused, count_published, count_stepwise
from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.data.mnist import check_count, load_mnist
from fcnlab.errors import DataError
from fcnlab.he.server import check_engine
from fcnlab.inference.infer import infer
from fcnlab.inference.report import Inference, Progress
from fcnlab.networks.checkpoint import ModelCard, compile_checkpoint, load_checkpoint
from fcnlab.page import Page, Shown
from fcnlab.planning.choose import choose_plan
from fcnlab.planning.execution import ENGINES
from fcnlab.planning.noise import Scheme
from fcnlab.planning.plan import Plan


@dataclass(frozen=True, eq=False)
class Prepared:
    """A network ready to be planned and run.

    Attributes:
        card: What is known of the network.
        circuit: Its integers.
    """

    card: ModelCard
    circuit: Circuit


@dataclass(frozen=True, eq=False)
class Demonstration(Shown):
    """An encrypted run on test images, with everything it was made of.

    Attributes:
        card: The network's card.
        circuit: Its integers.
        plan: The proven parameters.
        images: The test images, uint8, shape (N, 28, 28).
        labels: Their digits, shape (N,).
        inference: Logits and account.
    """

    card: ModelCard
    circuit: Circuit
    plan: Plan
    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    inference: Inference

    @override
    def page(self) -> Page:
        return Page(self.plan.page(), self.inference.page())


def prepare(network: str | Path = DEFAULT_NETWORK) -> Prepared:
    """Load a checkpoint by name or path and compile it.

    Raises:
        DataError: If it is unknown or altered.
        CircuitError: If it cannot be compiled.
    """
    checkpoint = load_checkpoint(network)
    circuit = compile_checkpoint(checkpoint)
    return Prepared(checkpoint.card, circuit)


def demonstrate(
    network: str | Path = DEFAULT_NETWORK,
    *,
    images: int = 10_000,
    scheme: Scheme = "bgv",
    engine: str = "fused",
    ring_degree: int | None = None,
    layout: str = "batch",
    threads: int | None = None,
    observe_noise: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Demonstration:
    """Classify the first `images` test images of MNIST under encryption.

        >>> import fcnlab
        >>> print(fcnlab.demonstrate("fcn-12k", images=4).inference.report.verdict)
        4 images classified under encryption, 100.00 % right; all 40 logits equal the clear circuit's.

    Args:
        network: Name of a shipped network or path of a checkpoint.
        images: 1 to 10,000; split into batches as the plan's slots allow.
        scheme: bgv, bfv or ckks.
        engine: fused or stepwise.
        ring_degree: 4096 to 32768; the cheapest that is proven sufficient if not given.
        layout: batch (an image in each slot), packed (an image in a few ciphertexts), or auto: the one that takes
            less work for these images. A network that cannot be packed goes by batch, and the report says why.
        threads: Threads of the server; all cores if not given.
        observe_noise: bfv: measure the noise budget after each layer.
        progress: Called often; an exception it raises stops the run.

    Raises:
        FcnlabError: With one sentence on what to change.
    """
    check_engine(engine)
    check_count(images)
    test = load_mnist("test")
    prepared = prepare(network)
    plan, note = choose_plan(prepared.circuit, scheme=scheme, images=images, ring_degree=ring_degree, layout=layout)
    inference = infer(
        prepared.circuit,
        plan,
        prepared.circuit.quantise(test.pixels[:images]),
        labels=test.labels[:images],
        engine=engine,
        threads=threads,
        observe_noise=observe_noise,
        progress=progress,
    )
    inference = replace(inference, report=replace(inference.report, note=note))
    return Demonstration(prepared.card, prepared.circuit, plan, test.pixels[:images], test.labels[:images], inference)


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
        plan, _ = choose_plan(circuit, scheme=scheme, ring_degree=ring_degree, layout=layout)
        return plan.count_executed(circuit, engine=engine)
    return count_fused(circuit) if convention == "fused" else count_stepwise(circuit)
