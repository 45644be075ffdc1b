import math

import numpy as np
import pytest

from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.errors import CircuitError
from fcnlab.planning.batch.proofs import INPUT, follow_scales, least_error, profile, simulate_approximate, weigh_sources
from fcnlab.planning.parameters import SPECIAL_PRIME
from tests.support.circuits import affine, random_images, tiny_circuit


def test_spreads_are_those_of_the_values() -> None:
    circuit = tiny_circuit(5)
    pixels = random_images(circuit, 50)
    spreads = profile(circuit, pixels)
    logits = circuit.evaluate(pixels).astype(float)
    assert spreads.logits == pytest.approx(math.sqrt(np.mean(np.var(logits, axis=1))))
    first = circuit.steps[0]
    values = pixels @ first.weights.toarray().T + first.bias
    assert np.allclose(spreads.slopes[1], 2 * np.sqrt(np.mean(values**2.0, axis=0)))
    assert np.allclose(spreads.bends[1], 1)
    with pytest.raises(CircuitError):
        profile(circuit, pixels + 100)


def test_a_simulation_follows_scale_and_size() -> None:
    circuit = Circuit("line", (1,), 1, (affine([[3]], [5]), Polynomial("act", 1)))
    spreads = profile(circuit, np.array([[0], [1]]))
    first, after_affine, after_square = simulate_approximate(
        circuit, 4096, SPECIAL_PRIME, 2.0**20, {0: [2.0**10]}, spreads
    )
    assert (first.index, after_affine.index, after_square.index) == (-1, 0, 1)
    assert (first.scale, after_affine.scale, after_square.scale) == (2.0**20, 2.0**20, 2.0**20)
    assert first.needed_bits == pytest.approx(21, abs=0.1)
    assert after_affine.needed_bits == pytest.approx(math.log2(4 * 5 * 2**20), abs=0.1)  # for SEAL to encode 5
    assert after_square.needed_bits >= math.log2(2 * 64 * 2**20)
    smaller = Circuit("line", (1,), 1, (affine([[5]], [3]), Polynomial("act", 1)))
    walk = simulate_approximate(smaller, 4096, SPECIAL_PRIME, 2.0**20, {0: [2.0**10]}, spreads)
    assert walk[1].needed_bits == pytest.approx(math.log2(2 * 8 * 2**20), abs=0.1)


def test_a_larger_scale_is_more_precise_and_needs_more_room() -> None:
    circuit = tiny_circuit(5)
    spreads = profile(circuit, random_images(circuit, 50))
    walks = [simulate_approximate(circuit, 8192, SPECIAL_PRIME, 2.0**bits, {}, spreads)[-1] for bits in (15, 20, 25)]
    assert walks[0].relative_error > walks[1].relative_error > walks[2].relative_error
    assert walks[0].needed_bits < walks[1].needed_bits < walks[2].needed_bits


def test_many_walks_at_once_are_those_one_by_one() -> None:
    circuit = tiny_circuit(1, largest=20)
    spreads = profile(circuit, random_images(circuit, 50))
    scales, primes = np.array([[2.0**12], [2.0**25]]), np.array([2.0**20, 2.0**31, 2.0**40])
    rows = follow_scales(circuit, 8192, SPECIAL_PRIME, scales, {2: [primes]}, spreads)
    for i, scale in enumerate(scales[:, 0]):
        for j, prime in enumerate(primes):
            walk = simulate_approximate(circuit, 8192, SPECIAL_PRIME, scale, {2: [prime]}, spreads)
            needed = [np.broadcast_to(row.needed_bits, (2, 3))[i, j] for row in rows]
            assert needed == pytest.approx([row.needed_bits for row in walk], rel=1e-12)


@pytest.mark.parametrize("scale_bits", [6, 14, 30])
def test_the_least_error_is_below_the_predicted_one_and_close_where_errors_are_small(scale_bits: int) -> None:
    circuit = tiny_circuit(1, largest=20)
    spreads = profile(circuit, random_images(circuit, 50))
    sources, drops = weigh_sources(circuit, spreads), {0: [2.0**21], 2: [2.0**30]}
    assert sorted(sources) == [INPUT, *range(len(circuit.steps))]
    rows = simulate_approximate(circuit, 8192, SPECIAL_PRIME, 2.0**scale_bits, drops, spreads)
    least = float(least_error(circuit, 8192, rows, drops, sources))
    assert least <= rows[-1].relative_error
    if rows[-1].relative_error < 1e-3:
        assert least == pytest.approx(rows[-1].relative_error, rel=1e-3)
