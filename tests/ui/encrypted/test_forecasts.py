"""What lab 04 says before a run."""

import pytest

from fcnlab.data.defaults import DEFAULT_NETWORK
from fcnlab.planning.packed.plan import PackedPlan
from fcnlab.ui.cost import estimates
from fcnlab.ui.encrypted import forecasts
from fcnlab.ui.encrypted.forecasts import Forecaster, circuit_of, lack_of_memory, plan_aside, question_of, wish_of
from fcnlab.ui.encrypted.settings import DigitSettings
from tests.support.costs import made_up

SETTINGS = DigitSettings(scheme="bgv")


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def plans():
    """For one image and for many, made here instead of in a worker."""
    _, scheme, layout, ring = question_of(SETTINGS)
    return plan_aside(
        circuit=circuit_of(DEFAULT_NETWORK), scheme=scheme, layout=layout, ring_degree=ring, progress=lambda _: None
    )


@pytest.fixture
def forecaster(plans) -> Forecaster:
    found = Forecaster(lambda _: None)
    found.plans[question_of(SETTINGS)] = plans
    return found


def wish(images: int) -> DigitSettings:
    return wish_of(DigitSettings(scheme="bgv", count=images))


def test_a_drawing_is_one_image():
    assert wish_of(DigitSettings(source="drawn", count=50)).count == 1
    assert question_of(DigitSettings(ring_degree="8192"))[-1] == 8192
    assert question_of(DigitSettings())[-1] is None
    assert wish_of(DigitSettings(first=7, label="3", shown=2, beside="CryptoNets")) == DigitSettings()


def test_the_layout_follows_the_number_of_images(forecaster, plans):
    small, large = plans
    assert isinstance(small.plan, PackedPlan)
    assert not isinstance(large.plan, PackedPlan)
    for images in (1, large.fewest - 1, large.fewest, 100):
        setup = forecaster.recall(wish(images)).setup
        assert setup.plan is (small if images < large.fewest else large).plan
    assert forecaster.recall(wish(1)) is forecaster.recall(wish(1))


def test_what_is_unknown_is_not_recalled(forecaster):
    assert forecaster.recall(wish_of(DigitSettings(scheme="bfv"))) is None


def test_projections_are_those_of_this_machine(forecaster, monkeypatch):
    monkeypatch.setattr(estimates, "unit_costs", lambda: None)
    assert forecaster.recall(wish(1)).projection is None
    forecaster.forget()
    monkeypatch.setattr(estimates, "unit_costs", made_up)
    monkeypatch.setattr(forecasts, "available_bytes", lambda: None)
    found = forecaster.recall(wish(1))
    assert found.projection.images == 1
    assert found.projection.threads == found.setup.threads
    assert not found.refusal


def test_a_run_that_does_not_fit_into_memory_is_refused(forecaster, monkeypatch):
    monkeypatch.setattr(estimates, "unit_costs", made_up)
    monkeypatch.setattr(forecasts, "available_bytes", lambda: 10 * 2**20)
    found = forecaster.recall(wish(1))
    assert "are free. What helps: ckks" in found.refusal
    assert not lack_of_memory(None)


def test_a_refusal_of_the_planner_arrives_through_a_worker():
    told = []
    forecaster = Forecaster(told.append)
    forecaster.answer(wish_of(DigitSettings(scheme="bfv", ring_degree="4096")), never)
    (found,) = told
    assert found.setup is None
    assert "No ring of degree 4096" in found.refusal


def test_a_superseded_question_is_given_up():
    told = []
    Forecaster(told.append).answer(wish_of(DigitSettings()), lambda: True)
    assert told == []


def test_an_unknown_network_is_explained():
    told = []
    Forecaster(told.append).answer(DigitSettings(network="no-such-network"), never)
    assert "no-such-network" in told[0].refusal
