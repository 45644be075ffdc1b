"""What one primitive operation costs on this machine: values, their file, and nothing that measures.

`measuring.calibration` measures them once per machine; `projection` adds them up.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from fcnlab.data.files import write_whole
from fcnlab.errors import DataError
from fcnlab.machine.machine import cache_folder, machine_digest, machine_name
from fcnlab.page import Page, Shown, Table
from fcnlab.planning.parameters import SCHEMES

LAYOUT: Final = 4
"""Version of the file; a file of another is measured again."""

MEASURED_RINGS: Final = (4096, 8192, 16384)

SUMS = ("add_eight", "add_one", "double", "reduce")
ACTIVATIONS = ("square", "multiply", "multiply_plain", "add", "add_plain")
ON_SLOTS = ("transform", "weigh", "key_product")
KERNELS: Final = ("load", *SUMS, *ACTIVATIONS, "store", *ON_SLOTS, "mask")
"""Work of the fused engine's kernels, in seconds for each residue they touch, or for each product of residues; three of
them belong to the packed layout: transforms (at n = 8192), weights and keys. Masks are expanded from their seed."""

ON_BYTES = ("keys", "encrypt", "decrypt", "load", "save", "copy")
LINEAR = ("add", "negate", "add_plain", "multiply_plain", "encode", "lift")
SEAL: Final = (*ON_BYTES, *LINEAR, "square", "multiply", "switch", "rotate", "relinearize", "evaluation_key")
"""Operations of SEAL and the ways to it and back: a `Line` each, for every scheme and ring.

``lift`` is what a product with a plaintext, or its sum, takes beyond in bgv if the plain modulus is above a prime: SEAL
then takes every coefficient through an integer of as many words as there are primes."""

GENERAL: Final = ("digit_s", "block_s", "fresh_byte_s", "process_bytes")
"""Seconds for each digit of a weight (making the kernels' program), each block of each layer (calling them) and each
byte of memory used for the first time; memory of a process that has loaded everything."""


SHOWN: Final = ("encrypt", "decrypt", "load", "save", "add", "add_plain", "multiply_plain", "square", "switch")
"""Operations of SEAL that the table shows."""


@dataclass(frozen=True)
class Line:
    """Seconds of an operation on a ciphertext: fixed + primes * (per_prime + per_part * parts), none negative.

    Parts are polynomials; for a mult of ciphertexts, the products of polynomials it needs; for key switches and their
    keys, the primes of the key, special one included.
    """

    fixed: float
    per_prime: float
    per_part: float

    def seconds(self, *, parts: int, primes: int) -> float:
        """Seconds for one ciphertext."""
        return self.fixed + primes * (self.per_prime + self.per_part * parts)


@dataclass(frozen=True, eq=False)
class UnitCosts(Shown):
    """Unit costs of one machine.

    Attributes:
        machine: Processor and versions they were measured with.
        kernels: Seconds a residue, by name in KERNELS.
        general: By name in GENERAL.
        seal: A `Line` by scheme, ring degree and name in SEAL.
    """

    machine: Mapping[str, str]
    kernels: Mapping[str, float]
    general: Mapping[str, float]
    seal: Mapping[str, Mapping[int, Mapping[str, Line]]]

    def seal_seconds(self, unit: str, *, scheme: str, ring_degree: int, parts: int, primes: int) -> float:
        """Seconds of one operation of SEAL; a ring that was not measured goes by n log n from the nearest one."""
        rings = self.seal[scheme]
        nearest = min(rings, key=lambda degree: abs(math.log2(degree / ring_degree)))
        growth = ring_degree * math.log2(ring_degree) / (nearest * math.log2(nearest))
        return growth * rings[nearest][unit].seconds(parts=parts, primes=primes)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "layout": LAYOUT,
            "machine": dict(self.machine),
            "kernels": dict(self.kernels),
            "general": dict(self.general),
            "seal": {
                scheme: {
                    str(ring): {unit: asdict(line) for unit, line in lines.items()} for ring, lines in rings.items()
                }
                for scheme, rings in self.seal.items()
            },
        }

    @override
    def page(self) -> Page:
        kernels = ", ".join(f"{name} {1e9 * seconds:.2f}" for name, seconds in self.kernels.items())
        rows: list[list[object]] = []
        for scheme, rings in self.seal.items():
            for ring in rings:
                at = partial(self.seal_seconds, scheme=scheme, ring_degree=ring, primes=3)
                rows.append([scheme, ring, *(f"{1e6 * at(unit, parts=2 + (unit == 'square')):,.0f}" for unit in SHOWN)])
        return Page(
            "  ".join(f"{key} {value}" for key, value in self.machine.items()),
            f"kernels, nanoseconds a residue: {kernels}",
            f"memory of a process {self.general['process_bytes'] / 2**20:.0f} MiB",
            "SEAL, microseconds for a ciphertext of 2 polynomials (square: 3 products) and 3 primes",
            Table(["scheme", "ring", *SHOWN], rows),
        )


def costs_path(machine: Mapping[str, str]) -> Path:
    """The file of this user's measurements on a machine."""
    return cache_folder() / f"costs-{machine_digest(dict(machine))}.json"


def save_costs(costs: UnitCosts) -> Path:
    """Store unit costs for this user and the machine they name; returns the file.

    Raises:
        DataError: If it cannot be written.
    """
    path = costs_path(costs.machine)
    write_whole(path, f"{json.dumps(costs.as_dict(), indent=1)}\n".encode())
    return path


def load_costs() -> UnitCosts:
    """This user's measurements of this machine.

    Raises:
        DataError: If there are none, or they are damaged, of another layout or of another machine or version.
    """
    machine = machine_name()
    path = costs_path(machine)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"There are no readable measurements of this machine in {path}: run `fcnlab calibrate`."
        ) from error
    costs = parse_costs(values)
    if dict(costs.machine) != machine:
        raise DataError(f"{path} was measured on another machine or with other versions: run `fcnlab calibrate`.")
    return costs


