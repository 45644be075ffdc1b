"""The functions to approximate: the usual activations, and any vectorised callable.

Knows nothing of polynomials. A target says where its pieces meet; a callable need not, since `samples` finds that out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from fcnlab.errors import ApproximationError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """A real function of one variable.

    Attributes:
        name: What it is called in results.
        function: Takes an array of float64 of any shape and returns one of the same shape.
        breakpoints: Where pieces meet, or where the function bends most; only helps, and may be left out.
    """

    name: str
    function: Callable[[Any], Any]
    breakpoints: tuple[float, ...] = ()

    @property
    def hashable(self) -> bool:
        """Whether what is found out about it can be kept in a cache."""
        try:
            hash(self.function)
        except TypeError:
            return False
        return True

    def __call__(self, x: Floats) -> Floats:
        """Values at `x`, float64 of the same shape.

        Raises:
            ApproximationError: If the function fails on arrays, or a value is not finite.
        """
        try:
            with np.errstate(all="ignore"):
                values = np.array(np.broadcast_to(np.asarray(self.function(x), dtype=np.float64), x.shape))
        except (TypeError, ValueError) as error:
            raise ApproximationError(
                f"The function {self.name!r} failed on an array of {x.size} numbers ({error}); "
                "it must take a numpy array and return real numbers of the same shape (see numpy.vectorize)."
            ) from error
        wrong = ~np.isfinite(values)
        if wrong.any():
            where, value = float(x[wrong][0]), float(values[wrong][0])
            raise ApproximationError(
                f"The function {self.name!r} is not finite on the interval: it gives {value} at x = {where:.6g}; "
                "choose an interval on which it is finite."
            )
        return values


def silu(x: Floats) -> Floats:
    """Swish with beta = 1, also called SiLU: x / (1 + e^-x)."""
    return x * special.expit(x)


def gelu(x: Floats) -> Floats:
    """x Phi(x), Phi the normal distribution function (the exact form, not the tanh approximation)."""
    return x * special.ndtr(x)


def elu(x: Floats) -> Floats:
    """X where positive, e^x - 1 elsewhere."""
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def relu(x: Floats) -> Floats:
    """max(x, 0)."""
    return np.maximum(x, 0)


def leaky_relu(x: Floats) -> Floats:
    """X where positive, 0.01 x elsewhere."""
    return np.where(x > 0, x, 0.01 * x)


def softplus(x: Floats) -> Floats:
    """log(1 + e^x)."""
    return np.logaddexp(x, 0)


# Every one of them bends at zero, and nowhere else.
FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "relu": relu,
    "leaky-relu": leaky_relu,
    "swish": silu,
    "silu": silu,
    "gelu": gelu,
    "elu": elu,
    "softplus": softplus,
    "sigmoid": special.expit,
    "tanh": np.tanh,
}
TARGETS = {name: Target(name, function, (0.0,)) for name, function in FUNCTIONS.items()}
