"""Arithmetic on blocks of residues: what a linear layer and a square are, once ciphertexts are arrays.

A block holds, for every ciphertext of a layer, the same few hundred coefficients of all its polynomials modulo one
prime, so that a layer's working set stays in the cache. Rows are int64 of length polynomials * width. Residues are
below 2^50 and sums below 2^62, which the plan sees to; then products and reductions by a double-precision quotient are
exact.
All kernels release the GIL.
"""

import numpy as np
from numba import njit

compiled = njit(nogil=True, cache=True, error_model="numpy")


@compiled
def load_block(residues, prime_index, start, prime, first, width, block):  # type: ignore[no-untyped-def]
    """Copy one block out of (ciphertexts, polynomials, primes, n) residues; False if one is not below its prime.

    `first` is the place of the first of these polynomials in the block, whose polynomials are `width` coefficients.
    """
    ciphertexts, size = residues.shape[:2]
    outside = np.int64(0)
    for row in range(ciphertexts):
        for part in range(size):
            source = residues[row, part, prime_index, start : start + width]
            target = block[row, (first + part) * width : (first + part + 1) * width]
            for i in range(width):
                value = source[i]
                target[i] = value
                outside |= value | (prime - 1 - value)  # the sign bit is set once value < 0 or value >= prime
    return outside >= 0


@compiled
def store_block(block, residues, prime_index, start):  # type: ignore[no-untyped-def]
    """Copy one block into (ciphertexts, polynomials, primes, n) residues."""
    ciphertexts, size = residues.shape[:2]
    width = block.shape[1] // size
    for row in range(ciphertexts):
        for part in range(size):
            residues[row, part, prime_index, start : start + width] = block[row, part * width : (part + 1) * width]


