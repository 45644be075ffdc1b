"""Rows are put together by setting; the front is what nothing beats."""

import pytest

from fcnlab.data.trained import load_trained
from fcnlab.findings.networks import (
    cheapest,
    group_networks,
    load_networks,
    network_columns,
    pareto_front,
    spell_accuracy,
    swept,
)
from tests.support.rows import full, plain, row


def test_seeds_of_one_setting_are_one_network():
    networks = {network.name: network for network in full()}
    twice = networks["sweep-20000-4-bits"]
    assert twice.seeds == 2
    assert twice.accuracy == pytest.approx(98.875)
    assert twice.spread == pytest.approx(0.25 / 2**0.5)
    assert twice.budget == 20_000
    assert twice.products == 19_990
    assert spell_accuracy(twice) == "98.88 ± 0.18 % (2 seeds)"
    assert networks["fcn-9k"].hops == round((9_000 + 9_200) / 2)
    assert networks["fcn-9k"].budget == 0
    assert networks["fcn-9k"] not in swept(networks.values())
    assert twice in swept(networks.values())
    assert networks["sweep-activation-relu-aq-2-20000-4-bits"].base == (5, 100, "relu-aq-2")


def test_the_rounding_is_no_part_of_a_family():
    networks = group_networks([row("fcn-9k"), row("fcn-9k-real"), row("fcn-9k-0-bits", weight_bits=0)])
    assert {network.family for network in networks} == {"fcn-9k"}


def test_nothing_beats_the_front_and_everything_else_is_beaten():
    networks = [network for network in full() if network.weight_bits]
    front = pareto_front(full())
    assert all(network.weight_bits for network in front)
    for network in networks:
        better = [each for each in networks if each.hops <= network.hops and each.accuracy > network.accuracy]
        assert (network in front) <= (not better)
        assert network in front or better or any(each.accuracy == network.accuracy for each in front)
    assert list(front) == sorted(front, key=lambda each: each.hops)


def test_the_cheapest_that_is_good_enough():
    assert cheapest(plain(), accuracy=98.6).name == "sweep-20000-3-bits"
    assert cheapest(plain(), accuracy=99.9) is None


def test_a_table_of_networks():
    columns = network_columns(full())
    assert {len(cells) for cells in columns.values()} == {len(full())}
    twice = columns["network"].index("sweep-20000-4-bits")
    assert [columns[head][twice] for head in ("accuracy %", "± over seeds", "seeds")] == ["98.88", "0.18", 2]


def test_no_shipped_row_is_lost():
    assert sum(network.seeds for network in load_networks()) == len(load_trained())
