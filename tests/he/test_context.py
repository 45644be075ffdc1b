from dataclasses import replace

import numpy as np
import pytest

from fcnlab.errors import PlanError
from fcnlab.he.context import encrypt_slots, level_headers, load_ciphertext, open_context, read_headers
from fcnlab.he.wire import read_ciphertext
from fcnlab.planning.parameters import MODULUS_BITS, SPECIAL_PRIME, Parameters, choose_primes
from tests.support.circuits import tiny_circuit
from tests.support.runs import plan_with


@pytest.mark.parametrize("scheme", ["bgv", "bfv", "ckks"])
def test_parameters_beyond_the_security_standard_are_refused_by_seal_itself(scheme: str) -> None:
    for degree, allowed in list(MODULUS_BITS.items())[:2]:
        moduli = choose_primes(degree, [20], avoid=(SPECIAL_PRIME,)) if scheme != "ckks" else ()
        # As many bits as the standard allows are accepted, one prime more is not.
        sizes = [(allowed - 17) // 4] * 4
        primes = choose_primes(degree, sizes, avoid=(SPECIAL_PRIME, *moduli))
        parameters = Parameters(scheme=scheme, ring_degree=degree, primes=primes, plain_moduli=moduli)
        assert parameters.modulus_bits <= allowed
        open_context(parameters, 0)
        primes = choose_primes(degree, [*sizes, 24], avoid=(SPECIAL_PRIME, *moduli))
        beyond = replace(parameters)
        object.__setattr__(beyond, "primes", primes)  # by themselves parameters refuse it
        assert beyond.modulus_bits > allowed
        with pytest.raises(PlanError, match="SEAL refuses"):
            open_context(beyond, 0)


def test_each_plain_modulus_has_a_context_of_its_own() -> None:
    plan = plan_with(tiny_circuit(), "bgv", sizes=(46, 44), plain_bits=(18, 19))
    assert [open_context(plan.parameters, index).t for index in (0, 1)] == list(plan.parameters.plain_moduli)


@pytest.mark.parametrize("scheme", ["bgv", "bfv", "ckks"])
@pytest.mark.parametrize("count", [1, 5, None])
def test_slots_decrypt_to_what_was_put_in_and_to_zero_elsewhere(scheme: str, count: int | None) -> None:
    plan = plan_with(tiny_circuit(), scheme, sizes=(46, 44))
    he = open_context(plan.parameters, 0)
    he.keyGen()
    values = np.random.default_rng(0).integers(0, 256, size=count or plan.parameters.slots)
    ciphertext = encrypt_slots(he, plan.parameters, values)
    decrypt = {"bgv": "decryptBGV", "bfv": "decryptInt", "ckks": "decryptFrac"}[scheme]
    slots = np.asarray(getattr(he, decrypt)(ciphertext))
    expected = np.zeros(plan.parameters.slots, dtype=np.int64)
    expected[: len(values)] = values
    assert np.array_equal(np.rint(slots), expected)
    again = load_ciphertext(he, plan.parameters, ciphertext.to_bytes("none"))
    assert np.array_equal(np.asarray(getattr(he, decrypt)(again)), slots)


@pytest.mark.parametrize(("scheme", "drops"), [("bgv", (1, 0, 1, 0, 0)), ("ckks", (0, 0, 2, 0, 0)), ("bfv", (0,) * 5)])
def test_there_is_a_header_for_every_level_of_the_plan(scheme: str, drops: tuple[int, ...]) -> None:
    plan = plan_with(tiny_circuit(), scheme, ring_degree=8192, sizes=(50, 40, 30), drops=drops)
    he = open_context(plan.parameters, 0)
    he.keyGen()
    headers = dict(level_headers(plan.parameters, 0))
    key = headers.pop(4)
    assert (key.primes, key.is_ntt) == (4, True)
    assert key == read_ciphertext(he.to_bytes_public_key("none"))[0]
    assert list(headers) == list(range(3, 3 - sum(drops) - 1, -1))
    assert [header.primes for header in headers.values()] == list(headers)
    assert len({header.parms_id for header in headers.values()}) == len(headers)
    assert {header.is_ntt for header in headers.values()} == {scheme != "bfv"}
    fresh, _ = read_ciphertext(encrypt_slots(he, plan.parameters, np.zeros(1, dtype=np.int64)).to_bytes("none"))
    assert headers[3] == fresh
    assert read_headers(he, plan.parameters) == level_headers(plan.parameters, 0)
