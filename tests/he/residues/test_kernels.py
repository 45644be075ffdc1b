import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from fcnlab.circuit.integers import prime_below
from fcnlab.circuit.signed_digits import signed_digits
from fcnlab.he.engines.fused import kernel_program
from fcnlab.he.residues.kernels import (
    add_blocks,
    add_constant_block,
    affine_block,
    load_block,
    multiply_blocks,
    scale_block,
    square_block,
    store_block,
)

# From the smallest to the widest that plans use, just below a power of two and in between.
PRIMES = [prime_below(1 << bits, step=8192) for bits in (20, 24, 30, 36, 43, 49, 50)]
PRIMES += [prime_below(3 << 48, step=8192), 40961]
WIDTH = 4


def residues_of(rng: np.random.Generator, shape: tuple[int, ...], prime: int) -> np.ndarray:
    """Random residues, a third of them 0, 1, p - 2 or p - 1."""
    values = rng.integers(0, prime, size=shape, dtype=np.int64)
    extreme = rng.choice(np.array([0, 1, prime - 2, prime - 1]), size=shape)
    return np.where(rng.integers(0, 3, size=shape) == 0, extreme, values)


@pytest.mark.parametrize("prime", PRIMES)
def test_a_block_is_copied_from_and_back_to_its_place(prime: int) -> None:
    rng = np.random.default_rng(prime % 97)
    residues = residues_of(rng, (3, 2, 2, 16), prime).astype(np.uint64)
    block = np.empty((3, 2 * WIDTH), dtype=np.int64)
    assert load_block(residues.view(np.int64), 1, 8, prime, 0, WIDTH, block)
    assert np.array_equal(block.reshape(3, 2, WIDTH), residues[:, :, 1, 8 : 8 + WIDTH])
    apart = np.empty_like(block)
    for part in range(2):
        first = np.ascontiguousarray(residues[:, part : part + 1])
        assert load_block(first.view(np.int64), 1, 8, prime, part, WIDTH, apart)
    assert np.array_equal(apart, block)
    copy = np.zeros_like(residues)
    store_block(block, copy.view(np.int64), 1, 8)
    assert np.array_equal(copy[:, :, 1, 8:12], residues[:, :, 1, 8:12])
    copy[:, :, 1, 8:12] = 0
    assert not copy.any()


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("place", [(0, 0, 0), (2, 1, WIDTH - 1), (1, 0, 2)])
def test_a_residue_that_is_not_below_its_prime_is_refused(prime: int, place: tuple[int, int, int]) -> None:
    row, part, offset = place
    for value in (prime, prime + 1, 2**62, 2**63 - 1, 2**63, 2**63 + prime - 1, 2**64 - 1):
        residues = np.full((3, 2, 1, 16), prime - 1, dtype=np.uint64)
        block = np.empty((3, 2 * WIDTH), dtype=np.int64)
        assert load_block(residues.view(np.int64), 0, 4, prime, 0, WIDTH, block)
        residues[row, part, 0, 4 + offset] = value
        assert not load_block(residues.view(np.int64), 0, 4, prime, 0, WIDTH, block)
        assert load_block(residues.view(np.int64), 0, 8, prime, 0, WIDTH, block), "another block is not concerned"


@st.composite
def affine_cases(draw: st.DrawFn) -> tuple[np.ndarray, int, np.random.Generator]:
    """Weights whose rows sum to no more than the prime allows, a prime, and randomness."""
    prime = draw(st.sampled_from(PRIMES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 40))
    # The bound of plans: prime bits + bits of a row's sum + 1 for the digits is at most 62.
    row_bits = 62 - prime.bit_length() - 1
    largest_bits = draw(st.integers(0, row_bits - columns.bit_length())) if row_bits > columns.bit_length() else 0
    weights = rng.integers(-(1 << largest_bits), (1 << largest_bits) + 1, size=(rows, columns))
    if draw(st.booleans()):  # powers of two, as trained networks have them
        weights = np.sign(weights) << rng.integers(0, largest_bits + 1, size=weights.shape)
    keep = rng.random(weights.shape) < draw(st.sampled_from([0.2, 0.7, 1.0]))
    return weights * keep, prime, rng


@settings(max_examples=150)
@given(affine_cases(), st.integers(0, 2 * WIDTH))
def test_an_affine_block_is_the_matrix_product(case: tuple, constants: int) -> None:
    weights, prime, rng = case
    block = residues_of(rng, (weights.shape[1], 2 * WIDTH), prime)
    bias = residues_of(rng, (weights.shape[0],), prime)
    out = np.full((weights.shape[0], 2 * WIDTH), -1, dtype=np.int64)
    program = kernel_program(signed_digits(sparse.csr_array(weights)), None)
    affine_block(block, program, bias, constants, prime, out)
    expected = weights.astype(object) @ block.astype(object)
    expected[:, :constants] += bias.astype(object)[:, None]
    assert np.array_equal(out, expected % prime)


