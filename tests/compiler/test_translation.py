from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from fcnlab.compiler.layers import PolynomialActivation, Square, SumPool2d
from fcnlab.compiler.lowering import RealAffine, RealPolynomial
from fcnlab.compiler.translation import translate

SHAPE = (4, 7, 9)

AFFINE = [
    [nn.Conv2d(4, 6, 3)],
    [nn.Conv2d(4, 6, (3, 2), stride=(2, 3), padding=(1, 2))],
    [nn.Conv2d(4, 6, 3, groups=2, bias=False)],
    [nn.Conv2d(4, 8, (2, 3), groups=4, dilation=(2, 3), padding=1)],
    [nn.Conv2d(4, 2, (4, 2), padding="same")],
    [nn.Conv2d(4, 2, 3, padding="valid")],
    [nn.ZeroPad2d((0, 1, 2, 3)), nn.Conv2d(4, 2, 3, stride=2)],
    [nn.ZeroPad2d(1), nn.ZeroPad2d((1, 0, 0, 0)), nn.AvgPool2d(3)],
    [nn.AvgPool2d((2, 3), stride=(1, 2), padding=(1, 1))],
    [nn.AvgPool2d(3, divisor_override=5)],
    [nn.AvgPool2d(2, count_include_pad=False)],
    [SumPool2d(3, 1, 1)],
    [SumPool2d(2, 2, 0)],
    [nn.BatchNorm2d(4)],
    [nn.BatchNorm2d(4, affine=False)],
    [nn.Flatten(), nn.Linear(252, 5)],
    [nn.ZeroPad2d((1, 0, 0, 2)), nn.Flatten(), nn.Linear(360, 5, bias=False)],
    [nn.Flatten(), nn.BatchNorm1d(252)],
    [PolynomialActivation((0.5, -0.25, 0.0))],
    [PolynomialActivation((0.0, 3.0))],
    [nn.Identity(), nn.Dropout(0.5), SumPool2d(1, 1, 0), nn.Dropout2d(0.5)],
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("modules", AFFINE, ids=str)
def test_an_affine_module_is_its_matrix(modules):
    torch.manual_seed(0)
    network = nn.Sequential(*modules).double().eval()
    for name, value in network.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            value.copy_(torch.rand(value.shape) + 0.5)
    (step,) = translate(network, input_shape=SHAPE)
    assert isinstance(step, RealAffine)
    images = torch.randn(3, *SHAPE, dtype=torch.float64)
    with torch.no_grad():
        expected = network(images).flatten(1).numpy()
    values = float(step.scale) * (step.matrix @ images.flatten(1).numpy().T) + step.bias[:, None]
    np.testing.assert_allclose(values.T, expected, rtol=1e-12, atol=1e-12)
    assert step.matrix.has_sorted_indices
    assert np.all(step.matrix.data != 0)
    if step.pooling:
        assert set(np.unique(step.matrix.data)) == {1.0}


def test_what_costs_nothing_is_known():
    pool, flatten, negative, norm, zeros = nn.Sequential(
        nn.AvgPool2d(3), nn.Flatten(), PolynomialActivation((0.0, -0.75)), nn.BatchNorm1d(24), nn.Linear(24, 1)
    ).eval()
    with torch.no_grad():
        zeros.weight.fill_(-0.25)
        zeros.weight[0, 3] = 0
    steps = translate(nn.Sequential(pool, flatten, negative, norm, zeros), input_shape=SHAPE)
    assert [step.scale for step in steps] == [Fraction(1, 9), Fraction(3, 4), 1, 1]
    assert [step.pooling for step in steps] == [True, False, False, False]
    assert [step.scaling for step in steps] == [False, True, True, False]
    assert [step.quantum for step in steps] == [1.0, 1.0, None, 0.25]
    assert [step.matrix.nnz for step in steps] == [24 * 9, 24, 24, 23]


def test_polynomials_lose_leading_zeros_only():
    steps = translate(nn.Sequential(Square(), PolynomialActivation((1.0, 0.0, 2.0, 3.0, 0.0))), input_shape=(5,))
    assert steps == [RealPolynomial("act1", 5, (0.0, 0.0, 1.0)), RealPolynomial("act2", 5, (1.0, 0.0, 2.0, 3.0))]
