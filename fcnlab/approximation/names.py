"""Polynomial activations by name: what a network's card and recipe call them, and the coefficients that it means.

``<target>-<degree>`` is the best polynomial with real coefficients, ``<target>-aq-<degree>`` the best with powers of
two, both in the largest error on the interval of the degree. Knows nothing of torch.
"""

import re
from functools import cache
from typing import Final

from fcnlab.approximation import TARGETS, approximate
from fcnlab.errors import DataError

INTERVALS: Final = {1: (-4.0, 4.0), 2: (-4.0, 4.0), 3: (-2.0, 4.0), 4: (-4.0, 4.0)}
"""Where each degree is fitted. What ReLU and its kin add to x/2 is even: about zero their best cubic is a quadratic."""
NAME: Final = re.compile(r"(?P<target>[a-z-]+?)(?P<powers>-aq)?-(?P<degree>[1-4])")
DIGITS: Final = 6  # of a real coefficient, so that the last bits of a solver never change a network


@cache
def activation_coefficients(name: str) -> tuple[float, ...]:
    """Coefficients of an activation, constant first, the last one not zero.

    Args:
        name: Such as ``swish-aq-2``, ``relu-3`` or ``gelu-4``. A degree whose coefficient is best left at zero gives
            a polynomial of lower degree.

    Raises:
        DataError: If the name is not of that form or has an unknown target.

    Source: Faster CryptoNets, section 4.1, for the problem with powers of two; the optima by `approximation`.
    """
    match = NAME.fullmatch(name)
    if match is None or match["target"] not in TARGETS:
        raise DataError(
            f"Unknown activation {name!r}: use square, relu-aq-2, or another <function>-<degree> or "
            f"<function>-aq-<degree> (powers of two) of degree 1 to 4, the function one of {', '.join(TARGETS)}."
        )
    degree = int(match["degree"])
    fit = approximate(
        match["target"],
        degree=degree,
        interval=INTERVALS[degree],
        coefficients="power-of-two" if match["powers"] else "real",
    )
    values = [value if match["powers"] else float(f"{value:.{DIGITS}g}") for value in fit.coefficients]
    while not values[-1]:
        values.pop()
    return tuple(values)
