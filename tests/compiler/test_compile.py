import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from fcnlab.circuit.circuit import Affine, Circuit, Polynomial
from fcnlab.circuit.hops import count_stepwise
from fcnlab.compiler.compile import compile_circuit
from fcnlab.compiler.layers import PolynomialActivation, Square, SumPool2d
from fcnlab.errors import CircuitError
from fcnlab.networks.architectures import cryptonets, faster_cryptonets
from tests.support.fidelity import measure_fidelity

SLOW = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
SWISH = (2.0**-3, 2.0**-1, 2.0**-3)
DYADIC = [(0.0, 0.0, 1.0), SWISH, (0.25, 0.0, -0.5), (0.5, 0.125, 0.0), (0.0, -1.0, 0.0)]
REAL = [*DYADIC, (0.15361373, 0.5, 0.12050345), (0.1, -0.3, 0.2, 0.05), (0.0, 0.5, 0.0, 0.0, 0.125)]


@st.composite
def networks(draw, *, dyadic: bool) -> tuple[nn.Sequential, tuple[int, ...]]:
    """A small random network and its input shape; with `dyadic`, every weight is 0 or +-2^k."""
    random = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    channels, height, width = draw(st.integers(1, 2)), draw(st.integers(5, 7)), draw(st.integers(5, 7))
    maps = 2 * draw(st.integers(1, 2))

    def maybe(*layers: nn.Module) -> list[nn.Module]:
        return list(layers) if draw(st.booleans()) else []

    def activation() -> nn.Module:
        coefficients = draw(st.sampled_from(DYADIC if dyadic else REAL))
        return Square() if coefficients == (0.0, 0.0, 1.0) else PolynomialActivation(coefficients)

    def convolution(inputs: int, outputs: int, groups: int) -> nn.Module:
        padding = draw(st.sampled_from([0, 1, (1, 0)]))
        return nn.Conv2d(
            inputs,
            outputs,
            kernel_size=draw(st.sampled_from([2, 3, (3, 2)])),
            stride=draw(st.sampled_from([1, 2, (2, 1)])),
            padding=padding,
            dilation=draw(st.sampled_from([1, (1, 2)])),
            groups=groups,
            bias=draw(st.booleans()),
        )

    pooling = st.sampled_from([nn.AvgPool2d(2, stride=1, padding=1), SumPool2d(3, 1, 1), SumPool2d(2, 2, 0)])
    layers: list[nn.Module] = [
        *maybe(nn.ZeroPad2d(draw(st.tuples(*[st.integers(0, 2)] * 4)))),
        convolution(channels, maps, draw(st.sampled_from([1, channels]))),
        *([] if dyadic else maybe(nn.BatchNorm2d(maps))),
        activation(),
        *maybe(nn.Dropout(0.5), draw(pooling)),
        nn.Sequential(*maybe(convolution(maps, maps, draw(st.sampled_from([1, 2, maps]))), nn.AvgPool2d(1))),
        nn.Flatten(),
    ]
    body = nn.Sequential(*layers).eval()
    try:
        features = body(torch.zeros(1, channels, height, width)).shape[1]
    except RuntimeError:  # a window larger than its map
        assume(False)
    head = [nn.Linear(features, 5), *([] if dyadic else maybe(nn.BatchNorm1d(5))), *maybe(activation())]
    network = nn.Sequential(*body, *head, nn.Linear(5, 3)).double().eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if dyadic and name.endswith("bias"):
                value.copy_(torch.randint(-3, 4, value.shape, generator=random) / 4)
            elif dyadic:
                signs, powers = (torch.randint(low, 2, value.shape, generator=random) for low in (-1, -2))
                value.copy_(signs * 2.0**powers)
                value.view(len(value), -1)[:, 0] = 0.25  # every row reads something
            else:
                value.uniform_(-1, 1, generator=random).div_(max(1, value[0].numel()) ** 0.5)
        for name, value in network.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                value.uniform_(0.5, 1.5, generator=random)
    return network, (channels, height, width)


