"""What must hold of every plan of a frame's storage."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, example, given
from hypothesis import strategies as st

from picsync.core.capacity import PROBES, TYPICAL_BYTES, Capacity, held, plan_storage
from picsync.core.identity import PhotoKey, keyed_name
from picsync.core.model import Digest, FramePhoto, MediaItem
from picsync.core.recipe import ORIGINAL, Panel, Recipe
from picsync.core.select import Candidate, Skip

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DIGESTS = [Digest.md5(f"{n:032x}") for n in range(12)]
SIZES = st.one_of(st.none(), st.integers(1, 5_000_000))
CAPACITIES = st.builds(
    Capacity, st.one_of(st.none(), st.integers(0, 30_000_000)), st.one_of(st.none(), st.integers(0, 12))
)
RECIPES = st.sampled_from([ORIGINAL, Recipe(), Recipe(panel=Panel(1280, 800))])
LISTED = st.lists(st.one_of(st.none(), st.sampled_from(DIGESTS)), max_size=12)


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    return [
        Candidate(
            MediaItem(
                "memory",
                f"i{n}",
                taken_at=BEGIN + timedelta(days=draw(st.integers(0, 9))),
                size_bytes=draw(SIZES),
            ),
            digest,
            draw(st.sampled_from([None, None, None, Skip.VIDEO])),
        )
        for n, digest in enumerate(
            draw(st.lists(st.one_of(st.none(), st.sampled_from(DIGESTS)), max_size=12))
        )
    ]


@st.composite
def photos(draw: st.DrawFn) -> list[FramePhoto]:
    there = draw(st.lists(st.sampled_from(DIGESTS), unique=True))
    return [FramePhoto(f"p{digest.hex}", digest, "", draw(SIZES)) for digest in there]


def places(found: list[Candidate]) -> set[object]:
    return {each.digest or each.item for each in found if each.skip is None}


@given(candidates(), photos(), RECIPES, CAPACITIES)
def test_no_more_is_planned_than_fits(
    found: list[Candidate], there: list[FramePhoto], recipe: Recipe, capacity: Capacity
) -> None:
    fitting, storage = plan_storage(found, there, recipe, capacity)
    assert [each.item for each in fitting] == [each.item for each in found]
    if capacity.size_bytes is not None:
        assert (storage.planned.size_bytes or 0) <= capacity.size_bytes
    if capacity.photos is not None:
        assert storage.planned.photos == len(places(fitting)) <= capacity.photos
    assert storage.left_out + storage.later == len(places(found)) - len(places(fitting))
    for before, after in zip(found, fitting, strict=True):
        assert after == before or after == replace(before, skip=Skip.CAPACITY)


@given(candidates(), photos(), RECIPES, st.integers(0, 30_000_000))
def test_free_space_limits_what_is_new_and_displaces_nothing(
    found: list[Candidate], there: list[FramePhoto], recipe: Recipe, free: int
) -> None:
    shown = {photo.digest for photo in there}
    fitting, storage = plan_storage(found, there, recipe, Capacity(), free_bytes=free)
    for before, after in zip(found, fitting, strict=True):
        assert after == before or (before.skip is None and after == replace(before, skip=Skip.CAPACITY))
        assert before.digest not in shown or after == before, "what is there stays"
    staying = [each for each in found if each.digest in shown and each.skip is None]
    _, unchanged = plan_storage(staying, there, recipe, Capacity())
    assert (storage.planned.size_bytes or 0) - (unchanged.planned.size_bytes or 0) <= free
    assert storage.lacks_space == (fitting != found) == bool(storage.left_out)
    assert storage.later == 0


def test_a_small_photo_is_sent_where_a_large_one_does_not_fit() -> None:
    found = [
        Candidate(MediaItem("memory", name, taken_at=BEGIN + timedelta(days=day), size_bytes=size))
        for name, day, size in (("large", 2, 500), ("small", 1, 100), ("last", 0, 100))
    ]
    fitting, storage = plan_storage(found, [], ORIGINAL, Capacity(), free_bytes=150)
    assert [each.item.item_id for each in fitting if each.skip is None] == ["small"]
    assert (storage.left_out, storage.lacks_space, storage.capacity.size_bytes) == (2, True, 150)


@given(candidates(), photos(), RECIPES)
def test_with_room_to_spare_nothing_is_left_out(
    found: list[Candidate], there: list[FramePhoto], recipe: Recipe
) -> None:
    plenty = Capacity(24 * max(TYPICAL_BYTES, 5_000_000), 24)
    assert plan_storage(found, there, recipe, plenty)[0] == found
    assert plan_storage(found, there, recipe, Capacity())[0] == found


@given(candidates(), photos(), st.integers(0, 12))
def test_the_newest_are_shown(found: list[Candidate], there: list[FramePhoto], limit: int) -> None:
    fitting, storage = plan_storage(found, there, ORIGINAL, Capacity(photos=limit))
    assume(not storage.later)
    newest: dict[object, datetime] = {}
    for each in found:
        if each.skip is None and each.item.taken_at is not None:
            same = each.digest or each.item
            newest[same] = max(newest.get(same, BEGIN), each.item.taken_at)
    shown = places(fitting)
    if shown and len(shown) < len(newest):
        assert min(newest[each] for each in shown) >= max(
            newest[each] for each in newest if each not in shown
        )


@given(candidates(), photos(), RECIPES, CAPACITIES)
def test_the_choice_is_stable(
    found: list[Candidate], there: list[FramePhoto], recipe: Recipe, capacity: Capacity
) -> None:
    fitting, _ = plan_storage(found, there, recipe, capacity)
    shown = {each.digest for each in fitting if each.skip is None}
    left = [photo for photo in there if photo.digest in shown]
    if all(photo.size_bytes for photo in there):
        again, _ = plan_storage(found, left, recipe, capacity)
        on_frame = {photo.digest for photo in left}
        assert on_frame <= {each.digest for each in again if each.skip is None} | {None}


@given(candidates(), photos())
def test_a_full_frame_is_tried_with_a_few_photos_more(
    found: list[Candidate], there: list[FramePhoto]
) -> None:
    there = [replace(photo, size_bytes=1_000_000) for photo in there]
    found = [replace(each, item=replace(each.item, size_bytes=1_000_000)) for each in found]
    seen = held(there)
    fitting, storage = plan_storage(found, there, ORIGINAL, Capacity(), seen)
    assert (storage.planned.photos or 0) <= len(there) + PROBES
    new = {each.item for each in fitting if each.digest is None and each.skip is None}
    listed = {each.item for each in found if each.digest is None and each.skip is None}
    assert bool(new) == bool(listed)


def test_the_name_of_a_photo_tells_its_size() -> None:
    name = keyed_name("a.jpg", PhotoKey("a" * 10, "b" * 10, "cccc", 345_678))
    assert held([FramePhoto("1", DIGESTS[0], name)]) == Capacity(346_000, 1)


@given(candidates(), photos(), st.integers(0, 12))
def test_what_an_incomplete_listing_lacks_keeps_its_room(
    found: list[Candidate], there: list[FramePhoto], limit: int
) -> None:
    _, storage = plan_storage(found, there, ORIGINAL, Capacity(photos=limit), complete=False)
    absent = {photo.digest for photo in there} - {each.digest for each in found}
    assert (storage.planned.photos or 0) <= max(limit, len(absent))


@given(
    st.lists(st.integers(200_000, 600_000), min_size=1, max_size=12),
    st.integers(0, 3_000_000),
    st.sampled_from([ORIGINAL, Recipe(panel=Panel(1280, 800))]),
    st.booleans(),
)
@example([388_000] * 10, 1_500_000, Recipe(panel=Panel(1280, 800)), False)
@example([600_000], 400_000, Recipe(panel=Panel(1280, 800)), True)
def test_photos_do_not_come_and_go_whatever_their_sizes_turn_out_to_be(
    actual: list[int], limit: int, recipe: Recipe, forgetful: bool
) -> None:
    """picsync learns the sizes of what it has sent, and forgets those of what it deleted."""
    there: list[FramePhoto] = []
    made: set[int] = set()
    moves: list[int] = []
    for cycle in range(20):
        if forgetful and cycle == 15:
            made = {DIGESTS.index(photo.digest) for photo in there}
        found = [
            Candidate(
                MediaItem("memory", f"i{n}", taken_at=BEGIN - timedelta(days=n)),
                DIGESTS[n] if n in made else None,
            )
            for n in range(len(actual))
        ]
        fitting, _ = plan_storage(found, there, recipe, Capacity(limit))
        chosen = {n for n, each in enumerate(fitting) if each.skip is None}
        shown = {DIGESTS.index(photo.digest) for photo in there}
        moves.append(len(chosen ^ shown))
        made |= chosen
        there = [FramePhoto(f"p{n}", DIGESTS[n], "", actual[n]) for n in sorted(chosen)]
    assert moves[12:15] == [0, 0, 0]
    assert sum(moves) <= 4 * len(actual)
    assert sum(photo.size_bytes or 0 for photo in there) <= max(limit, 0)
    assert moves[-2:] == [0, 0]


@given(st.integers(1, 12), st.integers(0, 20), st.booleans())
def test_a_full_frame_is_never_emptied_for_newer_photos(shown: int, newer: int, made: bool) -> None:
    there = [FramePhoto(f"p{n}", DIGESTS[n], "", 400_000) for n in range(shown)]
    found = [
        Candidate(MediaItem("memory", f"old{n}", taken_at=BEGIN), photo.digest)
        for n, photo in enumerate(there)
    ]
    found += [
        Candidate(
            MediaItem("memory", f"new{n}", taken_at=BEGIN + timedelta(days=n + 1)),
            Digest.md5(f"{99 + n:032x}") if made else None,
        )
        for n in range(newer)
    ]
    fitting, _ = plan_storage(found, there, Recipe(panel=Panel(1280, 800)), Capacity(), held(there))
    kept = sum(each.skip is None for each in fitting[:shown])
    assert kept >= max(1, shown - PROBES)
    assert kept < shown or shown == 1 or not newer


@given(st.integers(0, 30), st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0, 7.0]), min_size=1, max_size=6))
def test_the_parts_of_several_rules_are_the_whole(photos: int, weights: list[float]) -> None:
    parts = [part.photos or 0 for part in Capacity(photos=photos).parts(weights)]
    if photos >= len(weights) and all(photos * each / sum(weights) >= 1 for each in weights):
        assert sum(parts) == photos
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - photos * weight / sum(weights)) < 1 or part == 1
    if photos:
        assert min(parts) >= 1
    assert Capacity(photos=5).parts([3, 1]) == [Capacity(photos=4), Capacity(photos=1)]


@given(candidates(), photos(), RECIPES, CAPACITIES, st.randoms(use_true_random=False))
def test_what_does_not_fit_is_what_is_wanted_least(
    found: list[Candidate],
    there: list[FramePhoto],
    recipe: Recipe,
    capacity: Capacity,
    chance: random.Random,
) -> None:
    items = [each.item for each in found]
    chance.shuffle(items)
    ranks = {item: place for place, item in enumerate(items)}
    capacity = replace(capacity, size_bytes=None)
    fitting, storage = plan_storage(found, there, recipe, capacity, ranks=ranks)
    assume(not storage.later)
    best: dict[object, int] = {}
    for each in found:
        if each.skip is None:
            best[each.same] = min(best.get(each.same, len(items)), ranks[each.item])
    kept = {each.same for each in fitting if each.skip is None}
    left = [place for same, place in best.items() if same not in kept]
    assert not left or max((best[same] for same in kept), default=-1) < min(left)


@given(
    st.lists(st.integers(50_000, 900_000), min_size=1, max_size=12),
    CAPACITIES,
    st.lists(st.sets(st.integers(0, 11), max_size=12), min_size=1, max_size=4),
)
@example([100_000] * 12, Capacity(photos=4), [{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9, 10, 11}])
def test_a_frame_holds_little_more_than_its_capacity_at_any_moment(
    sizes: list[int], capacity: Capacity, choices: list[set[int]]
) -> None:
    """Photos are sent before others are deleted: whatever a rule chooses, only few at a time."""
    there: set[int] = set()

    def beyond(shown: set[int]) -> tuple[int, int]:
        used = sum(sizes[n] for n in shown)
        most, count = capacity.size_bytes, capacity.photos
        swap = (max(most // 10, max(sizes)) if most else 0, max(1, count // 10) if count else 1)
        return (
            0 if most is None else max(0, used - most - swap[0]),
            0 if count is None else max(0, len(shown) - count - swap[1]),
        )

    for choice in choices:
        for cycle in range(15):
            found = [
                Candidate(
                    MediaItem("memory", f"i{n}", taken_at=BEGIN - timedelta(days=n), size_bytes=size),
                    DIGESTS[n],
                    None if n in choice else Skip.NOT_CHOSEN,
                )
                for n, size in enumerate(sizes)
            ]
            photos = [FramePhoto(f"p{n}", DIGESTS[n], "", sizes[n]) for n in sorted(there)]
            fitting, storage = plan_storage(found, photos, ORIGINAL, capacity)
            wanted = {n for n, each in enumerate(fitting) if each.skip is None}
            assert beyond(there | wanted) == (0, 0)
            if capacity.size_bytes is None:
                fit = len(choice & set(range(len(sizes))))
                fit = fit if capacity.photos is None else min(fit, capacity.photos)
                assert len(wanted) >= min(len(there), fit), "the frame shows fewer photos"
            moved, there = there ^ wanted, wanted
            assert cycle < 13 or not moved, "it does not settle"
        assert storage.later == 0
        assert there <= choice
        if capacity.size_bytes is None:
            best = sorted(choice & set(range(len(sizes))))[: capacity.photos]
            assert there == set(best)


def test_what_is_gone_from_the_sources_takes_no_room_from_what_replaces_it() -> None:
    there = [FramePhoto(f"p{n}", DIGESTS[n], "", 100_000) for n in range(4)]
    found = [Candidate(MediaItem("memory", f"i{n}", size_bytes=100_000)) for n in range(4)]
    fitting, _ = plan_storage(found, there, ORIGINAL, Capacity(photos=4))
    assert all(each.skip is None for each in fitting), "all go, so all come"
    fitting, storage = plan_storage(found, there, ORIGINAL, Capacity(photos=4), deletes=False)
    assert [each.skip for each in fitting].count(None) == 0, "nothing goes"
    assert storage.replacements(50) == 1