def parse_costs(values: Any) -> UnitCosts:
    """Unit costs from parsed JSON.

    Raises:
        DataError: Unless every unit of every scheme and ring is there, finite and not negative, and nothing else.
    """
    try:
        if set(values) != {"layout", "machine", "kernels", "general", "seal"} or values["layout"] != LAYOUT:
            raise ValueError(f"not of layout {LAYOUT}")
        seal = {}
        for scheme, rings in exactly(values["seal"], SCHEMES).items():
            degrees = exactly(rings, map(str, MEASURED_RINGS))
            seal[scheme] = {
                int(degree): {
                    unit: Line(**exact_amounts(line, Line.__dataclass_fields__))
                    for unit, line in exactly(lines, SEAL).items()
                }
                for degree, lines in degrees.items()
            }
        return UnitCosts(
            machine={str(key): str(value) for key, value in values["machine"].items()},
            kernels=exact_amounts(values["kernels"], KERNELS),
            general=exact_amounts(values["general"], GENERAL),
            seal=seal,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"The measurements of this machine are damaged ({error}): run `fcnlab calibrate`.") from error


def exactly(values: Mapping[str, Any], names: Any) -> Mapping[str, Any]:
    """`values`, if its keys are just these names."""
    wanted = set(names)
    if set(values) != wanted:
        raise ValueError(f"{', '.join(sorted(set(values) ^ wanted))} missing or unknown")
    return values


def exact_amounts(values: Mapping[str, Any], names: Any) -> dict[str, float]:
    """Finite numbers, not negative, under just these names."""
    amounts = {name: float(value) for name, value in exactly(values, names).items()}
    wrong = [name for name, value in amounts.items() if not 0 <= value < math.inf]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} out of range")
    return amounts