def compile_small(network: nn.Module, shape: tuple[int, ...], **options) -> Circuit:
    """Compile, and pass over the few random networks in which every weight of a logit cancels."""
    try:
        return compile_circuit(network, name="small", input_shape=shape, **options)
    except CircuitError as error:
        assume("read no pixel" not in str(error))
        raise


def sample(circuit: Circuit, *, images: int = 20) -> np.ndarray:
    return np.random.default_rng(0).integers(0, circuit.pixel_max + 1, (images, *circuit.input_shape))


def real_logits(circuit: Circuit, pixels: np.ndarray) -> np.ndarray:
    return circuit.evaluate(pixels).astype(np.float64) * circuit.unit


@given(networks(dyadic=True), st.booleans(), st.booleans())
@SLOW
def test_powers_of_two_are_exact(case, merge, complete_squares):
    network, shape = case
    circuit = compile_small(network, shape, pixel_bits=2, merge=merge, complete_squares=complete_squares)
    assume(max(interval.bits for interval in circuit.ranges) <= 50)  # beyond, torch itself rounds
    fidelity = measure_fidelity(circuit, network, pixels=sample(circuit))
    assert fidelity.max_logit_difference == 0
    assert fidelity.digit_agreement == 1


@pytest.mark.filterwarnings("ignore:Rounding moves logits")  # random weights may be as unlike
@given(networks(dyadic=True))
@SLOW
def test_the_four_ways_to_compile_are_the_same_function(case):
    network, shape = case
    circuits = [
        compile_small(network, shape, pixel_bits=2, merge=merge, complete_squares=complete)
        for merge in (True, False)
        for complete in (True, False)
    ]
    pixels = sample(circuits[0])
    first, *others = (circuit.evaluate(pixels).astype(object) * circuit.unit for circuit in circuits)
    for other in others:
        np.testing.assert_allclose(other.astype(float), first.astype(float), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Rounding moves logits")  # random weights may be as unlike
@given(networks(dyadic=False), st.booleans(), st.booleans())
@SLOW
def test_other_weights_agree_within_rounding(case, merge, complete_squares):
    network, shape = case
    options = {"merge": merge, "complete_squares": complete_squares}
    coarse, fine = (compile_small(network, shape, weight_bits=bits, **options) for bits in (8, 22))
    pixels = sample(coarse)
    for circuit, tolerance in ((coarse, 0.1), (fine, 1e-4)):
        fidelity = measure_fidelity(circuit, network, pixels=pixels)
        assert fidelity.max_logit_difference <= tolerance * (1 + fidelity.max_logit)


@pytest.mark.filterwarnings("ignore:Rounding moves logits")  # random weights may be as unlike
@given(networks(dyadic=False))
@SLOW
def test_optimised_circuits_have_no_empty_rows_and_fewer_operations(case):
    network, shape = case
    plain, merged = (compile_small(network, shape, merge=merge) for merge in (False, True))
    assert all(np.diff(step.weights.indptr).all() for step in merged.affine_steps)
    for before, after in zip(merged.steps[1:-1], merged.steps[2:], strict=True):
        if isinstance(after, Affine):
            assert len(np.unique(after.weights.indices)) == before.outputs
    # Rounding may drop other weights in a product of matrices than in its factors: a little room.
    assert count_stepwise(merged).total.total <= 1.02 * count_stepwise(plain).total.total + 5


def test_cryptonets_collapses():
    torch.manual_seed(0)
    network = cryptonets(activation="swish-aq-2")
    circuit = compile_circuit(network, name="cryptonets")
    assert [(step.name, step.outputs) for step in circuit.steps] == [
        ("conv1", 845),
        ("act1", 845),
        ("pool1+conv2+pool2+fc1", 100),
        ("act2", 100),
        ("fc2", 10),
    ]
    assert all(step.is_square for step in circuit.steps if isinstance(step, Polynomial))
    faithful = compile_circuit(network, name="cryptonets", merge=False, complete_squares=False)
    assert [step.outputs for step in faithful.steps] == [845, 845, 845, 1250, 1250, 100, 100, 10]
    pixels = sample(circuit, images=50)
    fidelities = [measure_fidelity(each, network, pixels=pixels) for each in (circuit, faithful)]
    assert all(fidelity.max_logit_difference < 0.02 * fidelity.max_logit for fidelity in fidelities)
    assert fidelities[0].images == 50


def test_powers_of_two_and_squares_stay_small():
    network = faster_cryptonets(activation="swish-aq-2", batch_norm=False)
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(torch.where(torch.rand(value.shape) < 0.2, 2.0 ** torch.randint(-3, 1, value.shape), 0.0))
            value.view(len(value), -1)[:, 0] = 0.125
    circuit = compile_circuit(network, name="sparse")
    for step in circuit.affine_steps:
        assert set(np.unique(step.weights.data)) == {1, 2, 4, 8}
    expected = sum(step.products for step in circuit.affine_steps)
    assert circuit.products == expected < 40_000
    assert circuit.steps[0].unit == 2.0**-4 * 2.0**-3
    assert circuit.steps[1].unit == 2.0**-3 * 2.0**-14


def test_names_of_unnamed_layers():
    network = nn.Sequential(nn.Conv2d(1, 1, 3), Square(), nn.Flatten(), nn.Sequential(nn.Linear(4, 2), Square()))
    circuit = compile_circuit(network, name="x", input_shape=(1, 4, 4))
    assert [step.name for step in circuit.steps] == ["conv1", "act1", "fc1", "act2"]
    named = nn.Sequential()
    named.add_module("head", nn.Sequential())
    named.head.add_module("dense", nn.Linear(4, 2))
    assert compile_circuit(named, name="x", input_shape=(4,)).steps[0].name == "head.dense"


def test_a_module_may_occur_twice():
    square = Square()
    network = nn.Sequential(nn.Linear(3, 4), square, nn.Linear(4, 4), square, nn.Linear(4, 2))
    circuit = compile_circuit(network, name="x", input_shape=(3,))
    assert [step.name for step in circuit.steps] == ["fc1", "act1", "fc2", "act2", "fc3"]
    fidelity = measure_fidelity(circuit, network, pixels=sample(circuit))
    assert fidelity.max_logit_difference < 0.02


def test_a_bare_layer_compiles_and_wide_biases_are_python_integers():
    layer = nn.Linear(2, 1).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0**-52, 1.0]]))
        layer.bias.copy_(torch.tensor([2.0**20]))
    circuit = compile_circuit(layer, name="wide", input_shape=(2,))
    assert circuit.steps[0].bias.tolist() == [2**76]
    assert circuit.steps[0].bias.dtype == object
    assert circuit.evaluate(np.array([[3, 5]])).tolist() == [[2**76 + 3 + 5 * 2**52]]


