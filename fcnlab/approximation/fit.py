"""The best polynomial for a problem, with the bound that proves it and what it costs to evaluate."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial
from typing_extensions import override

from fcnlab.approximation.coefficients import CoefficientSet, PowersOfTwo, signed_powers
from fcnlab.approximation.evaluation import Cost, count_hops
from fcnlab.approximation.norms import MaximumNorm, Norm
from fcnlab.approximation.problem import Problem, make_problem
from fcnlab.approximation.real import FreePart, fit_real, split_by_symmetry, triangularise
from fcnlab.approximation.relaxation import MaximumRelaxation, MeanSquareRelaxation
from fcnlab.approximation.samples import PROBES, Samples, sample
from fcnlab.approximation.search import TOLERANCE, Search, SearchState, Watch
from fcnlab.approximation.targets import TARGETS, Floats, Target
from fcnlab.page import Page, Shown

CURVE_POINTS = 401


@dataclass(frozen=True, eq=False)
class Curve:
    """A target and its fit, ready to draw: four arrays of the same few hundred points."""

    x: Floats
    target: Floats
    fit: Floats
    error: Floats


@dataclass(frozen=True, eq=False)
class Approximation(Shown):
    """A fit and what is known of it.

    Attributes:
        problem: What was asked.
        coefficients: c0 to cd.
        max_error: Largest absolute error on the interval, certified between sample points, as far as sampling sees the
            function (`blind_width`).
        max_error_at: Every x where it occurs, to 1e-6 of its size.
        rms_error: Root mean square error under the norm's weight, uniform for the maximum norm.
        lower_bound: No allowed coefficients give a smaller `error` than this; at least (1 - 1e-9) of it, or equal to
            within rounding. With real coefficients in the maximum norm, (1 - 1e-10).
        cost: Depth and HOPs of evaluating it.
    """

    problem: Problem
    coefficients: tuple[float, ...]
    max_error: float
    max_error_at: tuple[float, ...]
    rms_error: float
    lower_bound: float
    cost: Cost

    @property
    def error(self) -> float:
        """The error in the norm of the problem: what was made small."""
        return self.max_error if isinstance(self.problem.norm, MaximumNorm) else self.rms_error

    @property
    def blind_width(self) -> float:
        """Width of x below which a feature of a callable may go unseen; 0 for a named target, which has none there.

        The errors and the bound are proven for the function without such features.
        """
        low, high = self.problem.interval
        return 0.0 if self.problem.target in TARGETS.values() else (high - low) / (PROBES - 1)

    @property
    def powers(self) -> tuple[tuple[tuple[int, int], ...], ...] | None:
        """For each coefficient the (sign, exponent) of its powers of two, largest first; None if they are real."""
        allowed = self.problem.coefficients
        if not isinstance(allowed, PowersOfTwo):
            return None
        return tuple(signed_powers(value, highest=allowed.highest) for value in self.coefficients)

    def __call__(self, x: npt.ArrayLike) -> Floats:
        """Values of the polynomial."""
        return np.asarray(polynomial.polyval(np.asarray(x, dtype=np.float64), self.coefficients))

    @cached_property
    def curve(self) -> Curve:
        """The target, the fit and the error on 401 even points of the interval."""
        x = np.linspace(*self.problem.interval, CURVE_POINTS)
        target, fit = self.problem.target(x), self(x)
        return Curve(x, target, fit, target - fit)

    @override
    def page(self) -> Page:
        low, high = self.problem.interval
        return Page(
            f"{self.problem.target.name} on {low:g} to {high:g}: {polynomial_text(self.coefficients)}",
            f"largest error {self.max_error:.6g}, rms error {self.rms_error:.6g}; no allowed coefficients are better "
            f"than {self.lower_bound:.6g} ({self.problem.norm.label})",
            f"depth {self.cost.depth}, {self.cost.total} HOPs, {self.cost.ct_ct_mults} of them CT-CT mults",
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, strings and lists, for JSON.

        `exponents` holds for each coefficient k if it is +-2^k and null if it is zero; for sums of powers the list of
        their [sign, k]; it is null for real coefficients.
        """
        exponents: list[Any] | None = None
        allowed = self.problem.coefficients
        if self.powers is not None and isinstance(allowed, PowersOfTwo):
            single = allowed.terms == 1
            exponents = [
                (terms[0][1] if terms else None) if single else [list(term) for term in terms] for terms in self.powers
            ]
        return {
            "function": self.problem.target.name,
            "degree": self.problem.degree,
            "interval": list(self.problem.interval),
            "norm": self.problem.norm.label,
            "coefficients": list(self.coefficients),
            "exponents": exponents,
            "max_error": self.max_error,
            "rms_error": self.rms_error,
            "lower_bound": self.lower_bound,
            "hops": self.cost.as_dict(),
            "depth": self.cost.depth,
        }


def polynomial_text(coefficients: Sequence[float]) -> str:
    """A polynomial as it is written by hand: ``0.125 + 0.5 x - 0.25 x^3``."""
    text = ""
    for power, value in enumerate(coefficients):
        if value:
            sign = ("- " if value < 0 else "+ ") if text else ("-" if value < 0 else "")
            term = " x" if power == 1 else f" x^{power}" if power else ""
            text += f"{' ' if text else ''}{sign}{abs(value):.10g}{term}"
    return text or "0"


