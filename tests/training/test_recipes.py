"""Recipes are complete, and their fingerprints tell them apart."""

from dataclasses import replace

import pytest

from fcnlab.errors import DataError
from fcnlab.networks.architectures import Architecture
from fcnlab.training.recipes import RECIPES, Recipe, TeacherRecipe, find_recipe, fingerprint, reseeded

NETWORK = Architecture(kind="faster-cryptonets", activation="swish-aq-2")


def test_the_shipped_recipes_have_their_names() -> None:
    assert {"fcn-20k", "cryptonets"} <= RECIPES.keys()
    assert all(find_recipe(name).name == name for name in RECIPES)
    assert 0 < sum(RECIPES["fcn-20k"].budgets.values()) <= 20_000
    assert not RECIPES["cryptonets"].budgets


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"Unknown recipe 'lenet': choose one of .*cryptonets"):
        find_recipe("lenet")


def test_the_published_budget_of_the_uncollapsed_network() -> None:
    recipe = RECIPES["faster-cryptonets"]
    assert recipe.architecture.kind == "cryptonets"
    assert sum(recipe.budgets.values()) <= 23_007


def test_hops_are_for_untied_networks() -> None:
    untied = Architecture(kind="untied", activation="square")
    for architecture, hops, convolution in ((NETWORK, 9_000, None), (untied, 0, NETWORK), (untied, 9_000, None)):
        with pytest.raises(DataError, match="kind 'untied'"):
            Recipe(name="x", architecture=architecture, dense_epochs=1, hops=hops, convolution=convolution)


def test_a_recipe_begins_in_one_way() -> None:
    for beginning in ({}, {"dense_epochs": 1, "start": "cryptonets"}):
        with pytest.raises(DataError, match="not both"):
            Recipe(name="x", architecture=NETWORK, **beginning)


@pytest.mark.parametrize("phases", [{"prune_epochs": 1}, {"quantise_epochs": 1}])
def test_every_layer_needs_its_budget_and_its_exponents(phases: dict[str, int]) -> None:
    with pytest.raises(DataError, match="conv1, fc1, fc2"):
        Recipe(name="x", architecture=NETWORK, dense_epochs=1, **phases)


@pytest.mark.parametrize(("exponents", "bits"), [(1, 2), (2, 3), (3, 3), (4, 4), (7, 4)])
def test_weight_bits_name_zero_and_each_signed_power(exponents: int, bits: int) -> None:
    windows = {"conv1": 1, "fc1": exponents, "fc2": 1}
    recipe = Recipe(name="x", architecture=NETWORK, dense_epochs=1, quantise_epochs=1, exponents=windows)
    assert recipe.weight_bits == bits
    assert 2 ** (bits - 1) <= 2 * exponents + 1 <= 2**bits


def test_the_fingerprint_follows_every_choice() -> None:
    recipe = RECIPES["fcn-20k"]
    variants = [
        recipe,
        replace(recipe, seed=recipe.seed + 1),
        replace(recipe, architecture=replace(recipe.architecture, pixel_bits=2)),
        replace(recipe, teacher=TeacherRecipe(epochs=1)),
    ]
    assert len({fingerprint(variant) for variant in variants}) == len(variants)
    assert fingerprint(recipe) == fingerprint(replace(recipe))


def test_another_seed_is_another_name_and_a_command_of_its_own() -> None:
    recipe = find_recipe("fcn-12k")
    again = reseeded(recipe, seed=3)
    assert (again.name, again.seed, again.teacher) == ("fcn-12k-seed-3", 3, recipe.teacher)
    assert (recipe.command, again.command) == ("fcnlab train fcn-12k", "fcnlab train fcn-12k --seed 3")
    assert fingerprint(again) != fingerprint(recipe)
    with pytest.raises(DataError, match="0 or more; got -1"):
        reseeded(recipe, seed=-1)
