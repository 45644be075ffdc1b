"""Seeded encryption: masks are uniform and reproducible, errors have SEAL's variance, SEAL decrypts."""

import numpy as np
import pytest

from fcnlab.he.context import level_headers, load_ciphertext, open_context
from fcnlab.he.symmetric import SymmetricEncryption, draw_error, expand_mask, new_seed
from fcnlab.he.wire import Residues, write_ciphertext
from fcnlab.parameters import Parameters, choose_primes


def test_masks_come_from_their_seed_and_place_alone() -> None:
    primes = choose_primes(4096, [26, 54, 56])
    assert primes is not None
    seed = new_seed()
    mask = expand_mask(seed, 1, primes, 4096)
    assert np.array_equal(mask, expand_mask(seed, 1, primes, 4096))
    assert not np.array_equal(mask, expand_mask(seed, 2, primes, 4096))
    assert not np.array_equal(mask, expand_mask(new_seed(), 1, primes, 4096))
    for row, prime in zip(mask, primes, strict=True):
        assert int(row.max()) < prime
        assert abs(float(row.mean()) / prime - 0.5) < 0.03  # six standard deviations
    # A prime that rejects almost half of what is drawn.
    assert int(expand_mask(seed, 0, (4097,), 4096).max()) < 4097


def test_errors_are_centred_with_the_variance_of_seal() -> None:
    errors = np.concatenate([draw_error(8192) for _ in range(20)])
    assert abs(float(errors.mean())) < 0.06
    assert abs(float(errors.var()) - 10.5) < 0.25
    assert int(np.abs(errors).max()) <= 21


@pytest.mark.parametrize("scheme", ["bgv", "ckks"])
def test_seal_decrypts_what_was_encrypted(scheme: str) -> None:
    degree = 8192
    chosen = choose_primes(degree, [54, 53, 40, 56, 30])
    assert chosen is not None
    *primes, special, plain = chosen
    exact = scheme == "bgv"
    parameters = Parameters(
        scheme, degree, tuple(primes), special, (plain,) if exact else (), 1.0 if exact else 2.0**20, ()  # type: ignore[arg-type]
    )  # fmt: skip
    he = open_context(parameters, 0)
    he.keyGen()
    slots = np.arange(parameters.slots) % 16
    ciphertext: Residues = np.empty((2, 3, degree), dtype=np.uint64)
    seed = new_seed()
    SymmetricEncryption(he, parameters, plain if exact else None).encrypt(slots, seed=seed, place=3, out=ciphertext[0])
    ciphertext[1] = expand_mask(seed, 3, parameters.primes, degree)
    header = level_headers(he, parameters)[3]
    loaded = load_ciphertext(he, parameters, write_ciphertext(header, ciphertext))
    if exact:
        assert np.array_equal(he.decryptBGV(loaded), slots)
    else:
        loaded.set_scale(parameters.scale)
        errors = (np.asarray(he.decryptFrac(loaded)) - slots) * parameters.scale
        assert 0.9 < np.std(errors) / np.sqrt(degree / 2 * (10.5 + 1 / 12)) < 1.1