def test_everything_unsupported_is_named_at_once():
    network = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        nn.ReLU(),
        nn.Sequential(nn.MaxPool2d(2), nn.Tanh()),
        nn.AvgPool2d(2, padding=1, count_include_pad=False),
        nn.BatchNorm2d(2, track_running_stats=False),
        PolynomialActivation((1.0, 0.0)),
        PolynomialActivation((0.0,) * 5 + (1.0,)),
        nn.Flatten(start_dim=2),
        nn.LSTM(3, 3),
        nn.Linear(3, 3),
    )
    with torch.no_grad():
        network[-1].weight[0, 0] = float("nan")
    with pytest.raises(CircuitError) as caught:
        compile_circuit(network, name="bad")
    lines = str(caught.value).splitlines()[1:]
    for line, words in zip(
        lines,
        [
            ("* 0 (Conv2d)", "padding_mode 'reflect': use 'zeros'"),
            ("* 1 (ReLU)", "relu-aq-2"),
            ("* 2.0 (MaxPool2d)", "SumPool2d"),
            ("* 2.1 (Tanh)", "PolynomialActivation"),
            ("* 3 (AvgPool2d)", "count_include_pad"),
            ("* 4 (BatchNorm2d)", "running statistics"),
            ("* 5 (PolynomialActivation)", "degree 0: use degree 1 to 4"),
            ("* 6 (PolynomialActivation)", "degree 5"),
            ("* 7 (Flatten)", "nn.Flatten()"),
            ("* 8 (LSTM)", "supported is"),
            ("* 9 (Linear)", "weight has values that are not finite"),
        ],
        strict=True,
    ):
        assert all(word in line for word in words)


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (nn.Sequential(nn.Linear(4, 2)), (0,), r"input_shape is \(0,\)"),
        (nn.Sequential(nn.Linear(4, 2)), 4, r"input_shape is 4; give the shape of one image, such as \(1, 28, 28\)"),
        (nn.Sequential(nn.Linear(4, 2)), (2.5,), r"input_shape is \(2.5,\)"),
        (nn.Sequential(nn.Linear(4, 2)), (10**9,), "1 to 16,777,216 pixels"),
        (nn.Sequential(), (4,), "computes nothing"),
        (nn.Sequential(nn.Flatten(), nn.Dropout()), (4,), "computes nothing"),
        (nn.Sequential(nn.ZeroPad2d((1, -1, 0, 0)), nn.Conv2d(1, 1, 1)), (1, 4, 4), "crops the image"),
        (nn.Sequential(nn.ZeroPad2d(10**6), nn.Conv2d(1, 1, 1)), (1, 4, 4), "4,000,016,000,016 products or places"),
        (nn.Sequential(nn.Conv2d(16, 256, 15, padding=7)), (16, 12, 12), "has 132,710,400 products or places"),
        (nn.Sequential(nn.AvgPool2d(2, ceil_mode=True)), (1, 5, 4), "ceil_mode=False, which leaves those windows out"),
        (nn.Sequential(nn.AvgPool2d(2, divisor_override=-4)), (1, 4, 4), "divisor_override -4: divide by 1 or more"),
        (nn.Sequential(nn.Flatten(1, 3), nn.Linear(4, 2)), (4,), "Torch cannot run this network"),
        (nn.Sequential(nn.Linear(4, 2)), (1, 2, 2), r"put nn.Flatten\(\) before it"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 2)), (1, 2, 2), "takes 5 channels or features"),
        (nn.Sequential(nn.Conv2d(3, 2, 1)), (1, 2, 2), "takes 3 channels"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), (1, 2, 2), "larger than its padded input"),
        (nn.Sequential(nn.Conv2d(1, 2, 1)), (4,), r"shape \(channels, height, width\)"),
        (nn.Sequential(nn.ZeroPad2d(1), Square()), (1, 2, 2), "follows padding"),
        (nn.Sequential(Square(), nn.ZeroPad2d(1)), (1, 2, 2), "ends with padding"),
        (nn.Sequential(nn.BatchNorm1d(3)), (4,), "takes 3 channels"),
        (nn.Sequential(PolynomialActivation((1.0, float("inf"), 1.0))), (4,), "coefficients are not finite"),
    ],
)
def test_layers_that_do_not_fit_are_refused(network, shape, message):
    with pytest.raises(CircuitError, match=message):
        compile_circuit(network, name="bad", input_shape=shape)


