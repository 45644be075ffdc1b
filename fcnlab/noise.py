"""How ciphertext noise grows: one bound for each operation, in the canonical embedding.

A ciphertext (c0, c1, ..., ck) decrypts through c0 + c1 s + ... + ck s^k modulo q. The bounds below hold for the largest
absolute value of that noise polynomial at the complex roots of x^n + 1, which multiplies under products and is never
smaller than the largest coefficient, so decryption is right while it stays below q / 2.

What is random is the client's own (keys, encryption, rounding), never the images: a random polynomial whose
coefficients have variance v is at one root at most CONFIDENCE * sqrt(v n), except with probability exp(-CONFIDENCE^2).
With the constant below a whole batch (2^12 ciphertexts at 2^14 roots) fails with probability below 2^-40.
Source: Gentry, Halevi, Smart 2012 (eprint 2012/099, appendix A.5) for the method; rounding errors are taken as
independent and uniform, the usual heuristic. Tests compare the bounds with the noise that SEAL reports and that the
secret key shows.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

CONFIDENCE = 6.8  # exp(-6.8^2) < 2^-66 = 2^-40 / (2^12 ciphertexts * 2^14 roots)
ERROR_VARIANCE = 10.5  # SEAL's centred binomial error, standard deviation 3.24
TERNARY_VARIANCE = 2 / 3  # secret keys and encryption randomness, uniform in {-1, 0, 1}
ROUNDING_VARIANCE = 1 / 12

Scheme = Literal["bgv", "bfv", "ckks"]


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


def fresh_noise(ring_degree: int, special_prime: int) -> float:
    """Noise of a public-key encryption, which SEAL makes modulo one more prime and then divides by it."""
    error = random_norm(ring_degree, ERROR_VARIANCE)
    ternary = random_norm(ring_degree, TERNARY_VARIANCE)
    return error * (1 + 2 * ternary) / special_prime + rounding_noise(ring_degree, 2)


class NoiseModel(Protocol):
    """The four operations whose noise a plan follows; absolute noise, right while below q / 2."""

    def fresh(self, special_prime: int) -> float:
        """Noise of a fresh encryption."""

    def affine(self, noise: float, row_norm: int) -> float:
        """Noise after a weighted sum whose absolute weights sum to `row_norm`, and a bias."""

    def square(self, noise: float, size: int, modulus: float) -> float:
        """Noise after squaring a ciphertext of `size` polynomials modulo `modulus`."""

    def switch(self, noise: float, size: int, prime: int) -> float:
        """Noise after dropping one prime."""


@dataclass(frozen=True)
class BgvNoise:
    """BGV: the noise polynomial is m + t e, the message m included."""

    ring_degree: int
    plain_modulus: int

    def fresh(self, special_prime: int) -> float:
        """Message below t / 2 in each coefficient, whatever the images, plus t times the encryption noise."""
        return self.plain_modulus * (self.ring_degree / 2 + fresh_noise(self.ring_degree, special_prime))

    def affine(self, noise: float, row_norm: int) -> float:
        """Weights multiply the noise; a bias is a constant below t / 2."""
        return row_norm * noise + self.plain_modulus / 2

    def square(self, noise: float, size: int, modulus: float) -> float:
        """The noise polynomial is squared with the ciphertext."""
        return noise * noise

    def switch(self, noise: float, size: int, prime: int) -> float:
        """Rounding to a multiple of t."""
        return noise / prime + self.plain_modulus * rounding_noise(self.ring_degree, size)


@dataclass(frozen=True)
class BfvNoise:
    """BFV: q times the invariant noise, t c(s) - q m modulo q t.

    Source: Kim, Polyakov, Zucca 2021 (eprint 2021/204), with the base conversions of Bajard et al. 2016 as SEAL has
    them, which may be off by one multiple of q in their input and a few units in their output.
    """

    ring_degree: int
    plain_modulus: int
    primes: int

    def fresh(self, special_prime: int) -> float:
        """Encryption noise, and the rounding of q m / t by at most one half in each coefficient."""
        return self.plain_modulus * (self.ring_degree / 2 + fresh_noise(self.ring_degree, special_prime))

    def affine(self, noise: float, row_norm: int) -> float:
        """Weights multiply the noise; a bias adds a rounding of one half."""
        return row_norm * noise + self.plain_modulus / 2

    def square(self, noise: float, size: int, modulus: float) -> float:
        """2 K v + v^2 + rounding, where K = t |c(s)| / q bounds message, noise and multiple of t together."""
        wide = 2 * self.plain_modulus * rounding_noise(self.ring_degree, size)
        rounding = 2 * (self.primes + 1) * self.plain_modulus * rounding_noise(self.ring_degree, 2 * size - 1)
        return 2 * wide * noise + noise * (noise / modulus) + rounding

    def switch(self, noise: float, size: int, prime: int) -> float:
        """Rounding, scaled by t."""
        return noise / prime + self.plain_modulus * rounding_noise(self.ring_degree, size)


@dataclass(frozen=True)
class CkksNoise:
    """CKKS: values carry a scale, and noise is an error of the value; the modulus must hold scale * value + noise."""

    ring_degree: int

    def fresh(self, special_prime: int) -> float:
        """Encryption noise and the rounding of the encoded message."""
        return random_norm(self.ring_degree, ROUNDING_VARIANCE) + fresh_noise(self.ring_degree, special_prime)

    def rounding(self, size: int) -> float:
        """Noise of one rescale."""
        return rounding_noise(self.ring_degree, size)

    def typical_rounding(self, size: int) -> float:
        """Standard deviation that one rescale adds to a slot: n / 2 times the variance of a coefficient."""
        secret = self.ring_degree * TERNARY_VARIANCE
        return math.sqrt(self.ring_degree / 2 * ROUNDING_VARIANCE * sum(secret**power for power in range(size)))

    def typical_fresh(self) -> float:
        """Standard deviation of a slot of a fresh encryption: two roundings, of the message and of the encryption."""
        return math.hypot(self.typical_rounding(1), self.typical_rounding(2))
