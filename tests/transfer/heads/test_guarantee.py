import math
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from scipy.special import log_ndtr
from scipy.stats import norm

from fcnlab.errors import DataError
from fcnlab.transfer.heads.guarantee import (
    SEEDED,
    Guarantee,
    check_request,
    choose_delta,
    find_noise,
    no_guarantee,
    spent_epsilon,
)


def gaussian_delta(epsilon: float, *, noise_multiplier: float, steps: int) -> float:
    """Exact delta of the Gaussian mechanism repeated over the whole set (Balle and Wang 2018, theorem 8)."""
    mu = math.sqrt(steps) / noise_multiplier
    return float(norm.cdf(mu / 2 - epsilon / mu) - math.exp(epsilon) * norm.cdf(-mu / 2 - epsilon / mu))


@pytest.mark.parametrize(("epsilon", "steps"), [(0.5, 60), (2.0, 60), (8.0, 20)])
def test_noise_is_enough_and_not_much_more_by_the_exact_formula(epsilon: float, steps: int) -> None:
    delta = 1 / 1797
    noise = find_noise(epsilon=epsilon, delta=delta, sample_rate=1.0, steps=steps)
    assert gaussian_delta(epsilon, noise_multiplier=noise, steps=steps) <= delta
    assert gaussian_delta(0.95 * epsilon, noise_multiplier=noise, steps=steps) > delta
    assert spent_epsilon(noise_multiplier=noise, delta=delta, sample_rate=1.0, steps=steps) <= epsilon


@pytest.mark.parametrize("sample_rate", [1.0, 0.14])
@pytest.mark.parametrize("epsilon", [10.0, 10.1, 300.0, 10_000.0])
def test_any_epsilon_is_answered_within_seconds_and_kept(epsilon: float, sample_rate: float) -> None:
    """Without sampling by the exact formula, in logarithms; with it there is less to spend, never more."""
    began = time.process_time()
    noise = find_noise(epsilon=epsilon, delta=1e-6, sample_rate=sample_rate, steps=60)
    assert time.process_time() - began < 30, "minutes, on the slowest machine"
    mu = math.sqrt(60) / noise
    first, second = log_ndtr(mu / 2 - epsilon / mu), epsilon + log_ndtr(-mu / 2 - epsilon / mu)
    exact = math.exp(first) * -math.expm1(min(second - first, 0))
    if sample_rate == 1:
        assert exact <= 1e-6
    else:
        assert noise <= find_noise(epsilon=epsilon, delta=1e-6, sample_rate=1.0, steps=60)


def test_delta_is_clearly_below_one_over_the_records_and_never_above() -> None:
    assert choose_delta(None, count=1000) == pytest.approx(1e-5)
    assert choose_delta(1e-3, count=1000) == 1e-3
    with pytest.raises(DataError, match=r"Delta 0.0011 is above 1 over the 1,000 records.*the default is 1e-05"):
        choose_delta(1.1e-3, count=1000)
    with pytest.raises(DataError, match="no records"):
        choose_delta(None, count=0)


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        ({"epsilon": 0.0}, "Epsilon is a positive number"),
        ({"epsilon": math.nan}, "Epsilon is a positive number"),
        ({"epsilon": 10_001.0}, "at most 10,000.*got 10001"),
        ({"delta": math.nan}, "between 0 and 1"),
        ({"delta": 0.0}, "between 0 and 1"),
        ({"clipping": math.nan}, "clipping norm lies above 0 and is at most 1,000; got nan"),
        ({"clipping": math.inf}, "clipping norm.*got inf"),
        ({"clipping": 1e300}, r"clipping norm.*got 1e\+300"),
        ({"clipping": -1.0}, "clipping norm.*got -1"),
    ],
)
def test_requests_out_of_range_are_refused(request_: dict[str, float], match: str) -> None:
    with pytest.raises(DataError, match=match):
        check_request(**request_)


def test_a_request_is_judged_before_anything_heavy_is_loaded() -> None:
    code = (
        "import sys; from fcnlab.cli import main\n"
        "for verb in (['transfer', '--study', 'uci-digits'], ['train', 'uci-digits', '--private']):\n"
        "    for bad in (['--clipping', 'nan'], ['--epsilon', '0'], ['--delta', '1']):\n"
        "        assert main([*verb, *bad]) == 2\n"
        "assert not {'torch', 'opacus', 'sklearn'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_words_of_a_guarantee_name_a_seed() -> None:
    drawn = Guarantee(
        epsilon=1.99,
        delta=1e-5,
        accountant="prv",
        noise_multiplier=3.0,
        clipping=1.0,
        sample_rate=1.0,
        steps=60,
        secure_random=True,
    )
    assert str(drawn) == "epsilon 1.99 at delta 1e-05 (prv accountant, noise 3.00, clipping 1)"
    assert SEEDED in str(replace(drawn, secure_random=False))
    assert str(no_guarantee(delta=1e-5)) == "no privacy"
