from fcnlab.circuit.circuit import Circuit, Polynomial
from fcnlab.circuit.fingerprint import circuit_fingerprint
from tests.support.circuits import affine


def test_fingerprints_of_circuits_tell_every_integer_apart() -> None:
    def circuit(weight: int = 2, bias: object = 1, power: int = 2, bits: int = 2, name: str = "fc") -> Circuit:
        steps = (affine([[1, weight]], [bias], name=name), Polynomial("act", 1, (0,) * power + (1,)))
        return Circuit("c", (2,), bits, steps)

    changes = [{}, {"weight": 3}, {"weight": -2}, {"bias": 2}, {"bias": 1 << 80}, {"power": 3}]
    variants = [circuit(**change) for change in [*changes, {"bits": 3}, {"name": "other"}]]
    assert len({circuit_fingerprint(variant) for variant in variants}) == len(variants)
    assert circuit_fingerprint(circuit()) == circuit_fingerprint(circuit())
