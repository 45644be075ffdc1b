"""Names, the published optima, and cubics that are cubic."""

import numpy as np
import pytest

from fcnlab.approximation.names import INTERVALS, activation_coefficients
from fcnlab.errors import DataError


@pytest.mark.parametrize(
    ("name", "coefficients"),
    [
        ("relu-aq-2", (0.25, 0.5, 0.125)),
        ("swish-aq-2", (0.125, 0.5, 0.125)),
        ("softplus-aq-2", (1.0, 0.5, 0.0625)),
        ("swish-2", (0.153614, 0.5, 0.120503)),
    ],
)
def test_the_known_optima(name: str, coefficients: tuple[float, ...]) -> None:
    assert activation_coefficients(name) == coefficients


@pytest.mark.parametrize("name", ["relu-3", "swish-3", "gelu-3", "elu-3", "swish-aq-3", "relu-4", "swish-aq-4"])
def test_the_degree_is_that_of_the_name(name: str) -> None:
    assert len(activation_coefficients(name)) == int(name[-1]) + 1


def test_the_real_optimum_has_the_error_of_an_equioscillation() -> None:
    x = np.linspace(*INTERVALS[3], 20_001)
    error = np.polynomial.polynomial.polyval(x, activation_coefficients("relu-3")) - np.maximum(x, 0)
    peaks = error[1:-1][(np.diff(error[:-1]) * np.diff(error[1:])) <= 0]
    signs = np.sign([error[0], *peaks[np.abs(peaks) > 0.99 * np.abs(error).max()], error[-1]])
    assert np.count_nonzero(np.diff(signs)) >= 4  # five alternations prove a cubic's optimum


@pytest.mark.parametrize("name", ["relu", "relu-5", "lenet-2", "relu-aq", "-2", "RELU-2", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="degree 1 to 4"):
        activation_coefficients(name)
