"""Plans for ckks: the cheapest proven parameters whose predicted error is small enough.

Candidates are all scales of the input with all sizes of the primes that rescales drop. Room is settled for all of them
at once, and so is a lower bound of the error, since both take a few numbers a step (`batch.proofs`). What is left
is worked out in full, in the order of cost and then of the bound, until none of the rest can be better.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.circuit.circuit import Circuit
from fcnlab.circuit.integers import prime_below
from fcnlab.planning.batch.proofs import (
    INPUT,
    ScaledRow,
    Spreads,
    follow_scales,
    has_room,
    least_error,
    plan_of,
    profile,
    prove_approximate,
    weigh_sources,
)
from fcnlab.planning.execution import prime_limit, switch_points
from fcnlab.planning.parameters import (
    MESSAGE_BITS,
    MODULUS_BITS,
    SMALLEST_PRIME_BITS,
    SPECIAL_PRIME,
    Parameters,
    choose_primes,
    log_product,
    split_bits,
)
from fcnlab.planning.plan import Plan

PRECISION = 0.01  # predicted error of the logits that is accepted, as a share of their spread
SCALE_BITS = range(4, 40)
DROP_STEP_BITS = 2  # between the sizes of primes that are tried for dropping
MOST_RESCALES = 2  # more levels are searched for nothing: two squares need one
WIDEST_BITS = 250  # sizes are followed in float64; wider values are for the exact schemes


@dataclass(frozen=True, eq=False)
class Group:
    """Candidates of one ring that have equally many primes and drop them at the same steps: they cost the same.

    Attributes:
        ring_degree: n.
        points: Steps after which a prime is dropped.
        primes: How many there are.
        scale_bits: For each candidate log2 of the scale of the input.
        dropped_bits: For each, bits of the dropped primes in the order of `points`.
        final_bits: For each, bits of all other primes together.
        least_errors: For each, a lower bound of the predicted error, ascending.
    """

    ring_degree: int
    points: tuple[int, ...]
    primes: int
    scale_bits: npt.NDArray[np.int64]
    dropped_bits: npt.NDArray[np.int64]
    final_bits: npt.NDArray[np.float64]
    least_errors: npt.NDArray[np.float64]


def approximate_plans(
    circuit: Circuit,
    rings: Sequence[int],
    sample: npt.NDArray[Any] | None,
    *,
    cost: Callable[[Plan], float] = lambda plan: plan.upload_bytes,
) -> Iterator[Plan]:
    """Proven ckks plans that are precise enough, the cheapest first: of all that cost the same, the most precise.

    Args:
        circuit: What will be evaluated.
        rings: Ring degrees to try.
        sample: Pixels of typical images, shape (N, inputs); uniform random ones if not given.
        cost: What a plan costs; it must depend on nothing but the ring, the number of primes, and where they are
            dropped. Plans of infinite cost are left out.
    """
    if max(interval.bits for interval in circuit.ranges) > WIDEST_BITS:
        return
    spreads = profile(circuit, typical_pixels(circuit, sample))
    sources = weigh_sources(circuit, spreads)
    queue: list[tuple[float, int, Group]] = []
    for degree in rings:
        for points in switch_points(circuit):
            if len(points) <= MOST_RESCALES:
                for group in gather(circuit, degree, points, spreads, sources):
                    queue.append((cost(outline(circuit, group)), len(queue), group))
    for _, _, group in sorted(entry for entry in queue if entry[0] < math.inf):
        plan = most_precise(circuit, group, spreads)
        if plan is not None:
            yield plan


def typical_pixels(circuit: Circuit, sample: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """The sample, or uniform random pixels if there is none."""
    if sample is not None:
        return sample
    return np.random.default_rng(0).integers(0, circuit.pixel_max + 1, size=(256, circuit.inputs))


def gather(
    circuit: Circuit, ring_degree: int, points: tuple[int, ...], spreads: Spreads, sources: Mapping[int, float]
) -> Iterator[Group]:
    """Candidates that have room and are not known to be too imprecise, grouped by the number of their primes."""
    limit, allowed = prime_limit(circuit), MODULUS_BITS[ring_degree]
    sizes = np.arange(SMALLEST_PRIME_BITS, limit + 1, DROP_STEP_BITS)
    most = len(points) + -(-allowed // limit)
    smallest = np.array([smallest_prime(ring_degree, int(bits), most) for bits in sizes])
    *axes, scale_bits = np.meshgrid(*[np.arange(len(sizes))] * len(points), SCALE_BITS, indexing="ij")
    dropped = [sizes[axis] for axis in axes]
    with np.errstate(over="ignore", invalid="ignore"):  # what is not a finite number has no room
        drops = {point: [2.0**bits] for point, bits in zip(points, dropped, strict=True)}
        rows = follow_scales(circuit, ring_degree, SPECIAL_PRIME, 2.0**scale_bits, drops, spreads)
        sizes_of = dict(zip(points, dropped, strict=True))
        needs = [row.needed_bits - sum(sizes_of[point] for point in points if point >= row.index) for row in rows]
        final = np.maximum.reduce(needs)
        drops = {point: [smallest[axis]] for point, axis in zip(points, axes, strict=True)}
        rows = follow_scales(circuit, ring_degree, SPECIAL_PRIME, 2.0**scale_bits, drops, spreads)
        errors = least_error(circuit, ring_degree, rows, drops, sources)
        encodable = circuit.pixel_max * 2.0**scale_bits < 1 << MESSAGE_BITS
        fine = np.flatnonzero(encodable & (final + sum(dropped) <= allowed) & (errors <= PRECISION))
    fine = fine[np.argsort(errors.ravel()[fine], kind="stable")]
    final = final.ravel()[fine]
    primes = len(points) + np.maximum(np.ceil((final + 0.5) / limit).astype(np.int64), 1)
    for count in np.unique(primes):
        chosen = primes == count
        places = fine[chosen]
        yield Group(
            ring_degree,
            points,
            int(count),
            scale_bits.ravel()[places],
            np.array([bits.ravel()[places] for bits in dropped], dtype=np.int64).reshape(len(points), len(places)).T,
            final[chosen],
            errors.ravel()[places],
        )


@cache
def smallest_prime(ring_degree: int, bits: int, count: int) -> float:
    """The last of the `count` primes below 2^bits that a choice of primes tries first; 1 if there are not so many."""
    prime = 1 << bits
    for _ in range(count):
        prime = prime_below(prime, step=2 * ring_degree) or 1
    return float(prime)


def outline(circuit: Circuit, group: Group) -> Plan:
    """What every plan of a group looks like; nothing in it is proven."""
    rows = [ScaledRow(index, 1.0, 0.0) for index in range(INPUT, len(circuit.steps))]
    return plan_of(circuit, parameters_of(circuit, group, primes=(2,) * group.primes), rows)


def most_precise(circuit: Circuit, group: Group, spreads: Spreads) -> Plan | None:
    """The proven plan of a group with the smallest predicted error; None if none is precise enough."""
    best = None
    for place, least in enumerate(group.least_errors):
        if best is not None and least >= best.predicted_error:
            break
        sizes = [*split_bits(group.final_bits[place] + 0.5, prime_limit(circuit)), *group.dropped_bits[place][::-1]]
        primes = choose_primes(group.ring_degree, [int(bits) for bits in sizes], avoid=(SPECIAL_PRIME,))
        if primes is None:
            continue
        if log_product((*primes, SPECIAL_PRIME)) > MODULUS_BITS[group.ring_degree]:
            continue
        parameters = parameters_of(circuit, group, primes=primes, scale=float(2.0 ** group.scale_bits[place]))
        if not has_room(circuit, parameters, spreads):
            continue
        plan = prove_approximate(circuit, parameters, spreads)
        if plan.predicted_error <= (PRECISION if best is None else best.predicted_error):
            best = plan
    return best


def parameters_of(circuit: Circuit, group: Group, *, primes: tuple[int, ...], scale: float = 1.0) -> Parameters:
    """The literal of one candidate."""
    counts = tuple(int(index in group.points) for index in range(len(circuit.steps)))
    return Parameters(scheme="ckks", ring_degree=group.ring_degree, primes=primes, scale=scale, drops=counts)
