"""The fourth question: layouts, rings, sizes and heads."""

import pytest

from fcnlab.findings.scaling import IMAGES, Plans, all_parts, head_columns, plan_columns, plan_network, seconds_an_image
from tests.support.costs import made_up

COSTS = made_up()


@pytest.fixture(scope="module")
def plans() -> Plans:
    return plan_network("fcn-20k", "bgv")


def test_every_ring_holds_the_network_or_says_why_not(plans):
    assert list(plans.found) == ["ring 8,192", "ring 16,384", "packed"]
    assert "4096" in plans.refusals["ring 4,096"]
    assert plans.packed is plans.found["packed"]
    assert plans.cheapest_batch is plans.found["ring 16,384"]
    assert 1 < plans.crossing < 8192
    assert plan_columns(plans)["layout"] == ["batch", "batch", "packed"]


def test_what_is_missing_crosses_nothing(plans):
    none = Plans(plans.circuit, {}, {"packed": "It is too large."})
    assert (none.packed, none.cheapest_batch, none.crossing) == (None, None, None)
    assert not any(plan_columns(none).values())


def test_a_batch_costs_the_same_whatever_it_holds(plans):
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


def test_heads_are_far_smaller_than_whole_networks():
    parts = all_parts()
    hops = {(part.study, part.part): part.hops for part in parts}
    wholes = [(study, part) for study, part in hops if part == "whole"]
    assert all(hops[study, "head"] < hops[study, part] for study, part in wholes)
    columns = head_columns(parts)
    assert columns["HOPs"] == [part.hops for part in parts]
    assert [times is None for times in columns["times fewer"]] == [part.part == "head" for part in parts]
