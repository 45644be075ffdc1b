"""Bytes of what travels under a plan, and of what is held meanwhile."""

from typing import Protocol

from fcnlab.planning.parameters import MASK_PRIMES, Parameters
from fcnlab.planning.proof import PlannedStep


class Sizes(Protocol):
    """What follows from the parameters, the rows of the proof and the keys."""

    parameters: Parameters
    inputs: tuple[int, ...]
    steps: tuple[PlannedStep, ...]

    @property
    def key_levels(self) -> tuple[int, ...]:
        """Data primes of each evaluation key."""

    @property
    def evaluation_key_bytes(self) -> int:
        """Bytes of all evaluation keys, all passes: digits and primes that are used, second polynomials as a seed."""
        return self.parameters.passes * sum(k * (k + 1) for k in self.key_levels) * self.residue_bytes

    @property
    def residue_bytes(self) -> int:
        """Bytes of one polynomial modulo one prime."""
        return 8 * self.parameters.ring_degree

    @property
    def upload_bytes(self) -> int:
        """Bytes of an upload, all passes, without envelopes: first polynomials, the second come from a seed."""
        return self.parameters.passes * self.steps[0].outputs * len(self.parameters.primes) * self.residue_bytes

    @property
    def download_bytes(self) -> int:
        """Bytes of the reply, all passes, without envelopes."""
        last = self.steps[-1]
        return self.parameters.passes * last.outputs * last.size * (last.primes - last.drops) * self.residue_bytes

    @property
    def mask_bytes(self) -> int:
        """Bytes of the second polynomials of an upload that the fused engine keeps at once."""
        return len(self.inputs) * min(MASK_PRIMES, len(self.parameters.primes)) * self.residue_bytes

    @property
    def held_bytes(self) -> int:
        """Ciphertext bytes that the fused engine keeps between blocks in one pass.

        The upload with the masks of a few primes, and twice the results of a step that is written back, because primes
        are dropped after it or because bfv leaves it to SEAL.
        """
        upload = self.upload_bytes // self.parameters.passes + self.mask_bytes
        stored = [step for step in self.steps[1:] if step.drops or self.parameters.scheme == "bfv"]
        return upload + 2 * self.residue_bytes * max(
            (step.outputs * step.size * step.primes for step in stored), default=0
        )
