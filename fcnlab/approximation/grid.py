"""Best polynomials on evenly spaced points, as tables from a linear program print them.

The optimum of a grid is not that of the interval: it does not see what is between its points. On the 2,001 points of
[-4, 4] the quadratics for the usual activations differ from the interval's own in the eighth digit.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from fcnlab.approximation.fit import Approximation, appraise
from fcnlab.approximation.minimax import equioscillate, make_basis
from fcnlab.approximation.problem import make_problem
from fcnlab.approximation.samples import sample
from fcnlab.approximation.targets import Target
from fcnlab.errors import ApproximationError

MOST_POINTS: Final = 1_000_000


def approximate_on_points(
    function: str | Callable[[Any], Any] | Target,
    *,
    points: int,
    degree: int = 2,
    interval: Sequence[float] = (-4.0, 4.0),
) -> Approximation:
    """The polynomial with real coefficients and the least largest error on evenly spaced points of an interval.

    Errors are told for the whole interval, so `lower_bound`, the error on the points, is below `max_error`: it bounds
    the error of every polynomial of the degree on the interval too.

    Args:
        function: As for `approximate`.
        points: How many, both ends of the interval included.
        degree: 1 to 8.
        interval: Two finite ends.

    Raises:
        ApproximationError: If the question has no answer, in one sentence.
    """
    problem = make_problem(function, degree=degree, interval=interval, norm="linf", coefficients="real")
    if not degree + 2 <= points <= MOST_POINTS:
        raise ApproximationError(
            f"A fit of degree {degree} on points needs {degree + 2} to {MOST_POINTS:,} of them; got {points:,}."
        )
    samples = sample.__wrapped__(problem.target, problem.interval, problem.norm)
    x = np.linspace(*problem.interval, points)
    basis = make_basis(x, lowest=0, step=1, count=degree + 1)
    level = equioscillate(basis, problem.target(x), count=degree + 1)
    coefficients = basis.monomials(level.coordinates)
    # What is zero but for rounding would be counted as a term.
    sizes = np.abs(coefficients) * max(abs(end) for end in problem.interval) ** np.arange(degree + 1)
    coefficients[sizes <= samples.rounding(coefficients)] = 0.0
    return appraise(problem, samples, coefficients, level.bound)