@pytest.mark.parametrize("options", [{"pixel_bits": 0}, {"pixel_bits": 17}, {"weight_bits": 1}, {"weight_bits": 25}])
def test_bits_out_of_range_are_refused(options):
    with pytest.raises(CircuitError, match="must be from"):
        compile_circuit(nn.Linear(2, 2), name="bad", input_shape=(2,), **options)


def test_integers_of_numpy_are_integers():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), Square(), nn.Linear(4, 4), Square(), nn.Linear(4, 2))
    plain = compile_circuit(network, name="x", input_shape=(3,), pixel_bits=16, weight_bits=24)
    other = compile_circuit(
        network, name="x", input_shape=np.array([3]), pixel_bits=np.int64(16), weight_bits=np.int8(24)
    )
    assert (type(other.pixel_bits), type(other.input_shape[0]), type(other.pixel_max)) == (int, int, int)
    assert plain.ranges[-1].bits == other.ranges[-1].bits > 64
    pixels = sample(plain)
    assert np.array_equal(plain.evaluate(pixels), other.evaluate(pixels))
    assert Polynomial("act", 2, (np.int64(1 << 62), np.int8(0), np.int64(1))).coefficients == (1 << 62, 0, 1)
    for wrong in (4.0, "4", None):
        with pytest.raises(CircuitError, match=r"pixel_bits is .*; it must be an integer from 1 to 16"):
            compile_circuit(network, name="x", input_shape=(3,), pixel_bits=wrong)


