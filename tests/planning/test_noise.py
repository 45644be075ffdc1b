"""The bounds against simulated randomness, and against the noise of real ciphertexts as their secret key shows it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnlab.circuit.circuit import Affine, Circuit
from fcnlab.he.client import Client
from fcnlab.he.context import load_ciphertext
from fcnlab.he.server import Server
from fcnlab.he.wire import read_ciphertext, write_ciphertext
from fcnlab.planning.batch.exact import noise_model
from fcnlab.planning.execution import step_sizes
from fcnlab.planning.noise import (
    CONFIDENCE,
    ROUNDING_VARIANCE,
    BfvNoise,
    BgvNoise,
    CkksNoise,
    coefficient_bits,
    encryption_noise,
    floor_noise,
    random_norm,
    rounding_noise,
    secret_powers,
    symmetric_noise,
    unit_norms,
)
from fcnlab.planning.parameters import RINGS, SPECIAL_PRIME
from fcnlab.planning.plan import Plan
from tests.support.circuits import affine, random_images, tiny_circuit
from tests.support.reference import from_ntt, norms_at_roots, phase, to_ntt
from tests.support.runs import fresh_ciphertexts, plan_with

LOOSE_BITS = 40  # a bound may be this much above what is measured; beyond, plans would waste rings


def canonical(polynomial: np.ndarray) -> np.ndarray:
    return norms_at_roots(np.array([int(value) for value in polynomial], dtype=object))


def test_norms_at_roots_are_those_of_horners_rule() -> None:
    polynomial = np.random.default_rng(0).integers(-99, 99, size=16)
    roots = np.exp(1j * np.pi * (2 * np.arange(8) + 1) / 16)
    assert np.allclose(canonical(polynomial), np.abs(np.polynomial.polynomial.polyval(roots, polynomial)))


def test_the_reference_transform_evaluates_at_powers_of_the_root() -> None:
    values = np.random.default_rng(0).integers(0, 40961, size=32)
    assert np.array_equal(from_ntt(to_ntt(values, 40961), 40961), values)
    other = np.random.default_rng(1).integers(0, 40961, size=32)
    product = np.zeros(64, dtype=object)
    for power, value in enumerate(values):
        product[power : power + 32] += int(value) * other.astype(object)
    expected = (product[:32] - product[32:]) % 40961  # x^n = -1
    assert np.array_equal(from_ntt(to_ntt(values, 40961) * to_ntt(other, 40961) % 40961, 40961), expected)


@pytest.mark.parametrize("degree", [8, 64, 4096])
def test_unit_norms_are_those_of_the_polynomial_of_ones(degree: int) -> None:
    assert np.allclose(unit_norms(degree), canonical(np.ones(degree)))
    assert not unit_norms(degree).flags.writeable


@given(st.lists(st.integers(-(10**6), 10**6), min_size=8, max_size=8))
def test_no_coefficient_exceeds_the_mean_over_the_roots(coefficients: list[int]) -> None:
    largest = max(map(abs, coefficients))
    if largest:
        assert math.log2(largest) <= coefficient_bits(canonical(np.array(coefficients))) + 1e-9


@pytest.mark.parametrize("size", [2, 3])
def test_simulated_roundings_stay_under_their_bounds(size: int) -> None:
    degree, rng = 4096, np.random.default_rng(size)
    twist = np.exp(1j * np.pi * np.arange(degree) / degree)

    def at_roots(polynomial: np.ndarray) -> np.ndarray:
        return np.fft.ifft(polynomial * twist)[: degree // 2] * degree

    for _ in range(20):
        secret = at_roots(rng.integers(-1, 2, size=degree))
        for low, bound in ((0, floor_noise(degree, size)), (-0.5, rounding_noise(degree, size))):
            errors = [at_roots(rng.uniform(low, low + 1, size=degree)) * secret**power for power in range(size)]
            norms = np.abs(sum(errors))
            assert (norms <= bound).all()
            assert np.median(bound / norms) < 2**12
    # Without the mean the bound would be broken next to 1, where it is largest; far from 1 it makes no difference.
    assert floor_noise(degree, size)[0] > 5 * rounding_noise(degree, size) > 4.9 * floor_noise(degree, size)[-1]


def test_a_random_polynomial_stays_under_its_norm_and_not_far() -> None:
    rng = np.random.default_rng(0)
    largest = max(canonical(rng.integers(-1, 2, size=4096)).max() for _ in range(20))
    assert largest < random_norm(4096, 2 / 3) < 3 * largest
    assert CONFIDENCE**2 / math.log(2) > 40 + 12 + 14, "2^12 ciphertexts, 2^14 roots, 2^-40"


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_typical_roundings_are_the_mean_over_keys_and_slots(size: int) -> None:
    degree, rng = 256, np.random.default_rng(size)
    twist = np.exp(1j * np.pi * np.arange(degree) / degree)

    def at_roots(polynomials: np.ndarray) -> np.ndarray:
        return np.fft.fft(polynomials * twist)

    secret = at_roots(rng.integers(-1, 2, size=(4000, degree)))
    errors = sum(at_roots(rng.uniform(-0.5, 0.5, size=secret.shape)) * secret**power for power in range(size))
    assert CkksNoise(degree).typical_rounding(size) == pytest.approx(np.sqrt(np.mean(errors.real**2)), rel=0.1)


def test_bounds_grow_with_everything_that_makes_noise() -> None:
    assert secret_powers(4096, 3) > secret_powers(4096, 2) > secret_powers(4096, 1) == 1
    assert encryption_noise(4096, 1 << 30) < encryption_noise(4096, 1 << 20)
    assert CkksNoise(8192).fresh(65537) > CkksNoise(4096).fresh(65537)
    for model in (BgvNoise(4096, 1 << 20), BfvNoise(4096, 1 << 20, 3)):
        noise = model.fresh(65537)
        assert noise.shape == (2048,)
        assert (model.affine(noise, 3) > 3 * noise).all()
        assert (model.multiply((noise, noise), (2, 2), 2.0**200) > noise).all()
        square = model.multiply((noise, noise), (2, 2), 2.0**200)
        assert (model.multiply((noise, noise), (3, 3), 2.0**200) >= square).all()
        assert (model.switch(1e30 * noise, 2, 1 << 40) < 1e30 * noise).all()


def predicted_profiles(circuit: Circuit, plan: Plan) -> dict[str, np.ndarray]:
    """The bound at every root after each step and its switches, and of the input."""
    chosen = plan.parameters
    model = noise_model(chosen.scheme, chosen.ring_degree, max(chosen.plain_moduli), len(chosen.primes))
    primes = list(chosen.primes)
    noise = model.fresh(chosen.special_prime)
    profiles = {"input": noise}
    for (step, size, after), drops in zip(step_sizes(circuit), chosen.drops, strict=True):
        if isinstance(step, Affine):
            noise = model.affine(noise, int(step.row_norms.max()))
        else:
            noise = model.multiply((noise, noise), (size, size), math.prod(map(float, primes)))
        for _ in range(drops):
            noise = model.switch(noise, after, primes.pop())
        profiles[step.name] = noise
    return profiles


def observed(circuit: Circuit, plan: Plan, pixels: np.ndarray) -> tuple[Client, dict[str, bytes]]:
    """The client, and the first ciphertext of the upload and after each step."""
    client = Client(plan)
    upload = client.encrypt(pixels)
    header = client._headers[0][len(plan.parameters.primes)]
    seen = {"input": write_ciphertext(header, fresh_ciphertexts(upload, plan)[0])}
    Server(circuit, plan, client.keys).evaluate(upload, observe=seen.__setitem__)
    return client, seen


EXACT_PLANS = {
    "bgv": ("bgv", 4096, (46, 46), None),
    "bgv switched twice": ("bgv", 8192, (50, 50, 40, 35), (1, 0, 1, 0, 0)),
    "bfv": ("bfv", 8192, (45, 45, 45, 45), None),
}


@pytest.mark.parametrize("name", EXACT_PLANS)
def test_the_secret_key_shows_no_more_noise_than_is_proven(name: str) -> None:
    scheme, degree, sizes, drops = EXACT_PLANS[name]
    widths = (5, 3, 2) if degree == 4096 else (5, 3, 3, 2)
    circuit = tiny_circuit(3, widths=widths)
    plan = plan_with(circuit, scheme, ring_degree=degree, sizes=sizes, drops=drops)
    assert min(step.budget_bits for step in plan.steps) > 0
    pixels = random_images(circuit, 500)
    client, seen = observed(circuit, plan, pixels)
    for step, profile in predicted_profiles(circuit, plan).items():
        noise = phase(client, seen[step])
        assert (norms_at_roots(noise) <= profile).all(), step
        measured = math.log2(max(abs(int(value)) for value in noise))
        assert measured <= coefficient_bits(profile) <= measured + LOOSE_BITS, step
        if scheme == "bfv":  # SEAL's own measure says the same
            modulus = math.prod(plan.parameters.primes[: read_ciphertext(seen[step])[0].primes])
            budget = client.noise_budget_bits(seen[step])
            assert abs(budget - (math.log2(modulus) - 1 - measured)) <= 1.5
            assert budget >= math.floor(math.log2(modulus) - 1 - coefficient_bits(profile))


def test_profiles_are_what_the_plan_states() -> None:
    circuit = tiny_circuit(3)
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(50, 50, 40, 35), drops=(0, 0, 0, 0, 0))
    profiles = predicted_profiles(circuit, plan)
    assert [step.noise_bits for step in plan.steps] == [coefficient_bits(profile) for profile in profiles.values()]


def test_bfv_budgets_of_the_plan_are_under_those_that_seal_measures() -> None:
    circuit = tiny_circuit(5)
    plan = plan_with(circuit, "bfv", ring_degree=8192, sizes=(45, 45, 45, 45))
    client, seen = observed(circuit, plan, random_images(circuit, 100))
    for step in plan.steps:
        assert client.noise_budget_bits(seen[step.name]) >= math.floor(step.budget_bits)


@pytest.mark.parametrize("image", ["zero", "maximum", "random"])
def test_ckks_coefficients_and_errors_stay_under_their_bounds(image: str) -> None:
    circuit = tiny_circuit(4, widths=(5, 3, 2))
    plan = plan_with(circuit, "ckks", sizes=(50, 42), scale=2.0**24)
    slots = plan.parameters.slots
    pixels = {
        "zero": np.zeros((slots, circuit.inputs), dtype=np.int64),
        "maximum": np.full((slots, circuit.inputs), circuit.pixel_max),
        "random": random_images(circuit, slots),
    }[image]
    client, seen = observed(circuit, plan, pixels)
    values, model = pixels.T.astype(float), CkksNoise(plan.parameters.ring_degree)
    bound, magnitude, scale = model.fresh(plan.parameters.special_prime), float(circuit.pixel_max), 2.0**24
    for row, step in zip(plan.steps, [None, *circuit.steps], strict=True):
        if isinstance(step, Affine):
            values = step.weights @ values + step.bias[:, None]
            bound = bound * int(step.row_norms.max()) + 0.5
        elif step is not None:
            values, bound, scale = values**2, 2 * magnitude * scale * bound + bound**2, scale**2
        if step is not None:
            magnitude = float(circuit.ranges[circuit.steps.index(step)].magnitude)
        first = values[plan.inputs[0] if step is None else 0]
        largest = max(abs(int(value)) for value in phase(client, seen[row.name]))
        assert largest <= 2**row.noise_bits < 2 * (magnitude * scale + 2 * bound)
        if image == "maximum":
            assert largest >= abs(first[0]) * scale / 2
        he = client._contexts[0]
        decoded = he.decryptComplex(load_ciphertext(he, plan.parameters, seen[row.name]))
        error = np.abs(np.asarray(decoded)[:slots] - first).max() * scale
        rounding_of_float64 = 2**-40 * (np.abs(first).max() + 1) * scale
        assert error <= bound + rounding_of_float64


def test_switches_of_bgv_break_the_bound_for_centred_rounding() -> None:
    """Why there is a bound for each root: bgv noise next to 1 after a switch is above t times a centred rounding."""
    circuit = Circuit("one", (1,), 1, (affine([[1]]),))
    plan = plan_with(circuit, "bgv", ring_degree=8192, sizes=(45, 45), drops=(1,), plain_bits=(30,))
    client, seen = observed(circuit, plan, np.ones((8192, 1), dtype=np.int64))
    norms = norms_at_roots(phase(client, seen[circuit.steps[0].name]))
    model = BgvNoise(8192, plan.parameters.plain_moduli[0])
    assert norms[0] > 8 * np.median(norms)
    before = model.affine(model.fresh(plan.parameters.special_prime), 1)
    assert (norms <= model.switch(before, 2, plan.parameters.primes[-1])).all()


@pytest.mark.parametrize("degree", RINGS)
def test_the_bound_of_fresh_noise_holds_for_encryptions_with_the_secret_key(degree: int) -> None:
    error = symmetric_noise(degree)
    exact = 2**20 * (degree / 2 + error)
    assert (exact <= BgvNoise(degree, 2**20).fresh(SPECIAL_PRIME)).all()
    assert (exact <= BfvNoise(degree, 2**20, 4).fresh(SPECIAL_PRIME)).all()
    assert random_norm(degree, ROUNDING_VARIANCE) + error <= CkksNoise(degree).fresh(SPECIAL_PRIME)


def test_a_whole_upload_is_under_the_bound_of_a_fresh_encryption() -> None:
    circuit = Circuit("several", (12,), 4, (affine(np.ones((1, 12))),))
    plan = plan_with(circuit, "bgv", sizes=(40, 40))
    client = Client(plan)
    upload = client.encrypt(np.random.default_rng(0).integers(0, 16, size=(4096, 12)))
    bound = BgvNoise(4096, plan.parameters.plain_moduli[0]).fresh(plan.parameters.special_prime)
    for residues in fresh_ciphertexts(upload, plan):
        noise = phase(client, write_ciphertext(client._headers[0][2], residues))
        assert (norms_at_roots(noise) <= bound).all()
