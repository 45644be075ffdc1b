import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune, remove_weight_norm, spectral_norm, weight_norm

from fcnlab.compiler import comparison
from fcnlab.compiler.compile import compile_circuit
from fcnlab.compiler.inspection import Layer, find_problems
from fcnlab.compiler.layers import PolynomialActivation, Square
from fcnlab.errors import CircuitError
from tests.support.fidelity import measure_fidelity


class Block(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Shifted(Square):
    def forward(self, x):
        return super().forward(x) + 1


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda module, inputs, output: 2 * output)
    return module


def patched(module: nn.Module) -> nn.Module:
    module.forward = lambda x: 2 * x
    return module


def compile_it(network: nn.Module, *, width: int = 4, **options):
    return compile_circuit(network, name="x", input_shape=(width,), **options)


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Block(nn.Linear(4, 4)), "a subclass of Sequential may compute something else"),
        (lambda: Scaled(4, 4), "a subclass of Linear .*: use Linear itself"),
        (Shifted, "a subclass of Square"),
        (lambda: hooked(nn.Linear(4, 4)), r"it has hooks \(<lambda>\)"),
        (lambda: hooked(nn.Sequential(nn.Linear(4, 4))), r"1 \(Sequential\): it has hooks"),
        (lambda: prune.l1_unstructured(nn.Linear(4, 4), "weight", 2), r"it has hooks \(L1Unstructured\).*prune.remove"),
        (lambda: weight_norm(nn.Linear(4, 4)), r"it has hooks \(WeightNorm\).*remove_weight_norm"),
        (lambda: spectral_norm(nn.Linear(4, 4)), r"it has hooks \(SpectralNorm\).*remove_spectral_norm"),
        (lambda: parametrizations.weight_norm(nn.Linear(4, 4)), "parametrised: call .*remove_parametrizations"),
        (lambda: patched(nn.Linear(4, 4)), "its forward was replaced"),
        (lambda: patched(nn.Sequential(nn.Linear(4, 4))), "its forward was replaced"),
        (lambda: nn.LazyLinear(4), "it has no weights yet: run the network once"),
        (lambda: nn.Linear(4, 4, device="meta"), "weight is on the meta device"),
        (lambda: nn.Linear(4, 4, dtype=torch.complex64), "weight is complex"),
        (lambda: nn.BatchNorm1d(4, device="meta"), "running_mean is on the meta device"),
    ],
)
def test_what_a_circuit_would_not_follow_is_refused(make, message):
    network = nn.Sequential(nn.Linear(4, 4), make(), nn.Linear(4, 2))
    with pytest.raises(CircuitError, match=message):
        compile_it(network)


def test_a_variance_of_zero_is_refused_and_a_small_one_is_not():
    norm = nn.BatchNorm1d(4, eps=0.0)
    norm.running_var[2] = 0
    (problem,) = find_problems(Layer("norm", "norm", norm))
    assert "a running variance plus eps is not above 0" in problem
    norm.running_var[2] = 1e-3
    assert not find_problems(Layer("norm", "norm", norm))


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning")
def test_what_was_made_permanent_is_compiled():
    torch.manual_seed(0)
    pruned = prune.remove(prune.l1_unstructured(nn.Linear(4, 4), "weight", 2), "weight")
    normed = remove_weight_norm(weight_norm(nn.Linear(4, 2)))
    circuit = compile_it(nn.Sequential(pruned, Square(), normed))
    assert circuit.steps[0].weights.nnz == 14


def test_a_mask_that_came_with_loaded_weights_is_not_forgotten():
    masked = prune.l1_unstructured(nn.Linear(4, 2), "weight", 4)
    other = prune.custom_from_mask(nn.Linear(4, 2), "weight", torch.ones(2, 4))
    other.load_state_dict(masked.state_dict())  # its weight is stale until the next forward
    with pytest.raises(CircuitError, match=r"prune\.remove"):
        compile_it(other)
    circuit = compile_it(prune.remove(other, "weight"), merge=False)
    assert circuit.steps[0].weights.nnz == 4


