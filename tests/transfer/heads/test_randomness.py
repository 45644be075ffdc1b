import torch
from scipy.stats import kstest

from fcnlab.transfer.heads.randomness import normal_from_system, uniform_from_system


def test_numbers_have_their_distributions_and_never_repeat() -> None:
    uniform, normal = uniform_from_system(5000), normal_from_system((50, 100))
    assert normal.shape == (50, 100)
    assert ((uniform > 0) & (uniform <= 1)).all()
    # True samples fall below this once in a hundred million runs.
    assert kstest(uniform.numpy(), "uniform").pvalue > 1e-8
    assert kstest(normal.flatten().numpy(), "norm").pvalue > 1e-8
    assert not torch.equal(normal_from_system((4,)), normal_from_system((4,)))
