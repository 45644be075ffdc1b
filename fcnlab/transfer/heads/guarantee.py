"""What a privately trained head promises, and the noise that keeps the promise: the accountant is Opacus's."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from opacus.accountants import create_accountant
from opacus.accountants.utils import get_noise_multiplier

from fcnlab.errors import DataError

ACCOUNTANT: Final = "prv"
"""Numerical composition of privacy loss random variables: tight, and it reports an upper bound.

Source: Gopi, Lee and Wutschitz 2021, "Numerical composition of differential privacy", as implemented in Opacus.
"""


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


def check_epsilon(epsilon: float) -> None:
    """See that epsilon can be asked for.

    Raises:
        DataError: If it is not positive.
    """
    if not epsilon > 0:
        raise DataError(f"Epsilon is a positive number, such as 2, or inf for no privacy; got {epsilon:g}.")


def find_noise(*, epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """The least noise multiplier, to within 0.01 of epsilon, with which the steps spend at most `epsilon`.

    Raises:
        DataError: If epsilon or delta is out of range, or no noise is enough.
    """
    check_epsilon(epsilon)
    if not 0 < delta < 1:
        raise DataError(f"Delta lies strictly between 0 and 1, usually 1 over the number of records; got {delta:g}.")
    return accounted_noise(epsilon, delta, sample_rate, steps)


@lru_cache(maxsize=256)
def accounted_noise(epsilon: float, delta: float, sample_rate: float, steps: int) -> float:
    """`find_noise` for checked arguments; a second or two, so the answers are kept."""
    try:
        with quiet():
            return float(
                get_noise_multiplier(
                    target_epsilon=epsilon,
                    target_delta=delta,
                    sample_rate=sample_rate,
                    steps=steps,
                    accountant=ACCOUNTANT,
                    epsilon_tolerance=min(0.01, epsilon / 50),
                )
            )
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"No noise gives epsilon {epsilon:g} at delta {delta:.2g} over {steps} steps ({error}): ask for a larger "
            "epsilon or fewer steps."
        ) from error


@lru_cache(maxsize=256)
def spent_epsilon(*, noise_multiplier: float, delta: float, sample_rate: float, steps: int) -> float:
    """What so many steps with so much noise spend, by the accountant."""
    accountant = create_accountant(ACCOUNTANT)
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
