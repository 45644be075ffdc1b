import math

import pytest
from scipy.stats import norm

from fcnlab.transfer.heads.guarantee import find_noise, spent_epsilon


def gaussian_delta(epsilon: float, *, noise_multiplier: float, steps: int) -> float:
    """Exact delta of the Gaussian mechanism repeated over the whole set (Balle and Wang 2018, theorem 8)."""
    mu = math.sqrt(steps) / noise_multiplier
    return float(norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu))


@pytest.mark.parametrize(("epsilon", "steps"), [(0.5, 60), (2.0, 60), (8.0, 20)])
def test_noise_is_enough_and_not_much_more_by_the_exact_formula(epsilon: float, steps: int) -> None:
    delta = 1 / 1797
    noise = find_noise(epsilon=epsilon, delta=delta, sample_rate=1.0, steps=steps)
    assert gaussian_delta(epsilon, noise_multiplier=noise, steps=steps) <= delta
    assert gaussian_delta(0.95 * epsilon, noise_multiplier=noise, steps=steps) > delta
    assert spent_epsilon(noise_multiplier=noise, delta=delta, sample_rate=1.0, steps=steps) <= epsilon
