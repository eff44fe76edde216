"""The pure decisions: what becomes of a JPEG file, and where pixels go."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.recipe import ORIGINAL, Fit, Panel, Recipe
from picsync.media import jpeg
from picsync.media.treatment import CROPPED_MOST, Treatment, place, treatment
from tests.media.files import tiff

FINE = jpeg.Jpeg(
    start=0,
    end=1000,
    trailing=False,
    width=1280,
    height=800,
    coding=0xC0,
    precision=8,
    sampling=((2, 2), (1, 1), (1, 1)),
    transform=None,
    profile=None,
    exif=None,
    position=False,
    several=False,
)
RECIPE = Recipe(panel=Panel(1280, 800))
LOCATED = tiff({0x8825: 400})
"""Its directory of positions is outside of the file, where another program may find one."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "as is"),
        ({"sampling": ((2, 1), (1, 1), (1, 1))}, "as is"),
        ({"transform": 1}, "as is"),
        ({"exif": tiff({274: 1})}, "as is"),
        ({"width": 1281}, "render"),
        ({"height": 801}, "render"),
        ({"width": 800, "height": 1280}, "render"),
        ({"coding": 0xC1}, "render"),
        ({"coding": 0xC2}, "render"),
        ({"coding": 0xC9}, "render"),
        ({"precision": 12}, "render"),
        ({"sampling": ((1, 1), (1, 1), (1, 1))}, "render"),
        ({"sampling": ((1, 2), (1, 1), (1, 1))}, "render"),
        ({"sampling": ((1, 1),)}, "render"),
        ({"sampling": ((2, 2), (1, 1), (1, 1), (2, 2))}, "render"),
        ({"transform": 0}, "render"),
        ({"end": None}, "render"),
        ({"exif": tiff({274: 6})}, "render"),
        ({"position": True}, "metadata"),
        ({"exif": LOCATED}, "metadata"),
        ({"several": True}, "metadata"),
        ({"trailing": True}, "metadata"),
        ({"start": 20}, "metadata"),
        ({"profile": b"garbage"}, "metadata"),
        ({"profile": b""}, "metadata"),
    ],
)
def test_what_becomes_of_a_photo(changes: dict[str, object], expected: str) -> None:
    picture = replace(FINE, **changes)  # type: ignore[arg-type]
    assert treatment(picture, RECIPE) == Treatment(expected)
    assert treatment(picture, ORIGINAL) is Treatment.AS_IS


def test_what_the_recipe_changes() -> None:
    assert treatment(None, RECIPE) is Treatment.RENDER
    assert treatment(None, ORIGINAL) is Treatment.AS_IS
    assert treatment(replace(FINE, width=9999), Recipe()) is Treatment.AS_IS
    progressive = replace(FINE, coding=0xC2)
    assert treatment(progressive, replace(RECIPE, progressive=True)) is Treatment.AS_IS
    located = replace(FINE, exif=LOCATED, position=True)
    assert treatment(located, replace(RECIPE, keep_location=True)) is Treatment.AS_IS
    assert treatment(FINE, replace(RECIPE, caption="{description}")) is Treatment.RENDER
    for fit in Fit:
        assert treatment(FINE, replace(RECIPE, fit=fit, quality=50, background="blur")) is Treatment.AS_IS


@pytest.mark.parametrize(
    ("size", "recipe", "expected"),
    [
        ((4000, 3000), RECIPE, (1066, 800)),
        ((3000, 4000), RECIPE, (600, 800)),
        ((6000, 1000), RECIPE, (1280, 212)),
        ((4000, 3000), replace(RECIPE, fit=Fit.COVER), (1280, 800)),
        ((4000, 2600), replace(RECIPE, fit=Fit.AUTO), (1280, 800)),
        ((256, 144), replace(RECIPE, fit=Fit.AUTO), (230, 144)),
        ((4000, 3000), replace(RECIPE, fit=Fit.AUTO), (1066, 800)),
        ((4000, 3000), replace(RECIPE, background="black"), (1066, 800)),
        ((640, 480), RECIPE, (640, 480)),
        ((640, 480), replace(RECIPE, fit=Fit.COVER), (640, 400)),
        ((641, 481), Recipe(), (640, 480)),
        ((1, 5000), RECIPE, (1, 800)),
        ((50_000, 3), RECIPE, (1280, 2)),
    ],
)
def test_sizes(size: tuple[int, int], recipe: Recipe, expected: tuple[int, int]) -> None:
    found = place(*size, recipe)
    assert (found.width, found.height) == expected
    assert found.canvas == (Panel(1280, 800) if recipe.background else None)


