"""Short names for content: a plan is of one circuit, and both sides of a run agree on one plan."""

import hashlib
import json
from typing import Any, Final
from weakref import WeakKeyDictionary

from fcnlab.circuit.circuit import Affine, Circuit

FINGERPRINTS: Final["WeakKeyDictionary[Circuit, str]"] = WeakKeyDictionary()


def circuit_fingerprint(circuit: Circuit) -> str:
    """Digest of every integer of a circuit and of its step names, 32 hexadecimal digits; made once for each circuit."""
    if circuit not in FINGERPRINTS:
        FINGERPRINTS[circuit] = make_fingerprint(circuit)
    return FINGERPRINTS[circuit]


def make_fingerprint(circuit: Circuit) -> str:
    """Read all of it: hundreds of megabytes for the largest networks."""
    steps: list[list[Any]] = []
    for step in circuit.steps:
        if isinstance(step, Affine):
            arrays = (step.weights.indptr, step.weights.indices, step.weights.data)
            weights = [hashlib.sha256(array.astype("<i8").tobytes()).hexdigest() for array in arrays]
            steps.append([step.name, step.inputs, step.pooling, *weights, [int(value) for value in step.bias]])
        else:
            steps.append([step.name, step.inputs, step.coefficients])
    return digest([circuit.pixel_bits, steps])


def digest(literal: Any) -> str:
    """Thirty-two hexadecimal digits, 128 bits, of the hash of anything that JSON can write."""
    return hashlib.sha256(json.dumps(literal, sort_keys=True).encode()).hexdigest()[:32]
