"""The stepwise engine: one Pyfhel call for each homomorphic operation, as published.

Zero weights are skipped, every other weight is a PT-CT mult, squares are not relinearised. `seal` counts each
call where it happens.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fcnlab.circuit.circuit import Affine, Polynomial
from fcnlab.circuit.polynomials import apply_polynomial
from fcnlab.he.context import load_ciphertext
from fcnlab.he.engines.engine import Account, Engine, Result, Setting, Task, drop_title
from fcnlab.he.engines.seal import SealOperations
from fcnlab.he.wire import Residues, read_ciphertext, write_ciphertext
from fcnlab.planning.plan import Plan

Ciphertexts = dict[int, Any]  # by position


def make_engine(setting: Setting[Plan]) -> Engine:
    """The engine for one pass; of the pass itself it needs to know nothing beforehand."""
    del setting
    return evaluate


def evaluate(task: Task) -> Result:
    """The logits of one upload."""
    setting = task.setting
    primes = len(setting.parameters.primes)
    header = replace(setting.headers[primes], scale=setting.parameters.scale)
    pixels = (
        load_ciphertext(setting.he, setting.parameters, write_ciphertext(header, ciphertext))
        for ciphertext in task.ciphertexts()
    )
    values: Ciphertexts = dict(zip(setting.plan.inputs, pixels, strict=True))
    accounts = []
    for step, drops in zip(task.setting.circuit.steps, task.setting.parameters.drops, strict=True):
        began = time.perf_counter()
        operations = SealOperations(task.setting.he, task.setting.parameters, task.setting.plain_modulus, primes=primes)
        if isinstance(step, Affine):
            values = apply_affine(task, step, values, operations)
        else:
            apply_activation(task, step, values, operations)
        for done, ciphertext in enumerate(values.values() if drops else (), start=1):
            for _ in range(drops):
                operations.drop_prime(ciphertext)
            task.report(drop_title(step.name, drops), done, len(values))
        primes -= drops
        accounts.append(Account(step.name, time.perf_counter() - began, dict(operations.counts)))
        if task.observe is not None:
            task.observe(step.name, values[0].to_bytes("none"))
    parts = [read_ciphertext(values[row].to_bytes("none")) for row in range(len(values))]
    residues: Residues = np.stack([residues for _, residues in parts])
    last = parts[0][0]
    return Result(residues, last.scale, last.correction, tuple(accounts))


def apply_affine(task: Task, step: Affine, values: Ciphertexts, operations: SealOperations) -> Ciphertexts:
    """Sum of products and bias for every output: a PT-CT mult for each weight, a CT-CT add for each but the first.

    Negative weights are subtracted, so sums begin with a positive weight where there is one.
    """
    results: Ciphertexts = {}
    for row in range(step.outputs):
        entries = slice(step.weights.indptr[row], step.weights.indptr[row + 1])
        weights: Sequence[int] = step.weights.data[entries].tolist()
        columns: Sequence[int] = step.weights.indices[entries].tolist()
        total: Any = None
        for weight, column in sorted(zip(weights, columns, strict=True), key=lambda pair: pair[0] < 0):
            term = values[column] if step.pooling else operations.product(values[column], abs(weight))
            if total is not None:
                operations.accumulate(total, term, subtract=weight < 0)
                continue
            total = term.copy() if step.pooling else term
            if weight < 0:
                operations.negate(total)
        if int(step.bias[row]):
            operations.accumulate_constant(total, int(step.bias[row]))
        results[row] = total
        task.report(step.name, row + 1, step.outputs)
    return results


def apply_activation(task: Task, step: Polynomial, values: Ciphertexts, operations: SealOperations) -> None:
    """Apply the polynomial to every value, in place of it."""
    for done, (position, ciphertext) in enumerate(values.items(), start=1):
        values[position] = apply_polynomial(step.coefficients, ciphertext, operations)
        task.report(step.name, done, step.outputs)
