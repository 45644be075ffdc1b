"""The exchange is the linear program."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fcnlab.approximation.minimax import equioscillate, make_basis


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([(0, 1), (1, 1), (3, 1), (0, 2), (1, 2), (2, 2)]))
@settings(max_examples=60)
def test_exchange_is_the_linear_program_whatever_the_values(seed, count, shape):
    lowest, step = shape
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(0.05 if step == 2 else -2, 2, 40))
    values = rng.normal(size=40)
    basis = make_basis(x, lowest=lowest, step=step, count=count)
    level = equioscillate(basis, values, count=count)
    ones = np.ones((40, 1))
    result = linprog(
        np.append(np.zeros(count), 1),
        A_ub=np.block([[basis.columns, -ones], [-basis.columns, -ones]]),
        b_ub=np.concatenate([values, -values]),
        bounds=[(None, None)] * count + [(0, None)],
    )
    assert level.bound == pytest.approx(result.fun, rel=1e-7)
    assert np.abs(values - level.fit).max() == pytest.approx(level.bound, rel=1e-9)
    # The measure proves it: it annihilates the monomials and has unit mass.
    assert np.abs(level.measure).sum() == pytest.approx(1)
    assert np.abs(level.measure @ basis.columns[level.points]).max() < 1e-12
    assert abs(level.measure @ values[level.points]) == pytest.approx(level.bound)
    powers = lowest + step * np.arange(count)
    assert x[:, None] ** powers @ basis.monomials(level.coordinates) == pytest.approx(level.fit, abs=1e-8)
