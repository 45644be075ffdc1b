"""How ciphertext noise grows: one bound for each operation, in the canonical embedding.

A ciphertext (c0, c1, ..., ck) decrypts through c0 + c1 s + ... + ck s^k modulo q. The bounds below hold for the
absolute value of that noise polynomial at each complex root of x^n + 1, where products of polynomials are products of
numbers. No coefficient exceeds the mean over the roots, so decryption is right while that mean stays below q / 2.

What is random is the client's own (keys, encryption, rounding), never the images: a random polynomial whose
coefficients have mean 0 and variance v is at one root at most CONFIDENCE * sqrt(v n), except with probability
exp(-CONFIDENCE^2). With the constant below a whole batch (2^12 ciphertexts at 2^14 roots) fails with probability below
2^-40. Where SEAL rounds down, the errors have a mean as well: a multiple of 1 + x + ... + x^(n-1), which is large at
the few roots near 1. Hence a bound for each root and not one for all.
Source: Gentry, Halevi, Smart 2012 (eprint 2012/099, appendix A.5) for the method; rounding errors are taken as
independent and uniform, the usual heuristic. Tests compare the bounds with the noise that SEAL reports and that the
secret key shows.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from fcnlab.errors import FcnlabError

CONFIDENCE = 6.8  # exp(-6.8^2) < 2^-66 = 2^-40 / (2^12 ciphertexts * 2^14 roots)
ERROR_VARIANCE = 10.5  # SEAL's centred binomial error, standard deviation 3.24
TERNARY_VARIANCE = 2 / 3  # secret keys and encryption randomness, uniform in {-1, 0, 1}
ROUNDING_VARIANCE = 1 / 12
# SEAL encodes a ckks plaintext only if its largest coefficient, with a sign and rounded up to a power of two, has fewer
# bits than the modulus: a quarter of the modulus always does, where a ciphertext may fill half of it.
# Source: SEAL 4.1, native/src/seal/ckks.h, encode_internal.
ENCODER_MARGIN = 2

LOGIT_FAILURE_BITS = 30  # the error of a logit in ckks is beyond what its plan states with probability 2^-30 at most

Scheme = Literal["bgv", "bfv", "ckks"]
# A bound at each root exp(i pi (2j + 1) / n), shape (n / 2,); the other roots are conjugate.
Profile = npt.NDArray[np.float64]
T = TypeVar("T")
Pair = tuple[T, T]


def check_noise(scheme: str) -> None:
    """Refuse to measure noise where no library shows it.

    Raises:
        FcnlabError: If the scheme is not bfv.
    """
    if scheme != "bfv":
        raise FcnlabError(f"Noise can be measured in bfv only, not in {scheme}; its plan gives bounds.")


def random_norm(ring_degree: int, variance: float) -> float:
    """Bound at every root for a polynomial with independent centred coefficients of this variance."""
    return CONFIDENCE * math.sqrt(ring_degree * variance)


def secret_powers(ring_degree: int, size: int) -> float:
    """1 + |s| + ... + |s|^(size - 1) for a ternary secret s: what multiplies the parts of a ciphertext."""
    secret = random_norm(ring_degree, TERNARY_VARIANCE)
    return sum(secret**power for power in range(size))


def rounding_noise(ring_degree: int, size: int) -> float:
    """Noise of dividing a ciphertext of `size` polynomials by a prime and rounding."""
    return random_norm(ring_degree, ROUNDING_VARIANCE) * secret_powers(ring_degree, size)


@cache
def unit_norms(ring_degree: int) -> Profile:
    """|1 + x + ... + x^(n-1)| = 2 / |1 - x| at each root: n / 1.57 next to 1, below 2 for most."""
    angles = np.pi * (2 * np.arange(ring_degree // 2) + 1) / ring_degree
    norms: Profile = 1 / np.sin(angles / 2)
    norms.setflags(write=False)
    return norms


def floor_noise(ring_degree: int, size: int, terms: int = 1) -> Profile:
    """Noise of rounding down each coefficient of `size` polynomials, `terms` times: uniform errors from 0 to 1."""
    mean = unit_norms(ring_degree) * (terms / 2)
    return (mean + random_norm(ring_degree, terms * ROUNDING_VARIANCE)) * secret_powers(ring_degree, size)


def encryption_noise(ring_degree: int, special_prime: int) -> float:
    """Noise of a public-key encryption, which SEAL makes modulo one more prime and then divides by it."""
    error = random_norm(ring_degree, ERROR_VARIANCE)
    return error * (1 + 2 * random_norm(ring_degree, TERNARY_VARIANCE)) / special_prime


def coefficient_bits(profile: Profile) -> float:
    """log2 of a bound on every coefficient: the mean over the roots."""
    return math.log2(float(np.mean(profile)))


@dataclass(frozen=True)
class NoiseModel(ABC):
    """The four operations whose noise a plan follows; right while coefficients stay below q / 2.

    Fresh noise is bounded for either kind of encryption: with a public key, whose rounding is larger at every root than
    the one error of an encryption with the secret key, and so for that too.
    """

    ring_degree: int
    plain_modulus: int

    @abstractmethod
    def fresh(self, special_prime: int) -> Profile:
        """Noise of a fresh encryption."""

    def affine(self, noise: Profile, row_norm: int) -> Profile:
        """Noise after a weighted sum whose absolute weights sum to `row_norm`, and a bias of at most t / 2."""
        return float(row_norm) * noise + self.plain_modulus / 2

    @abstractmethod
    def multiply(self, noises: Pair[Profile], sizes: Pair[int], modulus: float) -> Profile:
        """Noise of the product of two ciphertexts with these noises and polynomials, modulo `modulus`."""

    @abstractmethod
    def scale(self, noise: Profile, factor: int, *, corrected: bool) -> Profile:
        """Noise after a product by an integer, which is reduced modulo t; bgv may correct it by any other residue."""

    @abstractmethod
    def switch(self, noise: Profile, size: int, prime: int) -> Profile:
        """Noise after dropping one prime."""


@dataclass(frozen=True)
class BgvNoise(NoiseModel):
    """BGV: the noise polynomial is m + t e, the message m included.

    SEAL makes a ciphertext divisible by the prime it drops with multiples of t from 0 to t, which are not centred.
    A bias is a constant below t / 2.
    """

    @override
    def fresh(self, special_prime: int) -> Profile:
        # Message below t / 2 in each coefficient, whatever the images, plus t times the encryption noise
        message = self.ring_degree / 2 + encryption_noise(self.ring_degree, special_prime)
        return self.plain_modulus * (message + floor_noise(self.ring_degree, 2))

    @override
    def multiply(self, noises: Pair[Profile], sizes: Pair[int], modulus: float) -> Profile:
        return noises[0] * noises[1]

    @override
    def scale(self, noise: Profile, factor: int, *, corrected: bool) -> Profile:
        # Any residue modulo t where the correction factors of two terms have to meet
        half = self.plain_modulus / 2
        return noise * (half if corrected else min(float(abs(factor)), half))

    @override
    def switch(self, noise: Profile, size: int, prime: int) -> Profile:
        # Rounding down to a multiple of t
        return noise / prime + self.plain_modulus * floor_noise(self.ring_degree, size)


@dataclass(frozen=True)
class BfvNoise(NoiseModel):
    """BFV: q times the invariant noise, v = t c(s) - q m modulo q t.

    Source: Kim, Polyakov, Zucca 2021 (eprint 2021/204), with the base conversions of Bajard et al. 2016 as SEAL has
    them: a product is rounded down once for each prime. A bias adds a rounding of one half, times t.
    """

    primes: int

    @override
    def fresh(self, special_prime: int) -> Profile:
        # Encryption noise, and the rounding of q m / t by at most one half in each coefficient
        rounding = rounding_noise(self.ring_degree, 2) + encryption_noise(self.ring_degree, special_prime)
        return np.full(self.ring_degree // 2, self.plain_modulus * (self.ring_degree / 2 + rounding))

    @override
    def multiply(self, noises: Pair[Profile], sizes: Pair[int], modulus: float) -> Profile:
        # K v' + K' v + v v' / q and a rounding, where K = (t |c(s)| + v) / q bounds message and multiple of t
        first, second = (
            self.plain_modulus * rounding_noise(self.ring_degree, size) + noise / modulus
            for noise, size in zip(noises, sizes, strict=True)
        )
        rounding = self.plain_modulus * floor_noise(self.ring_degree, sum(sizes) - 1, self.primes)
        return first * noises[1] + second * noises[0] + noises[0] * (noises[1] / modulus) + rounding

    @override
    def scale(self, noise: Profile, factor: int, *, corrected: bool) -> Profile:
        # The factor's residue of least absolute value
        return noise * min(float(abs(factor)), self.plain_modulus / 2)

    @override
    def switch(self, noise: Profile, size: int, prime: int) -> Profile:
        # Rounding, scaled by t; not in use, since Pyfhel drops no prime in bfv
        return noise / prime + self.plain_modulus * rounding_noise(self.ring_degree, size)


@dataclass(frozen=True)
class CkksNoise:
    """CKKS: values carry a scale, and noise is an error of the value; SEAL rounds to nearest, so one bound will do."""

    ring_degree: int

    def fresh(self, special_prime: int) -> float:
        """The rounding of the encoded message, and of the encryption with its noise."""
        message = random_norm(self.ring_degree, ROUNDING_VARIANCE)
        return message + self.rounding(2) + encryption_noise(self.ring_degree, special_prime)

    def rounding(self, size: int) -> float:
        """Noise of one rescale."""
        return rounding_noise(self.ring_degree, size)

    def typical_rounding(self, size: int) -> float:
        """Standard deviation that one rescale adds to a slot, over keys: n / 2 times the variance of a coefficient.

        The secret at a root is a complex normal number, whose square |s|^2 has the moments k! (2 n / 3)^k.
        """
        secret = self.ring_degree * TERNARY_VARIANCE
        moments = sum(math.factorial(power) * secret**power for power in range(size))
        return math.sqrt(self.ring_degree / 2 * ROUNDING_VARIANCE * moments)

    def typical_fresh(self) -> float:
        """Standard deviation of a slot of a fresh encryption with the secret key: rounded message, and error."""
        return math.hypot(self.typical_rounding(1), math.sqrt(self.ring_degree / 2 * ERROR_VARIANCE))


def error_tail(secrets: int) -> float:
    """How many standard deviations an error is at most but with probability 2^-LOGIT_FAILURE_BITS.

    The error is normal, times the absolute value at one root of a power of the secret: a complex normal number u whose
    |u|^2 is exponential. |u|^d |e| is beyond a bound if |u|^2 + e^2 / 2 is beyond L: most where L is shared d to 1.

    Args:
        secrets: The power d.
    """
    exponent = LOGIT_FAILURE_BITS * math.log(2)
    share = exponent / (secrets + 1)
    return math.sqrt((secrets * share) ** secrets / math.factorial(secrets) * 2 * share)


def symmetric_noise(ring_degree: int) -> float:
    """Noise of an encryption with the secret key: one error polynomial."""
    return random_norm(ring_degree, ERROR_VARIANCE)


def key_switch_noise(ring_degree: int, primes: Sequence[float], special_prime: float) -> Profile:
    """Noise of a key switch before the division by the special prime is rounded; in bgv a multiple of t.

    Each prime's residues, from 0 to the prime, are multiplied by the error of their key; the sum is divided by the
    special prime.
    Source: SEAL 4.1, native/src/seal/evaluator.cpp, switch_key_inplace.
    """
    digits = random_norm(ring_degree, ROUNDING_VARIANCE) + unit_norms(ring_degree) / 2
    error = symmetric_noise(ring_degree)
    return digits * (error * sum(prime / special_prime for prime in primes))


@cache
def slot_unit_norms(ring_degree: int) -> Profile:
    """`unit_norms` in the order of ckks slots: slot j is the root whose exponent is 3^j."""
    exponents = np.array([pow(3, slot, 2 * ring_degree) for slot in range(ring_degree // 2)])
    norms: Profile = unit_norms(ring_degree)[(np.minimum(exponents, 2 * ring_degree - exponents) - 1) // 2]
    norms.setflags(write=False)
    return norms


def typical_key_switch(ring_degree: int, primes: Sequence[float], special_prime: float) -> Profile:
    """Variance that a key switch adds to each ckks slot, its rounding included; shape (n / 2,).

    Residues go from 0 to q: their mean q / 2 makes the few slots near the root 1 much noisier than the others.
    """
    digits = ring_degree * ROUNDING_VARIANCE + slot_unit_norms(ring_degree) ** 2 / 4
    shares = sum((prime / special_prime) ** 2 for prime in primes)
    rounding = ROUNDING_VARIANCE * (1 + ring_degree * TERNARY_VARIANCE)
    return np.asarray(ring_degree / 2 * (ERROR_VARIANCE * shares * digits + rounding))