def test_ceil_mode_that_changes_nothing_is_compiled():
    network = nn.Sequential(nn.AvgPool2d(2, padding=1, ceil_mode=True), nn.Flatten(), nn.Linear(9, 2))
    circuit = compile_circuit(network, name="x", input_shape=(1, 4, 4), weight_bits=16)
    assert measure_fidelity(circuit, network, pixels=sample(circuit)).max_logit_difference < 1e-3


def test_a_logit_that_reads_nothing_is_named():
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight[1] = 0
    with pytest.raises(CircuitError, match="Logits 1 of 'fc1' read no pixel"):
        compile_circuit(nn.Sequential(layer), name="x", input_shape=(2,))
    assert compile_circuit(nn.Sequential(layer), name="x", input_shape=(2,), merge=False).outputs == 3


def test_fidelity_notices_a_difference():
    network = nn.Sequential(nn.Linear(2, 2))
    circuit = compile_circuit(network, name="x", input_shape=(2,))
    step = circuit.steps[0]
    wrong = replace(circuit, steps=(replace(step, bias=step.bias + np.array([0, 10**6])),))
    pixels = sample(circuit)
    assert measure_fidelity(circuit, network, pixels=pixels).max_logit_difference < 0.02
    fidelity = measure_fidelity(wrong, network, pixels=pixels)
    assert fidelity.max_logit_difference == pytest.approx(10**6 * circuit.unit, rel=1e-3)
    with pytest.raises(CircuitError, match="no images"):
        measure_fidelity(circuit, network, pixels=pixels[:0])
    assert network[0].weight.dtype == torch.float32


def test_fidelity_compares_maps_and_single_logits():
    torch.manual_seed(0)
    maps = nn.Sequential(nn.Conv2d(1, 3, 4))
    circuit = compile_circuit(maps, name="x", input_shape=(1, 4, 4), weight_bits=16)
    fidelity = measure_fidelity(circuit, maps, pixels=sample(circuit))
    assert fidelity.max_logit_difference < 1e-3
    assert fidelity.digit_agreement == 1
    single = nn.Sequential(nn.Linear(2, 1))
    with torch.no_grad():
        single[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
        single[0].bias.zero_()
    circuit = compile_circuit(single, name="x", input_shape=(2,))
    negated = replace(circuit, steps=(replace(circuit.steps[0], weights=-circuit.steps[0].weights),))
    pixels = np.array([[1, 3], [7, 2], [5, 4], [0, 9]])
    assert measure_fidelity(circuit, single, pixels=pixels).digit_agreement == 1
    assert measure_fidelity(negated, single, pixels=pixels).digit_agreement == 0


def test_importing_the_compiler_does_not_import_torch():
    code = "import sys, fcnlab.compiler.compile, fcnlab.circuit.hops; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
