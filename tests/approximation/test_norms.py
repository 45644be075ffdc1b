"""Norms weigh as they say."""

import numpy as np
import pytest

from fcnlab.approximation import GaussianNorm, HistogramNorm, Target
from fcnlab.approximation.samples import sample
from fcnlab.errors import ApproximationError


def test_a_histogram_weighs_as_its_bins_do():
    norm = HistogramNorm(np.array([1, 0, 6]), np.array([-1.0, 0.0, 1.0, 3.0]))
    assert hash(norm) == hash(HistogramNorm((1, 0, 6), (-1, 0, 1, 3)))
    samples = sample(Target("x", lambda x: x), (-2.0, 3.0), norm)
    assert samples.mass.sum() == pytest.approx(1)
    assert samples.mass @ samples.nodes == pytest.approx((1 * -0.5 + 6 * 2) / 7)


def test_a_narrow_gaussian_keeps_its_moments():
    samples = sample(Target("x", lambda x: x), (-4.0, 4.0), GaussianNorm(1.0, 0.01))
    assert samples.mass @ samples.nodes == pytest.approx(1)
    assert samples.mass @ np.square(samples.nodes - 1) == pytest.approx(1e-4, rel=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNorm(0.0, 0.0), "positive deviation"),
        (lambda: GaussianNorm(np.nan, 1.0), "finite mean"),
        (lambda: HistogramNorm((0, 0), (0, 1, 2)), "has no mass: all of its 2 counts are zero"),
        (lambda: HistogramNorm((1, -1), (0, 1, 2)), "not negative"),
        (lambda: HistogramNorm((1, 1), (0, 1)), "2 counts needs 3 edges; got 2"),
        (lambda: HistogramNorm((1, 1), (0, 2, 1)), "strictly ascending"),
    ],
)
def test_norms_without_meaning_are_refused(make, message):
    with pytest.raises(ApproximationError) as caught:
        make()
    assert message in str(caught.value)
