import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.integers import is_prime
from fcnlab.errors import PlanError
from fcnlab.planning.parameters import (
    MODULUS_BITS,
    PRIME_BITS,
    RINGS,
    SMALLEST_PRIME_BITS,
    SPECIAL_PRIME,
    Parameters,
    choose_primes,
    log_product,
    split_bits,
)


def parameters(**fields: object) -> Parameters:
    literal = {"scheme": "bgv", "ring_degree": 4096, "primes": (40961, 114689)}
    literal |= {"plain_moduli": (40961, 65537), "drops": (0, 1, 0)}
    return Parameters(**(literal | fields))  # type: ignore[arg-type]


def test_the_special_prime_serves_every_ring() -> None:
    assert is_prime(SPECIAL_PRIME)
    assert all(SPECIAL_PRIME % (2 * degree) == 1 for degree in RINGS)
    assert set(RINGS) == set(MODULUS_BITS)


@given(st.sampled_from(RINGS), st.lists(st.integers(SMALLEST_PRIME_BITS, PRIME_BITS), min_size=1, max_size=8))
def test_primes_are_distinct_and_have_transforms(degree: int, sizes: list[int]) -> None:
    avoid = (SPECIAL_PRIME, 114689)
    primes = choose_primes(degree, sizes, avoid=avoid)
    if primes is None:  # only where there are not enough small ones
        assert max(sizes.count(size) for size in sizes) > 1 or min(sizes) < 24
        return
    assert len({*primes, *avoid}) == len(sizes) + 2
    for prime, size in zip(primes, sizes, strict=True):
        assert is_prime(prime)
        assert prime % (2 * degree) == 1
        assert prime < 1 << size


def test_there_may_be_too_few_primes() -> None:
    assert choose_primes(32768, [16]) is None
    assert choose_primes(32768, [20] * 9) is None
    assert choose_primes(4096, []) == ()


@given(st.floats(0.1, 800), st.integers(SMALLEST_PRIME_BITS, PRIME_BITS))
def test_bits_are_split_evenly_into_the_fewest_primes(bits: float, limit: int) -> None:
    sizes = split_bits(bits, limit)
    assert sum(sizes) >= bits
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == max(math.ceil(bits / limit), 1)
    assert SMALLEST_PRIME_BITS <= min(sizes) <= max(sizes) <= limit
    assert min(sizes) == SMALLEST_PRIME_BITS or sum(sizes) == math.ceil(bits)


def test_slots_passes_and_bits() -> None:
    bgv = parameters()
    assert (bgv.slots, bgv.passes) == (4096, 2)
    assert bgv.modulus_bits == pytest.approx(math.log2(40961 * 114689 * SPECIAL_PRIME))
    assert log_product((40961, 114689)) == pytest.approx(math.log2(40961 * 114689))
    ckks = parameters(scheme="ckks", plain_moduli=())
    assert (ckks.slots, ckks.passes) == (2048, 1)


@pytest.mark.parametrize("degree", RINGS)
def test_parameters_beyond_the_security_bound_cannot_be_made(degree: int) -> None:
    chosen = choose_primes(degree, [50] * 24, avoid=(SPECIAL_PRIME,))
    assert chosen is not None
    most = (MODULUS_BITS[degree] - 17) // 50
    assert parameters(ring_degree=degree, primes=chosen[:most], drops=()).modulus_bits <= MODULUS_BITS[degree]
    with pytest.raises(PlanError, match=f"more than the {MODULUS_BITS[degree]} that 128-bit security allows"):
        parameters(ring_degree=degree, primes=chosen[: most + 1])
    with pytest.raises(PlanError, match="more than the"):
        parameters(ring_degree=degree, special_prime=(1 << MODULUS_BITS[degree]) - 1)
    with pytest.raises(PlanError, match="2000 is no ring degree; choose one of 1024"):
        parameters(ring_degree=2000)
    with pytest.raises(PlanError, match="more than the 54"):
        parameters(ring_degree=2048, primes=chosen[:1], drops=())


def test_what_cannot_be_dropped_is_refused() -> None:
    with pytest.raises(PlanError, match="2 primes are to be dropped of 2"):
        parameters(drops=(1, 1))
    with pytest.raises(PlanError, match="drops no prime in bfv"):
        parameters(scheme="bfv")
    assert parameters(scheme="bfv", drops=(0, 0, 0)).scheme == "bfv"
