"""Circuits as bytes: a safetensors file of int64 arrays, with everything else as JSON in its metadata. No pickle.

Both the JSON and the arrays are under one digest. It finds damage, not malice: whoever alters a file can seal it anew,
so the loader also checks that what it returns is a circuit in every respect. Whether it is the circuit of a plan is for
the plan's fingerprint to say.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save
from scipy import sparse

from fcnlab.circuit.circuit import WIDEST, Affine, Circuit, Polynomial, Step
from fcnlab.circuit.integers import Integers, integer_array
from fcnlab.errors import CircuitError, DataError

VERSION: Final = 1
KEY: Final = "fcnlab.circuit"
ARRAYS: Final = ("indptr", "indices", "data")

# What the JSON must be: a type, a list of one form, or an object with exactly these entries.
FORM: Final = {"version": int, "name": str, "input_shape": [int], "pixel_bits": int, "steps": [dict], "digest": str}
AFFINE: Final = {"name": str, "inputs": int, "bias": [int], "unit": float, "pooling": bool}
POLYNOMIAL: Final = {"name": str, "width": int, "coefficients": [int], "unit": float}


def save_circuit(circuit: Circuit) -> bytes:
    """A circuit as bytes that `load_circuit` reads, the same for equal circuits."""
    header, arrays = describe(circuit)
    header["digest"] = seal(header, arrays)
    return save(dict(arrays), metadata={KEY: json.dumps(header, allow_nan=False)})


def load_circuit(content: bytes) -> Circuit:
    """The circuit that `save_circuit` wrote.

    Raises:
        DataError: If the bytes are truncated or altered, of another version, or no circuit.
    """
    try:
        arrays = load(content)
        size = 8 + int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8:size])["__metadata__"][KEY])
        version = header["version"]
    except (SafetensorError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError("These bytes are no whole circuit: save and send it again.") from error
    if version != VERSION:
        raise DataError(f"The circuit was saved in version {version!r}, not {VERSION}: compile and save it anew.")
    try:
        require(fits(header, FORM), "its header")
        steps = tuple(read_step(index, values, arrays) for index, values in enumerate(header["steps"]))
        circuit = Circuit(header["name"], tuple(header["input_shape"]), header["pixel_bits"], steps)
    except CircuitError as error:
        raise DataError(f"The saved circuit is damaged or altered: {error}") from error
    again, own = describe(circuit)
    require(own.keys() == arrays.keys() and seal(again, own) == header["digest"], "the digest of its content")
    return circuit


def describe(circuit: Circuit) -> tuple[dict[str, Any], dict[str, Integers]]:
    """The JSON of a circuit without its digest, and its arrays by name."""
    steps: list[dict[str, Any]] = []
    arrays: dict[str, Integers] = {}
    for index, step in enumerate(circuit.steps):
        values: dict[str, Any] = {"name": step.name, "unit": float(step.unit)}
        if isinstance(step, Affine):
            values |= {"inputs": step.inputs, "pooling": step.pooling, "bias": [int(value) for value in step.bias]}
            arrays |= {f"{index}.{name}": getattr(step.weights, name).astype("<i8") for name in ARRAYS}
        else:
            values |= {"width": step.width, "coefficients": [int(value) for value in step.coefficients]}
        steps.append(values)
    header = {"name": circuit.name, "input_shape": list(circuit.input_shape), "pixel_bits": circuit.pixel_bits}
    return {"version": VERSION, **header, "steps": steps}, arrays


def seal(header: Mapping[str, Any], arrays: Mapping[str, Integers]) -> str:
    """The digest of a header and its arrays."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True, allow_nan=False).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {len(arrays[name])} ".encode() + arrays[name].tobytes())
    return digest.hexdigest()


def read_step(index: int, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Step:
    """One step, every array checked before scipy sees it."""
    if fits(values, POLYNOMIAL):
        step: Step = Polynomial(values["name"], values["width"], tuple(values["coefficients"]), values["unit"])
    else:
        require(fits(values, AFFINE), f"the header of step {index}")
        columns, bias = values["inputs"], integer_array(values["bias"])
        indptr, indices, data = (arrays.get(f"{index}.{name}", np.empty(0)) for name in ARRAYS)
        require(all(problems_free(indptr, indices, data, rows=len(bias), columns=columns)), f"weights of step {index}")
        require(not values["pooling"] or bool((data == 1).all()), f"the sums of step {index}, which have weights")
        weights = sparse.csr_array((data, indices, indptr), shape=(len(bias), columns))
        step = Affine(values["name"], weights, bias, values["unit"], values["pooling"])
    require(0 < step.outputs <= WIDEST and 0 < step.inputs <= WIDEST, f"the widths of step {index}")
    require(0 < step.unit < math.inf, f"the unit of step {index}")
    return step


def problems_free(
    indptr: npt.NDArray[Any], indices: npt.NDArray[Any], data: npt.NDArray[Any], *, rows: int, columns: int
) -> Iterator[bool]:
    """What holds of sorted CSR arrays of int64 without stored zeros, one after the other: each needs those before."""
    yield all(array.dtype == np.int64 and array.ndim == 1 for array in (indptr, indices, data))
    yield 0 < rows <= WIDEST and 0 < columns <= WIDEST and len(indptr) == rows + 1
    yield bool(indptr[0] == 0 and indptr[-1] == len(indices) == len(data) and (np.diff(indptr) >= 0).all())
    yield bool(((indices >= 0) & (indices < columns)).all())
    row = np.repeat(np.arange(rows), np.diff(indptr))
    yield bool((np.diff(row * columns + indices) > 0).all())
    yield bool(data.all() and (data > np.iinfo(np.int64).min).all())


def fits(value: Any, form: Any) -> bool:
    """Whether parsed JSON has a form, as FORM describes one; true and false are no integers."""
    if isinstance(form, dict):
        return isinstance(value, dict) and value.keys() == form.keys() and all(fits(value[k], form[k]) for k in form)
    if isinstance(form, list):
        return isinstance(value, list) and all(fits(entry, form[0]) for entry in value)
    return type(value) is form


def require(holds: Any, what: str) -> None:
    """Refuse a circuit in which something does not hold."""
    if not holds:
        raise DataError(f"The saved circuit is damaged or altered in {what}: save and send it again.")
