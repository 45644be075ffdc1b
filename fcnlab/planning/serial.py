"""Plans as JSON, in either layout: every figure of the proof, under a digest and the plan's fingerprint. No pickle.

The digest finds damage, not malice. Therefore the loader trusts nothing that it can check without the circuit: every
prime, the layout, and that the rows of the proof follow from the parameters and have budgets left. Noise and value
bounds can only be proven anew by who has the circuit (`choose.prove`).
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from fcnlab.circuit.circuit import MOST_PIXEL_BITS, WIDEST
from fcnlab.circuit.integers import is_prime
from fcnlab.circuit.serial import fits
from fcnlab.errors import DataError, PlanError
from fcnlab.planning.batch.exact import WIDEST_PLAIN_BITS
from fcnlab.planning.packed import approximate, exact
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.parameters import PRIME_BITS, RINGS, SCHEMES, Parameters, log_product
from fcnlab.planning.plan import Plan
from fcnlab.planning.proof import PlannedStep

VERSION: Final = 2
FORMAT: Final = "fcnlab.plan"
LARGEST_BITS: Final = {"batch": PRIME_BITS, "packed": approximate.LARGEST_BITS}  # of a data prime: kernels stay exact

# What the JSON must be, as `circuit.serial.fits` reads it.
FILE: Final = {"format": str, "version": int, "layout": str, "plan": dict, "fingerprint": str, "digest": str}
PARAMETERS: Final = {"scheme": str, "ring_degree": int, "primes": [int], "special_prime": int}
PARAMETERS_TOO: Final = {"plain_moduli": [int], "scale": float, "drops": [int]}
STEP: Final = dict.fromkeys(("outputs", "size", "value_bits", "primes", "drops"), int)
STEP_TOO: Final = {"name": str, "noise_bits": float, "modulus_bits": float}
BATCH: Final = {
    "network": str,
    "circuit": str,
    "parameters": PARAMETERS | PARAMETERS_TOO,
    "pixels": int,
    "inputs": [int],
    "pixel_max": int,
    "outputs": int,
    "unit": float,
    "steps": [STEP | STEP_TOO],
    "predicted_error": float,
    "error_bound": float,
    "spread": float,
}
SLOTS: Final = {"gather": [[int]], "places": [int], "plain_scales": [float]}
KEYS: Final = {"rotations": [[int]], "relinearization": int, "key_switches": int}
FORMS: Final = {"batch": BATCH, "packed": BATCH | SLOTS | KEYS}


def save_plan(plan: Plan) -> str:
    """A plan as JSON that `load_plan` reads, the same for equal plans."""
    return json.dumps(describe(plan) | {"digest": seal(plan)}, allow_nan=False)


def load_plan(text: str | bytes) -> Plan:
    """The plan that `save_plan` wrote, a `PackedPlan` if it was one.

    Raises:
        DataError: If the text is truncated or altered, of another version, or a plan that is not secure or whose proof
            does not follow from its parameters.
    """
    try:
        content = json.loads(text)
        version = content["version"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError("This is no whole plan: save and send it again.") from error
    if version != VERSION:
        raise DataError(f"The plan was saved in version {version!r}, not {VERSION}: plan and save it anew.")
    try:
        form = FORMS.get(content["layout"]) if fits(content, FILE) and content["format"] == FORMAT else None
        if form is None or not fits(content["plan"], form):
            raise PlanError("its form is not that of a plan")
        plan = read_plan(content["plan"])
        problem = next(problems(plan), None)
        if problem is None and (content["fingerprint"], content["digest"]) != (plan.fingerprint, seal(plan)):
            problem = "its digest is that of another plan"
        if problem is not None:
            raise PlanError(problem)
    except PlanError as error:
        raise DataError(f"The saved plan is damaged or altered ({error}): save and send it again.") from error
    return plan


def describe(plan: Plan) -> dict[str, Any]:
    """The JSON of a plan without its digest."""
    values = asdict(plan)
    if isinstance(plan, PackedPlan):
        values["gather"] = plan.gather.tolist()
    file = {"format": FORMAT, "version": VERSION, "layout": plan.layout, "fingerprint": plan.fingerprint}
    return file | {"plan": values}


def seal(plan: Plan) -> str:
    """The digest of everything in a saved plan."""
    return hashlib.sha256(json.dumps(describe(plan), sort_keys=True, allow_nan=False).encode()).hexdigest()


def read_plan(values: dict[str, Any]) -> Plan:
    """The plan of parsed JSON that has the form of its layout."""
    fields = values | {
        "parameters": Parameters(**as_tuples(values["parameters"])),
        "steps": tuple(PlannedStep(**step) for step in values["steps"]),
    }
    if "gather" in fields:
        rows = fields.pop("gather")
        if len({len(row) for row in rows}) != 1 or not all(-1 <= pixel < WIDEST for row in rows for pixel in row):
            raise PlanError("its slots hold no pixels")
        return PackedPlan(**as_tuples(fields), gather=np.array(rows, dtype=np.int64))
    return Plan(**as_tuples(fields))


def as_tuples(values: Any) -> Any:
    """Lists within parsed JSON as tuples."""
    if isinstance(values, dict):
        return {name: as_tuples(value) for name, value in values.items()}
    return tuple(map(as_tuples, values)) if isinstance(values, list) else values


def problems(plan: Plan) -> Iterator[str]:
    """What is wrong with a plan, each reason asked only if those before do not hold."""
    yield from parameter_problems(plan.parameters, layout=plan.layout)
    yield from proof_problems(plan)
    if isinstance(plan, PackedPlan):
        yield from slot_problems(plan)


def parameter_problems(chosen: Parameters, *, layout: str) -> Iterator[str]:
    """What is wrong with a literal: nothing here depends on the circuit."""
    degree, every = chosen.ring_degree, (*chosen.primes, chosen.special_prime)
    if chosen.scheme not in SCHEMES or (layout == "packed" and chosen.scheme == "bfv"):
        yield f"there is no scheme {chosen.scheme} in the {layout} layout"
    if degree not in RINGS:
        yield f"{degree} is no ring degree of plans"
    if max(chosen.primes) >> LARGEST_BITS[layout] or chosen.special_prime >> exact.SPECIAL_BITS:
        yield "its primes are too large for exact products"
    if any(modulus >> WIDEST_PLAIN_BITS for modulus in chosen.plain_moduli):
        yield f"a plain modulus has more than {WIDEST_PLAIN_BITS} bits"
    moduli = (*every, *chosen.plain_moduli)
    if len(set(moduli)) < len(moduli) or not all(p % (2 * degree) == 1 and is_prime(p) for p in moduli):
        yield f"its moduli are not distinct primes that are 1 modulo {2 * degree}"
    if bool(chosen.plain_moduli) == (chosen.scheme == "ckks"):
        yield f"{len(chosen.plain_moduli)} plain moduli do not go with {chosen.scheme}"
    if not (0 < chosen.scale < math.inf if chosen.scheme == "ckks" else chosen.scale == 1):
        yield f"{chosen.scale} is no scale in {chosen.scheme}"
    if min(chosen.drops, default=-1) < 0:
        yield "it drops fewer primes than none, or has no step"


def proof_problems(plan: Plan) -> Iterator[str]:
    """What is wrong with the proof, which has to follow from the parameters, and with what the client reads."""
    chosen, names = plan.parameters, [row.name for row in plan.steps]
    if len(names) != len(chosen.drops) + 1 or names[0] != "input":
        yield "its proof has other rows than steps"
    primes = list(chosen.primes)
    for row, drops in zip(plan.steps, (0, *chosen.drops), strict=True):
        follows = math.isclose(row.modulus_bits, log_product(primes), rel_tol=1e-12)
        if not follows or (row.primes, row.drops) != (len(primes), drops):
            yield f"row {row.name} of its proof has other primes than its parameters"
        if not (row.outputs > 0 and row.size > 1 and row.value_bits > 0 and 0 <= row.budget_bits < math.inf):
            yield f"row {row.name} of its proof has no budget left, or no ciphertext"
        del primes[len(primes) - drops :]
    first, last = plan.steps[0], plan.steps[-1]
    if chosen.plain_moduli and not math.prod(chosen.plain_moduli) >> last.value_bits:
        yield f"its plain moduli do not hold logits of {last.value_bits} bits"
    pixels = sorted({*plan.inputs})
    if not pixels or [*plan.inputs] != pixels or pixels[0] < 0 or pixels[-1] >= min(plan.pixels, WIDEST):
        yield "its pixels are not in order"
    ends = (len(plan.inputs), plan.outputs) if plan.layout == "batch" else (first.outputs, 1)
    if (first.outputs, last.outputs) != ends:
        yield f"its proof begins or ends with other ciphertexts than the {plan.layout} layout has"
    if plan.pixel_max not in {(1 << bits) - 1 for bits in range(1, MOST_PIXEL_BITS + 1)}:
        yield f"{plan.pixel_max} is no largest pixel"
    errors = (plan.predicted_error, plan.error_bound)
    fine = all(0 <= error < math.inf and (error > 0) == (chosen.scheme == "ckks") for error in errors)
    if not (fine and 0 < plan.unit < math.inf and 0 < plan.spread < math.inf):
        yield "its unit or its predicted error is out of range"
    if not re.fullmatch("[0-9a-f]{32}", plan.circuit):
        yield "its circuit has no fingerprint"


def slot_problems(plan: PackedPlan) -> Iterator[str]:
    """What is wrong with the packed layout: where pixels and logits are, and which keys are made."""
    chosen = plan.parameters
    slots = chosen.ring_degree // 2
    if plan.gather.shape != (plan.steps[0].outputs, slots):
        yield f"its pixels are not in ciphertexts of {slots} slots"
    if np.unique(plan.gather[plan.gather >= 0]).tolist() != [*plan.inputs]:
        yield "its slots hold other pixels than it names"
    if not len(plan.places) == len({*plan.places}) == plan.outputs or not all(0 <= p < slots for p in plan.places):
        yield "its logits have no places of their own"
    fine = [scale == 1 if chosen.plain_moduli else 0 < scale < math.inf for scale in plan.plain_scales]
    if not all(fine) or 2 * len(fine) != len(plan.steps):
        yield "its weights have other scales than its stages"
    steps = [step for step, *_ in plan.rotations]
    if steps != sorted({*steps}) or not all(len(key) == 2 and 0 < key[0] < slots for key in plan.rotations):
        yield "its rotation keys are not in order"
    if not all(0 < level <= len(chosen.primes) for level in plan.key_levels) or plan.key_switches < len(plan.rotations):
        yield "its keys have other primes than its parameters"
