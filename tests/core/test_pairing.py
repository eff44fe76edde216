"""What must hold of pairs, whatever is on the frame."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picsync.core.identity import ORIGINAL_BYTES, PhotoKey, Shown, content_key, item_key, key_in, keyed_name
from picsync.core.model import Digest, FramePhoto, MediaItem, Photos
from picsync.core.pairing import Pairing, pair_up
from picsync.core.plan import plan_transfers
from picsync.core.recipe import ORIGINAL, Panel, Recipe
from picsync.core.select import Accepted, Candidate, Skip, candidates

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RECIPE = Recipe(panel=Panel(1280, 800), pair=True)
ANY = Accepted(frozenset(), any_picture=True)
MANY = 1_000


def item(number: int) -> MediaItem:
    return MediaItem("memory", f"i{number}", filename=f"{number}.jpg")


def content(number: int) -> Digest:
    return Digest.md5(f"{number:032x}")


def photo(*numbers: int, recipe: Recipe = RECIPE) -> FramePhoto:
    """Return the photo of one item, or of two."""
    keys = [(item_key(item(number)), content_key(content(number))) for number in numbers]
    mark = recipe.key if len(numbers) > 1 else recipe.alone.key
    key = PhotoKey(*keys[0], mark, 1_000, keys[1] if len(keys) > 1 else None)
    digest = Digest.md5(f"{sum(1 << (number + 1) for number in numbers) | 1 << 100:032x}"[-32:])
    return FramePhoto(f"p{numbers}", digest, keyed_name("a.jpg", key))


def is_portrait(one: MediaItem) -> bool:
    return int(one.item_id[1:]) % 3 != 0


def planned(
    numbers: list[int],
    photos: list[FramePhoto],
    *,
    recipe: Recipe = RECIPE,
    replacements: int = MANY,
    complete: bool = True,
) -> list[Candidate]:
    shown = Shown(photos, recipe)
    found = candidates(map(item, numbers), {}, {}, shown, ANY, NOW)
    return pair_up(found, shown, Pairing(is_portrait, replacements, complete))


def pairs(found: list[Candidate]) -> set[frozenset[int]]:
    return {frozenset(int(one.item_id[1:]) for one in each.pair) for each in found if each.pair}


def carried_out(
    numbers: list[int], photos: list[FramePhoto], *, replacements: int = MANY
) -> list[FramePhoto]:
    """Return the frame after a cycle in which everything worked."""
    found = planned(numbers, photos, replacements=replacements)
    sent = plan_transfers(found, Photos(tuple(photos)), replacements)
    made = [photo(*(int(one.item_id[1:]) for one in each.items)) for each in sent]
    listed = set(numbers)
    new = {number for each in sent for number in (int(one.item_id[1:]) for one in each.items)}

    def stays(old: FramePhoto) -> bool:
        key = key_in(old.filename)
        assert key
        members = {n for n in range(60) if item_key(item(n)) in {keys[0] for keys in key.members}}
        return not members <= new | (set(range(60)) - listed)

    return [old for old in photos if stays(old)] + [one for one in made if one not in photos]


ALBUMS = st.lists(st.integers(0, 50), unique=True, max_size=24)


@given(ALBUMS)
def test_neighbours_share_a_photo(numbers: list[int]) -> None:
    portraits = [number for number in numbers if number % 3]
    expected = {frozenset(portraits[at : at + 2]) for at in range(0, len(portraits) - 1, 2)}
    assert pairs(planned(numbers, [])) == expected


@st.composite
def frames(draw: st.DrawFn) -> tuple[list[int], list[FramePhoto]]:
    """Return an album, and a frame as several cycles may have left it."""
    numbers, photos = draw(ALBUMS), list[FramePhoto]()
    for _ in range(draw(st.integers(0, 3))):
        photos = carried_out(numbers, photos, replacements=draw(st.sampled_from([0, 1, 3, MANY])))
        numbers = draw(st.permutations(numbers)) if draw(st.booleans()) else numbers
        gone = draw(st.sets(st.sampled_from(numbers), max_size=3)) if numbers else set()
        numbers = [number for number in numbers if number not in gone]
        new = draw(st.lists(st.integers(0, 50), unique=True, max_size=3))
        at = draw(st.integers(0, len(numbers)))
        numbers[at:at] = [number for number in new if number not in numbers]
    return numbers, photos


@given(frames(), st.sampled_from([0, 1, MANY]), st.booleans())
def test_each_item_is_in_one_photo_at_most(
    frame: tuple[list[int], list[FramePhoto]], replacements: int, complete: bool
) -> None:
    numbers, photos = frame
    found = planned(numbers, photos, replacements=replacements, complete=complete)
    assert [each.item for each in found] == [item(number) for number in numbers]
    members = Counter(number for pair in pairs(found) for number in pair)
    assert set(members.values()) <= {1}
    assert all(number % 3 for number in members)
    for each in found:
        if each.pair:
            assert each.item in each.pair
            assert (
                len({other.digest for other in found if other.pair == each.pair and not other.outdated}) <= 1
            )
    sent = plan_transfers(found, Photos(tuple(photos)), replacements)
    # Nothing that the frame lacks waits for a replacement.
    there = {one.digest for one in photos}
    lacking = {each.item for each in found if each.digest not in there}
    assert lacking <= {one for each in sent for one in each.items}
    assert sum(1 for each in sent if each.replaces) <= replacements
    assert found == planned(numbers, photos, replacements=replacements, complete=complete)


@given(frames())
def test_it_settles(frame: tuple[list[int], list[FramePhoto]]) -> None:
    numbers, photos = frame
    for _ in range(3):
        photos = carried_out(numbers, photos)
    assert carried_out(numbers, photos) == photos
    assert not plan_transfers(planned(numbers, photos), Photos(tuple(photos)))
    portraits = sum(1 for number in numbers if number % 3)
    assert len(pairs(planned(numbers, photos))) == portraits // 2


@given(ALBUMS, st.integers(0, 50), st.randoms(use_true_random=False))
def test_one_photo_more_or_less_changes_one_pair_or_two(
    numbers: list[int], other: int, chance: random.Random
) -> None:
    photos = carried_out(numbers, [])
    before = pairs(planned(numbers, photos))
    if other in numbers:
        changed = [number for number in numbers if number != other]
    else:
        at = chance.randint(0, len(numbers))
        changed = [*numbers[:at], other, *numbers[at:]]
    after = pairs(planned(changed, photos))
    assert len(before - after) <= 1
    assert len(after - before) <= 1
    chance.shuffle(changed)
    assert len(before - pairs(planned(changed, photos))) <= 1
    sent = plan_transfers(planned(changed, photos), Photos(tuple(photos)))
    assert len(sent) <= 1


@given(ALBUMS)
def test_a_pair_stays_while_its_other_photo_may_only_be_missing(numbers: list[int]) -> None:
    photos = carried_out(numbers, [])
    for gone in numbers:
        left = [number for number in numbers if number != gone]
        assert not plan_transfers(planned(left, photos, complete=False), Photos(tuple(photos)))


@given(ALBUMS)
def test_without_pair_each_is_shown_alone_again(numbers: list[int]) -> None:
    photos = carried_out(numbers, [])
    found = planned(numbers, photos, recipe=RECIPE.alone)
    assert not pairs(found)
    sent = plan_transfers(found, Photos(tuple(photos)))
    paired = {number for pair in pairs(planned(numbers, photos)) for number in pair}
    assert {int(each.item.item_id[1:]) for each in sent} == paired
    assert all(each.beside is None for each in sent)


@given(ALBUMS)
def test_another_panel_keeps_the_pairs(numbers: list[int]) -> None:
    photos = carried_out(numbers, [])
    other = replace(RECIPE, panel=Panel(1920, 1200))
    assert pairs(planned(numbers, photos, recipe=other)) == pairs(planned(numbers, photos))


def test_what_was_sent_without_a_recipe_stays_alone() -> None:
    shown = photo(1, recipe=RECIPE)
    key = key_in(shown.filename)
    assert key
    as_sent = replace(
        shown,
        filename=keyed_name("1.jpg", replace(key, recipe=ORIGINAL_BYTES, content=content_key(shown.digest))),
    )
    assert not pairs(planned([1, 2], [as_sent]))
    assert pairs(planned([1, 2, 4], [as_sent])) == {frozenset({2, 4})}


def test_only_a_landscape_panel_has_room_for_two() -> None:
    for recipe in (replace(RECIPE, panel=Panel(800, 1280)), replace(RECIPE, panel=None), ORIGINAL):
        assert not pairs(planned([1, 2], [], recipe=recipe))


def test_equal_content_is_in_one_pair() -> None:
    copies = {item(1): content(9), item(2): content(9)}
    shown = Shown([], RECIPE)
    found = [
        replace(each, content=copies.get(each.item))
        for each in candidates(map(item, [1, 2, 4, 5]), {}, {}, shown, ANY, NOW)
    ]
    made = pair_up(found, shown, Pairing(is_portrait, MANY))
    assert pairs(made) == {frozenset({1, 4})}
    assert made[0].pair == made[1].pair


def test_the_name_of_a_pair_tells_both_photos() -> None:
    shown = photo(1, 2)
    key = key_in(shown.filename)
    assert key
    assert [keys[0] for keys in key.members] == [item_key(item(1)), item_key(item(2))]
    assert (key.recipe, key.size_bytes) == (RECIPE.key, 1_000)


@pytest.mark.parametrize(
    ("skip", "unknown", "stays"),
    [
        (Skip.NOT_CHOSEN, True, True),
        (Skip.CAPACITY, True, True),
        (Skip.REJECTED, True, False),
        (Skip.NOT_CHOSEN, False, False),
    ],
)
def test_a_pair_stays_while_another_item_may_have_the_content_of_its_photo(
    skip: Skip, unknown: bool, stays: bool
) -> None:
    shown = Shown([photo(1, 2)], RECIPE)
    first, second, new = candidates(map(item, (1, 2, 4)), {}, {}, shown, ANY, NOW)
    others = [new] if unknown else []
    found = pair_up([replace(first, skip=skip), second, *others], shown, Pairing(is_portrait, MANY, False))
    assert found[1].outdated is not stays


def test_a_pair_that_is_half_replaced_is_replaced_before_others() -> None:
    alone = replace(RECIPE, pair=False)
    photos = [photo(3, recipe=replace(RECIPE, panel=Panel(640, 400))), photo(1, 2), photo(1)]
    found = planned([3, 1, 2], photos, recipe=alone)
    assert [each.outdated for each in found] == [True, False, True]
    sent = plan_transfers(found, Photos(tuple(photos)), 1)
    assert [each.items for each in sent] == [(item(2),)]
