"""What only the holder of the secret key sees: noise polynomials, by slow and clear arithmetic of our own.

SEAL keeps polynomials in NTT form: entry i is the value at psi^(2 r(i) + 1), where psi is the smallest primitive 2n-th
root of unity and r reverses the bits of i.
"""

from functools import cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from fcnlab.he.client import Client
from fcnlab.he.wire import read_ciphertext

Integers = npt.NDArray[np.int64]


def multiply(a: Integers, b: Integers, prime: int) -> Integers:
    """Products modulo a prime below 2^50; the wrapped difference is small, so it is exact."""
    quotient = np.floor(a.astype(np.float64) * b.astype(np.float64) / prime).astype(np.int64)
    return (a * b - quotient * prime) % prime


@cache
def powers(base: int, count: int, prime: int) -> Integers:
    """1, base, base^2, ..."""
    values = [1]
    for _ in range(count - 1):
        values.append(values[-1] * base % prime)
    return np.array(values, dtype=np.int64)


@cache
def smallest_root(degree: int, prime: int) -> int:
    """The smallest primitive 2n-th root of unity."""
    candidates = (pow(x, (prime - 1) // (2 * degree), prime) for x in range(2, 1000))
    root = next(x for x in candidates if pow(x, degree, prime) == prime - 1)
    return int(multiply(powers(root * root % prime, degree, prime), np.int64(root), prime).min())


@cache
def bit_reversal(degree: int) -> Integers:
    """The order of SEAL's NTT."""
    order = np.zeros(1, dtype=np.int64)
    while len(order) < degree:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def transform(values: Integers, root: int, prime: int) -> Integers:
    """sum_k values[k] root^(j k) for every j, root of order n: Cooley and Tukey, decimation in time."""
    degree = len(values)
    result = values[bit_reversal(degree)]
    width = 1
    while width < degree:
        pairs = result.reshape(-1, 2, width)
        odd = multiply(pairs[:, 1], powers(pow(root, degree // (2 * width), prime), width, prime), prime)
        result = np.concatenate([pairs[:, 0] + odd, pairs[:, 0] - odd], axis=1).ravel() % prime
        width *= 2
    return result


def to_ntt(coefficients: Integers, prime: int) -> Integers:
    """Coefficients to SEAL's NTT form."""
    degree = len(coefficients)
    root = smallest_root(degree, prime)
    twisted = multiply(coefficients, powers(root, degree, prime), prime)
    return transform(twisted, root * root % prime, prime)[bit_reversal(degree)]


def from_ntt(values: Integers, prime: int) -> Integers:
    """SEAL's NTT form to coefficients."""
    degree = len(values)
    inverse = pow(smallest_root(degree, prime), -1, prime)
    twisted = transform(values[bit_reversal(degree)], inverse * inverse % prime, prime)
    untwist = multiply(powers(inverse, degree, prime), np.int64(pow(degree, -1, prime)), prime)
    return multiply(twisted, untwist, prime)


def secret_key(client: Client, index: int = 0) -> Integers:
    """The secret in NTT form, a row for each prime: SEAL's bytes end with its residues."""
    chosen = client.plan.parameters
    data = client._contexts[index].to_bytes_secret_key("none")
    primes = len(chosen.primes) + 1
    residues = np.frombuffer(data, dtype="<u8", offset=len(data) - 8 * primes * chosen.ring_degree)
    return residues.reshape(primes, chosen.ring_degree).astype(np.int64)


def phase(client: Client, ciphertext: bytes, *, index: int = 0) -> npt.NDArray[np.object_]:
    """c0 + c1 s + ... modulo q, centred, as Python integers; in bfv times t, which leaves q times the noise."""
    chosen, secret = client.plan.parameters, secret_key(client, index)
    header, parts = read_ciphertext(ciphertext)
    residues = []
    for position, prime in enumerate(chosen.primes[: header.primes]):
        polynomials = [part.astype(np.int64) for part in parts[:, position]]
        if not header.is_ntt:
            polynomials = [to_ntt(part, prime) for part in polynomials]
        total = polynomials.pop()
        while polynomials:
            total = (multiply(total, secret[position], prime) + polynomials.pop()) % prime
        residues.append(from_ntt(total, prime).astype(object))
    modulus = prod(chosen.primes[: header.primes])
    combined: Any = np.zeros(chosen.ring_degree, dtype=object)
    for residue, prime in zip(residues, chosen.primes, strict=False):
        rest = modulus // prime
        combined = (combined + residue * (rest * pow(rest, -1, prime))) % modulus
    if chosen.scheme == "bfv":
        combined = combined * chosen.plain_moduli[index] % modulus
    return np.where(combined > modulus // 2, combined - modulus, combined)


def norms_at_roots(polynomial: npt.NDArray[np.object_]) -> npt.NDArray[np.float64]:
    """Absolute values at exp(i pi (2j + 1) / n) for j below n / 2."""
    degree = len(polynomial)
    twisted = polynomial.astype(np.float64) * np.exp(1j * np.pi * np.arange(degree) / degree)
    # numpy's inverse transform has the sign of the exponent we need, and divides by n.
    return np.abs(np.fft.ifft(twisted)[: degree // 2]) * degree
