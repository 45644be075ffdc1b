"""Encryption parameters: rings, primes and the literal that client and server agree on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fcnlab.circuit.integers import prime_below
from fcnlab.errors import PlanError
from fcnlab.planning.noise import Scheme

# Largest log2(q), special prime included, for 128-bit security with ternary secrets.
# Source: HomomorphicEncryption.org security standard (2018), table 1; SEAL enforces the same bounds.
SECURITY_BITS = 128
MODULUS_BITS = {4096: 109, 8192: 218, 16384: 438, 32768: 881}
SECURE_BITS = {1024: 27, 2048: 54, **MODULUS_BITS}  # small rings are measured, and hold no network
RINGS = (4096, 8192, 16384, 32768)
SCHEMES: tuple[Scheme, ...] = ("bgv", "bfv", "ckks")

PRIME_BITS = 50  # products of residues by a double-precision quotient are exact up to here
SMALLEST_PRIME_BITS = 20
# The Fermat prime 2^16 + 1 is 1 modulo 2n in every ring. It only divides the noise of fresh encryptions, which are then
# smaller than the rounding that this leaves; no key switching needs a large one.
SPECIAL_PRIME = 65537
MESSAGE_BITS = 60  # of a pixel at the scale of ckks: the client encodes in int64, and adds an error
MASK_PRIMES = 2  # whose masks the fused engine keeps at once: its threads are mostly one prime apart at most


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What both sides agree on; everything else of a plan follows from it and the circuit.

    Parameters that are not secure cannot be made.

    Attributes:
        scheme: bgv, bfv or ckks.
        ring_degree: n, a power of two; n slots in bgv and bfv, n / 2 in ckks.
        primes: Data primes of the ciphertext modulus; switches drop the last first.
        special_prime: One more prime, present in keys only.
        plain_moduli: bgv and bfv: primes whose product holds the logits, each a pass of its own. Empty for ckks.
        scale: ckks: value of one pixel unit in a fresh ciphertext. 1 otherwise.
        drops: Primes dropped after each step of the circuit.
    """

    scheme: Scheme
    ring_degree: int
    primes: tuple[int, ...]
    special_prime: int = SPECIAL_PRIME
    plain_moduli: tuple[int, ...] = ()
    scale: float = 1.0
    drops: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.ring_degree not in SECURE_BITS:
            raise PlanError(f"{self.ring_degree} is no ring degree; choose one of {', '.join(map(str, SECURE_BITS))}.")
        bits = math.prod(map(abs, (*self.primes, self.special_prime))).bit_length()
        if bits > SECURE_BITS[self.ring_degree]:
            raise PlanError(
                f"A modulus of {bits} bits has more than the {SECURE_BITS[self.ring_degree]} that "
                f"{SECURITY_BITS}-bit security allows at ring degree {self.ring_degree}; use fewer or smaller primes, "
                "or a larger ring."
            )
        if sum(self.drops) >= len(self.primes):
            raise PlanError(f"{sum(self.drops)} primes are to be dropped of {len(self.primes)}; one has to remain.")
        if self.scheme == "bfv" and any(self.drops):
            raise PlanError("Pyfhel drops no prime in bfv, and says nothing: plan without drops, or in bgv.")

    @property
    def slots(self) -> int:
        """Images in one batch."""
        return self.ring_degree // 2 if self.scheme == "ckks" else self.ring_degree

    @property
    def passes(self) -> int:
        """Encrypted evaluations of one batch: one for each plain modulus."""
        return max(len(self.plain_moduli), 1)

    def plain_modulus(self, index: int) -> int | None:
        """The plain modulus of one pass; None in ckks."""
        return self.plain_moduli[index] if self.plain_moduli else None

    @property
    def modulus_bits(self) -> float:
        """log2 of the whole ciphertext modulus, special prime included."""
        return sum(map(math.log2, self.primes)) + math.log2(self.special_prime)


def choose_primes(ring_degree: int, sizes: Sequence[int], avoid: Sequence[int] = ()) -> tuple[int, ...] | None:
    """Distinct primes just below 2^size, 1 modulo 2n (so that number-theoretic transforms exist)."""
    primes: list[int] = []
    for size in sizes:
        prime = prime_below(1 << size, step=2 * ring_degree, avoid=(*primes, *avoid))
        if prime is None:
            return None
        primes.append(prime)
    return tuple(primes)


def split_bits(bits: float, limit: int) -> list[int]:
    """Sizes of the fewest primes that together have at least `bits` bits, as equal as can be."""
    count = max(math.ceil(bits / limit), 1)
    smaller, larger = divmod(math.ceil(bits), count)
    return [max(smaller + (place < larger), SMALLEST_PRIME_BITS) for place in range(count)]


def log_product(primes: Sequence[int]) -> float:
    """log2 of the product of the primes."""
    return sum(map(math.log2, primes))
