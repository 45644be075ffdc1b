"""Optimal polynomials for activations, with real coefficients or powers of two, and the bound that proves them.

    >>> from fcnlab.approximation import approximate
    >>> approximate("swish", degree=2, interval=(-4, 4)).coefficients
    (0.125, 0.5, 0.125)

The way: `problem` (checked once) -> `samples` (the target resolved on its interval) -> `real` (the continuous optimum)
-> `search` over a `relaxation` (the proven optimum from a finite set) -> `fit` (errors, where, curve, cost). Knows
nothing of networks, circuits or encryption.
"""

from fcnlab.approximation.coefficients import COEFFICIENTS, PowersOfTwo, Real, signed_powers
from fcnlab.approximation.evaluation import Cost, count_hops
from fcnlab.approximation.fit import Approximation, Curve, approximate
from fcnlab.approximation.grid import approximate_on_points
from fcnlab.approximation.norms import NORMS, GaussianNorm, HistogramNorm, MaximumNorm, MeanSquareNorm
from fcnlab.approximation.problem import Problem
from fcnlab.approximation.search import SearchState
from fcnlab.approximation.targets import TARGETS, Target

__all__ = [
    "COEFFICIENTS",
    "NORMS",
    "TARGETS",
    "Approximation",
    "Cost",
    "Curve",
    "GaussianNorm",
    "HistogramNorm",
    "MaximumNorm",
    "MeanSquareNorm",
    "PowersOfTwo",
    "Problem",
    "Real",
    "SearchState",
    "Target",
    "approximate",
    "approximate_on_points",
    "count_hops",
    "signed_powers",
]
