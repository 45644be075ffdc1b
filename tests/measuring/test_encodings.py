"""The paper's encoding is exact, growth is fitted; no timings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.errors import FcnlabError, WireError
from fcnlab.measuring import encodings
from fcnlab.measuring.encodings import (
    ENCODINGS,
    Growth,
    ProductCost,
    binary_coefficients,
    binary_value,
    fit_growth,
    load_plaintext,
    make_plaintext,
    measure_products,
    open_session,
    power_plaintext,
    read_plaintext,
    study_as_dict,
    write_plaintext,
)

T = 786433


@pytest.fixture(scope="module", params=["bfv", "bgv"])
def session(request: pytest.FixtureRequest):
    return open_session(request.param, 4096, primes=2)


@given(st.integers(-(2**64), 2**64))
def test_binary_coefficients_come_back(value: int) -> None:
    coefficients = binary_coefficients(value, plain_modulus=T)
    assert set(coefficients.tolist()) <= {0, 1, T - 1}
    assert binary_value(coefficients, plain_modulus=T) == value


@settings(max_examples=20)
@given(value=st.integers(-(2**40), 2**40), exponent=st.integers(0, 60), sign=st.sampled_from([1, -1]))
def test_a_product_by_a_monomial_is_a_product_by_a_power_of_two(session, value: int, exponent: int, sign: int) -> None:
    he, parameters = session
    plaintext = load_plaintext(he, parameters, binary_coefficients(value, plain_modulus=T))
    ciphertext = he.encryptPtxt(plaintext)
    product = he.multiply_plain(
        ciphertext, power_plaintext(he, parameters, exponent=exponent, sign=sign), in_new_ctxt=True
    )
    decrypted = read_plaintext(he.decryptPtxt(product).to_bytes("none"))
    assert binary_value(decrypted, plain_modulus=T) == sign * value * 2**exponent


def test_a_monomial_shifts_around_the_ring(session) -> None:
    he, parameters = session
    ciphertext = he.encryptPtxt(load_plaintext(he, parameters, np.array([0, 3], dtype=np.uint64)))
    product = he.multiply_plain(ciphertext, power_plaintext(he, parameters, exponent=4095, sign=1), in_new_ctxt=True)
    assert read_plaintext(he.decryptPtxt(product).to_bytes("none")).tolist() == [T - 3]  # x^4096 = -1


def test_plaintexts_are_written_as_seal_writes_them(session) -> None:
    he, parameters = session
    written = make_plaintext(he, parameters, "dense").to_bytes("none")
    assert write_plaintext(read_plaintext(written)) == written


def test_constant_and_monomial_have_one_coefficient(session) -> None:
    he, parameters = session
    for encoding, count in (("dense", 4000), ("constant", 0), ("monomial", 0)):
        coefficients = read_plaintext(make_plaintext(he, parameters, encoding).to_bytes("none"))
        assert np.count_nonzero(coefficients) > count
        assert encoding == "dense" or np.count_nonzero(coefficients) == 1


@pytest.mark.parametrize("cut", [0, 10, 95, -1])
def test_what_is_no_plaintext_is_refused(cut: int) -> None:
    data = write_plaintext(np.array([1, 2], dtype=np.uint64))
    with pytest.raises(WireError, match="not an uncompressed SEAL plaintext"):
        read_plaintext(data[:cut])
    with pytest.raises(WireError):
        read_plaintext(b"\0" + data[1:])


@pytest.mark.parametrize(("exponent", "sign"), [(-1, 1), (4096, 1), (3, 0)])
def test_monomials_outside_the_ring_are_refused(session, exponent: int, sign: int) -> None:
    with pytest.raises(FcnlabError, match="from 0 to 4095"):
        power_plaintext(*session, exponent=exponent, sign=sign)


def test_every_encoding_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "REPEATS", 1)
    monkeypatch.setattr(encodings, "PRODUCTS", 1)
    seen: list[tuple[int, int]] = []
    costs = measure_products(rings=(2048, 4096), report=lambda _, done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(6)]
    assert {(cost.scheme, cost.encoding, cost.ring_degree) for cost in costs} == {
        (scheme, encoding, ring) for scheme, kinds in ENCODINGS.items() for encoding in kinds for ring in (2048, 4096)
    }
    study = study_as_dict(costs)
    assert len(study["growth"]) == 8
    assert {"scheme", "encoding", "ring_degree", "primes", "seconds"} == set(study["costs"][0])


@given(st.floats(0.5, 2), st.floats(1e-6, 1e-3))
def test_growth_is_the_exponent_of_a_power_law(exponent: float, factor: float) -> None:
    costs = [ProductCost("bfv", "dense", ring, 1, factor * ring**exponent) for ring in (2048, 8192, 32768)]
    (growth,) = fit_growth(costs)
    assert growth == Growth("bfv", "dense", pytest.approx(exponent, abs=1e-6))


def test_growth_of_a_single_ring_is_refused() -> None:
    with pytest.raises(FcnlabError, match="two rings or more"):
        fit_growth([ProductCost("bfv", "dense", 2048, 1, 1.0)])


def test_too_many_primes_are_refused() -> None:
    with pytest.raises(FcnlabError):
        open_session("bgv", 2048, primes=2)
