"""What a privately trained head promises, and the noise that keeps the promise: the accountants are Opacus's.

Nothing heavy is loaded before an accountant is asked, so that a request can be judged at once.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from fcnlab.errors import DataError

ACCOUNTANT: Final = "prv"
"""Numerical composition of privacy loss random variables: tight, and it reports an upper bound.

Source: Gopi, Lee and Wutschitz 2021, "Numerical composition of differential privacy", as implemented in Opacus.
"""
LOOSE_ACCOUNTANT: Final = "rdp"
"""Rényi differential privacy: an upper bound too, about a fifth above the tight one, and quick for any epsilon.

Source: Mironov 2017, "Rényi differential privacy", as implemented in Opacus.
"""
TIGHT_EPSILON: Final = 10.0  # above it the tight accountant takes minutes, for promises that hardly protect
LARGEST_EPSILON: Final = 10_000.0
LARGEST_CLIPPING: Final = 1000.0  # features of norm 32 give gradients below it: a larger one would only add noise
DELTA_SHARE: Final = 100
SEEDED: Final = "noise from a seed: reproducible, hence not private"


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """What the released weights promise, and from what it follows.

    Attributes:
        epsilon: Spent, as the accountant bounds it; infinite without private training.
        delta: Probability with which the bound may fail.
        accountant: The accountant's name.
        noise_multiplier: Standard deviation of the noise over the clipping norm.
        clipping: Largest norm of one record's gradient.
        sample_rate: Probability of a record to take part in a step.
        steps: Number of steps.
        secure_random: Whether the noise came from the operating system's generator, safe for a release.
    """

    epsilon: float
    delta: float
    accountant: str
    noise_multiplier: float
    clipping: float
    sample_rate: float
    steps: int
    secure_random: bool

    def __str__(self) -> str:
        if math.isinf(self.epsilon):
            return "no privacy"
        source = "" if self.secure_random else f"; {SEEDED}"
        return (
            f"epsilon {self.epsilon:.2f} at delta {self.delta:.2g} ({self.accountant} accountant, noise "
            f"{self.noise_multiplier:.2f}, clipping {self.clipping:g}{source})"
        )


def no_guarantee(*, delta: float) -> Guarantee:
    """What a head promises that was trained without privacy: nothing."""
    return Guarantee(
        epsilon=math.inf,
        delta=delta,
        accountant=ACCOUNTANT,
        noise_multiplier=0.0,
        clipping=math.inf,
        sample_rate=1.0,
        steps=0,
        secure_random=False,
    )


def check_request(*, epsilon: float = 1.0, delta: float | None = None, clipping: float = 1.0) -> None:
    """See that a training can be asked for, before any record is read.

    Args:
        epsilon: Above 0, up to 10,000, or infinity for no privacy.
        delta: Between 0 and 1; `choose_delta` compares it with the number of records.
        clipping: Above 0, up to 1,000.

    Raises:
        DataError: If one of them is out of its range.
    """
    if not (0 < epsilon <= LARGEST_EPSILON or epsilon == math.inf):
        raise DataError(
            f"Epsilon is a positive number of at most {LARGEST_EPSILON:,.0f}, such as 2, or inf for no privacy; got "
            f"{epsilon:g}."
        )
    if delta is not None and not 0 < delta < 1:
        raise DataError(
            f"Delta lies strictly between 0 and 1, clearly below 1 over the number of records; got {delta:g}."
        )
    if not 0 < clipping <= LARGEST_CLIPPING:
        raise DataError(f"The clipping norm lies above 0 and is at most {LARGEST_CLIPPING:,.0f}; got {clipping:g}.")


def choose_delta(delta: float | None, *, count: int) -> float:
    """The delta that is asked for, or a hundredth of one over the number of records.

    Whoever published each record in full with probability delta would keep the promise, for any epsilon: at delta =
    1 / N one record on average, at 1 / (100 N) none in 99 of 100 trainings.

    Args:
        delta: None for the default.
        count: Number of records, N.

    Raises:
        DataError: If there are no records, or delta is above 1 / N.
    """
    if not count:
        raise DataError("There are no records to train on: give at least one.")
    check_request(delta=delta)
    if delta is not None and delta > 1 / count:
        raise DataError(
            f"Delta {delta:.2g} is above 1 over the {count:,} records, {1 / count:.2g}: publishing a whole record "
            f"would keep such a promise. Give a smaller one; the default is {1 / (DELTA_SHARE * count):.2g}."
        )
    return 1 / (DELTA_SHARE * count) if delta is None else delta


def accountant_for(epsilon: float) -> str:
    """The accountant that answers within seconds."""
    return ACCOUNTANT if epsilon <= TIGHT_EPSILON else LOOSE_ACCOUNTANT


def find_noise(*, epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """About the least noise multiplier with which the steps spend at most `epsilon`, and at least 98 % of it.

    Raises:
        DataError: If epsilon or delta is out of range, or no noise is enough.
    """
    check_request(epsilon=epsilon, delta=delta)
    return accounted_noise(epsilon, delta, sample_rate, steps)


@lru_cache(maxsize=256)
def accounted_noise(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """`find_noise` for checked arguments; up to some seconds, so the answers are kept."""
    from opacus.accountants.utils import get_noise_multiplier

    try:
        with quiet():
            return float(
                get_noise_multiplier(
                    target_epsilon=epsilon,
                    target_delta=delta,
                    sample_rate=sample_rate,
                    steps=steps,
                    accountant=accountant_for(epsilon),
                    epsilon_tolerance=min(0.01, epsilon / 50) if epsilon <= TIGHT_EPSILON else epsilon / 1000,
                )
            )
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"No noise gives epsilon {epsilon:g} at delta {delta:.2g} over {steps} steps ({error}): ask for a larger "
            "epsilon or delta."
        ) from error


@lru_cache(maxsize=256)
def spent_epsilon(
    *, noise_multiplier: float, delta: float, sample_rate: float, steps: int, accountant_name: str = ACCOUNTANT
) -> float:
    """What so many steps with so much noise spend, by an accountant."""
    from opacus.accountants import create_accountant

    accountant = create_accountant(accountant_name)
    accountant.history = [(noise_multiplier, sample_rate, steps)]
    with quiet():
        return float(accountant.get_epsilon(delta))


@contextmanager
def quiet() -> Iterator[None]:
    """Without remarks of Opacus that do not matter here: frozen inputs, log(0) where every record takes part."""
    with warnings.catch_warnings(), np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        warnings.filterwarnings("ignore", message="Full backward hook is firing")
        warnings.filterwarnings("ignore", message="Optimal order is the")  # of a first guess, not of the bound
        yield
