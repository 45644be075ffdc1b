import math
import pickle

import numpy as np
import pytest

from fcnlab.errors import DataError
from fcnlab.machine.jobs import submit
from fcnlab.transfer.heads.heads import Release
from fcnlab.transfer.heads.privacy import HeadProgress
from fcnlab.transfer.heads.training import attack_head, attack_heads, release_trained, train_head
from fcnlab.transfer.records.studies import load_study

STUDY = load_study("breast-cancer")


def test_a_private_head_is_good_and_says_what_it_spent() -> None:
    head = train_head(STUDY, epsilon=2.0)
    assert head.accuracy > 90
    assert head.trained_accuracy > 90
    assert 1.9 < head.guarantee.epsilon <= 2.0
    assert head.guarantee.delta == pytest.approx(1 / 56_900)
    assert not head.guarantee.secure_random
    leak = attack_head(STUDY, head)
    assert leak.low < leak.advantage < leak.high
    assert leak.high < leak.bound


def test_infinity_trains_without_privacy() -> None:
    head = train_head(STUDY, epsilon=math.inf, seed=1)
    assert head.guarantee.noise_multiplier == 0
    assert math.isinf(head.guarantee.epsilon)
    assert head.accuracy > 93
    assert attack_head(STUDY, head).bound == 1


def test_heads_are_attacked_together_and_each_patient_counts_once() -> None:
    heads = [train_head(STUDY, epsilon=math.inf, seed=seed) for seed in range(2)]
    alone = [attack_head(STUDY, head) for head in heads]
    both, twice = attack_heads(STUDY, heads), attack_heads(STUDY, [heads[0], heads[0]])
    assert both.advantage == pytest.approx((alone[0].advantage + alone[1].advantage) / 2)
    assert twice == alone[0]


def test_another_release_of_the_same_head_keeps_its_guarantee() -> None:
    head = train_head(STUDY, epsilon=8.0)
    sparse = release_trained(
        STUDY, head.trained, guarantee=head.guarantee, seed=0, release=Release(keep=0.3, exponents=3)
    )
    assert sparse.guarantee is head.guarantee
    assert sparse.trained_accuracy == head.trained_accuracy
    assert sparse.circuit.products < 0.4 * head.circuit.products


def test_a_head_survives_the_way_between_processes() -> None:
    study = load_study("breast-cancer", bits=4, units=3)
    head = train_head(study, epsilon=2.0, clipping=2.0, release=Release(keep=0.5, exponents=5))
    assert head.guarantee.clipping == 2.0
    again = pickle.loads(pickle.dumps(head))
    values = np.zeros((1, 30), dtype=np.int64)
    assert np.array_equal(again.circuit.evaluate(values), head.circuit.evaluate(values))


def test_a_training_runs_as_a_job_and_tells_its_steps() -> None:
    told: list[HeadProgress] = []
    job = submit(train_head, arguments={"study": STUDY, "epsilon": 2.0}, on_progress=told.append)
    assert job.result().accuracy > 90
    assert told


@pytest.mark.parametrize("epsilon", [0.0, -2.0, math.nan])
def test_epsilon_must_be_positive(epsilon: float) -> None:
    with pytest.raises(DataError, match="Epsilon is a positive number"):
        train_head(STUDY, epsilon=epsilon)


def test_delta_is_judged_by_all_records_of_the_study() -> None:
    with pytest.raises(DataError, match="above 1 over the 569 records"):
        train_head(STUDY, epsilon=2.0, delta=1 / 500)
