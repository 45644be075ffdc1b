"""The rows of a proof: what is proven of each step's results, from any scheme and layout."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from fcnlab.errors import PlanError
from fcnlab.planning.parameters import Parameters, log_product

# The table that a proof is shown as: for each figure of a step its heading and form.
COLUMNS: Final = {
    "outputs": ("ciphertexts", ","),
    "size": ("polys", ""),
    "value_bits": ("value bits", ""),
    "noise_bits": ("noise bits", ".1f"),
    "modulus_bits": ("modulus", ".1f"),
    "primes": ("primes", ""),
    "budget_bits": ("bits left", ".1f"),
}


@dataclass(frozen=True, kw_only=True)
class PlannedStep:
    """One row of a plan: what is proven of a step's results.

    Attributes:
        name: Step of the circuit, or ``input``.
        outputs: Ciphertexts.
        size: Polynomials in each.
        value_bits: Bits that hold any value with its sign.
        noise_bits: log2 of the noise bound, before primes are dropped.
        modulus_bits: log2 of the ciphertext modulus at that point; decryption needs one bit more than the noise.
        primes: Data primes at that point.
        drops: Primes dropped afterwards.
    """

    name: str
    outputs: int
    size: int
    value_bits: int
    noise_bits: float
    modulus_bits: float
    primes: int
    drops: int

    @property
    def budget_bits(self) -> float:
        """Bits between the noise bound and what decryption could still bear."""
        return self.modulus_bits - 1 - self.noise_bits

    def as_dict(self) -> dict[str, Any]:
        """The row as JSON, bits to one decimal."""
        values = asdict(self) | {"budget_bits": self.budget_bits}
        return {name: round(value, 1) if isinstance(value, float) else value for name, value in values.items()}


def rows_of(
    steps: Sequence[tuple[str, int, int, int]], noise_bits: Sequence[float], parameters: Parameters
) -> tuple[PlannedStep, ...]:
    """The proof: one row for the input, and one for each step.

    Args:
        steps: Name, ciphertexts, polynomials and value bits of each, the input first.
        noise_bits: log2 of the noise bound of each, before primes are dropped.
        parameters: The literal whose primes are dropped on the way.

    Raises:
        PlanError: If they are of different lengths.
    """
    if not len(steps) == len(noise_bits) == len(parameters.drops) + 1:
        raise PlanError(f"A plan of {len(parameters.drops)} steps does not fit {len(steps) - 1}; plan anew.")
    primes, rows = list(parameters.primes), []
    for (name, outputs, size, value_bits), noise, drops in zip(steps, noise_bits, (0, *parameters.drops), strict=True):
        figures = {"outputs": outputs, "size": size, "value_bits": value_bits, "primes": len(primes), "drops": drops}
        rows.append(PlannedStep(name=name, noise_bits=noise, modulus_bits=log_product(primes), **figures))
        del primes[len(primes) - drops :]
    return tuple(rows)
