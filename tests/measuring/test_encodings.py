"""The paper's encoding is exact; everything is measured; no timings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from Pyfhel import PyPtxt

from fcnlab.errors import FcnlabError
from fcnlab.measuring import encodings
from fcnlab.measuring.encodings import (
    ENCODINGS,
    PLAINTEXT,
    make_plaintext,
    power_plaintext,
    study_encodings,
    write_plaintext,
)
from fcnlab.measuring.sessions import make_parameters, open_session


@pytest.fixture(scope="module", params=["bfv", "bgv"])
def session(request: pytest.FixtureRequest):
    parameters = make_parameters(request.param, 4096, prime_bits=[36, 36])
    return open_session(parameters), parameters


def coefficients_of(plaintext) -> list[int]:
    return np.frombuffer(plaintext.to_bytes("none"), dtype="<u8", offset=PLAINTEXT.size).tolist()


def load_plaintext(he, parameters, coefficients: list[int]) -> PyPtxt:
    data = write_plaintext(np.array(coefficients, dtype=np.uint64))
    return PyPtxt(pyfhel=he, bytestring=data, scheme=parameters.scheme)


def binary_coefficients(value: int, *, modulus: int) -> list[int]:
    """An integer as the paper encodes it: the polynomial of its binary digits, all with its sign."""
    return [(-1 if value < 0 else 1) * int(digit) % modulus for digit in reversed(f"{abs(value):b}")]


def binary_value(coefficients: list[int], *, modulus: int) -> int:
    """The value at x = 2 of the centred coefficients."""
    return sum((c - modulus if c > modulus // 2 else c) << power for power, c in enumerate(coefficients))


@settings(max_examples=20)
@given(value=st.integers(-(2**40), 2**40), exponent=st.integers(0, 60), sign=st.sampled_from([1, -1]))
def test_a_product_by_a_monomial_is_a_product_by_a_power_of_two(session, value: int, exponent: int, sign: int) -> None:
    he, parameters = session
    modulus = parameters.plain_moduli[0]
    ciphertext = he.encryptPtxt(load_plaintext(he, parameters, binary_coefficients(value, modulus=modulus)))
    weight = power_plaintext(he, parameters, exponent=exponent, sign=sign)
    decrypted = coefficients_of(he.decryptPtxt(he.multiply_plain(ciphertext, weight, in_new_ctxt=True)))
    assert binary_value(decrypted, modulus=modulus) == sign * value * 2**exponent


def test_a_monomial_shifts_around_the_ring(session) -> None:
    he, parameters = session
    ciphertext = he.encryptPtxt(load_plaintext(he, parameters, [0, 3]))
    product = he.multiply_plain(ciphertext, power_plaintext(he, parameters, exponent=4095, sign=1), in_new_ctxt=True)
    assert coefficients_of(he.decryptPtxt(product)) == [parameters.plain_moduli[0] - 3]  # x^4096 = -1


def test_plaintexts_are_written_as_seal_writes_them(session) -> None:
    he, parameters = session
    plaintext = make_plaintext(he, parameters, "dense")
    coefficients = np.array(coefficients_of(plaintext), dtype=np.uint64)
    assert write_plaintext(coefficients) == plaintext.to_bytes("none")


def test_constant_and_monomial_have_one_coefficient(session) -> None:
    he, parameters = session
    for encoding, count in (("dense", 4000), ("constant", 0), ("monomial", 0)):
        coefficients = coefficients_of(make_plaintext(he, parameters, encoding))
        assert np.count_nonzero(coefficients) > count
        assert encoding == "dense" or np.count_nonzero(coefficients) == 1


@pytest.mark.parametrize(("exponent", "sign"), [(-1, 1), (4096, 1), (3, 0)])
def test_monomials_outside_the_ring_are_refused(session, exponent: int, sign: int) -> None:
    with pytest.raises(FcnlabError, match="from 0 to 4095"):
        power_plaintext(*session, exponent=exponent, sign=sign)


def test_everything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "REPEATS", 1)
    monkeypatch.setattr(encodings, "PRODUCTS", 1)
    monkeypatch.setattr(encodings, "RINGS", (2048, 4096))
    seen: list[tuple[int, int]] = []
    study = study_encodings(progress=lambda state: seen.append(state[1:]))
    assert seen == [(done, 9) for done in range(9)]
    assert {(row.scheme, row.encoding, row.ring_degree) for row in study.products} == {
        (scheme, encoding, ring) for scheme, kinds in ENCODINGS.items() for encoding in kinds for ring in (2048, 4096)
    }
    budgets = {row.operation: row.budget_bits for row in study.noise}
    assert budgets["fresh"] > budgets["× dense"] > budgets["square, twice"] >= 0
    assert budgets["× monomial x²"] == budgets["fresh"]  # a shift and no growth
    assert "transparent" in study.zero
    assert [(row.primes, row.right) for row in study.switches] == [(primes, True) for primes in (4, 3, 2, 1)]


def test_too_many_primes_are_refused() -> None:
    with pytest.raises(FcnlabError):
        open_session(make_parameters("bgv", 2048, prime_bits=[36, 36]))
    with pytest.raises(FcnlabError, match="has no primes of 12, 12 bits"):
        make_parameters("bgv", 2048, prime_bits=[12, 12])