@pytest.mark.parametrize("kind", [nn.Linear, Square, nn.Flatten, nn.Sequential])
def test_a_class_that_was_patched_is_noticed(monkeypatch, kind):
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), Square(), nn.Linear(4, 2))
    compile_it(network)
    forward = kind.forward
    monkeypatch.setattr(kind, "forward", lambda self, x: forward(self, x) * 1.00001)
    with pytest.raises(CircuitError, match="Circuit and network of 'x' differ"):
        compile_it(network)


def test_settings_that_contradict_the_weights_are_refused():
    layer = nn.Linear(4, 2)
    layer.weight = nn.Parameter(torch.ones(2, 1))  # numpy would repeat it
    with pytest.raises(CircuitError, match="Torch cannot run this network on"):
        compile_it(layer)
    square = Square()
    square.coefficients = (0.0, 0.0, 2.0)
    with pytest.raises(CircuitError, match="Circuit and network of 'x' differ"):
        compile_it(nn.Sequential(square, nn.Linear(4, 2)))


@pytest.mark.parametrize("weight_bits", [2, 4, 8, 24])
@pytest.mark.parametrize(
    "coefficients", [(0.0, 0.0, 1.0), (0.1, -0.3, 0.2), (0.1, -0.3, 0.2, 0.05), (1.0, 0, 0, 0, -3)]
)
def test_the_bound_holds_and_is_near(weight_bits, coefficients):
    """No real rounding is refused, and an integer that is off by more than rounding is."""
    torch.manual_seed(weight_bits)
    network = nn.Sequential(
        nn.Linear(9, 7), PolynomialActivation(coefficients), nn.Linear(7, 5), Square(), nn.Linear(5, 3)
    )
    circuit = compile_it(network, width=9, weight_bits=weight_bits)
    captured = {}

    def capture(circuit, network, *, steps, rounded):
        captured.update(steps=steps, rounded=rounded)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "refuse_difference", capture)
        compile_it(network, width=9, weight_bits=weight_bits)
    last = circuit.steps[-1]
    largest = np.abs(circuit.evaluate(comparison.random_images(circuit))).max()
    wrong = replace(circuit, steps=(*circuit.steps[:-1], replace(last, bias=last.bias + 2 * int(largest))))
    comparison.refuse_difference(circuit, network, **captured)
    if weight_bits >= 8:
        with pytest.raises(CircuitError, match="differ"):
            comparison.refuse_difference(wrong, network, **captured)
    before = copy.deepcopy(network.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_units_beyond_float64_are_refused():
    cube = PolynomialActivation((0.0, 0.0, 0.0, 0.0, 1e-60))
    network = nn.Sequential(nn.Linear(4, 2), cube, cube, cube, cube, nn.Linear(2, 2))
    with pytest.raises(CircuitError, match="unit below 2\\^-1000 or above 2\\^1000"):
        compile_it(network)


def unlike_gammas(*, rescaled: bool) -> nn.Sequential:
    """One unit 400 times the others; with `rescaled`, the layer after it makes up for that."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8), Square(), nn.Linear(8, 3)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([200.0] + [0.5] * 7))
        if rescaled:
            network[3].weight[:, 0] /= 400**2
    return network


def test_units_that_rounding_takes_are_named():
    network = unlike_gammas(rescaled=True)
    with pytest.warns(UserWarning, match=r"unit \d of 'fc2' keeps 0 of 12 bits .* compile with \d+ more weight_bits"):
        compile_it(network, width=16, weight_bits=12)
    for case, weight_bits in ((network, 20), (unlike_gammas(rescaled=False), 12)):  # what does not matter is not said
        circuit = compile_it(case, width=16, weight_bits=weight_bits)
        pixels = np.random.default_rng(0).integers(0, 16, (2000, 16))
        assert measure_fidelity(circuit, case, pixels=pixels).digit_agreement > 0.999


def test_values_beyond_float64_are_refused():
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.fill_(1)
        layer.bias.fill_(1e30)
    fourth = PolynomialActivation((0.0, 0.0, 0.0, 0.0, 1.0))
    with pytest.raises(CircuitError, match=r"differ|2\^1024|2\^1000"):
        compile_it(nn.Sequential(layer, fourth, fourth, nn.Linear(2, 2), Square()), pixel_bits=1)
