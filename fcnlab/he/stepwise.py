"""The stepwise engine: one Pyfhel call for each homomorphic operation, as published.

Zero weights are skipped, weights are constant plaintexts (in bfv a single coefficient, the path that SEAL multiplies
without a transform), squares are not relinearised. Every operation is counted where it happens.
"""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from fcnlab.circuit import Affine, Polynomial
from fcnlab.he.context import load_ciphertext
from fcnlab.he.server import Account, Result, Task
from fcnlab.he.wire import Residues, check_residues, read_ciphertext, write_ciphertext


def evaluate_stepwise(task: Task) -> Result:
    """Evaluate one pass; see `server.Task`."""
    check_residues(task.upload, task.parameters.primes)
    header = replace(task.headers[len(task.parameters.primes)], scale=task.parameters.scale)
    pixels = [load_ciphertext(task.he, task.parameters, write_ciphertext(header, part)) for part in task.upload]
    values: dict[int, Any] = dict(zip(task.inputs, pixels, strict=True))
    primes = len(task.parameters.primes)
    accounts = []
    for step, drops in zip(task.circuit.steps, task.parameters.drops, strict=True):
        began = time.perf_counter()
        operations: Counter[str] = Counter()
        if isinstance(step, Affine):
            values = apply_affine(task, step, values, primes, operations)
        else:
            apply_square(task, step, values, operations)
        for done, ciphertext in enumerate(values.values() if drops else (), start=1):
            for _ in range(drops):
                drop_prime(task, ciphertext)
                operations["mod_switches"] += 1
            task.report(f"{step.name}: drop {drops} primes", done, len(values))
        primes -= drops
        accounts.append(Account(step.name, time.perf_counter() - began, dict(operations)))
        if task.observe is not None:
            task.observe(step.name, values[0].to_bytes("none"))
    headers_and_residues = [read_ciphertext(values[row].to_bytes("none")) for row in range(len(values))]
    last = headers_and_residues[0][0]
    residues: Residues = np.stack([residues for _, residues in headers_and_residues])
    return Result(residues, last.scale, last.correction, tuple(accounts))


def apply_affine(
    task: Task, step: Affine, values: dict[int, Any], primes: int, operations: Counter[str]
) -> dict[int, Any]:
    """Sum of products and bias for every output: a PT-CT mult for each weight, a CT-CT add for each but the first.

    Negative weights are multiplied by their absolute value and subtracted: SEAL's single-coefficient product in bfv
    takes -w as t - w, which costs as many bits of noise as t has. So sums begin with a positive weight if there is one.
    """
    he = task.he
    plaintexts: dict[int, Any] = {}
    results: dict[int, Any] = {}
    for row in range(step.outputs):
        entries = slice(step.weights.indptr[row], step.weights.indptr[row + 1])
        weights, columns = step.weights.data[entries], step.weights.indices[entries]
        total: Any = None
        for position in np.argsort(weights < 0, kind="stable"):
            weight, term = int(weights[position]), values[int(columns[position])]
            if not step.pooling:
                if abs(weight) not in plaintexts:
                    plaintexts[abs(weight)] = constant_plaintext(task, abs(weight), primes, scale=1.0)
                term = he.multiply_plain(term, plaintexts[abs(weight)], in_new_ctxt=True)
                operations["pt_ct_mults"] += 1
            if total is not None:
                combine = he.add if weight > 0 else he.sub
                combine(total, term)
                operations["ct_ct_adds"] += 1
            else:
                total = term.copy() if step.pooling else term
                if weight < 0:
                    he.negate(total)
                    operations["negations"] += 1
        if int(step.bias[row]):
            he.add_plain(total, constant_plaintext(task, int(step.bias[row]), primes, scale=total.scale))
            operations["pt_ct_adds"] += 1
        results[row] = total
        task.report(step.name, row + 1, step.outputs)
    return results


def apply_square(task: Task, step: Polynomial, values: dict[int, Any], operations: Counter[str]) -> None:
    """Square every value in place: one CT-CT mult each."""
    for done, ciphertext in enumerate(values.values(), start=1):
        task.he.square(ciphertext)
        operations["ct_ct_mults"] += 1
        task.report(step.name, done, step.outputs)


def constant_plaintext(task: Task, value: int, primes: int, *, scale: float) -> Any:
    """The same integer in every slot, ready to meet a ciphertext with that many primes."""
    he, parameters = task.he, task.parameters
    if task.plain_modulus is not None:
        slots = np.full(parameters.slots, value % task.plain_modulus, dtype=np.int64)
        return he.encodeBGV(slots) if parameters.scheme == "bgv" else he.encodeInt(slots)
    plaintext = he.encodeFrac(np.full(parameters.slots, float(value)), scale=scale)
    for _ in range(len(parameters.primes) - primes):
        he.mod_switch_to_next_ptxt(plaintext, False)
    return plaintext


def drop_prime(task: Task, ciphertext: Any) -> None:
    """A modulus switch, or in ckks a rescale."""
    if task.parameters.scheme == "ckks":
        task.he.rescale_to_next(ciphertext)
    else:
        task.he.mod_switch_to_next(ciphertext)
