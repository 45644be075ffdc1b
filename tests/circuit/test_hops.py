import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from torch import nn

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.hops import LayerHops, count_fused, count_published, count_stepwise
from fcnlab.compiler.compile import compile_circuit
from fcnlab.networks.architectures import cryptonets

COLUMNS = ("pt_ct_adds", "ct_ct_adds", "pt_ct_mults", "ct_ct_mults")
MATRICES = hnp.arrays(np.int64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.integers(-20, 20))


def columns(layer: LayerHops) -> tuple[int, ...]:
    return tuple(getattr(layer, column) for column in COLUMNS)


def uncollapsed(*, activation: str, products: int) -> Circuit:
    """A CryptoNets network with signed powers of two as weights and this many nonzero weight products."""
    network = cryptonets(activation=activation, batch_norm=False)
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for layer in network.children():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                powers = rng.choice([-1, 1], layer.weight.shape) * 2.0 ** rng.integers(-3, 1, layer.weight.shape)
                layer.weight.copy_(torch.from_numpy(powers))
                layer.bias.fill_(0.5)

        # A weight of fc1 or fc2 is one product; a tap of a convolution is as many as it has places in the image.
        def count() -> int:
            return compile_circuit(network, name="mask", merge=False, complete_squares=False).products

        if products < count():
            network.conv1.weight *= torch.from_numpy(rng.random(network.conv1.weight.shape) < 0.3)
            network.conv2.weight *= torch.from_numpy(rng.random(network.conv2.weight.shape) < 0.05)
            network.fc1.weight.zero_()
            missing = products - count()
            chosen = rng.choice(network.fc1.weight.numel(), missing, replace=False)
            network.fc1.weight.view(-1)[torch.from_numpy(chosen)] = 0.25
    return compile_circuit(network, name="uncollapsed", merge=False, complete_squares=False)


def test_the_published_row_of_cryptonets():
    circuit = uncollapsed(activation="square", products=302_730)
    table = count_published(circuit)
    products = 302_730
    assert columns(table.total) == (2_205, products + 15_295, products, 945)
    assert [step.outputs for step in circuit.steps] == [845, 845, 845, 1250, 1250, 100, 100, 10]
    dense = {layer.name: layer.pt_ct_mults for layer in table.layers if layer.pt_ct_mults}
    assert dense == {"conv1": 20_480, "conv2": 156_250, "fc1": 125_000, "fc2": 1_000}
    pooling = {layer.name: layer.ct_ct_adds for layer in table.layers if layer.name.startswith("pool")}
    assert pooling == {"pool1": 6_845, "pool2": 8_450}


def test_the_published_row_of_faster_cryptonets():
    table = count_published(uncollapsed(activation="swish-aq-2", products=23_007))
    assert columns(table.total) == (3_995, 38_302, 23_952, 945)
    assert table.total.total == 67_194
    first, second = (layer for layer in table.layers if layer.name.startswith("act"))
    assert columns(first) == (2 * 845, 0, 845, 845)
    assert columns(second) == (100, 0, 100, 100)


@given(MATRICES, st.booleans(), st.integers(0, 2**32 - 1))
def test_affine_steps_are_counted_as_they_run(weights, pooling, seed):
    weights = np.abs(np.sign(weights)) if pooling else weights
    bias = np.random.default_rng(seed).integers(-1, 2, len(weights))
    step = Affine("fc", sparse.csr_array(weights), bias, pooling=pooling)
    circuit = Circuit("one", (weights.shape[1],), 4, (step,))
    adds = mults = digits = doublings = 0
    for row in weights.tolist():
        used = [w for w in row if w]
        mults += 0 if pooling else len(used)
        adds += max(len(used) - 1, 0)
        digits += max(sum(bin(w ^ 3 * w).count("1") for w in map(abs, used)) - 1, 0)
        doublings += max(((w ^ 3 * w).bit_length() - 2 for w in map(abs, used)), default=0)
    biases = int(np.count_nonzero(bias))
    assert columns(count_stepwise(circuit).total) == (biases, adds, mults, 0)
    fused = count_fused(circuit).total
    assert columns(fused) == (biases, digits + doublings, 0, 0)
    assert fused.doublings == doublings


POLYNOMIALS = [
    # coefficients, per value: PT-CT adds, CT-CT adds, PT-CT mults, CT-CT mults
    ((0, 0, 1), (0, 0, 0, 1)),
    ((3, 0, 1), (1, 0, 0, 1)),
    ((3, 5, 1), (2, 0, 0, 1)),
    ((3, 5, 2), (2, 0, 1, 1)),
    ((0, 5, -1), (1, 0, 1, 1)),
    ((3, 5, 0, 2), (2, 0, 1, 2)),
    ((3, 0, 4, 2), (2, 0, 1, 2)),
    ((0, 0, 0, 1), (0, 0, 0, 2)),
    ((3, 5, 4, 2, 7), (2, 2, 3, 2)),
    ((0, 1, 0, 0, 1), (0, 1, 0, 2)),
]


@pytest.mark.parametrize(("coefficients", "expected"), POLYNOMIALS)
def test_polynomials_have_the_fewest_products_of_ciphertexts(coefficients, expected):
    circuit = Circuit("one", (7,), 4, (Polynomial("act", 7, coefficients),))
    for count in (count_stepwise, count_fused):
        assert columns(count(circuit).total) == tuple(7 * value for value in expected)


def test_published_polynomials_follow_horner():
    circuit = Circuit("one", (7,), 4, (Polynomial("act", 7, (1, 2, 3, 4)),))
    assert columns(count_published(circuit).total) == (21, 0, 7, 14)


def test_powers_of_two_cost_no_products_and_few_doublings():
    merged = compile_circuit(cryptonets(batch_norm=False), name="x")
    fused, stepwise = count_fused(merged).total, count_stepwise(merged).total
    assert fused.pt_ct_mults == 0
    assert fused.pt_ct_adds == stepwise.pt_ct_adds
    sparse_circuit = uncollapsed(activation="square", products=23_007)
    fused, stepwise = count_fused(sparse_circuit).total, count_stepwise(sparse_circuit).total
    assert fused.ct_ct_adds - fused.doublings == stepwise.ct_ct_adds
    assert fused.total < 0.75 * stepwise.total


def test_the_table_as_json():
    circuit = Circuit("tiny", (2,), 4, (Affine("fc", sparse.csr_array(np.array([[2, -3]])), np.array([1])),))
    table = json.loads(json.dumps(count_fused(circuit).as_dict()))
    assert table["network"] == "tiny"
    assert table["convention"] == "fused"
    assert table["layers"] == [{"name": "fc", "outputs": 1, **table["total"]}]
    assert table["total"]["total"] == sum(table["total"][column] for column in COLUMNS)
    assert table["total"]["doublings"] == 2
    assert count_stepwise(Circuit("empty", (2,), 4, ())).total.total == 0