@pytest.mark.parametrize("prime", PRIMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_widest_sums_that_a_plan_allows_are_exact(prime: int, sign: int) -> None:
    row_bits = 62 - prime.bit_length() - 1
    # All residues extreme, all weights of one sign, the row's sum just below 2^row_bits: digits of 2^k - 1 are the
    # longest, 2^k and -1.
    weights = sign * np.full((1, 3), ((1 << row_bits) - 1) // 3, dtype=np.int64)
    block = np.full((3, WIDTH), prime - 1, dtype=np.int64)
    out = np.empty((1, WIDTH), dtype=np.int64)
    program = kernel_program(signed_digits(sparse.csr_array(weights)), None)
    affine_block(block, program, np.array([prime - 1]), WIDTH, prime, out)
    assert (out == (int(weights.sum()) * (prime - 1) + prime - 1) % prime).all()


@pytest.mark.parametrize("count", [1, 7, 8, 9, 16, 23])
def test_runs_of_equal_signs_go_eight_at_a_time_and_miss_none(count: int) -> None:
    prime = PRIMES[3]
    rng = np.random.default_rng(count)
    weights = np.concatenate([np.ones(count), -np.ones(count), 2 * np.ones(count)]).astype(np.int64)[None]
    block = residues_of(rng, (3 * count, WIDTH), prime)
    out = np.empty((1, WIDTH), dtype=np.int64)
    program = kernel_program(signed_digits(sparse.csr_array(weights)), None)
    affine_block(block, program, np.zeros(1, dtype=np.int64), 0, prime, out)
    assert np.array_equal(out, weights.astype(object) @ block.astype(object) % prime)


def test_columns_are_renumbered_to_the_pixels_that_were_sent() -> None:
    weights = sparse.csr_array(np.array([[0, 3, 0, 0, -1], [0, 0, 0, 2, 1]]))
    inputs = np.array([1, 3, 4])
    program = kernel_program(signed_digits(weights), inputs)
    block = np.arange(12, dtype=np.int64).reshape(3, 4)
    out = np.empty((2, 4), dtype=np.int64)
    affine_block(block, program, np.zeros(2, dtype=np.int64), 0, 40961, out)
    assert np.array_equal(out, weights.toarray()[:, inputs] @ block % 40961)


@settings(max_examples=80)
@given(st.sampled_from(PRIMES), st.integers(1, 5), st.integers(0, 2**32))
def test_a_square_block_is_the_square_of_a_polynomial_in_the_secret(prime: int, size: int, seed: int) -> None:
    block = residues_of(np.random.default_rng(seed), (3, size * WIDTH), prime)
    out = np.full((3, (2 * size - 1) * WIDTH), -1, dtype=np.int64)
    square_block(block, size, prime, out)
    parts = block.reshape(3, size, WIDTH).astype(object)
    expected = np.zeros((3, 2 * size - 1, WIDTH), dtype=object)
    for i in range(size):
        for j in range(size):
            expected[:, i + j] += parts[:, i] * parts[:, j]
    assert np.array_equal(out.reshape(expected.shape), expected % prime)


@pytest.mark.parametrize("prime", PRIMES)
def test_squares_of_extreme_residues_are_exact(prime: int) -> None:
    values = np.array([0, 1, 2, prime // 2, prime // 2 + 1, prime - 2, prime - 1], dtype=np.int64)
    out = np.empty((len(values), 1), dtype=np.int64)
    square_block(values[:, None], 1, prime, out)
    assert out.ravel().tolist() == [int(value) ** 2 % prime for value in values]


@settings(max_examples=60)
@given(st.sampled_from(PRIMES), st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32))
def test_products_sums_and_multiples_are_those_of_polynomials_in_the_secret(prime, a_size, b_size, seed) -> None:
    rng = np.random.default_rng(seed)
    a, b = (residues_of(rng, (3, size * WIDTH), prime) for size in (a_size, b_size))
    parts_a, parts_b = (x.reshape(3, -1, WIDTH).astype(object) for x in (a, b))

    out = np.full((3, (a_size + b_size - 1) * WIDTH), -1, dtype=np.int64)
    multiply_blocks(a, a_size, b, b_size, prime, out)
    products = np.zeros((3, a_size + b_size - 1, WIDTH), dtype=object)
    for i in range(a_size):
        for j in range(b_size):
            products[:, i + j] += parts_a[:, i] * parts_b[:, j]
    assert np.array_equal(out.reshape(products.shape), products % prime)

    longer, shorter = (a, b) if a_size >= b_size else (b, a)
    out = np.full_like(longer, -1)
    add_blocks(longer, shorter, prime, out)
    sums = longer.astype(object)
    sums[:, : shorter.shape[1]] += shorter
    assert np.array_equal(out, sums % prime)

    factor = int(residues_of(rng, (1,), prime)[0])
    out = np.full_like(a, -1)
    scale_block(a, factor, prime, out)
    assert np.array_equal(out, a.astype(object) * factor % prime)

    out = np.full_like(a, -1)
    add_constant_block(a, factor, WIDTH, prime, out)
    parts_a[:, 0] += factor
    assert np.array_equal(out.reshape(parts_a.shape), parts_a % prime)
