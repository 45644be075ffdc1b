"""Dropping a prime on residues gives what SEAL gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.he.context import encrypt_slots, open_context
from fcnlab.he.engines.seal import SealOperations
from fcnlab.he.residues.ring import work_space
from fcnlab.he.residues.switching import drop_last, make_basis, multiply_wide
from fcnlab.he.wire import read_ciphertext
from fcnlab.planning.parameters import SPECIAL_PRIME, Parameters, choose_primes


@given(st.data())
def test_wide_products_are_exact(data):
    modulus = data.draw(st.integers(1 << 17, (1 << 60) - 1))
    a, b = (data.draw(st.integers(0, modulus - 1) | st.just(modulus - 1)) for _ in range(2))
    assert multiply_wide(a, b, modulus, 1.0 / modulus) == a * b % modulus


@settings(max_examples=20)
@given(
    st.sampled_from(["bgv", "ckks"]),
    st.lists(st.integers(21, 50), min_size=2, max_size=3),
    st.integers(18, 60),
    st.booleans(),
)
def test_a_dropped_prime_leaves_what_seal_leaves(scheme, bits, plain_bits, squared):
    degree = 4096
    primes = choose_primes(degree, bits, avoid=(SPECIAL_PRIME,))
    assert primes is not None
    while sum(prime.bit_length() for prime in primes) > 90:  # the standard's bound at this ring
        primes = primes[:-1]
    if len(primes) < 2:
        return
    plain = choose_primes(degree, [min(plain_bits, primes[0].bit_length() - 1)], avoid=(SPECIAL_PRIME, *primes))
    moduli = plain if scheme == "bgv" and plain else ()
    scale = 2.0**10 if scheme == "ckks" else 1.0
    parameters = Parameters(scheme=scheme, ring_degree=degree, primes=primes, plain_moduli=moduli, scale=scale)
    he = open_context(parameters, 0)
    he.keyGen()
    ciphertext = encrypt_slots(he, parameters, np.arange(parameters.slots) % 16)
    if squared:
        he.square(ciphertext)
    _, before = read_ciphertext(ciphertext.to_bytes("none"))
    out = np.empty((before.shape[0], len(primes) - 1, degree), dtype=np.int64)
    t = moduli[0] if moduli else None
    drop_last(before.view(np.int64), make_basis(primes, degree, t), work_space(degree), out)
    SealOperations(he, parameters, t, primes=len(primes)).drop_prime(ciphertext)
    _, after = read_ciphertext(ciphertext.to_bytes("none"))
    assert np.array_equal(out, after.view(np.int64))
