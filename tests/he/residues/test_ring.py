"""Transforms and products modulo primes of up to 56 bits equal those in Python integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.integers import prime_below
from fcnlab.he.residues.ring import (
    LARGEST_BITS,
    from_ntt,
    multiply_residues,
    ring_tables,
    to_ntt,
    transform_tables,
    work_space,
)

PRIMES = [prime_below(1 << bits, step=128) for bits in (20, 50, 54, LARGEST_BITS)]


@given(st.sampled_from(PRIMES), st.data())
def test_products_are_exact(prime: int, data: st.DataObject) -> None:
    a, b = (data.draw(st.integers(0, prime - 1) | st.just(prime - 1)) for _ in range(2))
    assert multiply_residues(a, b, prime, 1.0 / prime) == a * b % prime


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("largest", [False, True])
def test_the_transform_evaluates_at_the_odd_powers_of_the_root(prime: int, largest: bool) -> None:
    degree, bits = 64, 6
    rng = np.random.default_rng(0)
    coefficients = np.full(degree, prime - 1) if largest else rng.integers(0, prime, degree)
    root = int(transform_tables(prime, degree)[0][degree // 2])  # the first power in bit-reversed order
    values, work = coefficients.copy(), work_space(degree)
    forward, backward = ring_tables(prime, degree)
    to_ntt(values, forward, work, prime)
    for position in range(degree):
        point = pow(root, 2 * int(f"{position:0{bits}b}"[::-1], 2) + 1, prime)
        assert values[position] == sum(int(c) * pow(point, k, prime) for k, c in enumerate(coefficients)) % prime
    from_ntt(values, backward, work, prime, pow(degree, -1, prime))
    assert values.tolist() == coefficients.tolist()
