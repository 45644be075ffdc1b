"""Homomorphic operations by Pyfhel, one call each, counted as they happen."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from typing_extensions import override

from fcnlab.circuit.polynomials import Operations
from fcnlab.he.context import load_ciphertext
from fcnlab.he.wire import read_ciphertext, write_ciphertext
from fcnlab.planning.parameters import Parameters


class SealOperations(Operations[Any]):
    """Operations on Pyfhel ciphertexts of one level.

    Weights and constants are the same integer in every slot: in bfv a plaintext with a single coefficient, which SEAL
    multiplies without a transform. Negative factors multiply by their absolute value and negate: SEAL's product by a
    single coefficient takes -w as t - w, which costs as many bits of noise as t has.

    Args:
        he: Pyfhel context.
        parameters: The plan's.
        plain_modulus: The pass's; None for ckks.
        primes: Data primes of the ciphertexts.
    """

    def __init__(self, he: Any, parameters: Parameters, plain_modulus: int | None, *, primes: int) -> None:
        self._he, self._parameters, self._plain_modulus, self._primes = he, parameters, plain_modulus, primes
        self._plaintexts: dict[tuple[int, float], Any] = {}
        self.counts: Counter[str] = Counter()

    @override
    def multiply(self, a: Any, b: Any, /) -> Any:
        self.counts["ct_ct_mults"] += 1
        return self._he.square(a, in_new_ctxt=True) if a is b else self._he.multiply(a, b, in_new_ctxt=True)

    @override
    def scale(self, a: Any, factor: int, /, *, like: Any = None) -> Any:
        scale = 1.0 if like is None or self._plain_modulus is not None else like.scale / a.scale
        header = None
        if like is not None and self._parameters.scheme == "bgv":
            # SEAL would balance the correction factors of the terms of a sum, and make the noise of both grow.
            header, target = (read_ciphertext(term.to_bytes("none"))[0] for term in (a, like))
            factor *= target.correction * int(pow(header.correction, -1, self._plain_modulus))
            header = replace(header, correction=target.correction)
        factor = self._centre(factor)
        if factor == 1 and scale == 1.0:
            return a
        product = self.product(a, abs(factor), scale=scale)
        if factor < 0:
            self.negate(product)
        if header is not None:
            residues = read_ciphertext(product.to_bytes("none"))[1]
            product = load_ciphertext(self._he, self._parameters, write_ciphertext(header, residues))
        return product

    def product(self, a: Any, weight: int, *, scale: float = 1.0) -> Any:
        """A PT-CT mult by a positive integer, always carried out."""
        if (weight, scale) not in self._plaintexts:
            self._plaintexts[weight, scale] = self._constant(weight, scale)
        self.counts["pt_ct_mults"] += 1
        return self._he.multiply_plain(a, self._plaintexts[weight, scale], in_new_ctxt=True)

    def negate(self, a: Any) -> None:
        """Change the sign in place; counted beside the HOPs."""
        self._he.negate(a)
        self.counts["negations"] += 1

    @override
    def add(self, a: Any, b: Any, /) -> Any:
        total = a.copy()
        self.accumulate(total, b)
        return total

    def accumulate(self, total: Any, term: Any, *, subtract: bool = False) -> None:
        """A CT-CT add, or subtraction, in place."""
        (self._he.sub if subtract else self._he.add)(total, term)
        self.counts["ct_ct_adds"] += 1

    @override
    def add_constant(self, a: Any, constant: int, /) -> Any:
        total = a.copy()
        self.accumulate_constant(total, constant)
        return total

    def accumulate_constant(self, total: Any, constant: int) -> None:
        """A PT-CT add of an integer, in place."""
        self._he.add_plain(total, self._constant(constant, total.scale))
        self.counts["pt_ct_adds"] += 1

    def drop_prime(self, a: Any) -> None:
        """A modulus switch, or in ckks a rescale, in place."""
        (self._he.rescale_to_next if self._plain_modulus is None else self._he.mod_switch_to_next)(a)
        self.counts["mod_switches"] += 1

    def _centre(self, value: int) -> int:
        """The residue of least absolute value modulo the plain modulus."""
        t = self._plain_modulus
        return value if t is None else (value + t // 2) % t - t // 2

    def _constant(self, value: int, scale: float) -> Any:
        """The same integer in every slot, ready to meet a ciphertext of this level."""
        he, parameters = self._he, self._parameters
        if self._plain_modulus is not None:
            slots = np.full(parameters.slots, value % self._plain_modulus, dtype=np.int64)
            return he.encodeBGV(slots) if parameters.scheme == "bgv" else he.encodeInt(slots)
        plaintext = he.encodeFrac(np.full(parameters.slots, float(value)), scale=scale)
        for _ in range(len(parameters.primes) - self._primes):
            he.mod_switch_to_next_ptxt(plaintext, False)
        return plaintext
