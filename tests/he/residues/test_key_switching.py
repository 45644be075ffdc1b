"""Key switches by kernels are SEAL's, residue for residue: hoisted rotations, relinearizations, dropped primes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from fcnlab.he.context import encrypt_slots, open_context
from fcnlab.he.residues.evaluation_keys import key_chain, make_key, write_keys
from fcnlab.he.residues.key_switching import (
    add_moved,
    galois_element,
    moved_places,
    sign_correction,
    sum_products,
    take_apart,
)
from fcnlab.he.residues.ring import from_ntt, residues_to_ntt, ring_tables, square_all, work_space
from fcnlab.he.residues.switching import drop_last, make_basis
from fcnlab.he.residues.symmetric import ERROR_BITS, expand_mask, new_seed, secret_residues
from fcnlab.he.wire import read_ciphertext
from fcnlab.planning.noise import CkksNoise, typical_key_switch
from fcnlab.planning.packed.plan import RELINEARIZATION
from fcnlab.planning.parameters import Parameters, choose_primes

DEGREE, STEPS = 8192, (1, 5, 2048)


class Case:
    """A context with keys of its own making, given to SEAL as bytes."""

    def __init__(self, scheme: str, plain_bits: int) -> None:
        chosen = choose_primes(DEGREE, [54, 53, 40, 55, plain_bits])
        assert chosen is not None
        *primes, special, plain = chosen
        self.modulus = plain if scheme == "bgv" else None
        moduli = (plain,) if scheme == "bgv" else ()
        self.parameters = Parameters(
            scheme=scheme,  # type: ignore[arg-type]
            ring_degree=DEGREE,
            primes=tuple(primes),
            special_prime=special,
            plain_moduli=moduli,
            scale=2.0**20 if scheme == "ckks" else 1.0,
        )
        self.he = open_context(self.parameters, 0)
        self.he.keyGen()
        secret, seed = secret_residues(self.he, DEGREE), new_seed()
        chain = key_chain(self.parameters, 3)
        self.keys = {}
        for place, step in enumerate((0, *STEPS)):
            first = make_key(
                secret, self.parameters, step, 3, error_factor=plain if moduli else 1, seed=seed, place=place
            )
            masks = [expand_mask(seed, 64 * place + digit, chain, DEGREE) for digit in range(3)]
            self.keys[step] = np.stack([first, np.stack(masks)], axis=1)
        header = replace(read_ciphertext(self.he.to_bytes_public_key("none"))[0], size=2)
        self.he.from_bytes_relin_key(write_keys(header, {0: self.keys[0]}, count=1, digits=3))
        places = {(galois_element(step, DEGREE) - 1) // 2: self.keys[step] for step in STEPS}
        self.he.from_bytes_rotate_key(write_keys(header, places, count=DEGREE, digits=3))

    def require(self, primes: int) -> None:
        if (self.modulus or 0) >= math.prod(self.parameters.primes[:primes]):
            pytest.skip("SEAL has no level whose modulus is below the plain modulus")

    def ciphertext(self, primes: int) -> object:
        self.require(primes)
        slots = np.arange(self.parameters.slots) % 16
        ciphertext = encrypt_slots(self.he, self.parameters, slots)
        for _ in range(3 - primes):
            self.he.mod_switch_to_next(ciphertext)
        return ciphertext

    def switch(self, digits: np.ndarray, step: int, primes: int) -> np.ndarray:
        key = self.keys[step].view(np.int64)[:primes][:, :, [*range(primes), 3]].copy()
        basis = make_basis(key_chain(self.parameters, primes), DEGREE, self.modulus)
        work = work_space(DEGREE)
        sums = np.zeros((2, primes + 1, DEGREE), dtype=np.int64)
        places = moved_places(step, DEGREE) if step else np.arange(DEGREE)
        correction = sign_correction(step, key, basis, work) if step else sums.copy()
        sum_products(digits, key, places, correction, basis.primes, sums)
        out = np.empty((2, primes, DEGREE), dtype=np.int64)
        drop_last(sums, basis, work, out)
        return out

    def take_apart(self, polynomial: np.ndarray) -> np.ndarray:
        primes = len(polynomial)
        digits = np.empty((primes, primes + 1, DEGREE), dtype=np.int64)
        basis = make_basis(key_chain(self.parameters, primes), DEGREE, self.modulus)
        take_apart(polynomial, basis, work_space(DEGREE), digits)
        return digits


@pytest.fixture(scope="module", params=[("bgv", 30), ("bgv", 57), ("bgv", 60), ("ckks", 30)], ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(*request.param)


def residues(ciphertext: object) -> np.ndarray:
    return read_ciphertext(ciphertext.to_bytes("none"))[1].astype(np.int64)  # type: ignore[attr-defined]


@pytest.mark.parametrize("bits", [20, 57, 58, 59, 60])
@pytest.mark.parametrize("step", [RELINEARIZATION, 5])
def test_keys_encrypt_what_is_switched_with_errors_times_the_plain_modulus(bits: int, step: int) -> None:
    degree, rng, seed = 4096, np.random.default_rng(bits), new_seed()
    chosen = choose_primes(degree, [30, 24, 55, bits])
    assert chosen is not None
    *primes, special, plain = chosen
    parameters = Parameters(scheme="bgv", ring_degree=degree, primes=tuple(primes), special_prime=special)
    ternary, chain = rng.integers(-1, 2, degree), key_chain(parameters, 2)
    secret = np.stack([residues_to_ntt(ternary, prime) for prime in chain])
    first = make_key(secret, parameters, step, 2, error_factor=plain, seed=seed, place=0)
    for digit in range(2):
        mask, errors = expand_mask(seed, digit, chain, degree), []
        for position, prime in enumerate(chain):
            own = secret[position].astype(object)
            switched = own * own if step == RELINEARIZATION else own[moved_places(step, degree)]
            rest = (first[digit, position] + mask[position].astype(object) * own) % prime
            rest = (rest - special * switched * (position == digit)) * pow(plain, -1, prime) % prime
            error = rest.astype(np.int64)
            from_ntt(error, ring_tables(prime, degree)[1], work_space(degree), prime, pow(degree, -1, prime))
            errors.append(np.where(error > prime // 2, error - prime, error))
        assert np.abs(errors[0]).max() <= ERROR_BITS
        assert 3 < np.std(errors[0]) < 3.5
        assert all(np.array_equal(error, errors[0]) for error in errors)


@pytest.mark.parametrize("primes", [1, 2, 3])
def test_hoisted_rotations_are_those_of_seal(case: Case, primes: int) -> None:
    ciphertext = case.ciphertext(primes)
    before = residues(ciphertext)
    digits = case.take_apart(before[1])  # once for all steps
    moduli = np.array(case.parameters.primes[:primes])
    for step in STEPS:
        out = case.switch(digits, step, primes)
        add_moved(before[0], moved_places(step, DEGREE), moduli, out[0])
        assert np.array_equal(out, residues(case.he.rotate(ciphertext, step, in_new_ctxt=True)))


@pytest.mark.parametrize("primes", [1, 2, 3])
def test_squares_and_relinearizations_are_those_of_seal(case: Case, primes: int) -> None:
    ciphertext = case.ciphertext(primes)
    moduli = np.array(case.parameters.primes[:primes])
    product = np.empty((3, primes, DEGREE), dtype=np.int64)
    square_all(residues(ciphertext), moduli, product)
    case.he.square(ciphertext)
    assert np.array_equal(product, residues(ciphertext))
    out = case.switch(case.take_apart(product[2]), 0, primes)
    out = (out + product[:2]) % moduli[:, None]
    case.he.relinearize(ciphertext)
    assert np.array_equal(out, residues(ciphertext))


@pytest.mark.parametrize("primes", [2, 3])
def test_a_dropped_prime_leaves_what_seal_leaves(case: Case, primes: int) -> None:
    case.require(primes - 1)
    ciphertext = case.ciphertext(primes)
    before = residues(ciphertext)
    out = np.empty((2, primes - 1, DEGREE), dtype=np.int64)
    basis = make_basis(case.parameters.primes[:primes], DEGREE, case.modulus)
    drop_last(before, basis, work_space(DEGREE), out)
    (case.he.mod_switch_to_next if case.modulus else case.he.rescale_to_next)(ciphertext)
    assert np.array_equal(out, residues(ciphertext))


def test_seal_decrypts_what_was_switched_with_these_keys(case: Case) -> None:
    ciphertext = case.he.rotate(case.ciphertext(3), 5, in_new_ctxt=True)
    slots = np.arange(case.parameters.slots) % 16
    if case.modulus:
        rows = np.roll(slots.reshape(2, -1), -5, axis=1)
        assert np.array_equal(case.he.decryptBGV(ciphertext), rows.ravel())
    else:
        errors = np.abs(np.asarray(case.he.decryptFrac(ciphertext)) - np.roll(slots, -5)) * case.parameters.scale
        model = CkksNoise(DEGREE)
        fresh = np.hypot(model.typical_rounding(1), model.typical_rounding(2))  # Pyfhel encrypts with the public key
        expected = np.sqrt(typical_key_switch(DEGREE, case.parameters.primes, case.parameters.special_prime) + fresh**2)
        # Products of normal variables have long tails: some slot of 4,096 meets 6 in one run of ten.
        assert np.count_nonzero(errors >= 6 * expected) <= 3
        assert (errors < 12 * expected).all()
        assert 0.9 < np.sqrt(np.mean((errors / expected) ** 2)) < 1.1