def approximate(
    function: str | Callable[[Any], Any] | Target,
    *,
    degree: int = 2,
    interval: Sequence[float] = (-4.0, 4.0),
    norm: str | Norm = "linf",
    coefficients: str | CoefficientSet = "power-of-two",
    progress: Callable[[SearchState], None] | None = None,
) -> Approximation:
    """The best polynomial of a degree for a function on an interval.

    Results are kept: the same question is answered at once the second time, if the function can be hashed.

    Args:
        function: Name of a target, or a function of a float64 array. Its kinks are found, if there are not too many.
            What it does within less than `Approximation.blind_width`, 1 / 20,000 of the interval, may go unseen.
        degree: 1 to 8.
        interval: Two finite ends.
        norm: ``linf``, ``l2``, ``gaussian`` (standard normal), or a norm object.
        coefficients: ``real``, ``power-of-two`` (0 or +-2^k, k from -20 to 8), ``two-powers``, ``three-powers``, or a
            `PowersOfTwo` with its exponent range and number of terms.
        progress: Called up to 20 times a second with the state of a search; what it raises ends the search.

    Raises:
        ApproximationError: If the question has no answer, in one sentence.
    """
    problem = make_problem(function, degree=degree, interval=interval, norm=norm, coefficients=coefficients)
    answer = solve if problem.target.hashable else solve.__wrapped__
    return answer(problem, Watch(progress))


@lru_cache(maxsize=512)
def solve(problem: Problem, watch: Watch) -> Approximation:
    """Fit a problem; `watch` follows the search and does not change its result."""
    allowed, norm = problem.coefficients, problem.norm
    resolve = sample if problem.target.hashable else sample.__wrapped__
    samples = resolve(problem.target, problem.interval, norm)
    free = split_by_symmetry(samples, degree=problem.degree, norm=norm, allowed=allowed)
    best, bound = fit_once(RealProblem(samples, norm, free.powers, tuple(free.fixed.tolist()), free))
    if isinstance(allowed, PowersOfTwo):
        start = best[list(free.powers)]
        if isinstance(norm, MaximumNorm):
            best, bound = search_maximum(samples, free, allowed.values, start=start, floor=bound, watch=watch)
        else:
            best, bound = search_mean_square(samples, free, allowed.values, watch=watch)
    return appraise(problem, samples, best, bound)


@dataclass(frozen=True)
class RealProblem:
    """What the best real coefficients depend on; samples are told apart by identity."""

    samples: Samples
    norm: Norm
    powers: tuple[int, ...]
    fixed: tuple[float, ...]
    free: FreePart = field(compare=False)


@lru_cache(maxsize=32)
def fit_once(problem: RealProblem) -> tuple[Floats, float]:
    """`fit_real`, which a search among powers of two begins with, and which is asked for by itself beside it."""
    best, bound = fit_real(problem.samples, problem.free, norm=problem.norm)
    best.flags.writeable = False
    return best, bound


def appraise(problem: Problem, samples: Samples, best: Floats, bound: float) -> Approximation:
    """Coefficients and a bound, with what is to be known of them."""
    largest, _ = samples.peak(best)
    return Approximation(
        problem=problem,
        coefficients=tuple(float(value) for value in best),
        max_error=largest,
        max_error_at=samples.summits(best, largest),
        rms_error=samples.root_mean_square(best),
        lower_bound=bound,
        cost=count_hops([float(value) for value in best]),
    )


def search_mean_square(samples: Samples, free: FreePart, allowed: Floats, *, watch: Watch) -> tuple[Floats, float]:
    """Proven best allowed coefficients for the mean square, and the bound."""
    squares = triangularise(samples, free)
    relaxation = MeanSquareRelaxation(squares)

    def error_of(node: Floats) -> float:
        return samples.root_mean_square(free.complete(node))

    found = Search(relaxation, allowed, error_of=error_of, floor=squares.rest, watch=watch)
    chosen, bound = found.run(scale=samples.scale)
    return free.complete(chosen), bound


def search_maximum(
    samples: Samples, free: FreePart, allowed: Floats, *, start: Floats, floor: float, watch: Watch
) -> tuple[Floats, float]:
    """Proven best allowed coefficients for the maximum, and the bound.

    Where x = 0 is in the interval, |f(0) - c0| is part of the error. If that alone decides, many fits share the least
    maximum, and the one of least mean square among those with the same c0 is taken.
    """
    zero = free.x == 0
    if free.powers[0] == 0 and zero.any():
        at_zero = float(free.values[zero][0])
        nearest = float(allowed[np.abs(allowed - at_zero).argmin()])
        gap = abs(at_zero - nearest)
        if gap > floor and len(free.powers) > 1:
            pinned = FreePart(free.powers[1:], free.step, free.fixed.copy(), free.x, free.values - nearest)
            pinned.fixed[0] = nearest
            best, _ = search_mean_square(samples, pinned, allowed, watch=watch)
            if samples.peak(best)[0] <= gap * (1 + TOLERANCE):
                return best, gap
        floor = max(floor, gap)
    relaxation = MaximumRelaxation(free, start=start)

    def error_of(node: Floats) -> float:
        largest, where = samples.peak(free.complete(node))
        relaxation.observe(where, float(samples.errors(free.fixed, np.array([where]))[0]))
        return largest

    found = Search(relaxation, allowed, error_of=error_of, floor=floor, watch=watch)
    chosen, bound = found.run(scale=samples.scale)
    return free.complete(chosen), bound
