"""A recipe's text is part of the cache's key: it must never change by accident, nor be that of another."""

from __future__ import annotations

from itertools import combinations

import pytest

from picsync.core.recipe import ORIGINAL, Fit, Panel, Recipe

RECIPES = {
    "original": ORIGINAL,
    "auto/1 any contain q90": Recipe(),
    "auto/1 1280x800 contain q90": Recipe(panel=Panel(1280, 800)),
    "auto/1 1280x800 auto q80": Recipe(panel=Panel(1280, 800), fit=Fit.AUTO, quality=80),
    "auto/1 800x480 cover q90 on blur": Recipe(panel=Panel(800, 480), fit=Fit.COVER, background="blur"),
    "auto/1 any contain q90 location progressive pair": Recipe(
        keep_location=True, progressive=True, pair=True
    ),
    "auto/1 any contain q90 caption de:{place}": Recipe(caption="{place}", language="de"),
}


@pytest.mark.parametrize(("text", "recipe"), RECIPES.items())
def test_text_and_key_stay_as_they_are_in_caches_and_file_names(text: str, recipe: Recipe) -> None:
    assert str(recipe) == text
    assert len(recipe.key) == 4
    assert recipe.key == recipe.key.lower()
    assert recipe.key.isalnum()


def test_other_recipes_have_other_keys() -> None:
    for one, other in combinations(RECIPES.values(), 2):
        assert one.key != other.key


def test_key_is_known() -> None:
    assert ORIGINAL.key == "a2bm"