# The inner loops are functions of their own: LLVM vectorises them once it knows their arguments do not overlap.
@compiled
def add_rows_8(total, a, b, c, d, e, f, g, h):  # type: ignore[no-untyped-def]
    """Add eight rows to the running sum."""
    for i in range(total.size):
        total[i] += ((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + (g[i] + h[i]))


@compiled
def subtract_rows_8(total, a, b, c, d, e, f, g, h):  # type: ignore[no-untyped-def]
    """Subtract eight rows from the running sum."""
    for i in range(total.size):
        total[i] -= ((a[i] + b[i]) + (c[i] + d[i])) + ((e[i] + f[i]) + (g[i] + h[i]))


@compiled
def add_row(total, a):  # type: ignore[no-untyped-def]
    """Add one row to the running sum."""
    for i in range(total.size):
        total[i] += a[i]


@compiled
def subtract_row(total, a):  # type: ignore[no-untyped-def]
    """Subtract one row from the running sum."""
    for i in range(total.size):
        total[i] -= a[i]


@compiled
def double_row(total, times):  # type: ignore[no-untyped-def]
    """Double the running sum `times` times."""
    for i in range(total.size):
        total[i] <<= times


@compiled
def reduce_row(total, constant, prime, inverse, out):  # type: ignore[no-untyped-def]
    """Write (total + constant) mod prime, in [0, prime), to `out`."""
    for i in range(total.size):
        value = total[i] + constant
        value -= np.int64(np.floor(value * inverse)) * prime
        value = value + prime if value < 0 else value
        out[i] = value - prime if value >= prime else value


@compiled
def affine_block(block, program, bias, constants, prime, out):  # type: ignore[no-untyped-def]
    """Write W block + bias modulo one prime to `out`, by additions and doublings.

    Args:
        block: Inputs, shape (inputs, length).
        program: indptr, columns, signs, doublings, last_doublings of `Digits`, then runs: for each entry, how
            many entries from it on share its sign and need no doubling in between.
        bias: Residues, shape (outputs,).
        constants: How many leading coefficients of the first polynomial the bias is added to: all of the block's in NTT
            form, one (the constant term) or none in coefficient form.
        prime: Modulus.
        out: Outputs in [0, prime), shape (outputs, length).
    """
    indptr, columns, signs, doublings, last_doublings, runs = program
    inverse = 1.0 / prime
    total = np.empty(block.shape[1], np.int64)
    for row in range(out.shape[0]):
        total[:] = 0
        entry, end = indptr[row], indptr[row + 1]
        while entry < end:
            if doublings[entry]:
                double_row(total, np.int64(doublings[entry]))
            c = columns[entry : entry + 8]
            if runs[entry] >= 8:
                first = (block[c[0]], block[c[1]], block[c[2]], block[c[3]])
                second = (block[c[4]], block[c[5]], block[c[6]], block[c[7]])
                if signs[entry] > 0:
                    add_rows_8(total, *first, *second)
                else:
                    subtract_rows_8(total, *first, *second)
                entry += 8
            else:
                if signs[entry] > 0:
                    add_row(total, block[c[0]])
                else:
                    subtract_row(total, block[c[0]])
                entry += 1
        if last_doublings[row]:
            double_row(total, np.int64(last_doublings[row]))
        reduce_row(total[:constants], bias[row], prime, inverse, out[row, :constants])
        reduce_row(total[constants:], np.int64(0), prime, inverse, out[row, constants:])


@compiled
def multiply_rows(a, b, twice, prime, inverse, out):  # type: ignore[no-untyped-def]
    """Add a b (or 2 a b) to `out` modulo the prime, all in [0, prime)."""
    for i in range(a.size):
        value = a[i] * b[i] - np.int64(np.floor(np.float64(a[i]) * np.float64(b[i]) * inverse)) * prime
        value = value + prime if value < 0 else value
        value = value - prime if value >= prime else value
        if twice:
            value = value + value
            value = value - prime if value >= prime else value
        value += out[i]
        out[i] = value - prime if value >= prime else value


@compiled
def multiply_blocks(a, a_size, b, b_size, prime, out):  # type: ignore[no-untyped-def]
    """Multiply ciphertext by ciphertext without relinearising: a_size + b_size - 1 polynomials.

    Args:
        a: Residues in NTT form, shape (ciphertexts, a_size * width).
        a_size: Polynomials of each ciphertext in `a`.
        b: The other factors; a square takes fewer products by `square_block`.
        b_size: Polynomials of each ciphertext in `b`.
        prime: Modulus.
        out: Products, shape (ciphertexts, (a_size + b_size - 1) * width).
    """
    inverse = 1.0 / prime
    width = a.shape[1] // a_size
    out[:] = 0
    for row in range(a.shape[0]):
        for i in range(a_size):
            for j in range(b_size):
                multiply_rows(
                    a[row, i * width : (i + 1) * width],
                    b[row, j * width : (j + 1) * width],
                    False,
                    prime,
                    inverse,
                    out[row, (i + j) * width : (i + j + 1) * width],
                )


@compiled
def scale_block(block, factor, prime, out):  # type: ignore[no-untyped-def]
    """Multiply every residue by `factor`, in [0, prime)."""
    inverse = 1.0 / prime
    for row in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[row, i] * factor
            value -= np.int64(np.floor(np.float64(block[row, i]) * np.float64(factor) * inverse)) * prime
            value = value + prime if value < 0 else value
            out[row, i] = value - prime if value >= prime else value


@compiled
def add_blocks(longer, shorter, prime, out):  # type: ignore[no-untyped-def]
    """Add ciphertexts of which one may have more polynomials than the other."""
    for row in range(longer.shape[0]):
        for i in range(longer.shape[1]):
            value = longer[row, i]
            if i < shorter.shape[1]:
                value += shorter[row, i]
            out[row, i] = value - prime if value >= prime else value


@compiled
def add_constant_block(block, constant, width, prime, out):  # type: ignore[no-untyped-def]
    """Add a constant in [0, prime) to the first polynomial, in NTT form, `width` coefficients of it."""
    for row in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[row, i]
            if i < width:
                value += constant
            out[row, i] = value - prime if value >= prime else value


@compiled
def square_block(block, size, prime, out):  # type: ignore[no-untyped-def]
    """Square every ciphertext without relinearising: `size` polynomials become 2 size - 1.

    Args:
        block: Residues in NTT form, shape (ciphertexts, size * width).
        size: Polynomials of each input.
        prime: Modulus.
        out: Products, shape (ciphertexts, (2 size - 1) * width).
    """
    inverse = 1.0 / prime
    width = block.shape[1] // size
    out[:] = 0
    for row in range(block.shape[0]):
        for i in range(size):
            for j in range(i, size):
                multiply_rows(
                    block[row, i * width : (i + 1) * width],
                    block[row, j * width : (j + 1) * width],
                    i != j,
                    prime,
                    inverse,
                    out[row, (i + j) * width : (i + j + 1) * width],
                )
