"""The fourth question: layouts, rings, sizes and heads."""

from dataclasses import replace

import pytest

from fcnlab.findings.scaling import (
    IMAGES,
    Plans,
    all_parts,
    head_columns,
    head_sentence,
    image_columns,
    layout_sentence,
    measured_seconds,
    plan_columns,
    plan_network,
    run_of,
    seconds_an_image,
    sentences,
    size_sentence,
)
from tests.findings.test_reduction import RUNS
from tests.support.costs import made_up

COSTS = made_up()


@pytest.fixture(scope="module")
def plans() -> Plans:
    return plan_network("fcn-20k", "bgv")


def test_every_ring_holds_the_network_or_says_why_not(plans):
    assert set(plans.batch) == {8192, 16384}
    assert "4096" in plans.refusals["ring 4,096"]
    assert plans.packed is not None
    assert 1 < plans.crossing < 8192
    assert plan_columns(plans)["layout"] == ["batch", "batch", "packed"]
    assert f"from {plans.crossing:,} images on" in layout_sentence(plans)


def test_what_is_missing_is_explained(plans):
    none = Plans(plans.circuit, {}, None, 0, {"packed": "It is too large."})
    assert "It is too large." in layout_sentence(none)
    assert not any(plan_columns(none).values())


def test_a_batch_costs_the_same_whatever_it_holds(plans):
    run = RUNS[0]
    assert measured_seconds(run, 1) == pytest.approx(19.0)
    assert measured_seconds(run, 1000) == pytest.approx(0.019)
    assert measured_seconds(run, 1001) == pytest.approx(38 / 1001)
    batch = plans.cheapest_batch
    one, many = (seconds_an_image(batch, plans.circuit, images=n, costs=COSTS, threads=1) for n in (1, 1000))
    assert one == pytest.approx(1000 * many, rel=0.05)


def test_layouts_cross(plans):
    def ratio(images):
        return seconds_an_image(plans.packed, plans.circuit, images=images, costs=COSTS, threads=1) / seconds_an_image(
            plans.cheapest_batch, plans.circuit, images=images, costs=COSTS, threads=1
        )

    assert ratio(1) < 1 < ratio(8192)


def test_images_go_from_one_to_all():
    assert (IMAGES[0], IMAGES[-1]) == (1, 10_000)
    assert list(IMAGES) == sorted(set(IMAGES))


def test_sizes_are_compared_by_what_was_measured():
    runs = tuple(sorted(RUNS, key=lambda run: run.total))
    assert "cryptonets with 400,000 HOPs takes 4.1 times as long an image as fcn-9k with 4,000" in size_sentence(runs)
    assert "Fewer than two" in size_sentence(runs[:1])
    assert len(image_columns(runs)["HOPs"]) == 3
    assert image_columns([replace(RUNS[0], message_mb=None)])["kB an image"] == [None]
    assert run_of(runs, "fcn-9k", "bgv") is runs[0]
    assert run_of(runs, "fcn-9k", "ckks") is None


def test_heads_are_far_smaller_than_whole_networks(plans):
    parts = all_parts()
    hops = {(part.study, part.part): part.hops for part in parts}
    wholes = [(study, part) for study, part in hops if part == "whole"]
    assert all(hops[study, "head"] < hops[study, part] for study, part in wholes)
    columns = head_columns(parts)
    assert columns["HOPs"] == [part.hops for part in parts]
    assert [times is None for times in columns["times fewer"]] == [part.part == "head" for part in parts]
    assert "times fewer" in head_sentence(parts)
    assert head_sentence(()) == "No transfer study is stored."
    assert sentences(plans, ())