EDGES = st.integers(1, 60_000) | st.integers(1, 40)
PANELS = st.builds(Panel, st.integers(16, 4000), st.integers(16, 4000))
RECIPES = st.builds(
    Recipe,
    panel=PANELS | st.none(),
    fit=st.sampled_from(Fit),
    background=st.sampled_from(["", "black", "blur"]),
)


@given(EDGES, EDGES, RECIPES)
def test_a_placement_shows_a_part_of_the_picture_within_the_panel(
    width: int, height: int, recipe: Recipe
) -> None:
    found = place(width, height, recipe)
    crop = found.crop
    shown = (crop.right - crop.left, crop.bottom - crop.top)
    assert 0 <= crop.left < crop.right <= width
    assert 0 <= crop.top < crop.bottom <= height
    # Never enlarged, even, and within the panel.
    for size, available, whole in ((found.width, shown[0], width), (found.height, shown[1], height)):
        assert 1 <= size <= max(available, min(2, whole))
        assert size % 2 == 0 or whole == 1
    if recipe.panel is not None:
        assert found.width <= recipe.panel.width
        assert found.height <= recipe.panel.height
    # In the middle, with all of its rows or all of its columns, but for one.
    assert abs(crop.left - (width - crop.right)) <= 1
    assert abs(crop.top - (height - crop.bottom)) <= 1
    assert shown[0] >= width - 1 or shown[1] >= height - 1
    if recipe.fit is Fit.CONTAIN:
        assert shown[0] >= width - 1
        assert shown[1] >= height - 1
    if recipe.fit is Fit.AUTO:
        assert (shown[0] + 1) * (shown[1] + 1) >= width * height * (1 - CROPPED_MOST)


@given(EDGES, EDGES, RECIPES)
def test_a_placement_keeps_the_shape(width: int, height: int, recipe: Recipe) -> None:
    found = place(width, height, recipe)
    crop = found.crop
    across = found.width / (crop.right - crop.left)
    down = found.height / (crop.bottom - crop.top)
    # Rounding to even numbers changes each edge by less than two pixels.
    assert abs(across * (crop.right - crop.left) - down * (crop.right - crop.left)) <= 2 + 2 * (
        (crop.right - crop.left) / (crop.bottom - crop.top)
    )


@given(EDGES, EDGES, RECIPES)
def test_a_canvas_has_the_size_of_the_panel_and_room_for_the_picture(
    width: int, height: int, recipe: Recipe
) -> None:
    found = place(width, height, recipe)
    if found.canvas is None:
        return
    assert recipe.background
    assert recipe.panel is not None
    assert (found.canvas.width, found.canvas.height) == (
        recipe.panel.width - recipe.panel.width % 2,
        recipe.panel.height - recipe.panel.height % 2,
    )
    assert found.left >= 0
    assert found.top >= 0
    assert found.left + found.width <= found.canvas.width
    assert found.top + found.height <= found.canvas.height


@given(st.binary(max_size=400))
def test_any_bytes_after_the_first_marker_are_read(data: bytes) -> None:
    found = jpeg.read(io.BytesIO(b"\xff\xd8\xff" + data))
    if found is not None:
        treatment(found, RECIPE)
        jpeg.copy_with(io.BytesIO(b"\xff\xd8\xff" + data), found, io.BytesIO(), metadata=b"")
