"""Plans come back from JSON as they were; what is altered, insecure or not proven does not come back."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnlab.circuit.integers import prime_below
from fcnlab.circuit.serial import load_circuit, save_circuit
from fcnlab.errors import DataError
from fcnlab.planning.choose import make_packed_plan, make_plan
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.planning.parameters import SPECIAL_PRIME
from fcnlab.planning.plan import Plan
from fcnlab.planning.serial import describe, load_plan, save_plan, seal
from tests.support.circuits import random_images, tiny_circuit
from tests.support.runs import altered, classify

KINDS = [("batch", "bgv"), ("batch", "bfv"), ("batch", "ckks"), ("packed", "bgv"), ("packed", "ckks")]


@cache
def plan_of(layout: str, scheme: Any, seed: int = 3) -> Plan:
    if layout == "packed":
        return make_packed_plan(tiny_circuit(seed, widths=(60, 12, 6, 3)), scheme=scheme)
    return make_plan(tiny_circuit(seed, widths=(5, 3, 2)), scheme=scheme)


def same(first: Plan, second: Plan) -> bool:
    return type(first) is type(second) and describe(first) == describe(second)


@settings(max_examples=30)
@given(st.sampled_from(KINDS), st.integers(0, 1000))
def test_a_plan_comes_back_as_it_was(kind: tuple[str, str], seed: int) -> None:
    plan = plan_of(*kind, seed)
    text = save_plan(plan)
    for again in (load_plan(text), load_plan(text.encode())):
        assert same(plan, again)
        assert (again.fingerprint, str(again), again.as_dict()) == (plan.fingerprint, str(plan), plan.as_dict())
        assert (again.parameters, again.steps, again.inputs) == (plan.parameters, plan.steps, plan.inputs)
        assert save_plan(again) == text
        if isinstance(plan, PackedPlan):
            assert isinstance(again, PackedPlan)
            assert np.array_equal(again.gather, plan.gather)
            assert again.gather.dtype == plan.gather.dtype
            assert (again.rotations, again.key_levels, again.places) == (plan.rotations, plan.key_levels, plan.places)


@pytest.mark.parametrize("scheme", ["bgv", "bfv"])
def test_what_was_loaded_runs_as_what_was_saved(scheme: str) -> None:
    circuit = tiny_circuit(3, widths=(5, 3, 2))
    images = random_images(circuit, 20)
    plan, again = load_plan(save_plan(plan_of("batch", scheme))), load_circuit(save_circuit(circuit))
    assert np.array_equal(classify(again, plan, images), circuit.evaluate(images))


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(KINDS), st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_an_altered_byte_is_refused_or_changes_nothing(kind: tuple[str, str], where: float, change: int) -> None:
    plan = plan_of(*kind)
    content = bytearray(save_plan(plan).encode())
    content[int(where * len(content))] ^= change
    try:
        again = load_plan(bytes(content))
    except DataError:
        return
    assert same(again, plan)


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.floats(0, 1, exclude_max=True))
def test_a_truncated_plan_is_refused(kind: tuple[str, str], where: float) -> None:
    text = save_plan(plan_of(*kind))
    with pytest.raises(DataError, match=r"no whole plan: save and send it again\.$"):
        load_plan(text[: int(where * len(text))])


@given(st.binary(max_size=50) | st.sampled_from([b"[]", b"null", b"{}", b"3", b"[" * 100_000]))
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="no whole plan"):
        load_plan(content)


def test_another_version_is_named() -> None:
    content = json.loads(save_plan(plan_of("batch", "bgv"))) | {"version": 1}
    with pytest.raises(DataError, match=r"saved in version 1, not 2: plan and save it anew\.$"):
        load_plan(json.dumps(content))


FORMS: list[Callable[[dict[str, Any]], object]] = [
    lambda content: content.update(layout="wide"),
    lambda content: content.update(layout="packed"),
    lambda content: content.update(format="other"),
    lambda content: content.update(more=1),
    lambda content: content.pop("fingerprint"),
    lambda content: content["plan"].pop("unit"),
    lambda content: content["plan"].update(unit=1),
    lambda content: content["plan"].update(outputs=True),
    lambda content: content["plan"]["parameters"].update(primes="none"),
    lambda content: content["plan"]["steps"].append([]),
    lambda content: content["plan"]["steps"][0].update(size=2.0),
]


@pytest.mark.parametrize("damage", FORMS)
def test_another_form_is_refused(damage: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(save_plan(plan_of("batch", "bgv")))
    damage(content)
    with pytest.raises(DataError, match=r"damaged or altered \(its form is not that of a plan\)"):
        load_plan(json.dumps(content))


def test_another_fingerprint_or_digest_is_refused() -> None:
    for name in ("fingerprint", "digest"):
        content = json.loads(save_plan(plan_of("batch", "bgv")))
        content[name] = "0" * len(content[name])
        with pytest.raises(DataError, match="its digest is that of another plan"):
            load_plan(json.dumps(content))


def reproven(plan: Plan, **parameters: Any) -> Plan:
    """The plan with other parameters, its rows made to follow from them."""
    changed = altered(plan, **parameters)
    rows, left = [], list(changed.parameters.primes)
    for row, drops in zip(plan.steps, (0, *changed.parameters.drops), strict=True):
        bits = float(np.log2(np.array(left, dtype=float)).sum())
        rows.append(replace(row, modulus_bits=bits, primes=len(left), drops=drops))
        del left[len(left) - drops :]
    return replace(changed, steps=tuple(rows))


def with_row(plan: Plan, place: int, **figures: Any) -> Plan:
    rows = list(plan.steps)
    rows[place] = replace(rows[place], **figures)
    return replace(plan, steps=tuple(rows))


def large(degree: int, bits: int) -> int:
    prime = prime_below(1 << bits, step=2 * degree)
    assert prime is not None
    return prime


BGV, PACKED = plan_of("batch", "bgv"), plan_of("packed", "bgv")
CKKS, SMALL = plan_of("batch", "ckks"), plan_of("packed", "ckks")
assert isinstance(PACKED, PackedPlan)
assert isinstance(SMALL, PackedPlan)
PRIMES, DEGREE = BGV.parameters.primes, BGV.parameters.ring_degree
OTHER_GATHER = np.where(PACKED.gather == PACKED.inputs[0], -1, PACKED.gather)
KEY, *KEYS = PACKED.rotations

FORGERIES = {
    "a wide prime": (
        reproven(BGV, primes=(large(DEGREE, 52), *PRIMES[:-1])[:1], drops=(0,) * 3),
        "too large for exact products",
    ),
    "a prime twice": (reproven(BGV, primes=(PRIMES[0], PRIMES[0])), "not distinct primes"),
    "no prime": (reproven(BGV, primes=(PRIMES[0] - 2 * DEGREE,)), "not distinct primes that are 1 modulo 8192"),
    "a prime without a transform": (reproven(BGV, primes=((1 << 31) - 1,)), "not distinct primes"),
    "a special prime among the primes": (reproven(BGV, primes=(SPECIAL_PRIME,)), "not distinct primes"),
    "a negative prime": (altered(BGV, special_prime=1 - 2 * DEGREE), "exact products|not distinct primes"),
    "no plain modulus": (altered(BGV, plain_moduli=()), "0 plain moduli do not go with bgv"),
    "a plain modulus in ckks": (altered(CKKS, plain_moduli=BGV.parameters.plain_moduli), "1 plain moduli"),
    "a plain modulus that is too wide": (altered(BGV, plain_moduli=(large(DEGREE, 61),)), "more than 60 bits"),
    "a scale in bgv": (altered(BGV, scale=2.0), "2.0 is no scale in bgv"),
    "no scale": (altered(CKKS, scale=0.0), "0.0 is no scale in ckks"),
    "a negative drop": (altered(BGV, drops=(-1, 0, 0)), "drops fewer primes than none"),
    "no steps": (altered(BGV, drops=()), "or has no step"),
    "an unknown scheme": (altered(BGV, scheme="tfhe"), "there is no scheme tfhe in the batch layout"),
    "bfv on slots": (altered(PACKED, scheme="bfv", drops=(0,) * 5), "there is no scheme bfv in the packed layout"),
    "a row too few": (replace(BGV, steps=BGV.steps[:-1]), "other rows than steps"),
    "no input": (with_row(BGV, 0, name="pixels"), "other rows than steps"),
    "another modulus": (with_row(BGV, 1, modulus_bits=400.0), "row fc1 of its proof has other primes"),
    "other primes": (with_row(BGV, 1, primes=9), "row fc1 of its proof has other primes"),
    "no budget": (with_row(BGV, 2, noise_bits=BGV.steps[2].modulus_bits), "row act1 of its proof has no budget"),
    "no ciphertext": (with_row(BGV, 1, outputs=0), "no ciphertext"),
    "one polynomial": (with_row(BGV, 1, size=1), "no ciphertext"),
    "logits that are too wide": (with_row(BGV, -1, value_bits=999), "do not hold logits of 999 bits"),
    "pixels out of order": (replace(BGV, inputs=BGV.inputs[::-1]), "its pixels are not in order"),
    "pixels too far": (replace(BGV, inputs=(*BGV.inputs[:-1], 1 << 24)), "its pixels are not in order"),
    "a pixel below none": (replace(BGV, inputs=(-1, *BGV.inputs[1:])), "its pixels are not in order"),
    "no pixels": (replace(BGV, inputs=()), "its pixels are not in order"),
    "images of fewer pixels": (replace(BGV, pixels=BGV.inputs[-1]), "its pixels are not in order"),
    "fewer pixels": (replace(BGV, inputs=BGV.inputs[1:]), "begins or ends with other ciphertexts than the batch"),
    "more logits": (replace(BGV, outputs=3), "begins or ends with other ciphertexts"),
    "two replies": (with_row(PACKED, -1, outputs=2), "other ciphertexts than the packed layout has"),
    "another largest pixel": (replace(BGV, pixel_max=4), "4 is no largest pixel"),
    "no unit": (replace(BGV, unit=0.0), "its unit or its predicted error"),
    "an error in bgv": (replace(BGV, error_bound=0.5), "its unit or its predicted error"),
    "no bound in ckks": (replace(CKKS, error_bound=0.0), "its unit or its predicted error"),
    "no spread": (replace(CKKS, spread=0.0), "its unit or its predicted error"),
    "no circuit": (replace(BGV, circuit="?"), "its circuit has no fingerprint"),
    "fewer slots": (replace(PACKED, gather=PACKED.gather[:, ::2]), "its pixels are not in ciphertexts"),
    "other pixels": (replace(PACKED, gather=OTHER_GATHER), "its slots hold other pixels than it names"),
    "pixels that are none": (replace(PACKED, gather=PACKED.gather - 1), "its slots hold no pixels"),
    "a place twice": (replace(PACKED, places=(0, 0, 1)), "its logits have no places of their own"),
    "a place too many": (replace(PACKED, places=(0, 1, 2, 3)), "no places of their own"),
    "a place outside": (replace(PACKED, places=(0, 1, DEGREE * 8)), "no places of their own"),
    "scales in bgv": (replace(PACKED, plain_scales=(2.0, 1.0, 1.0)), "its weights have other scales"),
    "a scale too few": (replace(SMALL, plain_scales=SMALL.plain_scales[1:]), "its weights have other scales"),
    "keys out of order": (replace(PACKED, rotations=PACKED.rotations[::-1]), "its rotation keys are not in order"),
    "a key twice": (replace(PACKED, rotations=(KEY, KEY, *KEYS)), "its rotation keys are not in order"),
    "a key for no rotation": (replace(PACKED, rotations=((0, 1), *KEYS)), "its rotation keys are not in order"),
    "a key with three figures": (replace(PACKED, rotations=((*KEY, 1), *KEYS)), "its rotation keys are not in order"),
    "keys of too many primes": (replace(PACKED, relinearization=99), "its keys have other primes"),
    "fewer key switches than keys": (replace(PACKED, key_switches=1), "its keys have other primes"),
}


INSECURE = {
    "a ring that is too small": (
        BGV,
        {"ring_degree": 2048, "primes": [65537]},
        "2048 is no ring degree of plans|drops",
    ),
    "too many bits": (BGV, {"primes": [*PRIMES, large(DEGREE, 50), large(DEGREE, 49)]}, "128-bit security allows"),
    "a large special prime": (BGV, {"special_prime": large(DEGREE, 109)}, "more than the 109 that 128-bit security"),
    "a smaller ring": (SMALL, {"ring_degree": 4096}, "128-bit security allows"),
}


@pytest.mark.parametrize("name", INSECURE)
def test_parameters_that_are_not_secure_are_refused(name: str) -> None:
    plan, changes, reason = INSECURE[name]
    content = json.loads(save_plan(plan))
    content["plan"]["parameters"].update(changes)
    with pytest.raises(DataError, match=f"damaged or altered .*({reason})"):
        load_plan(json.dumps(content))


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_insecure_or_not_proven_is_refused_whatever_its_digest(name: str) -> None:
    plan, reason = FORGERIES[name]
    with pytest.raises(DataError, match=f"damaged or altered .*({reason})") as caught:
        load_plan(save_plan(plan))
    assert str(caught.value).endswith("): save and send it again.")


def test_drops_that_no_parameters_have_are_refused() -> None:
    content = json.loads(save_plan(BGV))
    content["plan"]["parameters"]["drops"][0] = 99
    with pytest.raises(DataError, match="primes are to be dropped"):
        load_plan(json.dumps(content))


def test_numbers_that_are_none_are_never_written() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        save_plan(replace(BGV, unit=float("nan")))
    content = json.loads(save_plan(CKKS))
    content["plan"]["predicted_error"] = float("inf")
    with pytest.raises(DataError, match="its unit or its predicted error"):
        load_plan(json.dumps(content))


def test_a_forgery_without_change_is_a_plan() -> None:
    assert seal(load_plan(save_plan(reproven(BGV)))) == seal(reproven(BGV))
