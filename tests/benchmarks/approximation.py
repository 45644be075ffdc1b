"""Optimal polynomial fits: median milliseconds of each case, its worst function named, nothing taken from a cache."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fcnlab.approximation import (
    COEFFICIENTS,
    TARGETS,
    GaussianNorm,
    HistogramNorm,
    MaximumNorm,
    MeanSquareNorm,
    PowersOfTwo,
    Problem,
    Real,
)
from fcnlab.approximation.fit import fit_once, solve
from fcnlab.approximation.samples import sample
from fcnlab.approximation.search import Watch

INTERVALS = ((-4.0, 4.0), (-1.0, 6.0), (0.0, 5.0))
FUNCTIONS = tuple(name for name in TARGETS if name != "silu")  # the same as swish
BELL = tuple(float(2 ** (8 - abs(i - 8))) for i in range(17))
NORMS = {
    "linf": MaximumNorm(),
    "l2": MeanSquareNorm(),
    "gaussian": GaussianNorm(0.5, 1.0),
    "histogram": HistogramNorm(BELL, tuple(0.5 * i - 4.25 for i in range(18))),
}


@dataclass(frozen=True)
class Group:
    """Cases with one time to keep."""

    name: str
    coefficients: str
    degrees: tuple[int, ...]
    target_ms: float | None


GROUPS = (
    Group("real", "real", tuple(range(1, 9)), 20),
    Group("power of two, degree <= 4", "power-of-two", (1, 2, 3, 4), 200),
    Group("power of two, degree 6", "power-of-two", (6,), None),
    Group("power of two, degree 8", "power-of-two", (8,), 5000),
    Group("sums of two, degree <= 3", "two-powers", (1, 2, 3), None),
)


def run(*, network: str = "", repeats: int = 5) -> Iterator[str]:
    """One line per group of cases and norm: every function on every interval."""
    yield f"{'coefficients':<28}{'norm':<11}{'cases':>6}{'median ms':>11}{'worst ms':>10}{'target ms':>11}  worst case"
    for group in GROUPS:
        allowed = COEFFICIENTS[group.coefficients]
        for norm_name, norm in NORMS.items():
            times = {
                (function, interval, degree): median_ms(
                    Problem(TARGETS[function], degree, interval, norm, allowed), repeats=repeats
                )
                for function in FUNCTIONS
                for interval in INTERVALS
                for degree in group.degrees
            }
            worst = max(times, key=lambda case: times[case])
            function, (low, high), degree = worst
            yield (
                f"{group.name:<28}{norm_name:<11}{len(times):>6}{statistics.median(times.values()):>11.1f}"
                f"{times[worst]:>10.1f}{group.target_ms or '-':>11}  {function}, degree {degree}, {low:g} to {high:g}"
            )
    swish = Problem(TARGETS["swish"], 2, (-4.0, 4.0), MaximumNorm(), PowersOfTwo())
    solve(swish, Watch())
    yield f"asked again, from the cache: {clock_ms(lambda: solve(swish, Watch())) * 1000:.1f} us"
    yield f"real fit with its samples ready: {sampled_ms(repeats):.2f} ms (swish, degree 2, linf)"


def median_ms(problem: Problem, *, repeats: int) -> float:
    """Median time of a fit from scratch; cases above 100 ms are measured once."""
    times = [fresh_ms(problem)]
    while len(times) < repeats and times[0] < 100:
        times.append(fresh_ms(problem))
    return statistics.median(times)


def fresh_ms(problem: Problem) -> float:
    """Time of one fit, caches emptied."""
    sample.cache_clear()
    fit_once.cache_clear()
    return clock_ms(lambda: solve.__wrapped__(problem, Watch()))


def sampled_ms(repeats: int) -> float:
    """Median time of a real fit when only the degree or the coefficients have changed."""
    problem = Problem(TARGETS["swish"], 2, (-4.0, 4.0), MaximumNorm(), Real())
    solve.__wrapped__(problem, Watch())
    times = []
    for _ in range(repeats):
        fit_once.cache_clear()
        times.append(clock_ms(lambda: solve.__wrapped__(problem, Watch())))
    return statistics.median(times)


def clock_ms(action: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    for line in run():
        print(line, flush=True)
